"""A ride that is paid where it ends: never more than the maximum, and the maximum only when nobody tapped out."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from apdu.virtual.cards import Card
from tariffs.asks import Ride
from tariffs.decide import decide
from tariffs.explain import Explainer
from tariffs.faults import PackFaults
from tariffs.pack import Pack, parse_pack
from tariffs.suspects import suspects
from tariffs.verdict import Charge, Reason, Refuse
from tariffs.wallet import Wallet
from terminal.cli import main
from tests.bus import OTHER_DRIVER, Bus, card, driver, paid_fen, pay_on_another_bus
from tests.chips import ISSUER_SHANGHAI
from tests.test_decide import TUNION
from tests.test_pack import faults_of, pack_files, undated
from tests.test_transfers import CARD, NOW

STOPS = ("S1", "S2", "S3", "S4")
AREA = dict(zip(STOPS, "AABC", strict=True))
FARES = {frozenset("A"): 200, frozenset("B"): 200, frozenset("C"): 200}
FARES |= {frozenset("AB"): 300, frozenset("BC"): 300, frozenset("AC"): 500}
MAXIMUM = 600
TABLE = """
[[networks]]
network_id = "suburb"
maximum = { value = "sub_600", source = "a test", verified = true }
"""
LINES = "".join(
    f'[[lines]]\nroute_id = "3"\ndirection = {direction}\nin_force_from = 2017-01-01\n'
    f'stops = {{ value = {list(stops)}, source = "x", verified = true }}\n'
    for direction, stops in enumerate((STOPS, STOPS[::-1]))
)


def files(**changed: bytes) -> dict[str, bytes]:
    """The Jiaxing pack with route 3 in a network that is paid at the end; half the fare by card."""
    own = undated(pack_files("jiaxing"))
    pairs = [(a, b) for a in "ABC" for b in "ABC"]
    rules = "".join(f"sub,suburb,sub_{FARES[frozenset((a, b))]},{a},{b},\n" for a, b in pairs)
    products = "".join(
        f"sub_{fen},x,{rider},{medium},{fen * percent // 10_000}.{fen * percent // 100 % 100:02},CNY,x,true\n"
        for fen in (200, 300, 500, MAXIMUM)
        for rider, medium, percent in (("adult", "cash", 100), ("adult", "card", 50))
    )
    head = "leg_group_id,network_id,fare_product_id,from_area_id,to_area_id,rule_priority\n"
    return own | {
        "networks.txt": own["networks.txt"] + b"suburb,x\n",
        "route_networks.txt": own["route_networks.txt"].replace(b"city,3", b"suburb,3"),
        "areas.txt": b"area_id\nA\nB\nC\n",
        "stops.txt": b"stop_id,stop_name\n" + b"".join(f"{stop},x\n".encode() for stop in STOPS),
        "stop_areas.txt": b"area_id,stop_id\n" + b"".join(f"{AREA[stop]},{stop}\n".encode() for stop in STOPS),
        "fare_products.txt": own["fare_products.txt"] + products.encode(),
        "fare_leg_rules.txt": (head + "city,city,city_single,,,\nboat,boat,boat_single,,,\n" + rules).encode(),
        "stops.toml": LINES.encode(),
        "tapout.toml": TABLE.encode(),
        **{name.replace("__", "."): raw for name, raw in changed.items()},
    }


PACK = parse_pack(files())
RIDER = replace(CARD, rides_on=True)
"""No such card is known, but a class of its own shows that the maximum and the fares are the class's."""
VISITOR = replace(TUNION, rides_on=True)


def ask(stop: str = "S1", trip: str = "T1", vehicle: str = "BUS1", line: str = "3", direction: int = 0) -> Ride:
    return Ride(line, direction, vehicle, trip, datetime(2025, 6, 2, 6, 0), stop)


def tap(card_: Wallet, where: Ride, minutes: int = 0) -> tuple[Charge, Wallet]:
    """The verdict, and the card after it."""
    verdict = decide(card_, where, NOW + timedelta(minutes=minutes), PACK)
    assert isinstance(verdict, Charge), verdict
    return verdict, replace(card_, last_ride=verdict.ride)


