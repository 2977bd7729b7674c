"""Who asks, and for what: the ride (a bus), later the sale, the loan, the settlement."""

from datetime import datetime

from msgspec import Struct

from tariffs.wallet import SettledRide


class Ride(Struct, frozen=True):
    """A tap on a bus. `trip` names this service trip on this vehicle; it changes at each sign-on.

    `line`: the pack's route_id, "" while nobody signed on. `trip_began_at`: the sign-on's local wall clock (naive),
    None when nobody signed on; with it the tariffs tell a second tap in this trip from a later trip on the same
    vehicle. `healed`: a torn tap of this card that was settled as DONE a moment ago, if there was one.
    """

    line: str
    direction: int
    vehicle: str
    trip: str
    trip_began_at: datetime | None = None
    stop: str = ""
    healed: SettledRide | None = None
