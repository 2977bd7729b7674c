"""Every parameter that a policy may set, with the kind of its value. A name that is not here is a fault.

docs/copay.md, "Parameters", says what each does. `LAYER` stands after a layer's name ("basic.ratio"), `ACCOUNT` after
"account." and an account's name, `BAND` after a layer's name, ".band." and a number.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tariffs.copay.claim import PRICE_ONE, RATIO_ONE
from tariffs.copay.limits import COUNT_MAX, PERCENT_MAX, SUM_MAX_MINOR
from tariffs.copay.periods import PERIODS
from tariffs.copay.rounding import MODES
from tariffs.copay.row import Value

PARTS = ("fulamt", "overlmt", "preself", "away", "scope", "dedc", "own", "withheld", "overcap")
"""Where a fen of the claim stands: class C, over the limit, first share, away-from-home share, in scope and not yet
settled, taken by the deductible, own share, kept back from the first layer's payment, over a cap."""

FUNDS = ("hifp_pay", "hifob_pay", "hifmi_pay", "hifes_pay", "cvlserv_pay", "hifdm_pay", "maf_pay", "oth_pay")
"""Fields that name a fund: pool, large amount, catastrophic, employer, civil servant, disabled soldiers, aid, other."""

_DECIMAL = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,6}))?", re.ASCII)
_MONTH_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9])", re.ASCII)