@pytest.mark.parametrize(("rider", "percent"), [(VISITOR, 100), (RIDER, 50)])
@pytest.mark.parametrize("start", STOPS)
@pytest.mark.parametrize("end", STOPS)
def test_boarding_takes_nothing_and_alighting_the_fare_between_the_stops(
    rider: Wallet, percent: int, start: str, end: str
) -> None:
    boarding, on = tap(rider, ask(start))
    assert (boarding.amount_fen, boarding.reason, boarding.composite) == (0, Reason.TAP_IN, True)
    assert boarding.reserve_fen == MAXIMUM * percent // 100 == boarding.ride.held_fen and boarding.ride.on
    alighting, off = tap(on, ask(end), 20)
    fare = FARES[frozenset(AREA[start] + AREA[end])] * percent // 100
    assert (alighting.amount_fen, alighting.reason, alighting.composite) == (fare, Reason.TAP_OUT, True)
    assert not alighting.ride.on and alighting.reserve_fen == 0
    assert tap(off, ask(end), 30)[0].reason is Reason.TAP_IN, "whoever has left and comes back begins another ride"


@pytest.mark.parametrize("line", ["3", "1"])
def test_a_ride_that_nobody_ended_costs_the_maximum_at_the_next_boarding_of_any_line(line: str) -> None:
    _, on = tap(VISITOR, ask())
    own = tap(VISITOR, ask(vehicle="BUS2", line=line))[0].amount_fen
    charge, after = tap(on, ask(vehicle="BUS2", line=line), 120)
    assert (charge.amount_fen, charge.owed_fen) == (own + MAXIMUM, MAXIMUM)
    assert charge.reason is Reason.TAP_OUT_MISSED and charge.ride.amount_fen == own and charge.composite
    assert tap(after, ask(vehicle="BUS3", line="1"), 240)[0].owed_fen == (MAXIMUM if line == "3" else 0), "only once"


def test_another_trip_of_the_same_vehicle_is_another_ride() -> None:
    _, on = tap(VISITOR, ask())
    later = Ride("3", 1, "BUS1", "T2", NOW.replace(tzinfo=None) + timedelta(minutes=30), "S4")
    assert tap(on, later, 40)[0].owed_fen == MAXIMUM


@pytest.mark.parametrize(("start", "end"), [("", "S4"), ("S1", ""), ("S1", "S9"), ("S9", "S4")])
def test_a_stop_that_nobody_knows_costs_the_maximum(start: str, end: str) -> None:
    _, on = tap(VISITOR, ask(start))
    assert tap(on, ask(end), 20)[0].amount_fen == MAXIMUM


def test_a_card_that_cannot_remember_the_ride_pays_the_maximum_at_boarding_and_nothing_at_its_end() -> None:
    for rider, maximum in ((CARD, 300), (replace(VISITOR, rides_on=False), MAXIMUM)):
        charge, _ = tap(rider, ask())
        assert charge.amount_fen == maximum and not charge.ride.on and charge.reserve_fen == 0


def test_a_clock_behind_the_boarding_proves_no_missing_end() -> None:
    _, on = tap(VISITOR, ask())
    assert tap(on, ask(vehicle="BUS2"), -60)[0].owed_fen == 0


def test_what_the_card_claims_is_never_believed_beyond_the_maximum() -> None:
    _, on = tap(VISITOR, ask())
    assert on.last_ride is not None
    lying = replace(on, last_ride=replace(on.last_ride, held_fen=2**32 - 1, station=255))
    assert tap(lying, ask("S3"), 20)[0].amount_fen == MAXIMUM == tap(lying, ask(vehicle="BUS2"), 20)[0].owed_fen


TAPS = st.lists(
    st.tuples(
        st.sampled_from(["", *STOPS]), st.sampled_from(["BUS1", "BUS2"]), st.sampled_from("13"), st.integers(0, 90)
    ),
    max_size=12,
)


@given(TAPS, st.sampled_from([VISITOR, RIDER, CARD]))
def test_however_riders_tap_no_ride_costs_more_than_the_maximum_and_none_is_charged_twice(
    taps: list[tuple[str, str, str, int]], rider: Wallet
) -> None:
    minutes = paid = begun = ended = other = 0
    for stop, vehicle, line, wait in taps:
        minutes += wait
        charge = decide(rider, ask(stop, "T1", vehicle, line), NOW + timedelta(minutes=minutes), PACK)
        if isinstance(charge, Refuse):
            assert charge.reason is Reason.PASSED_BACK
            continue
        assert isinstance(charge, Charge)
        rider = replace(rider, last_ride=charge.ride)
        paid += charge.amount_fen
        assert charge.amount_fen == charge.owed_fen + charge.ride.amount_fen
        assert charge.owed_fen <= MAXIMUM and charge.ride.amount_fen <= MAXIMUM
        begun += charge.ride.on
        ended += charge.reason is Reason.TAP_OUT or charge.owed_fen > 0
        other += charge.reason is not Reason.TAP_OUT and not charge.ride.on
    assert ended <= begun <= ended + 1, "each ride is paid once, the last one may go on"
    assert paid <= MAXIMUM * (ended + other)


