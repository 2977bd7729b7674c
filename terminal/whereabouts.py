"""At which stop of the pack the bus stands: what the announcer or the driver told, else the GPS. No I/O of its own."""

from datetime import datetime
from typing import NamedTuple

from tariffs.linestops import LineStops
from tariffs.stops import Place
from terminal.duty import OnDuty
from terminal.limits import ANNOUNCED_S_MAX


class Sighting(NamedTuple):
    """What the devices tell now: the stop's `number` on the line, told `age_s` seconds ago, and where the GPS is."""

    number: int | None = None
    age_s: float = 0.0
    place: Place | None = None


class Whereabouts:
    """The stop of one bus. Between two stops it is the last one of this trip: there the riders got on."""

    def __init__(self) -> None:
        self._trip: tuple[str, str, int] | None = None
        self._stop = ""

    def stop(self, line_stops: LineStops, duty: OnDuty, seen: Sighting, at: datetime) -> str:
        """The stop_id, "" when it is not known. `at`: local wall clock.

        A number that was told before the trip began, or longer ago than anybody stands at a stop, is another trip's.
        """
        trip = duty.trip, duty.line, duty.direction
        if trip != self._trip:
            self._trip, self._stop = trip, ""
        stops = line_stops.of(duty.line, duty.direction, duty.vehicle, at.date()) if line_stops.lines else ()
        if not stops:
            return ""
        since = ANNOUNCED_S_MAX
        if duty.began_at is not None:
            since = min(since, (at.replace(tzinfo=None) - duty.began_at).total_seconds() + 1)
        number = seen.number if seen.age_s <= since else None
        self._stop = line_stops.stop(stops, number, seen.place) or (self._stop if self._stop in stops else "")
        return self._stop
