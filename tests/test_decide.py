"""The verdict on a tap: who may pass, what it costs, and what is written on the card."""

from datetime import date, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from msgspec.structs import replace

from tariffs.asks import Ride
from tariffs.decide import decide
from tariffs.pack import parse_pack
from tariffs.verdict import Admit, Charge, Reason, Refuse, Verdict, Warning
from tariffs.wallet import SettledRide, Wallet
from tests.test_pack import edited, pack_files
from tests.test_transfers import CARD, CHINA, NOW, PACK, RIDE, boarded

FLAT = parse_pack(pack_files("jiaxing-flat"))
LOCAL_NOW = NOW.replace(tzinfo=None)
TODAY = NOW.date()
DAY = timedelta(days=1)
TUNION = replace(CARD, scheme="tunion", issuer="02002900FFFFFFFF", city="2900", card_class="senior", simple=False)
SHANGHAI = replace(CARD, city="2000", card_class="senior")

# Every fact that keeps a card from riding, in the order in which decide() looks.
GROUNDS: list[tuple[Reason, dict[str, Any]]] = [
    (Reason.LOCKED, {"application_locked": True}),
    (Reason.JUNK_NUMBER, {"number": "00000000000000000000"}),
    (Reason.HOT_LISTED, {"hot_level": 0}),
    (Reason.NOT_ENABLED, {"enabled": False}),
    (Reason.FOREIGN_CITY, {"city": "3000"}),
    (Reason.NOT_YET_VALID, {"start": TODAY + DAY}),
    (Reason.EXPIRED, {"end": TODAY - DAY}),
    (Reason.COMPOSITE_LOCKED, {"composite_locked": True}),
    (Reason.CLASS_NOT_SERVED, {"card_class": "driver"}),
    (Reason.NOT_A_PURSE, {"composite": False, "simple": False}),
]


def tap(card: Wallet = CARD, ask: Ride = RIDE, now: datetime = NOW, **changed: Any) -> Verdict:
    return decide(replace(card, **changed), ask, now, PACK)


def charge(card: Wallet = CARD, ask: Ride = RIDE, now: datetime = NOW, **changed: Any) -> Charge:
    verdict = tap(card, ask, now, **changed)
    assert isinstance(verdict, Charge), verdict
    return verdict


@pytest.mark.parametrize(("reason", "changed"), GROUNDS)
def test_each_ground_refuses_the_card_for_its_own_reason(reason: Reason, changed: dict[str, Any]) -> None:
    assert tap(**changed) == Refuse(reason)


@pytest.mark.parametrize(("first", "second"), list(combinations(GROUNDS, 2)))
def test_the_earlier_of_two_grounds_is_the_one_that_is_told(
    first: tuple[Reason, dict[str, Any]], second: tuple[Reason, dict[str, Any]]
) -> None:
    assert tap(**(second[1] | first[1])) == Refuse(first[0])


@pytest.mark.parametrize(
    "number", ["", "3140", "3140000000000000123", "314000000000000012345", "3140000000000000123A", "٣" * 20]
)
def test_a_number_that_is_not_twenty_digits_is_junk(number: str) -> None:
    assert tap(number=number) == Refuse(Reason.JUNK_NUMBER)


@pytest.mark.parametrize(("level", "lock"), [(0, False), (1, True), (2, False), (99, False)])
def test_a_listed_card_is_locked_only_where_its_level_orders_it(level: int, lock: bool) -> None:
    assert tap(hot_level=level) == Refuse(Reason.HOT_LISTED, lock=lock)


def test_first_and_last_day_of_validity_are_valid() -> None:
    assert isinstance(tap(start=TODAY, end=TODAY), Charge)


def test_the_local_date_of_the_tap_decides_on_validity() -> None:
    midnight = datetime(2025, 6, 2, 0, 0, 0, tzinfo=CHINA)
    assert isinstance(tap(now=midnight - timedelta(seconds=1), end=date(2025, 6, 1)), Charge)
    assert tap(now=midnight, end=date(2025, 6, 1)) == Refuse(Reason.EXPIRED)


@pytest.mark.parametrize("issuer", ["02002900FFFFFFFF", "02003310FFFFFFFF"])
def test_visiting_cards_of_listed_issuers_pay_the_full_fare_without_local_concession(issuer: str) -> None:
    verdict = charge(TUNION, issuer=issuer)
    assert (verdict.amount_fen, verdict.reason, verdict.composite) == (200, Reason.INTEROP, True)


@pytest.mark.parametrize("issuer", ["01011000FFFFFFFF", "", "02002900ffffffff"])
def test_visiting_cards_of_other_issuers_are_refused(issuer: str) -> None:
    assert tap(TUNION, issuer=issuer) == Refuse(Reason.FOREIGN_ISSUER)


