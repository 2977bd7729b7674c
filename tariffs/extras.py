"""What GTFS cannot say of a rider's other rides: `discounts.toml` with discounts, caps and passes, read and checked.

The file may be missing; then there are none. Every table has its classes and its first day.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import TypeVar

from tariffs.dated import Dated
from tariffs.faults import Findings
from tariffs.limits import AMOUNT_MAX_FEN, RIDES_MAX, TERMS_MAX
from tariffs.toml import DAY, IDENTIFIER, TEXT, Block, Kind, TomlFile, listed, shaped, whole

FILE = "discounts.toml"


class Period(StrEnum):
    """What a cap counts: rides of one calendar day, week (from Monday) or month."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Rounding(StrEnum):
    """What becomes of the part of an amount below `unit_fen`."""

    DOWN = "down"
    HALF_UP = "half_up"
    UP = "up"


@dataclass(frozen=True, slots=True)
class Discount:
    """`rate_percent` of the fare, within hours of the day (the start in, the end out), or for the day's first ride."""

    id: str
    classes: frozenset[str]
    rate_percent: int
    first_ride: bool
    start: time | None
    end: time | None


@dataclass(frozen=True, slots=True)
class Cap:
    """No more than `most` fen, or from `most` rides on nothing more, in one period."""

    id: str
    classes: frozenset[str]
    period: Period
    rides: bool
    most: int


@dataclass(frozen=True, slots=True)
class PassTable:
    """A product on the card that pays for rides of these networks."""

    id: str
    classes: frozenset[str]
    networks: frozenset[str]
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True)
class Extras:
    """discounts.toml as read, each id with its editions. Rounding is that of discounts."""

    discounts: Mapping[str, Dated[Discount]]
    caps: Mapping[str, Dated[Cap]]
    passes: Mapping[str, Dated[PassTable]]
    rounding: Rounding = Rounding.DOWN
    unit_fen: int = 1
    unverified: tuple[tuple[str, int, str], ...] = ()

    @property
    def first_ride_classes(self) -> frozenset[str]:
        """The classes with a first-ride discount on any day: their cards' records tell which ride is the first."""
        discounts = (discount for dated in self.discounts.values() for discount in dated.editions)
        return frozenset(name for discount in discounts if discount.first_ride for name in discount.classes)


    @property
    def counted_classes(self) -> frozenset[str]:
        """The classes with a cap or a pass on any day: what they have used up is asked of their cards."""
        caps = (cap.classes for dated in self.caps.values() for cap in dated.editions)
        passes = (each.classes for dated in self.passes.values() for each in dated.editions)
        return frozenset().union(*caps, *passes)


NO_EXTRAS = Extras({}, {}, {})

_IDS: Kind[Iterable[str]] = Kind(
    lambda value: isinstance(value, list) and 0 < len(value) <= TERMS_MAX and all(map(IDENTIFIER.accepts, value)),
    (),
    "须为编号列表",
    "must be a list of ids",
)
_CLOCK = shaped("([01][0-9]|2[0-3]):[0-5][0-9]", "须为时刻，如 06:30", "must be a time such as 06:30")
_WHEN = listed(("first_ride", "hours"))

T = TypeVar("T", Discount, Cap, PassTable)


def read_extras(
    files: Mapping[str, bytes], classes: Collection[str], networks: Collection[str], findings: Findings
) -> Extras:
    """Read discounts.toml; `classes` and `networks` are those that the pack knows."""
    if FILE not in files:
        return NO_EXTRAS
    file = TomlFile(files, FILE, findings)
    if file.broken:
        return NO_EXTRAS
    root = file.root("discounts", "caps", "passes")
    rounding = Rounding(root.sourced("rounding", listed(tuple(Rounding))))
    unit = root.sourced("unit_fen", whole(1, 100))
    root.close()
    return Extras(
        discounts=_editions(file, "discounts", lambda block: _discount(block, classes)),
        caps=_editions(file, "caps", lambda block: _cap(block, classes)),
        passes=_editions(file, "passes", lambda block: _pass(block, classes, networks)),
        rounding=rounding,
        unit_fen=unit,
        unverified=tuple(file.unverified),
    )


def _editions(file: TomlFile, header: str, made: Callable[[Block], T]) -> dict[str, Dated[T]]:
    found: defaultdict[str, dict[date, T]] = defaultdict(dict)
    for block in file.tables(header, TERMS_MAX):
        table, day = made(block), block.take("in_force_from", DAY)
        if day in found[table.id]:
            block.fault("id", table.id, "同日同名的版本重复", "two editions take force on one day")
        found[table.id][day] = table
        block.close()
    return {name: Dated(days.items()) for name, days in found.items()}


def _known(block: Block, key: str, ids: Collection[str]) -> frozenset[str]:
    named = frozenset(block.sourced(key, _IDS))
    for name in sorted(named - set(ids)):
        block.fault(key, name, "票价包中没有此编号", "is not in this pack")
    return named


def _discount(block: Block, classes: Collection[str]) -> Discount:
    when = block.take("when", _WHEN)
    hours = when == "hours"
    start, end = (_clock(block.take(key, _CLOCK)) if hours else None for key in ("start", "end"))
    if start is not None and end is not None and end <= start:
        block.fault("end", end, "不晚于起始", "is not after the start")
    return Discount(
        id=block.take("id", IDENTIFIER),
        classes=_known(block, "classes", classes),
        rate_percent=block.sourced("rate_percent", whole(0, 100)),
        first_ride=not hours,
        start=start,
        end=end,
    )


def _clock(text: str) -> time:
    return time(int(text[:2] or 0), int(text[3:] or 0))


def _cap(block: Block, classes: Collection[str]) -> Cap:
    rides = "most_rides" in block.values
    return Cap(
        id=block.take("id", IDENTIFIER),
        classes=_known(block, "classes", classes),
        period=Period(block.take("period", listed(tuple(Period)))),
        rides=rides,
        most=block.sourced("most_rides", whole(1, RIDES_MAX))
        if rides
        else block.sourced("most_fen", whole(1, RIDES_MAX * AMOUNT_MAX_FEN)),
    )


def _pass(block: Block, classes: Collection[str], networks: Collection[str]) -> PassTable:
    return PassTable(
        id=block.take("id", IDENTIFIER),
        classes=_known(block, "classes", classes),
        networks=_known(block, "networks", networks),
        name_zh=block.take("name_zh", TEXT),
        name_en=block.take("name_en", TEXT),
    )


def discounted(extras: Extras, fen: int, card_class: str, first_ride: bool, now: datetime) -> int:
    """The fare after the best discount of this moment; discounts do not add up. Rounded to whole units, never above."""
    best = fen
    for dated in extras.discounts.values():
        discount = dated.at(now.date())
        if discount is None or card_class not in discount.classes:
            continue
        clock = now.time()
        if (
            first_ride
            if discount.first_ride
            else discount.start is not None and discount.end is not None and (discount.start <= clock < discount.end)
        ):
            best = min(best, rounded(fen * discount.rate_percent, 100, extras.rounding, extras.unit_fen))
    return best


def rounded(amount: int, parts: int, rounding: Rounding, unit: int) -> int:
    """`amount` over `parts`, to whole `unit`s: of 155 over 100, to units of 1, down is 1, half up and up are 2."""
    step = parts * unit
    add = {Rounding.DOWN: 0, Rounding.HALF_UP: step // 2, Rounding.UP: step - 1}[rounding]
    return (amount + add) // step * unit
