"""What GTFS cannot say: `pack.toml` (every card) and `classes.toml` (each class), read and checked, not yet priced."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from tariffs.dated import Dated
from tariffs.fares.feed import Feed
from tariffs.limits import ACCEPTED_MAX, HOT_LEVELS_MAX, JUNK_NUMBERS_MAX, TAPS_MAX, TERMS_MAX
from tariffs.terms import Repeat
from tariffs.toml import (
    DAY,
    FLAG,
    IDENTIFIER,
    OPTIONAL_IDENTIFIER,
    TEXT,
    Block,
    Kind,
    TomlFile,
    listed,
    shaped,
    whole,
)

LOCAL = "local"
"""The allow-list's word for cards that ride by their class."""

REPEAT = listed(tuple(Repeat))
CITY = shaped("[0-9]{4}", "须为 4 位数字", "must be 4 digits")
ISSUER = shaped("(?:[0-9A-F]{2}){1,8}", "须为大写十六进制，最多 8 字节", "must be upper-case hex of at most 8 bytes")


@dataclass(frozen=True, slots=True)
class Scheme:
    """The allow-list of one card family: cards are told by issuer or by city; "" marks an entry that ended."""

    by_issuer: bool
    accepted: Mapping[str, Dated[str]]


@dataclass(frozen=True, slots=True)
class ClassTable:
    """One edition of one class of local cards."""

    id: str
    day: date
    name_zh: str
    name_en: str
    category: str
    medium: str
    repeat: Repeat
    taps_max: int
    transfers: bool
    expired_as: str


@dataclass(frozen=True, slots=True)
class VisitorTable:
    """One edition of the terms for a family of other cities' cards: `rate_percent` of the cash fare."""

    id: str
    day: date
    name_zh: str
    name_en: str
    rate_percent: int
    composite: bool
    repeat: Repeat
    taps_max: int


@dataclass(frozen=True, slots=True)
class TransferTerms:
    """One edition of what GTFS cannot say of transfers: whether the same line, or the same vehicle, counts."""

    same_line: bool
    same_vehicle: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """pack.toml as read."""

    version: str
    in_force_from: date
    unattributed_route: str
    junk_numbers: frozenset[str]
    hot_locks: Mapping[int, bool]
    schemes: Mapping[str, Scheme]
    visiting: tuple[VisitorTable, ...]
    transfers: Dated[TransferTerms]
    low_balance_fen: int
    ends_soon: timedelta
    healed_window: timedelta
    same_ride_window: timedelta
    clock_tolerance: timedelta


def read_rules(file: TomlFile, routes: Mapping[str, str]) -> Rules:
    """Read pack.toml; `routes` are the feed's. Faults go into the file's findings."""
    root = file.root("hot_levels", "accepted", "visitors", "transfers")
    visitors = tuple(_visitor(block) for block in file.tables("visitors", TERMS_MAX))
    _no_edition_twice(file, "visitors", visitors)
    rules = Rules(
        version=root.take("version", IDENTIFIER),
        in_force_from=root.sourced("in_force_from", DAY),
        unattributed_route=root.optional("unattributed_route", IDENTIFIER, ""),
        junk_numbers=_junk(root),
        hot_locks=_hot_locks(file),
        schemes=_schemes(file, frozenset(visitor.id for visitor in visitors)),
        visiting=visitors,
        transfers=_transfers(file),
        low_balance_fen=root.sourced("low_balance_fen", whole(0, 10_000)),
        ends_soon=timedelta(days=root.sourced("ends_soon_days", whole(0, 366))),
        healed_window=timedelta(minutes=root.sourced("healed_minutes", whole(0, 60))),
        same_ride_window=timedelta(minutes=root.sourced("same_ride_minutes", whole(1, 24 * 60))),
        clock_tolerance=timedelta(seconds=root.sourced("clock_tolerance_seconds", whole(0, 3600))),
    )
    if rules.unattributed_route and rules.unattributed_route not in routes:
        root.fault(
            "unattributed_route",
            rules.unattributed_route,
            "routes.txt 中没有此线路",
            "there is no such route in routes.txt",
        )
    root.close()
    return rules


def _junk(root: Block) -> frozenset[str]:
    number = shaped("[0-9]{20}", "", "")
    kind: Kind[Iterable[str]] = Kind(
        lambda value: isinstance(value, list) and len(value) <= JUNK_NUMBERS_MAX and all(map(number.accepts, value)),
        (),
        f"须为至多 {JUNK_NUMBERS_MAX} 个 20 位卡号",
        f"must be at most {JUNK_NUMBERS_MAX} card numbers of 20 digits",
    )
    return frozenset(root.sourced("junk_numbers", kind))


def _hot_locks(file: TomlFile) -> dict[int, bool]:
    locks: dict[int, bool] = {}
    for block in file.tables("hot_levels", HOT_LEVELS_MAX):
        level = block.take("level", whole(0, 99))
        if level in locks:
            block.fault("level", level, "级别重复", "this level stands twice")
        locks[level] = block.take("lock", FLAG)
        block.row_evidence()
        block.close()
    return locks


