"""The fare tables in force from one day: the engine, and what every class pays, worked out when the pack opens.

A folder of a pack that is named by a day (2022-06-01/) holds GTFS files that take the place of those of the same name
from that day on. Every edition is a whole feed: a tap, early or late, uses the one of its own day.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TypeVar

from tariffs.dated import Dated
from tariffs.fares.feed import Feed, LegRule
from tariffs.fares.gtfs import read_feed
from tariffs.fares.journey import Engine
from tariffs.fares.match import NO_AREA, Travel
from tariffs.fares.options import Options
from tariffs.fares.price import Made, cash_fares, fares_of, price
from tariffs.faults import Findings
from tariffs.limits import AMOUNT_MAX_FEN, EDITIONS_MAX, PRICES_MAX
from tariffs.money import yuan_text
from tariffs.rules import ClassTable, VisitorTable
from tariffs.terms import Price, Repeat, Terms

T = TypeVar("T", ClassTable, VisitorTable)

Matched = Mapping[str, tuple[LegRule, ...]]
"""Network to the rules of a ride that says nothing else."""

AS_TAPPED = Options(partition="as_taken", limit_from="first")
"""What a card's record can carry: the first boarding of a chain, and how many came after it."""

BOARD_TO_BOARD = 1
"""duration_limit_type: from departure to departure, the only one that a tap at boarding can measure."""

NEEDED = ("agency.txt", "routes.txt", "fare_products.txt", "fare_leg_rules.txt")


@dataclass(frozen=True, slots=True)
class Tables:
    """One edition. `cash`: product to cash fare. `flat`: no fare depends on a stop or an hour."""

    engine: Engine
    cash: Mapping[str, int]
    flat: bool

    def boarding(self, line: str, stop: str, now: datetime) -> tuple[LegRule, ...] | None:
        """The rules for a ride that begins on `line` at `stop`, wherever it ends; None for a line that is not known."""
        network = self.engine.feed.routes.get(line)
        if network is None:
            return None
        areas = self.engine.legs.areas(stop)
        return self.engine.legs.match(Travel(frozenset((network,)), areas, NO_AREA, now, None))

    def price(self, terms: Terms, line: str, stop: str, now: datetime) -> Price | None:
        """What boarding costs on these terms; None when the fare is not known."""
        if self.flat:
            network = self.engine.feed.routes.get(line)
            return None if network is None else terms.prices.get(network)
        rules = self.boarding(line, stop, now)
        return None if rules is None else price(terms, self.cash, rules)


def read_editions(files: Mapping[str, bytes], findings: Findings) -> dict[date, Feed]:
    """The feeds by their first day; the one that holds from the beginning stands at date.min."""
    days = edition_files(files)
    for file in NEEDED:
        if file not in files:
            findings.add(file, 0, "", "", "缺少此文件", "this file is missing")
    if len(days) > EDITIONS_MAX:
        findings.add("", 0, "", len(days), f"多于 {EDITIONS_MAX} 个生效日期", f"more than {EDITIONS_MAX} editions")
        return {}
    present = dict(days.pop(date.min, {}))
    feeds = {date.min: read_feed(present, findings)}
    for day in sorted(days):
        present |= days[day]
        told = Findings()
        feeds[day] = read_feed(present, told)
        for fault in told.told:
            place = f"{day}/{fault.file}" if fault.file in days[day] else fault.file
            findings.add(place, fault.line, fault.field, fault.value, fault.zh, fault.en)
    return feeds


def edition_files(files: Mapping[str, bytes]) -> dict[date, dict[str, bytes]]:
    """The files that each edition brings, by their own names; date.min: the pack's own folder."""
    days: defaultdict[date, dict[str, bytes]] = defaultdict(dict)
    for name, raw in files.items():
        folder, _, file = name.rpartition("/")
        day = _day(folder)
        if day is not None:
            days[day][file] = raw
    return days


def open_tables(feed: Feed, findings: Findings) -> Tables:
    """Check that a validator can price by this feed, and make it ready."""
    engine = Engine(feed, AS_TAPPED)
    _check_products(feed, findings)
    if feed.join_rules:
        zh, en = "上车刷卡无法把两段并为一段", "a tap at boarding cannot make two legs one"
        findings.add("fare_leg_join_rules.txt", 2, "", "", zh, en)
    for leg_rule in feed.leg_rules:
        for column, value in (("to_area_id", leg_rule.to_area), ("to_timeframe_group_id", leg_rule.to_timeframe)):
            if value:
                zh, en = "上车刷卡时不知道下车站和时间", "a tap at boarding does not know where and when the ride ends"
                findings.add("fare_leg_rules.txt", leg_rule.line, column, value, zh, en)
    for rule in feed.transfer_rules:
        if rule.limit_seconds is not None and rule.limit_type != BOARD_TO_BOARD:
            findings.add(
                "fare_transfer_rules.txt",
                rule.line,
                "duration_limit_type",
                rule.limit_type,
                "须为 1（上车到上车）：上车刷卡只能量此种时限",
                "must be 1 (boarding to boarding), the one that a tap at boarding can measure",
            )
    flat = not any(rule.from_area or rule.from_timeframe for rule in feed.leg_rules)
    tables = Tables(engine, cash_fares(feed), flat)
    for network, rules in _by_network(tables).items():
        if rules and all(rule.product not in tables.cash for rule in rules):
            zh = "该网络没有现金票价（fare_media_type 0，默认类别）"
            en = "this network has no cash fare (fare_media_type 0, default category)"
            findings.add("fare_products.txt", 0, "fare_media_id", network, zh, en)
    return tables


