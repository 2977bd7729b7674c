"""A transfer is free within five hours of the first paid boarding, to the second, and never by accident."""

from datetime import date, datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from tariffs.asks import Ride
from tariffs.decide import decide
from tariffs.fares.feed import TransferRule
from tariffs.fares.options import Options
from tariffs.fares.transfer import Run, Transfers
from tariffs.pack import Pack, parse_pack
from tariffs.verdict import Charge, Reason
from tariffs.wallet import LastRide, Wallet
from tests.test_pack import edited, pack_files

PACK = parse_pack(pack_files("jiaxing"))
CHINA = timezone(timedelta(hours=8))
NOW = datetime(2025, 6, 2, 9, 0, 0, tzinfo=CHINA)
WINDOW = timedelta(hours=5)
SECOND = timedelta(seconds=1)
CARD = Wallet(
    number="31400000000000001234",
    scheme="jiaxing",
    card_class="ordinary",
    city="3140",
    issuer="3140",
    start=date(2020, 1, 1),
    end=date(2030, 1, 1),
    enabled=True,
    composite=True,
    simple=True,
    composite_locked=False,
    application_locked=False,
    hot_level=None,
    last_ride=None,
)
RIDE = Ride(line="1", direction=0, vehicle="BUS1", trip="BUS1-7", trip_began_at=datetime(2025, 6, 2, 8, 55))


def tap(last: LastRide | None, ask: Ride = RIDE, card: Wallet = CARD, now: datetime = NOW, pack: Pack = PACK) -> Charge:
    verdict = decide(replace(card, last_ride=last), ask, now, pack)
    assert isinstance(verdict, Charge), verdict
    return verdict


def boarded(ago: timedelta, first_ago: timedelta | None = None, **other: object) -> LastRide:
    """A ride on another bus of route 3, paid with 1 yuan, so long before NOW."""
    local = NOW.replace(tzinfo=None)
    first = local - (ago if first_ago is None else first_ago)
    ride = LastRide("3", 1, "BUS9", local - ago, first, taps=1, transfers=0, amount_fen=100, leg_group="city")
    return replace(ride, **other)


@pytest.mark.parametrize(
    ("first_ago", "amount_fen", "reason"),
    [
        (SECOND, 0, Reason.TRANSFER),
        (WINDOW - SECOND, 0, Reason.TRANSFER),
        (WINDOW, 0, Reason.TRANSFER),
        (WINDOW + SECOND, 100, Reason.FARE),
        (timedelta(days=365), 100, Reason.FARE),
    ],
)
def test_the_last_second_of_five_hours_is_free_and_the_next_one_is_not(
    first_ago: timedelta, amount_fen: int, reason: Reason
) -> None:
    verdict = tap(boarded(timedelta(0), first_ago))
    assert (verdict.amount_fen, verdict.reason, verdict.composite) == (amount_fen, reason, True)


def test_parts_of_a_second_neither_close_the_window_nor_reach_the_card() -> None:
    verdict = tap(boarded(timedelta(0), WINDOW), now=NOW.replace(microsecond=999_999))
    assert verdict.reason is Reason.TRANSFER and verdict.ride.boarded_at == NOW.replace(tzinfo=None)


def test_five_hours_run_from_the_first_paid_boarding_and_not_from_the_last_transfer() -> None:
    assert tap(boarded(timedelta(minutes=5), WINDOW + SECOND, transfers=4, amount_fen=0)).amount_fen == 100


def test_a_transfer_keeps_the_first_boarding_and_counts_on() -> None:
    last = boarded(timedelta(hours=1), timedelta(hours=3), transfers=6, amount_fen=0)
    ride = tap(last).ride
    assert (ride.first_boarded_at, ride.transfers, ride.taps, ride.amount_fen) == (last.first_boarded_at, 7, 1, 0)
    assert (ride.boarded_at, ride.vehicle, ride.leg_group) == (NOW.replace(tzinfo=None), "BUS1", "city")


def test_a_paid_boarding_opens_a_new_window() -> None:
    ride = tap(boarded(timedelta(minutes=5), WINDOW + SECOND, transfers=4, amount_fen=0)).ride
    assert (ride.first_boarded_at, ride.transfers) == (ride.boarded_at, 0)


def test_transfers_are_unlimited_in_number_and_the_count_fits_its_byte() -> None:
    last, now = boarded(timedelta(0)), NOW
    for number in range(300):
        now += timedelta(seconds=30)
        ask = replace(RIDE, vehicle=f"BUS{number % 2}", trip_began_at=None)
        verdict = tap(last, ask, now=now)
        assert verdict.amount_fen == 0
        last = verdict.ride
    assert last.transfers == 255


def test_the_same_vehicle_on_its_next_trip_is_a_transfer() -> None:
    before = boarded(timedelta(minutes=40), vehicle="BUS1")
    assert tap(before).reason is Reason.TRANSFER
    assert tap(replace(before, boarded_at=datetime(2025, 6, 2, 8, 55))).reason is Reason.GROUP


@pytest.mark.parametrize(("start", "line"), [("1", "boat"), ("boat", "1"), ("boat", "boat"), ("1", "3"), ("3", "3")])
def test_buses_and_boats_transfer_in_every_direction(start: str, line: str) -> None:
    group = "boat" if start == "boat" else "city"
    last = boarded(timedelta(hours=2), line=start, leg_group=group)
    assert tap(last, replace(RIDE, line=line)).reason is Reason.TRANSFER