def test_a_card_of_a_family_that_the_pack_does_not_know_is_refused() -> None:
    assert tap(scheme="calypso") == Refuse(Reason.FOREIGN_ISSUER)


def test_a_visiting_card_that_takes_no_composite_purchase_is_no_purse() -> None:
    assert tap(TUNION, composite=False, simple=True) == Refuse(Reason.NOT_A_PURSE)


def test_a_listed_city_of_the_same_family_pays_the_full_fare_by_a_simple_purchase() -> None:
    verdict = charge(SHANGHAI)
    assert (verdict.amount_fen, verdict.reason, verdict.composite) == (200, Reason.INTEROP, False)
    assert charge(SHANGHAI, simple=False).composite


def test_a_visiting_rate_is_taken_of_the_cash_fare_and_cut_to_the_fen() -> None:
    files = edited("pack.toml", "rate_percent = { value = 100", "rate_percent = { value = 99")
    files["fare_products.txt"] = files["fare_products.txt"].replace(b"cash,2.00", b"cash,2.01")
    verdict = decide(TUNION, RIDE, NOW, parse_pack(files))
    assert isinstance(verdict, Charge) and (verdict.amount_fen, verdict.cash_fare_fen) == (198, 201)


def test_an_entry_of_the_allow_list_holds_between_its_days() -> None:
    files = edited("pack.toml", 'city = "2000"\nterms', 'city = "2000"\nin_force_until = 2025-06-02\nterms')
    pack = parse_pack(files)
    assert isinstance(decide(SHANGHAI, RIDE, NOW, pack), Charge)
    assert decide(SHANGHAI, RIDE, NOW + DAY, pack) == Refuse(Reason.FOREIGN_CITY)
    early = replace(SHANGHAI, start=date(2010, 1, 1))
    assert decide(early, RIDE, datetime(2016, 12, 31, tzinfo=CHINA), pack) == Refuse(Reason.FOREIGN_CITY)


@pytest.mark.parametrize("line", ["2", "99", "K1"])
def test_a_route_without_a_fare_is_refused(line: str) -> None:
    assert tap(ask=replace(RIDE, line=line)) == Refuse(Reason.FARE_UNKNOWN)


def test_without_a_driver_a_tap_is_priced_by_the_pack_and_recorded_without_a_line() -> None:
    verdict = charge(ask=Ride(line="", direction=0, vehicle="BUS1", trip=""))
    assert (verdict.amount_fen, verdict.ride.line) == (100, "")


# What each class pays on a city route and on the boat, by what the card remembers.
LAST = {
    "nothing": None,
    "this ride": boarded(timedelta(minutes=3), vehicle="BUS1", line="1", direction=0),
    "this vehicle, earlier trip": boarded(timedelta(minutes=40), vehicle="BUS1"),
    "other vehicle": boarded(timedelta(hours=2)),
    "other vehicle, long ago": boarded(timedelta(hours=6)),
}
FARE, HALF, FREE, FULL = Reason.FARE, Reason.CONCESSION, Reason.FREE_CLASS, Reason.REPEAT_FULL_FARE
MOVE, GROUP, BACK = Reason.TRANSFER, Reason.GROUP, Reason.PASSED_BACK
CITY_TABLE: dict[str, list[tuple[int | None, Reason]]] = {
    "ordinary": [(100, FARE), (100, GROUP), (0, MOVE), (0, MOVE), (100, FARE)],
    "student": [(100, HALF), (200, FULL), (0, MOVE), (0, MOVE), (100, HALF)],
    "senior": [(100, HALF), (200, FULL), (0, MOVE), (0, MOVE), (100, HALF)],
    "senior_free": [(0, FREE), (None, BACK), (0, FREE), (0, FREE), (0, FREE)],
    "love": [(0, FREE), (None, BACK), (0, FREE), (0, FREE), (0, FREE)],
}
BOAT_TABLE: dict[str, list[tuple[int | None, Reason]]] = {
    "ordinary": [(300, FARE), (300, GROUP), (0, MOVE), (0, MOVE), (300, FARE)],
    "student": [(300, FARE), (300, FULL), (0, MOVE), (0, MOVE), (300, FARE)],
    "senior": [(300, FARE), (300, FULL), (0, MOVE), (0, MOVE), (300, FARE)],
    "senior_free": [(300, FARE), (None, BACK), (300, FARE), (300, FARE), (300, FARE)],
    "love": [(300, FARE), (None, BACK), (300, FARE), (300, FARE), (300, FARE)],
}