# On the device


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    return a_bus(tmp_path / "one")


def a_bus(folder: Path, number: str = "00000001", vehicle: str = "1001") -> Bus:
    """On route 3, with a driver, at the first stop."""
    found = Bus(folder, number=number, vehicle=vehicle)
    found.pack, found.stop = PACK, "S1"
    found.tap(driver(OTHER_DRIVER))
    found.later(minutes=1)
    return found


def visitor(serial: int = 1, balance_fen: int = 10_000) -> Card:
    return card(serial, kind="tunion", city="2900", issuer=ISSUER_SHANGHAI, balance_fen=balance_fen)


def leaves_at(bus: Bus, stop: str) -> None:
    bus.later(minutes=10)
    bus.stop = stop


def test_a_card_with_a_trip_record_pays_the_fare_when_its_rider_leaves(bus: Bus) -> None:
    rider = visitor()
    assert bus.tap(rider).reason is Reason.TAP_IN and paid_fen(rider) == 0
    leaves_at(bus, "S3")
    outcome = bus.tap(rider)
    assert (outcome.reason, outcome.amount_fen) == (Reason.TAP_OUT, 300) and paid_fen(rider) == 300
    assert [(held.amount, held.reason, held.service.stop) for held in bus.held()] == [
        (0, "tap_in", "S1"),
        (300, "tap_out", "S3"),
    ]
    trip = bytes.fromhex(bus.held()[1].cached[0])
    assert trip[14] == 2 and trip[29] == 1 and trip[72] == 3, "both stops stand in the record"
    assert trip[15:25] == trip[58:68] and any(trip[15:25]), "and whose they are"


def test_a_ride_that_was_not_ended_is_paid_on_the_next_bus(bus: Bus, tmp_path: Path) -> None:
    rider = visitor()
    bus.tap(rider)
    other = a_bus(tmp_path / "two", "00000002", "1002")
    other.later(hours=2)
    outcome = other.tap(rider)
    assert (outcome.reason, outcome.amount_fen) == (Reason.TAP_OUT_MISSED, MAXIMUM) and paid_fen(rider) == MAXIMUM
    leaves_at(other, "S4")
    assert other.tap(rider).amount_fen == 500 and paid_fen(rider) == MAXIMUM + 500


def test_nobody_boards_who_could_not_pay_the_maximum(bus: Bus) -> None:
    poor = bus.tap(visitor(balance_fen=MAXIMUM - 1))
    assert (poor.reason, poor.amount_fen, poor.balance_fen) == (Reason.POOR, MAXIMUM, MAXIMUM - 1)
    assert bus.tap(visitor(2, balance_fen=MAXIMUM)).reason is Reason.TAP_IN


@pytest.mark.parametrize("executed", [False, True])
def test_a_torn_boarding_is_begun_once_whenever_the_rider_comes_back(bus: Bus, executed: bool) -> None:
    for serial, stop in ((1, "S1"), (2, "S4")):
        rider = visitor(serial)
        bus.stop = "S1"
        bus.tap_torn_at_debit(rider, executed)
        leaves_at(bus, stop)
        again = bus.tap(rider)
        if stop == "S1" or not executed:
            assert again.reason is (Reason.HEALED if executed else Reason.TAP_IN) and paid_fen(rider) == 0
        else:
            assert (again.reason, again.amount_fen) == (Reason.TAP_OUT, 500), "at another stop it is the ride's end"


def test_a_torn_boarding_shown_again_where_no_stop_is_known_is_not_taken_for_the_rides_end(bus: Bus) -> None:
    rider = visitor()
    bus.tap_torn_at_debit(rider, True)
    leaves_at(bus, "")
    assert bus.tap(rider).reason is Reason.HEALED and paid_fen(rider) == 0


@pytest.mark.parametrize("executed", [False, True])
def test_a_torn_alighting_is_paid_once(bus: Bus, executed: bool) -> None:
    rider = visitor()
    bus.tap(rider)
    leaves_at(bus, "S3")
    bus.tap_torn_at_debit(rider, executed)
    bus.later(seconds=20)
    assert bus.tap(rider).reason is (Reason.HEALED if executed else Reason.TAP_OUT)
    assert paid_fen(rider) == 300


def test_a_jiaxing_card_pays_the_maximum_at_boarding_since_its_record_has_no_place_for_the_ride(bus: Bus) -> None:
    rider = card(5)
    assert bus.tap(rider).amount_fen == 300 == paid_fen(rider)


