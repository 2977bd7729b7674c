"""The fare tables in force from one day: the engine, and what every class pays, worked out when the pack opens.

A folder in the pack that is named by a day (2026-06-01/) holds GTFS files that take the place of those of the same name
from that day on; before-2022-01-01/ holds those that were in force until the day before. Every edition is a whole feed:
a tap, early or late, uses the one of its own day.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
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
from tariffs.tapout import Maxima, read_maxima
from tariffs.terms import Price, Repeat, Terms

T = TypeVar("T", ClassTable, VisitorTable)

Matched = Mapping[str, tuple[LegRule, ...]]
"""Network to the rules of a ride that says nothing else."""

AS_TAPPED = Options(partition="as_taken", limit_from="first")
"""What a card's record can carry: the first boarding of a chain, and how many came after it."""

BOARD_TO_BOARD = 1
"""duration_limit_type: from departure to departure, the only one that a tap at boarding can measure."""

BEFORE = "before-"

NEEDED = ("agency.txt", "routes.txt", "fare_products.txt", "fare_leg_rules.txt")


@dataclass(frozen=True, slots=True)
class Tables:
    """One edition. `cash`: product to cash fare. `flat`: no fare at boarding depends on a stop or an hour. `maxima`:
    the networks that are paid where the ride ends, with their maximum fare, which is what boarding is priced at.
    """

    engine: Engine
    cash: Mapping[str, int]
    flat: bool
    maxima: Maxima

    def boarding(self, line: str, stop: str, now: datetime) -> tuple[LegRule, ...] | None:
        """The rules for a ride that begins on `line` at `stop`, wherever it ends; None for a line that is not known."""
        network = self.engine.feed.routes.get(line)
        if network is None:
            return None
        if network in self.maxima:
            return self.maxima[network]
        areas = self.engine.legs.areas(stop)
        return self.engine.legs.match(Travel(frozenset((network,)), areas, NO_AREA, now, None))

    def price(self, terms: Terms, line: str, stop: str, now: datetime) -> Price | None:
        """What boarding costs on these terms; None when the fare is not known."""
        if self.flat:
            network = self.engine.feed.routes.get(line)
            return None if network is None else terms.prices.get(network)
        rules = self.boarding(line, stop, now)
        return None if rules is None else price(terms, self.cash, rules)

    def section(self, terms: Terms, line: str, stops: tuple[str, str], began: datetime, now: datetime) -> Price | None:
        """What a ride from one stop to another costs on these terms; None when the fare is not known."""
        legs, network = self.engine.legs, self.engine.feed.routes.get(line)
        if network is None:
            return None
        start, end = map(legs.areas, stops)
        return price(terms, self.cash, legs.match(Travel(frozenset((network,)), start, end, began, now)))


def edition_places(files: Collection[str]) -> dict[date, dict[str, str]]:
    """The editions by their first day: which GTFS file lies where in the pack. The first holds from date.min on."""
    brought: defaultdict[tuple[bool, date], dict[str, str]] = defaultdict(dict)
    for name in files:
        folder, _, file = name.rpartition("/")
        if (day := _day(folder.removeprefix(BEFORE))) is not None:
            brought[folder.startswith(BEFORE), day][file] = name
    own = {name: name for name in files if "/" not in name}
    found: dict[date, dict[str, str]] = {}
    present = own
    ended = sorted((day for before, day in brought if before), reverse=True)
    for day, earlier in zip(ended, [*ended[1:], date.min], strict=False):
        present = present | brought[True, day]
        found[earlier] = present
    found[max(ended, default=date.min)] = present = own
    for day in sorted(day for before, day in brought if not before):
        present = present | brought[False, day]
        found[day] = present
    return dict(sorted(found.items()))


def open_editions(files: Mapping[str, bytes], findings: Findings) -> dict[date, Tables]:
    """The fare tables by the first day of their edition."""
    for file in NEEDED:
        if file not in files:
            findings.add(file, 0, "", "", "缺少此文件", "this file is missing")
    editions = edition_places(files)
    if len(editions) > EDITIONS_MAX:
        zh, en = f"多于 {EDITIONS_MAX} 个生效日期", f"more than {EDITIONS_MAX} editions"
        findings.add("", 0, "", len(editions), zh, en)
        return {}
    opened: dict[date, Tables] = {}
    for day, places in editions.items():
        told = Findings()
        own = {file: files[place] for file, place in places.items()}
        feed = read_feed(own, told)
        cash = cash_fares(feed)
        maxima, more = read_maxima(own, feed, cash, told)
        doubts = tuple((places[file], line, source) for file, line, source in (*feed.unverified, *more))
        opened[day] = _open(replace(feed, unverified=doubts), cash, maxima, told)
        findings.take(told, places)
    return opened


