"""The planner's view and the validator's agree: a journey as a whole, and tap by tap as the card remembers it."""

from datetime import date, datetime, timedelta
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tariffs.asks import Ride
from tariffs.decide import decide
from tariffs.fares.journey import Leg, Rider
from tariffs.pack import parse_pack
from tariffs.verdict import Charge, Reason
from tariffs.wallet import LastRide
from tests.test_pack import pack_files
from tests.test_transfers import CARD, CHINA

PACK = parse_pack(pack_files("jiaxing"))
CATEGORIES = {
    "ordinary": "adult",
    "student": "student",
    "senior": "senior",
    "senior_free": "senior_free",
    "love": "love",
}

GAPS = st.sampled_from((5, 20, 59, 60, 61, 120, 180, 299, 300, 301)) | st.integers(3, 400)


@st.composite
def days(draw: st.DrawFn) -> tuple[tuple[str, datetime], ...]:
    """Boardings of one card, by line and moment: under the older rule or that of 2022, over midnight too."""
    gaps = draw(st.lists(st.tuples(st.sampled_from(("1", "3", "boat")), GAPS), min_size=1, max_size=8))
    begin = draw(st.sampled_from((datetime(2021, 6, 1, 6), datetime(2026, 6, 1, 6), datetime(2026, 6, 1, 21))))
    minutes = accumulate((gap for _, gap in gaps), initial=0)
    rides = [(line, begin + timedelta(minutes=at)) for (line, _), at in zip(gaps, minutes, strict=False)]
    if begin.year < 2022:  # the older rule knows no transfer to the same line, which GTFS cannot say
        rides = [ride for place, ride in enumerate(rides) if place == 0 or ride[0] != rides[place - 1][0]]
    return tuple(rides)


def tapped(card_class: str, rides: tuple[tuple[str, datetime], ...]) -> list[Charge]:
    """The verdicts of one validator after the other, each knowing only what the one before wrote on the card."""
    last: LastRide | None = None
    charges = []
    for number, (line, at) in enumerate(rides):
        ask = Ride(line=line, direction=0, vehicle=f"BUS{number}", trip=str(number), trip_began_at=at)
        verdict = decide(replace(CARD, card_class=card_class, last_ride=last), ask, at.replace(tzinfo=CHINA), PACK)
        assert isinstance(verdict, Charge), verdict
        charges.append(verdict)
        last = verdict.ride
    return charges


def planned(card_class: str, rides: tuple[tuple[str, datetime], ...]) -> int:
    """The journey as a whole, by the tables of its day; a class without transfers rides one leg at a time."""
    day = rides[0][1].date()
    tables, terms = PACK.tables.at(day), PACK.local[card_class].at(day)
    assert tables is not None and terms is not None
    legs = tuple(Leg(line, "", "", at, None) for line, at in rides)
    rider = Rider(CATEGORIES[card_class], "card")
    quotes = [
        tables.engine.quote(part, rider).total for part in ([legs] if terms.transfers else [(leg,) for leg in legs])
    ]
    assert all(quote is not None and quote[1] == "CNY" for quote in quotes)
    return sum(quote[0] for quote in quotes if quote is not None)


@given(st.sampled_from(sorted(CATEGORIES)), days())
@settings(max_examples=400, deadline=None)
def test_a_day_of_taps_costs_what_the_same_journey_costs_as_a_whole(
    card_class: str, rides: tuple[tuple[str, datetime], ...]
) -> None:
    assert sum(charge.amount_fen for charge in tapped(card_class, rides)) == planned(card_class, rides)


def test_the_older_rule_holds_for_taps_of_its_own_days() -> None:
    for year, amounts in ((2021, [100, 50, 100]), (2022, [100, 0, 0])):
        rides = tuple((line, datetime(year, 6, 1, 8, minutes)) for line, minutes in (("1", 0), ("3", 30), ("1", 50)))
        assert [charge.amount_fen for charge in tapped("ordinary", rides)] == amounts
        late = tapped("student", rides[:2])[1]
        assert late.reason is Reason.TRANSFER and late.ride.transfers == 1


def test_the_older_rule_knows_no_transfer_to_the_same_line() -> None:
    for year, amounts in ((2021, [100, 100]), (2022, [100, 0])):
        rides = tuple(("1", datetime(year, 6, 1, 8, minutes)) for minutes in (0, 30))
        assert [charge.amount_fen for charge in tapped("ordinary", rides)] == amounts
    assert PACK.in_force_from == date(2022, 1, 1)