def _check_products(feed: Feed, findings: Findings) -> None:
    """A purse holds yuan, gives nothing back, and a fare of 1,000 yuan is a slip of the pen."""
    legs = {rule.product for rule in feed.leg_rules}
    for row in (row for rows in feed.products.values() for row in rows):
        place = ("fare_products.txt", row.line)
        if row.currency != "CNY":
            findings.add(
                *place, "currency", row.currency, "钱包以人民币计，须为 CNY", "the purse holds yuan: must be CNY"
            )
        elif abs(row.units) > AMOUNT_MAX_FEN:
            most = yuan_text(AMOUNT_MAX_FEN)
            findings.add(*place, "amount", yuan_text(row.units), f"超过 {most} 元", f"is beyond {most} yuan")
        elif row.units < 0 and row.id in legs:
            zh, en = "单程票价不能为负", "a fare taken from a card cannot be negative"
            findings.add(*place, "amount", yuan_text(row.units), zh, en)


def _by_network(tables: Tables) -> dict[str, tuple[LegRule, ...]]:
    """The rules of a ride that says nothing but its network."""
    match = tables.engine.legs.match
    networks = {"", *tables.engine.feed.routes.values()}
    return {network: match(Travel(frozenset((network,)), NO_AREA, NO_AREA, None, None)) for network in networks}


def price_terms(
    editions: Mapping[date, Tables],
    classes: tuple[ClassTable, ...],
    visitors: tuple[VisitorTable, ...],
    findings: Findings,
) -> tuple[dict[str, Dated[Terms]], dict[str, Dated[Terms]]]:
    """The terms of local classes and of visitors, priced; a new edition of either side makes new terms."""
    matched = {day: _by_network(tables) for day, tables in editions.items()}
    work = sum(len(rules) for found in matched.values() for rules in found.values()) * (len(classes) + len(visitors))
    if work > PRICES_MAX:
        zh = f"规则与网络的组合，乘以类别数，超过 {PRICES_MAX}"
        en = f"matches of rules and networks, times classes, are more than {PRICES_MAX}"
        findings.add("fare_leg_rules.txt", 0, "", work, zh, en)
        return {}, {}
    local = _by_day(classes, editions, lambda table, day: _local(table, editions[day], matched[day]))
    visiting = _by_day(visitors, editions, lambda table, day: _visiting(table, editions[day], matched[day]))
    return local, visiting


def _by_day(
    editions: tuple[T, ...], tables: Mapping[date, Tables], made: Callable[[T, date], Terms]
) -> dict[str, Dated[Terms]]:
    """Terms of each id: a new one on each day on which its own table or the fare tables change."""
    named: defaultdict[str, list[T]] = defaultdict(list)
    for table in editions:
        named[table.id].append(table)
    fares = Dated((day, day) for day in tables)
    found: dict[str, Dated[Terms]] = {}
    for name, own in named.items():
        dated: Dated[T] = Dated((table.day, table) for table in own)
        days = {*dated.days, *(day for day in tables if day > dated.days[0])}
        steps = ((day, dated.at(day), fares.at(day)) for day in sorted(days))
        found[name] = Dated((day, made(own_then, then)) for day, own_then, then in steps if own_then and then)
    return found


def _local(table: ClassTable, tables: Tables, by_network: Matched) -> Terms:
    feed = tables.engine.feed
    terms = Terms(
        name_zh=table.name_zh,
        name_en=table.name_en,
        repeat=table.repeat,
        taps_max=table.taps_max,
        transfers=table.transfers,
        always_composite=False,
        keeps_record=bool(feed.transfer_rules) or table.repeat is not Repeat.GROUP,
        expired_as=table.expired_as,
        usual=feed.categories.get(table.category, True),
        rate_percent=None,
        fares=fares_of(feed, table.category, (table.medium,)),
        prices={},
    )
    return _priced(terms, tables, by_network)


def _visiting(table: VisitorTable, tables: Tables, by_network: Matched) -> Terms:
    """The full fare times the family's own rate: no local concession, no transfer.

    Source: docs/transit.md, "What a validator does".
    """
    terms = Terms(
        name_zh=table.name_zh,
        name_en=table.name_en,
        repeat=table.repeat,
        taps_max=table.taps_max,
        transfers=False,
        always_composite=table.composite,
        keeps_record=table.composite,
        expired_as="",
        usual=True,
        rate_percent=table.rate_percent,
        fares={},
        prices={},
    )
    return _priced(terms, tables, by_network)


def _priced(terms: Terms, tables: Tables, by_network: Matched) -> Terms:
    made: Made = {}
    found = {network: price(terms, tables.cash, rules, made) for network, rules in by_network.items()}
    return replace(terms, prices={network: cost for network, cost in found.items() if cost is not None})


def _day(folder: str) -> date | None:
    """The first day of an edition's folder; the pack's own folder holds from the beginning."""
    if not folder:
        return date.min
    try:
        return date.fromisoformat(folder) if len(folder) == len("2026-01-01") else None
    except ValueError:
        return None
