"""Who drives on which line: sign-on and sign-off by card, and the service that taps are booked under. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec import UNSET

from config.model import Duty
from config.model import Service as Defaults
from sync.events import Service


@dataclass(frozen=True, slots=True)
class OnDuty:
    """The duty that runs now; `driver` "" while nobody is signed on (taps are booked unattributed).

    `shift` counts this terminal's sign-ons. `began_at` local wall clock (naive).
    """

    shift: int
    line: str
    direction: int
    vehicle: str
    driver: str = ""
    trip: str = ""
    began_at: datetime | None = None


def unattributed(defaults: Defaults) -> OnDuty:
    """Nobody is signed on: the configuration's line and vehicle, shift 0."""
    return OnDuty(0, defaults.line, defaults.direction, defaults.vehicle)


def resumed(service: Service, began_at: datetime) -> OnDuty:
    """The duty of a sign-on that the journal holds without a sign-off: it goes on after a restart."""
    began = began_at.replace(microsecond=0)  # the card's record knows no fractions either
    return OnDuty(service.shift, service.line, service.direction, service.vehicle, service.driver, service.trip, began)


def next_duty(duties: Sequence[Duty], last: OnDuty | None, at: datetime) -> Duty:
    """The driver's next duty of the day, after the `last` one that this driver began here; the first on a new day.

    `duties`: this driver's, in their order, at least one.
    """
    if last is not None and last.began_at is not None and last.began_at.date() == at.date():
        for index, duty in enumerate(duties[:-1]):
            if (duty.line, duty.direction) == (last.line, last.direction):
                return duties[index + 1]
    return duties[0]


def signed_on(duty: Duty, driver: str, shift: int, default_vehicle: str, at: datetime) -> OnDuty:
    """The duty that begins at `at` (naive local)."""
    vehicle = duty.vehicle or default_vehicle
    trip = f"{vehicle}-{at:%Y%m%d%H%M%S}"
    began = at.replace(microsecond=0)  # a boarding in the same second is of this trip
    return OnDuty(shift, duty.line, duty.direction, vehicle, driver, trip, began)


def service(duty: OnDuty, merchant: str, pack: str, hot_list: str, stop: str = "") -> Service:
    """What every card event carries."""
    return Service(
        merchant=merchant,
        line=duty.line,
        direction=duty.direction,
        vehicle=duty.vehicle,
        trip=duty.trip,
        driver=duty.driver,
        shift=duty.shift,
        pack=pack,
        hot_list=hot_list,
        stop=stop or UNSET,
    )
