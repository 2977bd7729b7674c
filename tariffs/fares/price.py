"""From leg rules to prices: what a class of cards, or another city's card, pays for a ride."""

from collections.abc import Iterable, Mapping, Sequence

from tariffs.fares.feed import Feed, LegRule
from tariffs.fares.gtfs import CASH
from tariffs.money import rated, yuan_en, yuan_text, yuan_zh
from tariffs.terms import Price, Terms
from tariffs.verdict import Reason

Made = dict[tuple[int, int, str, str], Price]
"""The prices made so far on the same terms: thousands of networks of a province share a few."""


def fares_of(feed: Feed, category: str, media: Iterable[str]) -> dict[str, int]:
    """What each product costs a rider of `category` with the cheapest of `media`; "" is the default category."""
    wanted = {"", *media}
    found: dict[str, int] = {}
    for product, rows in feed.products.items():
        fitting = (
            row.units
            for row in rows
            if row.medium in wanted
            and (not row.category or row.category == category or (not category and feed.categories.get(row.category)))
        )
        cheapest = min(fitting, default=None)
        if cheapest is not None:
            found[product] = cheapest
    return found


def cash_fares(feed: Feed) -> dict[str, int]:
    """What each product costs in cash, for the default category."""
    media = [medium for medium, kind in feed.media.items() if kind == CASH]
    return fares_of(feed, "", media) if media else {}


def price(terms: Terms, cash: Mapping[str, int], rules: Sequence[LegRule], made: Made | None = None) -> Price | None:
    """What a ride that matches `rules` costs on these terms; None when it is not known, in cash or on the terms."""
    base = _cheapest(cash, rules)
    if base is None:
        return None
    if terms.rate_percent is not None:
        amount, rule, reason = rated(base[0], terms.rate_percent), base[1], Reason.INTEROP
    else:
        own = _cheapest(terms.fares, rules)
        if own is None:
            return None
        amount, rule = own
        usual = terms.usual or amount == base[0]
        reason = Reason.FREE_CLASS if amount == 0 else Reason.FARE if usual else Reason.CONCESSION
    key = (amount, base[0], rule.product, rule.group)
    if made is not None and key in made:
        return made[key]
    why = (explain(terms.name_zh, terms.name_en, amount, base[0]),)
    found = Price(amount, base[0], rule.product, rule.group, reason, why)
    if made is not None:
        made[key] = found
    return found


def _cheapest(fares: Mapping[str, int], rules: Iterable[LegRule]) -> tuple[int, LegRule] | None:
    known = ((fares[rule.product], rule) for rule in rules if rule.product in fares)
    return min(known, key=lambda found: (found[0], found[1].product), default=None)


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
