"""What changes for whom, from which day: a few journeys of every kind of card, under both packs. Pure.

The packs are asked, not read: whatever rule makes the difference, it shows in what a rider pays.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta, timezone
from itertools import product
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from tariffs.asks import Ride
from tariffs.decide import decide
from tariffs.pack import Pack
from tariffs.verdict import Charge, Reason, Refuse, Verdict
from terminal.whatif.cast import Rider, cast
from terminal.whatif.limits import PLACES_COMPARED_MAX

CHINA = timezone(timedelta(hours=8))
HOUR = timedelta(hours=1)


class Journey(Struct, frozen=True):
    """What a rider does: the tap that is priced comes `after` a first one, on the same bus or another, if at all."""

    zh: str
    en: str
    after: timedelta | None = None
    same_bus: bool = False


JOURNEYS = (
    Journey("单程", "one ride"),
    Journey("同车再刷", "again on the same bus", timedelta(minutes=1), True),
    Journey("30 分钟内换乘", "change of bus after 30 min", HOUR / 2),
    Journey("2 小时后换乘", "change of bus after 2 h", 2 * HOUR),
    Journey("6 小时后再乘", "another bus after 6 h", 6 * HOUR),
)
TIMES = (time(8), time(13), time(21))
"""A rush hour, noon, a late bus."""


class Answer(Struct, frozen=True):
    """What a rider is told: the fare in fen, or None and why not."""

    fen: int | None
    reason: Reason


class Place(NamedTuple):
    """Where a ride begins. `stop` "" where the fare does not depend on it."""

    route: str
    stop: str = ""

    def __str__(self) -> str:
        return f"{self.route} @ {self.stop}" if self.stop else self.route


class Change(Struct, frozen=True):
    """One difference, from `first` on (until the next one for the same rider and journey).

    `hours`: when it holds, empty for all of TIMES. `places`: at which of the compared ones.
    """

    rider: Rider
    journey: Journey
    first: date
    old: Answer
    new: Answer
    places: tuple[Place, ...] = ()
    hours: tuple[time, ...] = ()


def changes(old: Pack, new: Pack) -> list[Change]:
    """Every difference from the new pack's first day on, in the order of the days, then of the cards.

    A journey that changes exactly as the single ride does is not told beside it.
    """
    places = compared_places((old, new))
    found: dict[tuple[Change, time], list[Place]] = {}
    before: dict[tuple[str, Journey, time, Place], tuple[Answer, Answer]] = {}
    for day in days(old, new):
        for rider, journey, at, place in product(cast((old, new), day), JOURNEYS, TIMES, places):
            now = _answer(old, rider, journey, day, at, place), _answer(new, rider, journey, day, at, place)
            key = rider.group, journey, at, place
            if now != before.get(key, (now[0], now[0])):
                found.setdefault((Change(rider, journey, day, *now), at), []).append(place)
            before[key] = now
    hours: dict[Change, list[time]] = {}
    for (change, at), on in found.items():
        hours.setdefault(replace(change, places=tuple(on)), []).append(at)
    told = [replace(change, hours=() if len(at) == len(TIMES) else tuple(at)) for change, at in hours.items()]
    single = {_but_for_journey(change) for change in told if change.journey is JOURNEYS[0]}
    return [change for change in told if change.journey is JOURNEYS[0] or _but_for_journey(change) not in single]


def _but_for_journey(change: Change) -> tuple[object, ...]:
    return change.rider.group, change.first, change.old.fen, change.new.fen, change.places, change.hours


def days(old: Pack, new: Pack) -> list[date]:
    """The new pack's first day, and each later one on which a table of either pack takes force."""
    editions = {day for pack in (old, new) for day in _edition_days(pack)}
    return sorted({new.in_force_from, *(day for day in editions if day > new.in_force_from)})


def _edition_days(pack: Pack) -> Iterator[date]:
    yield from pack.tables.days
    for kinds in (pack.local, pack.visiting):
        yield from (day for editions in kinds.values() for day in editions.days)
    yield from (day for scheme in pack.schemes.values() for listed in scheme.accepted.values() for day in listed.days)


def compared_places(packs: Sequence[Pack]) -> list[Place]:
    """The routes of the packs, each at one stop of every kind where the fare depends on the stop.

    Of very many the first route of each network comes first, then others up to the bound.
    """
    routes = {route: network for pack in packs for route, network in pack.routes.items()}
    firsts = {network: route for route, network in reversed(routes.items())}
    ordered = list(dict.fromkeys([*firsts.values(), *routes]))[:PLACES_COMPARED_MAX]
    kinds = {
        tables.engine.legs.areas(stop): stop
        for pack in packs
        for tables in pack.tables.editions
        if not tables.flat
        for stop in tables.engine.feed.stops.parents
    }
    return [Place(route, stop) for stop in kinds.values() or ("",) for route in ordered][:PLACES_COMPARED_MAX]


def _answer(pack: Pack, rider: Rider, journey: Journey, day: date, at: time, place: Place) -> Answer:
    moment = datetime.combine(day, at, CHINA)
    ride = Ride(place.route, 0, "1", "", stop=place.stop)
    wallet = rider.wallet
    if journey.after is not None:
        before = ride if journey.same_bus else replace(ride, vehicle="2")
        first = decide(wallet, before, moment - journey.after, pack)
        wallet = replace(wallet, last_ride=first.ride if isinstance(first, Charge) and first.composite else None)
    return _told(decide(wallet, ride, moment, pack))


def _told(verdict: Verdict) -> Answer:
    if isinstance(verdict, Charge):
        return Answer(verdict.amount_fen, verdict.reason)
    return Answer(None if isinstance(verdict, Refuse) else 0, verdict.reason)