def unverified(editions: Mapping[date, Tables]) -> tuple[tuple[str, int, str], ...]:
    """(file, line, source) of each value that nobody has confirmed; a file that holds on is told once."""
    return tuple(dict.fromkeys(place for day in sorted(editions) for place in editions[day].engine.feed.unverified))


def _open(feed: Feed, cash: Mapping[str, int], maxima: Maxima, findings: Findings) -> Tables:
    """Make a feed ready, and check that a validator can price by it unless it is faulty as it is."""
    at_boarding = [rule for rule in feed.leg_rules if rule.network not in maxima]
    flat = not any(rule.from_area or rule.from_timeframe for rule in at_boarding)
    tables = Tables(Engine(feed, AS_TAPPED), cash, flat, maxima)
    if not findings.count:
        _check_products(feed, maxima, findings)
        _check_rules(feed, at_boarding, findings)
        _check_cash(tables, findings)
    return tables


def _check_rules(feed: Feed, at_boarding: list[LegRule], findings: Findings) -> None:
    """A tap at boarding knows neither where and when its ride ends nor which ride comes next."""
    if feed.join_rules:
        zh, en = "上车刷卡无法把两段并为一段", "a tap at boarding cannot make two legs one"
        findings.add("fare_leg_join_rules.txt", 2, "", "", zh, en)
    for leg in at_boarding:
        for column, value in (("to_area_id", leg.to_area), ("to_timeframe_group_id", leg.to_timeframe)):
            if value:
                zh, en = "上车刷卡时不知道下车站和时间", "a tap at boarding does not know where and when the ride ends"
                findings.add("fare_leg_rules.txt", leg.line, column, value, zh, en)
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


def _check_cash(tables: Tables, findings: Findings) -> None:
    for network, rules in _by_network(tables).items():
        if rules and all(rule.product not in tables.cash for rule in rules):
            zh = "该网络没有现金票价（fare_media_type 0，默认类别）"
            en = "this network has no cash fare (fare_media_type 0, default category)"
            findings.add("fare_products.txt", 0, "fare_media_id", network, zh, en)


def _check_products(feed: Feed, maxima: Maxima, findings: Findings) -> None:
    """A purse holds yuan, gives nothing back, and a fare of 1,000 yuan is a slip of the pen."""
    legs = {rule.product for rules in (feed.leg_rules, *maxima.values()) for rule in rules}
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
    return {
        network: tables.maxima.get(network) or match(Travel(frozenset((network,)), NO_AREA, NO_AREA, None, None))
        for network in networks
    }


def price_terms(
    editions: Mapping[date, Tables],
    classes: tuple[ClassTable, ...],
    visitors: tuple[VisitorTable, ...],
    recorded: Collection[str],
    findings: Findings,
) -> tuple[dict[str, Dated[Terms]], dict[str, Dated[Terms]]]:
    """The terms of local classes and of visitors, priced; a new edition of either side makes new terms.

    `recorded`: classes whose cards must keep each ride, because another rule asks for it.
    """
    matched = {day: _by_network(tables) for day, tables in editions.items()}
    work = sum(len(rules) for found in matched.values() for rules in found.values()) * (len(classes) + len(visitors))
    if work > PRICES_MAX:
        zh = f"规则与网络的组合，乘以类别数，超过 {PRICES_MAX}"
        en = f"matches of rules and networks, times classes, are more than {PRICES_MAX}"
        findings.add("fare_leg_rules.txt", 0, "", work, zh, en)
        return {}, {}
    local = _by_day(classes, editions, lambda table, day: _local(table, editions[day], matched[day], recorded))
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


def _local(table: ClassTable, tables: Tables, by_network: Matched, recorded: Collection[str]) -> Terms:
    feed = tables.engine.feed
    asked = bool(feed.transfer_rules or tables.maxima) or table.id in recorded
    terms = Terms(
        id=table.id,
        name_zh=table.name_zh,
        name_en=table.name_en,
        repeat=table.repeat,
        taps_max=table.taps_max,
        transfers=table.transfers,
        always_composite=False,
        keeps_record=asked or table.repeat is not Repeat.GROUP,
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
        id="",
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
    """The day that a folder is named by, None for any other."""
    try:
        return date.fromisoformat(folder) if len(folder) == len("2026-01-01") else None
    except ValueError:
        return None
