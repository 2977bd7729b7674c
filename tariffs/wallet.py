"""What the tariffs know of a card: facts read from the chip, in the tariffs' own words, whatever family it is of."""

from datetime import date, datetime

from msgspec import Struct

from tariffs.use import Pass, Use


class LastRide(Struct, frozen=True):
    """The last ride as the card itself remembers it (its composite record); all times are local wall clock (naive),
    to the second.

    `first_boarded_at` opens the transfer window: the boarding that was last paid outside a transfer.
    `taps` counts the taps of this card in this ride (same vehicle, same trip), the first one included.
    `transfers` counts the boardings since `first_boarded_at`. `leg_group` names the paid leg's group (GTFS).

    A ride that is paid where it ends: `on` from boarding to alighting, `held_fen` what it costs at most, `station` and
    `left_station` the numbers of its stops on the line (0: not known), `left_at` when it ended.
    """

    line: str
    direction: int
    vehicle: str
    boarded_at: datetime
    first_boarded_at: datetime
    taps: int
    transfers: int
    amount_fen: int
    leg_group: str = ""
    on: bool = False
    held_fen: int = 0
    station: int = 0
    left_station: int = 0
    left_at: datetime | None = None


class Wallet(Struct, frozen=True):
    """One card as it stands before the verdict.

    `number`: 20 digits. `scheme`: "jiaxing", "tunion" … (the profile's). `card_class`: the field's word for the class
    ("ordinary", "student", "senior", "senior_free", "love", "driver"), "" when the chip's code is not in the profile.
    `city`: 4 digits. `issuer`: hex of the chip's issuer id. `hot_level`: the hot list's level, None when not listed.
    `composite`: the application can take a composite purchase. `simple`: it can take a simple one. `start` and `end`:
    the application's first and last valid day. `class_end`: the last day on which the class's concession holds, None
    when the card bears no such date of its own. `last_ride`: None when the chip has none or it could not be made out.
    `rides_on`: the application can remember a ride that is not paid yet. `use`: what caps count, None when neither the
    card nor the day's record tells it; then no cap holds. `passes`: those on the card.
    """

    number: str
    scheme: str
    card_class: str
    city: str
    issuer: str
    start: date
    end: date
    enabled: bool
    composite: bool
    simple: bool
    composite_locked: bool
    application_locked: bool
    hot_level: int | None
    last_ride: LastRide | None
    class_end: date | None = None
    rides_on: bool = False
    use: Use | None = None
    passes: tuple[Pass, ...] = ()


class SettledRide(Struct, frozen=True):
    """A torn draft of this card that healing has just shown to be paid (DONE), on this device."""

    vehicle: str
    trip: str
    boarded_at: datetime
    amount_fen: int