def test_a_record_without_a_leg_group_is_placed_by_its_line() -> None:
    assert tap(boarded(timedelta(hours=1), leg_group="")).reason is Reason.TRANSFER
    assert tap(boarded(timedelta(hours=1), leg_group="", line="K99")).reason is Reason.FARE


def test_a_leg_of_a_group_without_a_rule_is_paid() -> None:
    assert tap(boarded(timedelta(hours=1), leg_group="rail")).reason is Reason.FARE


def test_a_ride_that_was_free_does_not_open_a_window() -> None:
    assert tap(boarded(timedelta(hours=1), amount_fen=0)).reason is Reason.FARE


def test_a_card_that_cannot_record_the_transfer_pays() -> None:
    verdict = tap(boarded(timedelta(hours=1)), card=replace(CARD, composite=False))
    assert (verdict.amount_fen, verdict.composite) == (100, False)


def test_a_visiting_card_never_transfers() -> None:
    visitor = replace(CARD, scheme="tunion", issuer="02002900FFFFFFFF", city="2900")
    assert tap(boarded(timedelta(hours=1)), card=visitor).reason is Reason.INTEROP


def test_a_group_tap_after_a_transfer_is_paid_and_leaves_the_window_open() -> None:
    first = tap(boarded(timedelta(hours=1)))
    companion = tap(first.ride, now=NOW + timedelta(minutes=1))
    assert (first.amount_fen, companion.amount_fen, companion.reason) == (0, 100, Reason.GROUP)
    assert companion.ride.first_boarded_at == first.ride.first_boarded_at
    assert tap(companion.ride, replace(RIDE, vehicle="BUS2"), now=NOW + timedelta(hours=1)).reason is Reason.TRANSFER


# The rule before 2022: one transfer within an hour at a quarter of the base (docs/transit.md, "Jiaxing fares").
OLDER_RULE = (
    b"from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type,"
    b"fare_product_id\ncity,city,1,3600,1,0,quarter\n"
)


def older_pack() -> Pack:
    files = edited("fare_products.txt", "boat_single", "quarter,quarter,,card,0.50,CNY,,true\nboat_single")
    return parse_pack(files | {"fare_transfer_rules.txt": OLDER_RULE})


def test_a_transfer_at_a_price_is_charged_once_within_the_hour() -> None:
    pack = older_pack()
    first = tap(boarded(timedelta(hours=1)), pack=pack)
    assert (first.amount_fen, first.reason, first.ride.amount_fen) == (50, Reason.TRANSFER, 50)
    again = tap(first.ride, replace(RIDE, vehicle="BUS2"), pack=pack)
    assert (again.amount_fen, again.reason) == (100, Reason.FARE)
    assert tap(boarded(timedelta(hours=1) + SECOND), pack=pack).amount_fen == 100


def test_a_transfer_that_is_dearer_than_the_fare_is_not_taken() -> None:
    files = edited("fare_products.txt", "boat_single", "quarter,quarter,,card,1.50,CNY,,true\nboat_single")
    pack = parse_pack(files | {"fare_transfer_rules.txt": OLDER_RULE})
    assert tap(boarded(SECOND), pack=pack).amount_fen == 100


def rule(start: str, end: str, count: int | None, window: int | None = None, product: str = "") -> TransferRule:
    return TransferRule(start, end, count, window, 1, 0, product, 0)


def find(table: Transfers, start: str, end: str, nth: int, seconds: int) -> tuple[TransferRule, ...]:
    """The rules for the nth transfer of a run that began so many seconds ago."""
    return table.find(Run(table.pair(start, end), nth, 0, 0), lambda limit_type, first: timedelta(seconds=seconds))


def test_the_row_with_the_smallest_sufficient_count_is_used() -> None:
    rows = [
        rule("a", "a", None, product="later"),
        rule("a", "a", 3, product="third"),
        rule("a", "a", 1, product="first"),
    ]
    table = Transfers(tuple(rows), Options())
    found = [[row.product for row in find(table, "a", "a", nth, 0)] for nth in (1, 2, 3, 4, 400)]
    assert found == [["first"], ["third"], ["third"], ["later"], ["later"]]


def test_an_exact_pair_comes_before_blanks_and_a_blank_is_what_its_column_does_not_name() -> None:
    table = Transfers(
        (rule("a", "b", None, product="ab"), rule("", "b", None, product="?b"), rule("a", "", None, product="a?")),
        Options(),
    )
    found = {(start, end): [row.product for row in find(table, start, end, 1, 0)] for start in "axb" for end in "bx"}
    assert found == {
        ("a", "b"): ["ab"],
        ("a", "x"): ["a?"],
        ("x", "b"): ["?b"],
        ("b", "b"): ["?b"],
        ("x", "x"): [],
        ("b", "x"): [],
    }


def test_a_transfer_rule_holds_in_its_own_direction_only() -> None:
    table = Transfers((rule("a", "b", None),), Options())
    assert find(table, "a", "b", 1, 0) and not find(table, "b", "a", 1, 0)


@pytest.mark.parametrize(("seconds", "found"), [(0, 2), (60, 2), (61, 1), (10**9, 1)])
def test_a_row_without_a_limit_never_closes(seconds: int, found: int) -> None:
    table = Transfers((rule("a", "a", None, 60, "brief"), rule("a", "a", None, None, "ever")), Options())
    assert len(find(table, "a", "a", 1, seconds)) == found
