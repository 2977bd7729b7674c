"""A family of cards as data: AIDs, files, layouts, conventions, quirks. Nothing about a family stands in code.

What the sources do not grade A is data in a profile, with its evidence (docs/cards.md).
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from apdu.layout import Field, Layout


class BadProfile(ValueError):
    """A profile that cannot be used; the message names the profile, the key and what is wrong."""


@dataclass(frozen=True, slots=True)
class File:
    """A record or binary to read after SELECT: the command (header 4 bytes), its layout, whether it must be there."""

    name: str
    command: bytes
    layout: Layout
    required: bool


@dataclass(frozen=True, slots=True)
class Cache:
    """A record written with the debit: UPDATE CAPP DATA CACHE's P1 and P2, and its layout.

    `proof`: the name of the file by which healing reads it back; "" when it cannot be read back one to one.
    `fixed`: values that are always written. `optional`: written where its file was read, and not otherwise: healing is
    told by the caches that stand before it.
    """

    p1: int
    p2: int
    layout: Layout
    proof: str
    fixed: Mapping[str, Any]
    optional: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """One family of cards. Field meanings stand beside the keys in profiles/jiaxing.toml. Equal only to itself."""

    name: str
    zh: str
    en: str
    verified: bool
    aid: bytes
    match: Mapping[str, str]
    until: date | None
    scheme: str
    psam_df: bytes
    block_usage: bytes
    issuer_factor: str
    number: tuple[str, ...]
    ef15: Layout
    locked_statuses: frozenset[int]
    simple: bool
    composite: bool
    safe_code: bool
    log_offset: int
    files: tuple[File, ...]
    caches: tuple[Cache, ...]
    facts: Mapping[str, tuple[str, str]]
    classes: Mapping[str, str]
    serial_field: str

    @property
    def rides_on(self) -> bool:
        """Whether a record that is written with a debit, and read back, can tell of a ride that is not paid yet."""
        return _rides_on(self)  # asked in every tap, and always the same

    def file(self, name: str) -> File:
        """The file of that name."""
        return next(file for file in self.files if file.name == name)


@lru_cache(maxsize=64)
def _rides_on(profile: Profile) -> bool:
    return any(cache.proof and {field.name for field in cache.layout.fields} >= RIDE_ON for cache in profile.caches)


RIDE_ON = frozenset(("state", "board_org", "board_station", "marked_fare", "boarded_at", "alighted_at"))
"""The fields without which a record cannot tell of a ride from boarding to alighting."""

LOG = Layout(
    "EF18 log record",
    [
        Field("sequence", "uint", 2),
        Field("overdraft", "uint", 3),
        Field("amount", "uint", 4),
        Field("type", "hex", 1),
        Field("terminal", "hex", 6),
        Field("when", "digits", 7),
    ],
)
"""The purse's own log, the same on every card seen (docs/cards.md, Files; A)."""


def parse_profiles(texts: Sequence[str]) -> tuple[Profile, ...]:
    """Parse profiles, in the order in which their AIDs are tried; one may extend another of the same set.

    Raises BadProfile, naming the profile and the key at fault.
    """
    tables: dict[str, dict[str, Any]] = {}
    for text in texts:
        try:
            table = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as wrong:
            raise BadProfile(f"card profile is not TOML: {wrong}") from wrong
        tables[str(table.get("name"))] = table
    return tuple(_resolved(name, table, tables) for name, table in tables.items())


def _resolved(name: str, table: dict[str, Any], tables: Mapping[str, dict[str, Any]]) -> Profile:
    try:
        parent = tables[table["extends"]] if "extends" in table else {}
        return _profile({**parent, **table})
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as wrong:
        raise BadProfile(f"card profile {name}: {type(wrong).__name__}: {wrong}") from wrong


def _profile(table: Mapping[str, Any]) -> Profile:
    layouts = {name: _layout(name, rows) for name, rows in table["layouts"].items()}
    purse = table["purse"]
    return Profile(
        name=table["name"],
        zh=table["zh"],
        en=table["en"],
        verified=table["verified"],
        aid=bytes.fromhex(table["aid"]),
        match=dict(table.get("match", {})),
        until=table.get("until"),
        scheme=table["psam"]["scheme"],
        psam_df=bytes.fromhex(table["psam"]["df"]),
        block_usage=bytes.fromhex(table["psam"]["block_usage"]),
        issuer_factor=table["psam"]["issuer_factor"],
        number=tuple(table["number"]),
        ef15=layouts["ef15"],
        locked_statuses=frozenset(int(status, 16) for status in purse["locked_statuses"]),
        simple=purse["simple"],
        composite=purse["composite"],
        safe_code=purse["safe_code"],
        log_offset=purse["log_offset"],
        files=tuple(_file(row, layouts) for row in table.get("files", ())),
        caches=tuple(_cache(row, layouts) for row in table.get("caches", ())),
        facts={name: (where.partition(".")[0], where.partition(".")[2]) for name, where in table["facts"].items()},
        classes=dict(table["classes"]),
        serial_field=table["serial_field"],
    )


def _layout(name: str, rows: list[list[Any]]) -> Layout:
    return _shared_layout(name, tuple(Field(str(field), str(form), int(size)) for field, form, size in rows))


@lru_cache(maxsize=64)
def _shared_layout(name: str, fields: tuple[Field, ...]) -> Layout:
    """One object for one layout: profiles that extend another read a record once (apdu/purse/read.py)."""
    return Layout(name, fields)


def _file(row: Mapping[str, Any], layouts: Mapping[str, Layout]) -> File:
    command = bytes.fromhex(row["command"])
    if len(command) != 4:
        raise BadProfile(f"file {row['name']}: a read command has four header bytes")
    return File(row["name"], command, layouts[row["layout"]], row["required"])


def _cache(row: Mapping[str, Any], layouts: Mapping[str, Layout]) -> Cache:
    p1, p2 = bytes.fromhex(row["p1p2"])
    return Cache(p1, p2, layouts[row["layout"]], row["proof"], dict(row["fixed"]), row.get("optional", False))
