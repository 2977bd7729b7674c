"""What holds for every tap, whatever a card remembers: bounds, proofs, and no charge for a card that is refused."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tariffs.asks import Ride
from tariffs.decide import decide
from tariffs.verdict import Charge, Reason, Refuse
from tariffs.wallet import LastRide, SettledRide, Wallet
from tests.test_decide import CITY_TABLE, GROUNDS, LOCAL_NOW, SHANGHAI, TUNION, charge, tap
from tests.test_transfers import CARD, CHINA, NOW, PACK, RIDE

MOMENTS = st.datetimes(datetime(2022, 1, 2), datetime(2029, 12, 31))
NEARBY = st.timedeltas(timedelta(hours=-1), timedelta(hours=7))
CARDS = st.builds(
    lambda card_class, composite, card: replace(card, card_class=card_class, composite=composite or not card.simple),
    st.sampled_from(sorted(CITY_TABLE)),
    st.booleans(),
    st.sampled_from([CARD, TUNION, SHANGHAI]),
)


@st.composite
def situations(draw: st.DrawFn) -> tuple[Wallet, Ride, datetime]:
    now = draw(MOMENTS).replace(microsecond=0)
    at = now - draw(NEARBY)
    last = LastRide(
        line=draw(st.sampled_from(["1", "3", "boat", "K7", ""])),
        direction=draw(st.integers(0, 255)),
        vehicle=draw(st.sampled_from(["BUS1", "BUS2", ""])),
        boarded_at=at,
        first_boarded_at=at - draw(NEARBY),
        taps=draw(st.integers(0, 255)),
        transfers=draw(st.integers(0, 255)),
        amount_fen=draw(st.integers(0, 300)),
        leg_group=draw(st.sampled_from(["city", "boat", "", "????"])),
    )
    ask = Ride(
        line=draw(st.sampled_from(["1", "3", "boat", ""])),
        direction=draw(st.integers(0, 1)),
        vehicle=draw(st.sampled_from(["BUS1", "BUS2", ""])),
        trip="T",
        trip_began_at=draw(st.none() | st.just(now - draw(NEARBY))),
    )
    card = replace(draw(CARDS), last_ride=draw(st.none() | st.just(last)))
    return card, ask, now.replace(tzinfo=CHINA)


@given(situations())
def test_a_charge_is_never_negative_and_never_above_the_cash_fare(situation: tuple[Wallet, Ride, datetime]) -> None:
    verdict = decide(*situation, PACK)
    if isinstance(verdict, Charge):
        assert 0 <= verdict.amount_fen <= verdict.cash_fare_fen
        assert verdict.amount_fen == verdict.ride.amount_fen


@given(situations())
def test_a_free_ride_is_a_free_class_or_a_transfer_that_the_card_proves(
    situation: tuple[Wallet, Ride, datetime],
) -> None:
    card, ask, now = situation
    verdict = decide(*situation, PACK)
    if not isinstance(verdict, Charge) or verdict.amount_fen > 0:
        return
    if verdict.reason is Reason.FREE_CLASS:
        assert card.card_class in ("senior_free", "love") and card.city == "3140" and ask.line != "boat"
        return
    last = card.last_ride
    assert verdict.reason is Reason.TRANSFER and last is not None and card.composite and card.city == "3140"
    passed = now.replace(tzinfo=None) - last.first_boarded_at
    assert -PACK.clock_tolerance <= passed <= timedelta(hours=5)


@given(situations())
def test_a_second_tap_is_one_on_the_same_vehicle_only(situation: tuple[Wallet, Ride, datetime]) -> None:
    card, ask, _ = situation
    verdict = decide(*situation, PACK)
    if verdict.reason in (Reason.GROUP, Reason.REPEAT_FULL_FARE, Reason.PASSED_BACK):
        assert card.last_ride is not None and ask.vehicle and card.last_ride.vehicle == ask.vehicle


@given(situations())
def test_the_purchase_is_one_that_the_card_takes_and_the_record_fits(situation: tuple[Wallet, Ride, datetime]) -> None:
    card, ask, now = situation
    verdict = decide(*situation, PACK)
    if isinstance(verdict, Charge):
        assert card.composite if verdict.composite else card.simple
        ride = verdict.ride
        assert (ride.line, ride.direction, ride.vehicle) == (ask.line, ask.direction, ask.vehicle)
        assert ride.boarded_at == now.replace(tzinfo=None) and 1 <= ride.taps <= 255 and 0 <= ride.transfers <= 255
        assert verdict.why and all(zh and en for zh, en in verdict.why)


@given(
    st.sampled_from(sorted(CITY_TABLE)),
    st.sampled_from([("1", "BUS1"), ("3", "BUS2")]),
    st.timedeltas(timedelta(0), timedelta(hours=5)),
)
def test_two_boardings_within_the_window_cost_the_same_in_either_order(
    card_class: str, first: tuple[str, str], between: timedelta
) -> None:
    buses = [first, *({("1", "BUS1"), ("3", "BUS2")} - {first})]
    paid, last = 0, None
    for number, (line, vehicle) in enumerate(buses):
        ask = replace(RIDE, line=line, vehicle=vehicle, trip_began_at=None)
        verdict = charge(card_class=card_class, last_ride=last, ask=ask, now=NOW + number * between)
        paid, last = paid + verdict.amount_fen, verdict.ride
    assert paid == CITY_TABLE[card_class][0][0]


@given(st.sets(st.sampled_from(range(len(GROUNDS))), min_size=1))
def test_a_card_with_any_ground_is_never_charged_nor_admitted(grounds: set[int]) -> None:
    healed = SettledRide(RIDE.vehicle, RIDE.trip, LOCAL_NOW, 100)
    changed: dict[str, Any] = {}
    for ground in grounds:
        changed |= GROUNDS[ground][1]
    assert isinstance(tap(ask=replace(RIDE, healed=healed), **changed), Refuse)