@pytest.mark.parametrize("own", [True, False])
def test_a_ride_that_began_with_another_operator_is_not_ended_here(bus: Bus, own: bool) -> None:
    rider = visitor()
    bus.tap(visitor(2))
    trip, travel = bus.held()[0].cached
    if not own:
        trip = trip[:34] + "12002900FFFFFFFF" + trip[50:]  # boarding organisation
    pay_on_another_bus(rider, 0, "09", f"{bus.at:%Y%m%d%H%M%S}", [f"80DC02D080{trip}", f"80DC00F030{travel}"])
    leaves_at(bus, "S3")
    assert bus.tap(rider).reason is (Reason.TAP_OUT if own else Reason.TAP_IN)
    assert paid_fen(rider) == (300 if own else 0)


# Faults of the table


@pytest.mark.parametrize(
    ("old", "new", "where", "said"),
    [
        ('"suburb"', '"moon"', "tapout.toml:3", "no route is of this network"),
        ("sub_600", "sub_700", "tapout.toml:4", "no cash fare"),
        ("sub_600", "sub_300", "fare_leg_rules.txt:6", "above the maximum fare of its network, 3.00 yuan"),
        (TABLE, TABLE + TABLE, "tapout.toml:7", "stands twice"),
        (TABLE, TABLE + "more = 1\n", "tapout.toml:5", "not known"),
        (TABLE, "", "fare_leg_rules.txt:4", "does not know where and when the ride ends"),
    ],
)
def test_a_fault_is_told_with_its_place(old: str, new: str, where: str, said: str) -> None:
    assert old in TABLE
    told = [fault.text() for fault in faults_of(files(tapout__toml=TABLE.replace(old, new).encode()))]
    assert any(text.startswith(where) and said in text for text in told), told


@given(st.sampled_from(["stops.toml", "tapout.toml"]), st.data())
@settings(max_examples=60, deadline=None)
def test_any_bytes_and_any_damage_are_a_pack_or_faults(name: str, data: st.DataObject) -> None:
    whole = bytearray(files()[name])
    if data.draw(st.booleans()):
        start = data.draw(st.integers(0, len(whole) - 1))
        whole[start : start + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=8))
    else:
        whole = bytearray(data.draw(st.binary(max_size=80)))
    try:
        assert isinstance(parse_pack(files() | {name: bytes(whole)}), Pack)
    except PackFaults as wrong:
        assert wrong.faults


# What the technician is told


def test_the_whole_pack_has_nothing_suspect_and_one_without_its_stops_has() -> None:
    own = files()
    adult_only = {"fare_products.txt", "classes.toml"}
    assert {fault.file for fault in suspects(own, PACK)} <= adult_only
    bare = {name: raw for name, raw in own.items() if name != "stops.toml"}
    told = [fault.text() for fault in suspects(bare, parse_pack(bare)) if fault.file == "stops.toml"]
    assert told == ['stops.toml route_id = "3": its fares depend on the stop, but stops.toml does not have it']


def test_an_explanation_names_the_maximum_and_then_the_rule_of_the_two_stops() -> None:
    explainer = Explainer(files(), PACK)
    boarding = explainer.explain(VISITOR, ask(), NOW)
    places = [note.where for step in boarding.steps for note in step.notes if note.matched]
    assert "tapout.toml:4" in places
    _, on = tap(VISITOR, ask())
    steps = explainer.explain(on, ask("S4"), NOW + timedelta(minutes=20)).steps
    rules = [note for step in steps if step.en == "fare rules" for note in step.notes if note.matched]
    assert [(note.where, note.said) for note in rules] == [("fare_leg_rules.txt:6", "suburb A C → sub_500")]
    assert not {step.en for step in steps} & {"a transfer", "a second tap in the same ride"}
    told = [note.en for step in explainer.explain(CARD, ask(), NOW).steps for note in step.notes]
    assert "this card cannot remember a ride: it pays that when it boards" in told


def test_the_command_explains_a_ride_from_stop_to_stop(tmp_path: Path) -> None:
    for name, raw in files().items():
        (tmp_path / name).write_bytes(raw)
    asked = ["fare", "explain", str(tmp_path), "3@8:00", "3@8:30", "--rider", "tunion", "--stop", "S1", "--stop", "S4"]
    ran = CliRunner().invoke(main, [*asked, "--json"])
    assert [(tap["reason"], tap["amount_fen"]) for tap in json.loads(ran.stdout)] == [("tap_in", 0), ("tap_out", 500)]