class BadValue(ValueError):
    """A text that is no value of its kind; `zh` and `en` say what it must be."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


def scaled(text: str, decimals: int) -> int:
    """A decimal number as a whole count of 10^-decimals, exactly. Raises BadValue."""
    found = _DECIMAL.fullmatch(text)
    if found is None or len((found[3] or "").rstrip("0")) > decimals:
        raise BadValue(f"须为最多 {decimals} 位小数的数", f"must be a number with at most {decimals} decimals")
    fraction = (found[3] or "").rstrip("0").ljust(decimals, "0")
    value: int = int(found[2]) * 10**decimals + int(fraction or 0)
    return -value if found[1] else value


@dataclass(frozen=True, slots=True)
class Kind:
    """What a parameter's value is: its unit ("" for the policy's currency) and how its text is read."""

    unit: str
    read: Callable[[str, int], Value]


def _between(low: int, high: int, value: int, zh: str, en: str) -> int:
    if not low <= value <= high:
        raise BadValue(zh, en)
    return value


def _money(text: str, decimals: int) -> int:
    return _between(0, SUM_MAX_MINOR, scaled(text, decimals), "金额须不小于 0，且不过大", "must be an amount from 0 on")


def _price(text: str, _: int) -> int:
    return _between(0, SUM_MAX_MINOR * PRICE_ONE, scaled(text, 6), "价格须不小于 0", "must be a price from 0 on")


def _ratio(text: str, _: int) -> int:
    return _between(0, RATIO_ONE, scaled(text, 6), "比例须为 0 至 1", "must be a ratio from 0 to 1")


def _factor(text: str, _: int) -> int:
    high = PERCENT_MAX * RATIO_ONE
    return _between(
        0, high, scaled(text, 6), f"系数须为 0 至 {PERCENT_MAX}", f"must be a factor from 0 to {PERCENT_MAX}"
    )


def _points(text: str, _: int) -> int:
    return _between(-RATIO_ONE, RATIO_ONE, scaled(text, 6), "须为 -1 至 1", "must be from -1 to 1")


def _count(text: str, _: int) -> int:
    return _between(0, COUNT_MAX, scaled(text, 0), f"须为 0 至 {COUNT_MAX} 的整数", f"must be from 0 to {COUNT_MAX}")


def _flag(text: str, _: int) -> bool:
    if text not in ("yes", "no"):
        raise BadValue("须为 yes 或 no", "must be yes or no")
    return text == "yes"


def _month_day(text: str, _: int) -> str:
    if not _MONTH_DAY.fullmatch(text):
        raise BadValue("须为月日，如 04-01", "must be month and day such as 04-01")
    return text


def _name(text: str, _: int) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", text, re.ASCII):
        raise BadValue("须为小写英文名", "must be a name in small letters")
    return text


def one_of(*words: str) -> Kind:
    """A word of a list."""

    def read(text: str, _: int) -> str:
        if text not in words:
            raise BadValue(f"须为 {'、'.join(words)} 之一", f"must be one of {', '.join(words)}")
        return text

    return Kind("word", read)


def _parts(text: str, _: int) -> tuple[str, ...]:
    parts = tuple(text.split())
    if len(set(parts)) != len(parts) or not set(parts) <= {*PARTS, "none"} or ("none" in parts and len(parts) > 1):
        raise BadValue(f"须为 {' '.join(PARTS)} 中若干，或 none", f"must be some of {' '.join(PARTS)}, or none")
    return () if parts == ("none",) else parts


MONEY = Kind("", _money)
PRICE = Kind("", _price)
RATIO = Kind("ratio", _ratio)
FACTOR = Kind("factor", _factor)
POINTS = Kind("ratio", _points)
COUNT = Kind("count", _count)
FLAG = Kind("flag", _flag)
NAME = Kind("word", _name)
PARTED = Kind("parts", _parts)
PERIOD = one_of(*PERIODS)
MODE = one_of(*MODES)
UNITS = one_of("visit", "day", "line")

CLAIM: dict[str, Kind] = {
    "item.class": one_of("A", "B", "C"),
    "item.first": RATIO,
    "item.first.fixed": MONEY,
    "item.first.least": MONEY,
    "item.first.most": MONEY,
    "item.limit": PRICE,
    "item.restricted": FLAG,
    "item.direct": RATIO,
    "lines.order": one_of("limit-first", "share-first"),
    "lines.rounding.place": one_of("line", "claim"),
    "lines.rounding.mode": MODE,
    "lines.rounding.unit": COUNT,
    "scope.first": RATIO,
    "rounding.place": one_of("band", "claim"),
    "rounding.mode": MODE,
    "rounding.unit": COUNT,
    "rounding.side": one_of("fund", "person"),
    "year.start": Kind("month-day", _month_day),
    "hospital.parts": PARTED,
    "ceiling": MONEY,
    "ceiling.income": RATIO,
    "ceiling.threshold": MONEY,
    "ceiling.rate": RATIO,
    "ceiling.period": PERIOD,
    "ceiling.repeated": MONEY,
    "ceiling.repeated.after": COUNT,
    "ceiling.repeated.months": COUNT,
    "ceiling.counts": PARTED,
    "ceiling.fund": one_of(*FUNDS),
    "ceiling.accumulator": NAME,
}

LAYER: dict[str, Kind] = {
    "base": PARTED,
    "accumulator": NAME,
    "accumulator.source": one_of("centre", "card"),
    "period": PERIOD,
    "axis": one_of("with-deductible", "after-deductible"),
    "ratio": RATIO,
    "own": RATIO,
    "factor": FACTOR,
    "multiplier": FACTOR,
    "addition": POINTS,
    "fixed": MONEY,
    "fixed.per": UNITS,
    "withheld": MONEY,
    "withheld.per": UNITS,
    "withheld.most": MONEY,
    "withheld.period": PERIOD,
    "deductible": MONEY,
    "deductible.mode": one_of(*PERIODS, "year-topped-up", "per-day"),
    "deductible.factor": FACTOR,
    "deductible.reduction": MONEY,
    "deductible.counts": one_of("taken", "base"),
    "deductible.kind": one_of("plain", "franchise"),
    "cap": MONEY,
    "cap.kind": one_of("payment", "payment-cut", "base"),
    "cap.period": PERIOD,
    "cap.visit": MONEY,
    "rounding.place": one_of("band", "claim"),
    "rounding.mode": MODE,
    "rounding.unit": COUNT,
    "rounding.side": one_of("fund", "person"),
}

BAND: dict[str, Kind] = {"from": MONEY, "ratio": RATIO, "own": RATIO}

ACCOUNT: dict[str, Kind] = {
    "when": one_of("first", "last"),
    "parts": PARTED,
    "most": MONEY,
    "unit": COUNT,
}

_BAND_NAME = re.compile(r"band\.([1-9][0-9]?)\.([a-z]+)", re.ASCII)


def kind_of(parameter: str, layers: frozenset[str], accounts: frozenset[str]) -> Kind | None:
    """The kind of a parameter's values; None for a name that no policy with these layers and accounts has."""
    if parameter in CLAIM:
        return CLAIM[parameter]
    head, _, rest = parameter.partition(".")
    if head == "account":
        name, _, what = rest.partition(".")
        return ACCOUNT.get(what) if name in accounts else None
    if head not in layers:
        return None
    if band := _BAND_NAME.fullmatch(rest):
        return BAND.get(band[2])
    return LAYER.get(rest)
