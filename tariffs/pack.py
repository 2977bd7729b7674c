"""A tariff pack: the tables of fares and rules, checked as a whole and compiled so that a tap only looks things up.

A pack is a set of files: the GTFS files (tariffs/fares/gtfs.py), `pack.toml` for what holds for every card and
`classes.toml` for what GTFS cannot say of a class of cards. Whoever reads the folder or the zip passes names and
bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from tariffs.dated import Dated
from tariffs.extras import Extras, read_extras
from tariffs.faults import Findings
from tariffs.limits import PACK_BYTES_MAX, PACK_FILE_BYTES_MAX, PACK_FILES_MAX
from tariffs.linestops import FILE as STOPS_FILE
from tariffs.linestops import LineStops, read_line_stops, stop_ids
from tariffs.rules import Scheme, TransferTerms, read_classes, read_rules
from tariffs.tables import Tables, open_editions, price_terms, unverified
from tariffs.terms import Terms
from tariffs.toml import TomlFile


@dataclass(frozen=True, slots=True)
class Pack:
    """All that `decide` looks up. Immutable; several may be held at once, one for each day in force (tariffs/dated.py).

    `tables`: the fare tables by their first day. `routes`: route to network in the latest. `schemes`: the allow-list by
    card family. `local`: class to terms; `visiting`: the
    terms that the allow-list names. `line_stops`: which stop a bus
    stands at. `plain_classes`: local classes whose card's record is never asked for: they pay by
    simple purchases. `hot_locks`: hot-list level to "lock the card". `unverified`: (file, line, source) of each value
    that nobody has confirmed.
    """

    version: str
    in_force_from: date
    unattributed_route: str
    junk_numbers: frozenset[str]
    hot_locks: Mapping[int, bool]
    tables: Dated[Tables]
    routes: Mapping[str, str]
    schemes: Mapping[str, Scheme]
    local: Mapping[str, Dated[Terms]]
    plain_classes: frozenset[str]
    visiting: Mapping[str, Dated[Terms]]
    transfers: Dated[TransferTerms]
    extras: Extras
    line_stops: LineStops
    low_balance_fen: int
    ends_soon: timedelta
    healed_window: timedelta
    same_ride_window: timedelta
    clock_tolerance: timedelta
    unverified: tuple[tuple[str, int, str], ...]


def parse_pack(files: Mapping[str, bytes]) -> Pack:
    """Read a pack from its files (name to bytes). Names that no table has are left alone.

    Raises PackFaults with everything that is wrong, and nothing else, whatever the bytes are.
    """
    findings = Findings()
    _check_sizes(files, findings)
    findings.raise_if_any()
    pack_file = TomlFile(files, "pack.toml", findings)
    tables = open_editions(files, findings)
    if not tables:
        findings.raise_if_any()
    class_file = TomlFile(files, "classes.toml", findings)
    latest = tables[max(tables)].engine.feed
    rules = read_rules(pack_file, latest.routes) if not pack_file.broken else None
    classes = read_classes(class_file, latest) if not class_file.broken else None
    named = {table.id for table in classes or ()}
    extras = read_extras(files, named, set(latest.routes.values()), findings)
    ids = stop_ids(files) if STOPS_FILE in files else set[str]()
    line_stops = read_line_stops(files, latest.routes, ids, findings)
    findings.raise_if_any()
    assert rules is not None and classes is not None, "a file that is not read leaves a fault"
    asked = extras.first_ride_classes | extras.counted_classes
    local, visiting = price_terms(tables, classes, rules.visiting, asked, findings)
    findings.raise_if_any()
    return Pack(
        version=rules.version,
        in_force_from=rules.in_force_from,
        unattributed_route=rules.unattributed_route,
        junk_numbers=rules.junk_numbers,
        hot_locks=rules.hot_locks,
        tables=Dated(tables.items()),
        routes=latest.routes,
        schemes=rules.schemes,
        local=local,
        plain_classes=frozenset(name for name, editions in local.items() if not any(map(_reads, editions.editions))),
        visiting=visiting,
        transfers=rules.transfers,
        extras=extras,
        line_stops=line_stops,
        low_balance_fen=rules.low_balance_fen,
        ends_soon=rules.ends_soon,
        healed_window=rules.healed_window,
        same_ride_window=rules.same_ride_window,
        clock_tolerance=rules.clock_tolerance,
        unverified=(
            *unverified(tables),
            *pack_file.unverified,
            *class_file.unverified,
            *extras.unverified,
            *line_stops.unverified,
        ),
    )


def _reads(terms: Terms) -> bool:
    """Whether these terms ask for the card's record: to keep a ride in it, or to write a free one."""
    return terms.keeps_record or any(price.amount_fen == 0 for price in terms.prices.values())


def _check_sizes(files: Mapping[str, bytes], findings: Findings) -> None:
    if len(files) > PACK_FILES_MAX:
        findings.add("", 0, "", len(files), f"文件多于 {PACK_FILES_MAX} 个", f"more than {PACK_FILES_MAX} files")
    if sum(map(len, files.values())) > PACK_BYTES_MAX:
        findings.add("", 0, "", "", f"共超过 {PACK_BYTES_MAX} 字节", f"more than {PACK_BYTES_MAX} bytes together")
    for file, raw in files.items():
        if len(raw) > PACK_FILE_BYTES_MAX:
            findings.add(
                file, 0, "", len(raw), f"超过 {PACK_FILE_BYTES_MAX} 字节", f"more than {PACK_FILE_BYTES_MAX} bytes"
            )
