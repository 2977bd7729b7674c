"""From fare tables to prices: what each class pays in each network, worked out once when a pack opens."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date

from tariffs.dated import Dated
from tariffs.fares.gtfs import CASH, Feed, LegRule
from tariffs.fares.match import amount_of, leg_rules_by_network
from tariffs.faults import Findings
from tariffs.limits import PRICES_MAX
from tariffs.money import rated, yuan_en, yuan_text, yuan_zh
from tariffs.rules import ClassTable, VisitorTable
from tariffs.terms import Price, Repeat, Terms
from tariffs.verdict import Reason

Found = tuple[int, LegRule]
"""An amount in fen and the leg rule that gave it."""

Matches = Mapping[str, tuple[tuple[LegRule, ...], ...]]
"""Network to the rules that a leg in it matches, in parts."""

Made = dict[tuple[int, int, str, str], Price]
"""The prices made so far for one table, by amount, cash fare, product and group."""


def cash_fares(feed: Feed, findings: Findings) -> dict[str, Found | None]:
    """The cash fare of each network, None where no fare is known. A network with a fare but none in cash is a fault."""
    by_network = leg_rules_by_network(feed)
    media = [medium for medium, kind in feed.media.items() if kind == CASH]
    if _too_many(by_network, len(media), findings):
        return {}
    cash = {network: _cash(feed, parts, media) for network, parts in by_network.items()}
    for network, parts in by_network.items():
        if any(parts) and cash[network] is None:
            findings.add(
                "fare_products.txt",
                0,
                "fare_media_id",
                network,
                "该网络没有现金票价（fare_media_type 0，默认类别）",
                "this network has no cash fare (fare_media_type 0, default category)",
            )
    return cash


def price_terms(
    feed: Feed,
    classes: tuple[ClassTable, ...],
    visitors: tuple[VisitorTable, ...],
    cash: Mapping[str, Found | None],
    findings: Findings,
) -> tuple[dict[str, Dated[Terms]], dict[str, Dated[Terms]]]:
    """The terms of local classes and of visitors, priced; `cash` as `cash_fares` found it."""
    by_network = leg_rules_by_network(feed)
    if _too_many(by_network, len(classes) + len(visitors), findings):
        return {}, {}
    local = ((table.id, table.day, _local(table, feed, by_network, cash)) for table in classes)
    visiting = ((table.id, table.day, _visiting(table, cash)) for table in visitors)
    return _by_day(local), _by_day(visiting)


def _too_many(by_network: Matches, times: int, findings: Findings) -> bool:
    matches = sum(len(part) for parts in by_network.values() for part in parts)
    if matches * times <= PRICES_MAX:
        return False
    findings.add(
        "fare_leg_rules.txt",
        0,
        "",
        matches,
        f"规则与网络的组合，乘以类别或介质数，超过 {PRICES_MAX}",
        f"matches of rules and networks, times classes or media, are more than {PRICES_MAX}",
    )
    return True


def _by_day(editions: Iterable[tuple[str, date, Terms]]) -> dict[str, Dated[Terms]]:
    found: dict[str, list[tuple[date, Terms]]] = defaultdict(list)
    for name, day, terms in editions:
        found[name].append((day, terms))
    return {name: Dated(days) for name, days in found.items()}


def _cheapest(found: Iterable[tuple[int | None, LegRule]]) -> Found | None:
    known = [(amount, rule) for amount, rule in found if amount is not None]
    return min(known, key=lambda pair: (pair[0], pair[1].product), default=None)


def _cash(feed: Feed, parts: tuple[tuple[LegRule, ...], ...], media: list[str]) -> Found | None:
    """The cheapest cash fare of the default category."""
    return _cheapest(
        (amount_of(feed, rule.product, feed.defaults.get(rule.product, ""), medium), rule)
        for medium in media
        for part in parts
        for rule in part
    )


def _local(
    table: ClassTable,
    feed: Feed,
    by_network: Matches,
    cash: Mapping[str, Found | None],
) -> Terms:
    prices: dict[str, Price] = {}
    made: Made = {}
    for network, parts in by_network.items():
        own = _cheapest(
            (amount_of(feed, rule.product, table.category, table.medium), rule) for part in parts for rule in part
        )
        base = cash[network]
        if own is None or base is None:
            continue
        amount, rule = own
        usual = feed.categories[table.category] or amount == base[0]
        reason = Reason.FREE_CLASS if amount == 0 else Reason.FARE if usual else Reason.CONCESSION
        prices[network] = _price(made, table, amount, base[0], rule, reason)
    fares = {
        rule.product: amount_of(feed, rule.product, table.category, table.medium) if rule.product else 0
        for rule in feed.transfer_rules
    }
    return Terms(
        name_zh=table.name_zh,
        name_en=table.name_en,
        repeat=table.repeat,
        taps_max=table.taps_max,
        transfers=table.transfers,
        always_composite=False,
        keeps_record=bool(feed.transfer_rules) or table.repeat is not Repeat.GROUP,
        expired_as=table.expired_as,
        prices=prices,
        transfer_fares={product: amount for product, amount in fares.items() if amount is not None},
    )


def _price(
    made: Made, table: ClassTable | VisitorTable, amount: int, cash_fare: int, rule: LegRule, reason: Reason
) -> Price:
    """One object for all networks that cost the same: a province has thousands of them."""
    key = (amount, cash_fare, rule.product, rule.group)
    if key not in made:
        why = (explain(table.name_zh, table.name_en, amount, cash_fare),)
        made[key] = Price(amount, cash_fare, rule.product, rule.group, reason, why)
    return made[key]


def _visiting(table: VisitorTable, cash: Mapping[str, Found | None]) -> Terms:
    """The full fare times the family's own rate: no local concession, no transfer.

    Source: docs/transit.md, "What a validator does".
    """
    prices: dict[str, Price] = {}
    made: Made = {}
    for network, base in cash.items():
        if base is not None:
            amount = rated(base[0], table.rate_percent)
            prices[network] = _price(made, table, amount, base[0], base[1], Reason.INTEROP)
    return Terms(
        name_zh=table.name_zh,
        name_en=table.name_en,
        repeat=table.repeat,
        taps_max=table.taps_max,
        transfers=False,
        always_composite=table.composite,
        keeps_record=table.composite,
        expired_as="",
        prices=prices,
        transfer_fares={},
    )


def explain(name_zh: str, name_en: str, amount_fen: int, cash_fare_fen: int) -> tuple[str, str]:
    """Why a class pays this, in a line for the passenger's screen: Chinese, English."""
    if amount_fen == cash_fare_fen:
        return f"{name_zh} 全价 {yuan_zh(amount_fen)}", f"{name_en}: full fare {yuan_en(amount_fen)}"
    if amount_fen == 0:
        return (
            f"{name_zh} 免费（票价 {yuan_zh(cash_fare_fen)}）",
            f"{name_en}: free (cash fare {yuan_en(cash_fare_fen)})",
        )
    step = f"{yuan_text(cash_fare_fen)}→{yuan_zh(amount_fen)}"
    if amount_fen > cash_fare_fen or amount_fen * 100 % cash_fare_fen:
        return f"{name_zh} {step}", f"{name_en}: {yuan_en(amount_fen)} instead of {yuan_en(cash_fare_fen)}"
    percent = amount_fen * 100 // cash_fare_fen
    tenths = f"{percent // 10}.{percent % 10}".removesuffix(".0")
    return f"{name_zh} {tenths}折 {step}", f"{name_en}: {percent}% of {yuan_en(cash_fare_fen)} is {yuan_en(amount_fen)}"
