"""A day of riders who do not exist: for a look at a new pack before there is a journal. The same seed, the same day.

Classes are drawn by the shares below, which are an assumption: replace the day by a journal's taps as soon as there are
some. Three of four riders go and come back; some change buses on the way; some pay for a companion.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random

from msgspec.structs import replace

from tariffs.asks import Ride
from terminal.drivers.clock import CHINA
from terminal.whatif.cast import Rider
from terminal.whatif.changes import Place
from terminal.whatif.replay import Tapped

SHARES = {"ordinary": 55, "student": 14, "senior": 10, "senior_free": 12, "love": 2, "tunion": 5, "city_union": 2}
OTHER_SHARE = 3
"""Riders in a hundred, by class or family (assumed)."""

TRIP = timedelta(minutes=40)
VEHICLES = 8


def generated(cast: Sequence[Rider], places: Sequence[Place], day: date, riders: int, seed: int) -> list[Tapped]:
    """The taps of `riders` riders on `day`, in the order of time."""
    chance = Random(seed)
    shares = [SHARES.get(rider.group, OTHER_SHARE) for rider in cast]
    taps: list[Tapped] = []
    for nth, rider in enumerate(chance.choices(cast, shares, k=riders), 1):
        card = replace(rider.wallet, number=f"{nth:020d}")  # 0 is nobody's number
        home = chance.choice(places)
        out = _at(day, chance.gauss(7.8, 0.8) if chance.random() < 0.7 else chance.uniform(9, 15))
        taps += [Tapped(card, ask, at) for ask, at in _ride(chance, places, home, out)]
        if chance.random() < 0.75:
            back = _at(day, max(chance.gauss(17.3, 0.9), out.hour + 1.5))
            taps += [Tapped(card, ask, at) for ask, at in _ride(chance, places, home, back)]
    return sorted(taps, key=lambda tap: tap.at)


def _ride(chance: Random, places: Sequence[Place], place: Place, at: datetime) -> list[tuple[Ride, datetime]]:
    """One way: a boarding, sometimes a companion's tap, sometimes a second bus."""
    boardings = [(_boarding(chance, place, at), at)]
    if chance.random() < 0.06:
        boardings.append((boardings[0][0], at + timedelta(seconds=8)))
    if chance.random() < 0.3:
        later = at + timedelta(minutes=chance.randint(15, 55))
        boardings.append((_boarding(chance, chance.choice(places), later), later))
    return boardings


def _boarding(chance: Random, place: Place, at: datetime) -> Ride:
    vehicle = f"{place.route}-{chance.randrange(VEHICLES)}"
    began = at.replace(tzinfo=None) - TRIP / 4
    return Ride(place.route, chance.randrange(2), vehicle, f"{vehicle}-{began:%Y%m%d%H%M%S}", began, place.stop)


def _at(day: date, hour: float) -> datetime:
    seconds = int(min(max(hour, 5.5), 22.5) * 3600)
    return datetime(day.year, day.month, day.day, tzinfo=CHINA) + timedelta(seconds=seconds)
