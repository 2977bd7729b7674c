"""Who asks, and for what: the ride (a bus), later the sale, the loan, the settlement."""

from dataclasses import dataclass

from tariffs.wallet import SettledRide


@dataclass(frozen=True, slots=True)
class Ride:
    """A tap on a bus. `trip` names this service trip on this vehicle; it changes at each sign-on.

    `healed`: a torn tap of this card that was settled as DONE a moment ago, if there was one.
    """

    line: str
    direction: int
    vehicle: str
    trip: str
    trip_began_at: str = ""
    stop: str = ""
    healed: SettledRide | None = None
