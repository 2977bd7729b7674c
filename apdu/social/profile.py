"""A family of contact chips as data: application, PIN, files, fields. Nothing about an area stands in code."""

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from apdu.profile import BadProfile
from apdu.social.forms import READ


class Field(Struct, frozen=True):
    """One value: its name, form (a key of forms.READ) and length in bytes."""

    name: str
    form: str
    size: int


class File(Struct, frozen=True):
    """An EF and how it is read. `df` 2 bytes, b"" for the application itself; `ef` 2 bytes; `read` CLA INS P1 P2.

    `tags`: the fields by tag of a SIMPLE-TLV file; `fields`: those of a fixed record, in order. One of them is empty.
    `pin`: only behind the PIN; `required`: a card without it cannot be served.
    """

    name: str
    df: bytes
    ef: bytes
    read: bytes
    pin: bool
    required: bool
    tags: Mapping[int, Field]
    fields: tuple[Field, ...]


class Profile(Struct, frozen=True, eq=False):
    """One family. `pin_digits` 0: no PIN. `kinds`: the card's category to the kind of card; `facts`: what the terminal
    asks of any chip, and where this family keeps it ("file.field")."""

    name: str
    zh: str
    en: str
    verified: bool
    aid: bytes
    pin_digits: int
    pin_reference: int
    kinds: Mapping[str, str]
    default_kind: str
    facts: Mapping[str, tuple[str, str]]
    files: tuple[File, ...]


def parse_profiles(texts: Sequence[str]) -> tuple[Profile, ...]:
    """Parse profiles in the order in which their applications are tried. Raises BadProfile, naming profile and key."""
    return tuple(_parsed(text) for text in texts)


def _parsed(text: str) -> Profile:
    name = "?"
    try:
        table = tomllib.loads(text)
        name = str(table.get("name"))
        profile = _profile(table)
    except (tomllib.TOMLDecodeError, RecursionError) as wrong:
        raise BadProfile(f"chip profile is not TOML: {wrong}") from wrong
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as wrong:
        raise BadProfile(f"chip profile {name}: {type(wrong).__name__}: {wrong}") from wrong
    known = {(file.name, field.name) for file in profile.files for field in (*file.tags.values(), *file.fields)}
    for fact, where in profile.facts.items():
        if where not in known:
            raise BadProfile(f"chip profile {name}: fact {fact} is kept in {'.'.join(where)}, which no file has")
    return profile


def _profile(table: Mapping[str, Any]) -> Profile:
    pin = table.get("pin", {})
    return Profile(
        name=table["name"],
        zh=table["zh"],
        en=table["en"],
        verified=table["verified"],
        aid=bytes.fromhex(table["aid"]),
        pin_digits=int(pin.get("digits", 0)),
        pin_reference=int(pin.get("reference", "00"), 16),
        kinds=dict(table["kinds"]),
        default_kind=table["default_kind"],
        facts={name: (where.partition(".")[0], where.partition(".")[2]) for name, where in table["facts"].items()},
        files=tuple(_file(row) for row in table["files"]),
    )


def _file(row: Mapping[str, Any]) -> File:
    read, df, ef = (bytes.fromhex(row.get(key, "")) for key in ("read", "df", "ef"))
    if len(read) != 4 or len(ef) not in (0, 2) or len(df) not in (0, 2):
        raise ValueError(f"file {row['name']}: read has four bytes, df and ef two")
    tags = {int(tag, 16): _field(*rest) for tag, *rest in row.get("tags", ())}
    fields = tuple(_field(*rest) for rest in row.get("fields", ()))
    if bool(tags) == bool(fields):
        raise ValueError(f"file {row['name']}: either tags or fields")
    return File(_text(row["name"]), df, ef, read, row["pin"], row["required"], tags, fields)


def _field(name: str, form: str, size: int) -> Field:
    if form not in READ:
        raise ValueError(f"field {name} has the unknown form {form}")
    return Field(_text(name), form, size)


def _text(value: object) -> str:
    """A name is one. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no name")
    return value