def _schemes(file: TomlFile, visiting: frozenset[str]) -> dict[str, Scheme]:
    """The allow-list, entry by entry. An entry's last day is followed by a day on which the card is refused."""
    by_issuer: dict[str, bool] = {}
    entries: dict[str, dict[str, dict[date, str]]] = defaultdict(lambda: defaultdict(dict))
    for block in file.tables("accepted", ACCEPTED_MAX):
        scheme = block.take("scheme", IDENTIFIER)
        issuer = "issuer" in block.values
        key = block.take("issuer", ISSUER) if issuer else block.take("city", CITY)
        if by_issuer.setdefault(scheme, issuer) is not issuer:
            block.fault(
                "scheme",
                scheme,
                "同一体系须统一按城市或按发卡机构",
                "one scheme goes by city or by issuer, not by both",
            )
        terms = block.take("terms", IDENTIFIER)
        if terms not in visiting | {LOCAL, ""}:
            block.fault(
                "terms",
                terms,
                "没有此规则（local 或 visitors 的 id）",
                "must be local or the id of one of the visitors",
            )
        begin = block.take("in_force_from", DAY)
        end = block.optional("in_force_until", DAY, date.max)
        editions = entries[scheme][key]
        if end < begin or editions.get(begin):
            block.fault(
                "in_force_from", begin, "日期重复或晚于终止日", "this day stands twice or is after the last one"
            )
        editions[begin] = terms
        if end != date.max:
            editions.setdefault(end + timedelta(days=1), "")
        block.row_evidence()
        block.close()
    return {
        scheme: Scheme(issuer, {key: Dated(days.items()) for key, days in entries[scheme].items()})
        for scheme, issuer in by_issuer.items()
    }


def _transfers(file: TomlFile) -> Dated[TransferTerms]:
    editions: dict[date, TransferTerms] = {}
    for block in file.tables("transfers", TERMS_MAX):
        day = block.take("in_force_from", DAY)
        if day in editions:
            block.fault("in_force_from", day, "同日的版本重复", "two editions take force on one day")
        editions[day] = TransferTerms(block.sourced("same_line", FLAG), block.sourced("same_vehicle", FLAG))
        block.close()
    return Dated(editions.items())


def _visitor(block: Block) -> VisitorTable:
    table = VisitorTable(
        id=block.take("id", IDENTIFIER),
        day=block.take("in_force_from", DAY),
        name_zh=block.take("name_zh", TEXT),
        name_en=block.take("name_en", TEXT),
        rate_percent=block.sourced("rate_percent", whole(1, 100)),
        composite=block.sourced("composite", FLAG),
        repeat=Repeat(block.sourced("repeat", REPEAT)),
        taps_max=block.sourced("taps_max", whole(1, TAPS_MAX)),
    )
    block.close()
    return table


def read_classes(file: TomlFile, feed: Feed) -> tuple[ClassTable, ...]:
    """Read classes.toml. Category and medium must be in the feed; an ended concession leads to a class without one."""
    blocks = file.tables("classes", TERMS_MAX)
    file.root("classes").close()
    classes = tuple(_class(block, feed) for block in blocks)
    _no_edition_twice(file, "classes", classes)
    lasting = {table.id for table in classes} - {table.id for table in classes if table.expired_as}
    for block, table in zip(blocks, classes, strict=True):
        if table.expired_as and table.expired_as not in lasting:
            block.fault(
                "expired_as", table.expired_as, "须为自身不会到期的类别", "must be a class that does not expire itself"
            )
    if not classes:
        file.findings.add(file.name, 0, "classes", "", "没有任何类别", "there is no class")
    return classes


def _class(block: Block, feed: Feed) -> ClassTable:
    table = ClassTable(
        id=block.take("id", IDENTIFIER),
        day=block.take("in_force_from", DAY),
        name_zh=block.take("name_zh", TEXT),
        name_en=block.take("name_en", TEXT),
        category=block.sourced("rider_category", IDENTIFIER),
        medium=block.sourced("fare_media", IDENTIFIER),
        repeat=Repeat(block.sourced("repeat", REPEAT)),
        taps_max=block.sourced("taps_max", whole(1, TAPS_MAX)),
        transfers=block.sourced("transfers", FLAG),
        expired_as=block.sourced("expired_as", OPTIONAL_IDENTIFIER),
    )
    if table.category and table.category not in feed.categories:
        block.fault(
            "rider_category", table.category, "rider_categories.txt 中没有此类别", "is not in rider_categories.txt"
        )
    if table.medium and table.medium not in feed.media:
        block.fault("fare_media", table.medium, "fare_media.txt 中没有此介质", "is not in fare_media.txt")
    block.close()
    return table


def _no_edition_twice(file: TomlFile, header: str, tables: tuple[ClassTable | VisitorTable, ...]) -> None:
    seen: set[tuple[str, date]] = set()
    for table in tables:
        if (table.id, table.day) in seen:
            line = file.lines.get((header, tables.index(table), "id"), 0)
            file.findings.add(
                file.name, line, f"{header}.id", table.id, "同日同名的版本重复", "two editions take force on one day"
            )
        seen.add((table.id, table.day))