@pytest.mark.parametrize("remembered", range(len(LAST)), ids=list(LAST))
@pytest.mark.parametrize("card_class", CITY_TABLE)
@pytest.mark.parametrize(("line", "table"), [("1", CITY_TABLE), ("3", CITY_TABLE), ("boat", BOAT_TABLE)])
def test_each_class_pays_what_the_table_says(
    line: str, table: dict[str, list[tuple[int | None, Reason]]], card_class: str, remembered: int
) -> None:
    amount, reason = table[card_class][remembered]
    last = list(LAST.values())[remembered]
    verdict = tap(card_class=card_class, last_ride=last, ask=replace(RIDE, line=line))
    if amount is None:
        assert verdict == Refuse(reason)
        return
    assert isinstance(verdict, Charge)
    assert (verdict.amount_fen, verdict.reason, verdict.composite) == (amount, reason, True)
    assert verdict.cash_fare_fen == (300 if line == "boat" else 200)
    assert verdict.product == ("boat_single" if line == "boat" else "city_single")
    assert verdict.ride.amount_fen == amount


def test_group_taps_count_up_to_the_limit_of_the_class() -> None:
    last, amounts = None, []
    while isinstance(verdict := tap(last_ride=last), Charge):
        last = verdict.ride
        amounts.append(verdict.amount_fen)
    assert amounts == [100] * 5 and verdict == Refuse(Reason.PASSED_BACK)
    assert last is not None and (last.taps, last.first_boarded_at) == (5, LOCAL_NOW)


def test_a_record_that_counts_no_tap_still_counts_as_one() -> None:
    assert charge(last_ride=boarded(timedelta(minutes=1), vehicle="BUS1", taps=0)).ride.taps == 2


def test_a_further_tap_counts_as_this_ride_for_two_hours_and_since_the_sign_on() -> None:
    last = boarded(timedelta(hours=2), vehicle="BUS1")
    whole_day = replace(RIDE, trip_began_at=None)
    assert charge(ask=whole_day, last_ride=last).reason is Reason.GROUP
    assert charge(ask=whole_day, now=NOW + timedelta(seconds=1), last_ride=last).reason is Reason.TRANSFER
    sign_on = replace(RIDE, trip_began_at=last.boarded_at)
    assert charge(ask=sign_on, last_ride=last).reason is Reason.GROUP
    later = replace(RIDE, trip_began_at=last.boarded_at + timedelta(seconds=1))
    assert charge(ask=later, last_ride=last).reason is Reason.TRANSFER


def test_a_vehicle_without_a_name_never_makes_a_second_tap() -> None:
    nameless = replace(RIDE, vehicle="", trip_began_at=None)
    assert charge(ask=nameless, last_ride=boarded(timedelta(minutes=1), vehicle="")).reason is not Reason.GROUP


# The clock: another vehicle's may be a little ahead; beyond that the card's times are no evidence.
@pytest.mark.parametrize("card_class", ["ordinary", "student", "senior"])
@pytest.mark.parametrize(
    ("ahead", "trusted"),
    [
        (timedelta(seconds=1), True),
        (timedelta(seconds=120), True),
        (timedelta(seconds=121), False),
        (timedelta(days=9000), False),
    ],
)
def test_a_clock_behind_the_card_gives_no_free_ride_and_charges_the_plain_fare_once(
    card_class: str, ahead: timedelta, trusted: bool
) -> None:
    other = charge(card_class=card_class, last_ride=boarded(-ahead))
    assert other.amount_fen == (0 if trusted else 100)
    same = charge(
        card_class=card_class, ask=replace(RIDE, trip_began_at=None), last_ride=boarded(-ahead, vehicle="BUS1")
    )
    assert same.reason in ({Reason.GROUP, Reason.REPEAT_FULL_FARE} if trusted else {Reason.FARE, Reason.CONCESSION})
    if not trusted:
        assert (same.amount_fen, same.ride.first_boarded_at, same.ride.taps) == (100, LOCAL_NOW, 1)


def test_a_boarding_in_the_future_proves_no_transfer() -> None:
    assert charge(last_ride=boarded(timedelta(hours=1), -DAY)).amount_fen == 100
    assert charge(last_ride=boarded(-DAY, timedelta(hours=1))).amount_fen == 100


def test_a_sign_on_ahead_of_the_clock_does_not_turn_a_second_tap_into_a_transfer() -> None:
    ask = replace(RIDE, trip_began_at=LOCAL_NOW + timedelta(hours=1))
    assert charge(ask=ask, last_ride=boarded(timedelta(minutes=1), vehicle="BUS1")).reason is Reason.GROUP


MINUTES = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("vehicle", "trip", "ago", "admitted"),
    [
        ("BUS1", "BUS1-7", 0 * MINUTES, True),
        ("BUS1", "BUS1-7", 10 * MINUTES, True),
        ("BUS1", "BUS1-7", 10 * MINUTES + timedelta(seconds=1), False),
        ("BUS1", "BUS1-6", 1 * MINUTES, False),
        ("BUS2", "BUS1-7", 1 * MINUTES, False),
        ("BUS1", "BUS1-7", -DAY, True),
    ],
)
def test_a_healed_tap_admits_in_its_own_trip_and_within_ten_minutes(
    vehicle: str, trip: str, ago: timedelta, admitted: bool
) -> None:
    ask = replace(RIDE, healed=SettledRide(vehicle, trip, LOCAL_NOW - ago, 100))
    verdict = tap(ask=ask, last_ride=boarded(timedelta(minutes=1), vehicle="BUS1"))
    assert (verdict == Admit(Reason.HEALED)) is admitted
    assert admitted or isinstance(verdict, Charge)


@pytest.mark.parametrize(("ago", "admitted"), [(MINUTES, True), (-2 * MINUTES, True), (-3 * MINUTES, False)])
def test_a_healed_tap_without_a_trip_is_told_by_the_clock_alone(ago: timedelta, admitted: bool) -> None:
    ask = Ride(line="", direction=0, vehicle="BUS1", trip="", healed=SettledRide("BUS1", "", LOCAL_NOW - ago, 100))
    assert (tap(ask=ask) == Admit(Reason.HEALED)) is admitted


def test_a_class_whose_concession_has_ended_pays_as_an_ordinary_card_and_is_told_so() -> None:
    ended = charge(card_class="senior_free", class_end=TODAY - DAY)
    assert (ended.amount_fen, ended.reason) == (100, Reason.FARE)
    assert "到期" in ended.why[0][0] and "ended" in ended.why[0][1]
    assert charge(card_class="senior_free", class_end=TODAY).amount_fen == 0


@pytest.mark.parametrize(
    ("changed", "warnings"),
    [
        ({}, ()),
        ({"end": TODAY + 30 * DAY}, (Warning.CARD_ENDS_SOON,)),
        ({"end": TODAY + 31 * DAY}, ()),
        ({"end": TODAY}, (Warning.CARD_ENDS_SOON,)),
        ({"card_class": "student", "class_end": TODAY + 30 * DAY}, (Warning.CONCESSION_ENDS_SOON,)),
        ({"card_class": "student", "class_end": TODAY + 31 * DAY}, ()),
        ({"class_end": TODAY}, ()),
        (
            {"card_class": "love", "class_end": TODAY, "end": TODAY},
            (Warning.CONCESSION_ENDS_SOON, Warning.CARD_ENDS_SOON),
        ),
    ],
)
def test_the_rider_is_warned_thirty_days_ahead(changed: dict[str, Any], warnings: tuple[Warning, ...]) -> None:
    assert charge(**changed).warnings == warnings


def test_the_rider_is_told_why_in_chinese_and_english() -> None:
    assert charge().why == (("普通卡 5折 2.00→1.00元", "ordinary card: 50% of ¥2.00 is ¥1.00"),)
    assert charge(card_class="love").why == (
        ("爱心卡 免费（票价 2.00元）", "disabled person's card: free (cash fare ¥2.00)"),
    )
    assert charge(TUNION).why == (("交通联合卡 全价 2.00元", "T-Union card: full fare ¥2.00"),)
    assert charge(last_ride=boarded(MINUTES)).why[-1] == ("免费换乘", "free transfer")
    second = charge(card_class="student", last_ride=boarded(MINUTES, vehicle="BUS1"))
    assert second.why == (("本车第2次刷卡 全价 2.00元", "tap 2 on this vehicle: full fare ¥2.00"),)


def test_the_flat_pack_takes_simple_purchases_and_composite_ones_only_from_cards_that_take_no_other() -> None:
    for card, composite in ((CARD, False), (replace(CARD, simple=False), True)):
        verdict = decide(card, RIDE, NOW, FLAT)
        assert isinstance(verdict, Charge)
        assert (verdict.amount_fen, verdict.composite) == (100, composite)


@pytest.mark.parametrize(("card_class", "composite"), [("ordinary", False), ("student", True), ("love", True)])
def test_without_transfers_the_record_is_kept_for_repeat_rules_and_free_rides_only(
    card_class: str, composite: bool
) -> None:
    files = pack_files("jiaxing", fare_transfer_rules__txt=None)
    files["classes.toml"] = files["classes.toml"].replace(b'"refuse"', b'"group"')
    verdict = decide(replace(CARD, card_class=card_class), RIDE, NOW, parse_pack(files))
    assert isinstance(verdict, Charge) and verdict.composite is composite


def test_the_balance_to_warn_at_comes_from_the_pack() -> None:
    assert charge().low_balance_fen == PACK.low_balance_fen == 500
