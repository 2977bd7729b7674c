"""Discounts, caps and passes: what the other rides of a card change, from what the card or the day's record says."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from apdu.virtual.cards import Card
from apdu.virtual.chip import Records
from tariffs.asks import Ride
from tariffs.decide import decide
from tariffs.extras import Rounding, rounded
from tariffs.faults import PackFaults
from tariffs.pack import Pack, parse_pack
from tariffs.suspects import suspects
from tariffs.use import Pass, Use
from tariffs.verdict import Charge, Reason
from tariffs.wallet import LastRide, Wallet
from terminal.whatif.replay import Tapped, paid, replay
from tests.bus import Bus, card, paid_fen
from tests.chips import OTHER_PSAM_NUMBER, PSAM_NUMBER, profiles
from tests.test_pack import pack_files
from tests.test_transfers import CARD, CHINA

EVIDENCE = 'source = "made up for this test", verified = false'
HEAD = f'rounding = {{ value = "down", {EVIDENCE} }}\nunit_fen = {{ value = 10, {EVIDENCE} }}\n'


def sourced(key: str, value: str) -> str:
    return f"{key} = {{ value = {value}, {EVIDENCE} }}\n"


FIRST = "in_force_from = 2022-01-01\n" + sourced("classes", '["ordinary", "student"]')
DAY_CAP = '[[caps]]\nid = "day"\nperiod = "day"\n' + FIRST + sourced("most_fen", "250")
MONTH_CAP = '[[caps]]\nid = "month"\nperiod = "month"\n' + FIRST + sourced("most_rides", "3")
MORNING = (
    '[[discounts]]\nid = "early"\nwhen = "hours"\nstart = "05:00"\nend = "06:30"\n'
    + FIRST
    + sourced("rate_percent", "75")
)
FIRST_RIDE = '[[discounts]]\nid = "first"\nwhen = "first_ride"\n' + FIRST + sourced("rate_percent", "50")
CITY_PASS = '[[passes]]\nid = "city"\nname_zh = "月票"\nname_en = "pass"\n' + FIRST + sourced("networks", '["city"]')
AT = datetime(2026, 6, 1, 9, tzinfo=CHINA)  # a Monday
TODAY = AT.date()


def pack(*tables: str) -> Pack:
    # Without transfers every ride pays, so that caps have something to cap.
    files = pack_files("jiaxing", fare_transfer_rules__txt=None, discounts__toml=(HEAD + "".join(tables)).encode())
    return parse_pack(files)


def ride(tables: Pack, card: Wallet, at: datetime = AT, line: str = "1") -> Charge:
    verdict = decide(card, Ride(line=line, direction=0, vehicle=f"{at}", trip="T"), at, tables)
    assert isinstance(verdict, Charge)
    return verdict


def day_of(tables: Pack, card: Wallet, moments: list[datetime], line: str = "1") -> list[int]:
    """What each ride costs, the card keeping what the one before wrote."""
    paid = []
    for at in moments:
        verdict = ride(tables, card, at, line)
        card = replace(card, last_ride=verdict.ride, use=verdict.use)
        paid.append(verdict.amount_fen)
    return paid


COUNTED = replace(CARD, use=Use(date(2020, 1, 1)))
HOURS = [AT + timedelta(hours=number) for number in range(4)]


def test_a_day_cap_takes_the_rest_and_then_nothing_and_begins_anew_after_midnight() -> None:
    assert day_of(pack(DAY_CAP), COUNTED, [*HOURS, AT + timedelta(days=1)]) == [100, 100, 50, 0, 100]
    assert ride(pack(DAY_CAP), replace(COUNTED, use=Use(TODAY, day_fen=200, day_rides=2))).reason is Reason.CAPPED


def test_a_cap_by_rides_makes_further_rides_of_the_month_free() -> None:
    days = [AT + timedelta(days=number) for number in range(4)]
    assert day_of(pack(MONTH_CAP), COUNTED, [*days, datetime(2026, 7, 1, 9, tzinfo=CHINA)]) == [100, 100, 100, 0, 100]


def test_a_card_whose_rides_nobody_knows_pays_its_fare() -> None:
    verdict = ride(pack(DAY_CAP, FIRST_RIDE), CARD)
    assert (verdict.amount_fen, verdict.use) == (100, None)


def test_a_cap_is_for_its_classes_and_not_for_visitors() -> None:
    used = Use(TODAY, day_fen=250, day_rides=3)
    tables = pack(DAY_CAP)
    assert ride(tables, replace(CARD, use=used, card_class="student")).amount_fen == 0
    assert ride(tables, replace(CARD, use=used, card_class="senior")).amount_fen == 100
    visitor = replace(CARD, use=used, scheme="tunion", issuer="02002900FFFFFFFF")
    assert ride(tables, visitor).amount_fen == 200


@pytest.mark.parametrize(("clock", "fen"), [((4, 59), 100), ((5, 0), 70), ((6, 29), 70), ((6, 30), 100)])
def test_a_discount_by_hours_includes_its_start_and_not_its_end(clock: tuple[int, int], fen: int) -> None:
    hour, minute = clock
    assert ride(pack(MORNING), CARD, AT.replace(hour=hour, minute=minute)).amount_fen == fen


def test_the_first_ride_of_the_day_is_the_first_that_is_known() -> None:
    assert day_of(pack(FIRST_RIDE), COUNTED, HOURS[:2]) == [50, 100]


def test_a_pass_pays_in_its_networks_while_it_lasts_and_a_counted_one_loses_a_ride() -> None:
    tables, today = pack(CITY_PASS), Pass("city", TODAY, TODAY)
    period = ride(tables, replace(CARD, passes=(today,)))
    assert (period.amount_fen, period.reason, period.held) == (0, Reason.PASS, today)
    counted = replace(today, rides=1)
    once = ride(tables, replace(CARD, passes=(counted,)))
    assert once.held == replace(counted, rides=0)
    assert ride(tables, replace(CARD, passes=(replace(counted, rides=0),))).amount_fen == 100
    assert ride(tables, replace(CARD, passes=(counted, today))).held == today
    assert ride(tables, replace(CARD, passes=(today,)), AT + timedelta(days=1)).amount_fen == 100
    assert ride(tables, replace(CARD, passes=(today,)), line="boat").amount_fen == 300
    assert ride(tables, replace(CARD, passes=(replace(today, id="other"),))).amount_fen == 100


@pytest.mark.parametrize(
    ("rounding", "unit", "fen"),
    [(Rounding.DOWN, 1, 155), (Rounding.DOWN, 10, 150), (Rounding.HALF_UP, 10, 160), (Rounding.UP, 10, 160),
     (Rounding.HALF_UP, 100, 200), (Rounding.DOWN, 100, 100)],
)  # fmt: skip
def test_rounding_is_to_whole_units(rounding: Rounding, unit: int, fen: int) -> None:
    assert rounded(155 * 100, 100, rounding, unit) == fen


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"ordinary", "student"', '"ordinary", "pupil"', "caps.classes"),
        ("value = 250", "value = 2.5", "caps.most_fen"),
        ('period = "day"', 'period = "year"', "caps.period"),
        ('id = "day"', 'id = ""', "caps.id"),
        ('period = "day"', 'period = "day"\nspan = 1', "caps.span"),
        ('value = "down"', 'value = "off"', "rounding"),
    ],
)
def test_a_fault_in_the_file_names_its_place(old: str, new: str, field: str) -> None:
    text = HEAD + DAY_CAP
    assert old in text
    with pytest.raises(PackFaults) as caught:
        parse_pack(pack_files("jiaxing", discounts__toml=text.replace(old, new, 1).encode()))
    assert ("discounts.toml", field) in {(fault.file, fault.field) for fault in caught.value.faults}


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 1439), st.sampled_from(("1", "boat"))),
        max_size=12,
        unique_by=lambda ride: ride[:2],
    )
)
@settings(max_examples=100, deadline=None)
def test_with_a_day_cap_each_day_costs_what_its_rides_cost_together_at_most_the_cap(
    rides: list[tuple[int, int, str]],
) -> None:
    tables, card = pack(DAY_CAP), COUNTED
    days: dict[int, tuple[int, int]] = {}
    for day, minute, line in sorted(rides):
        at = AT.replace(hour=0) + timedelta(days=day, minutes=minute)
        verdict = ride(tables, card, at, line)
        card = replace(card, last_ride=verdict.ride, use=verdict.use)
        fare = {"1": 100, "boat": 300}[line]
        paid, whole = days.get(day, (0, 0))
        days[day] = paid + verdict.amount_fen, whole + fare
    assert all(paid == min(whole, 250) for paid, whole in days.values())


def test_a_replay_knows_the_rides_of_its_day_and_shows_what_a_cap_would_do() -> None:
    taps = [
        Tapped(CARD, Ride(line="1", direction=0, vehicle=f"BUS{number}", trip="T"), at)
        for number, at in enumerate(HOURS)
    ]
    assert [paid(verdict) for verdict in replay(taps, pack(DAY_CAP))] == [100, 100, 50, 0]


@pytest.mark.parametrize(("ago", "fen"), [(timedelta(hours=9, minutes=1), 50), (timedelta(hours=9), 100), (None, 100)])
def test_the_cards_own_record_tells_the_first_ride_of_the_day(ago: timedelta | None, fen: int) -> None:
    before = AT.replace(tzinfo=None)
    last = None if ago is None else LastRide("3", 0, "BUS9", before - ago, before - ago, 1, 0, 100)
    verdict = ride(pack(FIRST_RIDE), replace(CARD, last_ride=last))
    assert verdict.amount_fen == fen and verdict.composite, "and it is kept for the next ride"


def test_a_ride_ahead_of_our_clock_makes_this_one_no_first_ride() -> None:
    later = AT.replace(tzinfo=None) + timedelta(days=1)
    last = LastRide("3", 0, "BUS9", later, later, 1, 0, 100)
    assert ride(pack(FIRST_RIDE), replace(CARD, last_ride=last)).amount_fen == 100


def test_on_a_device_the_second_ride_of_a_day_pays_the_fare_and_the_next_day_the_discount(tmp_path: Path) -> None:
    bus, rider = Bus(tmp_path), card(1)
    bus.pack = pack(FIRST_RIDE)
    fares = []
    for hours in (1, 2, 22, 1):
        fares.append(bus.tap(rider).amount_fen)
        bus.later(hours=hours)
    assert fares == [100, 100, 100, 50] and paid_fen(rider) == 350


def on_a_bus(data: Path, *tables: str, vehicle: str = "1001", psam: str = PSAM_NUMBER) -> Bus:
    bus = Bus(data / vehicle, vehicle=vehicle, psam=psam)
    bus.pack = pack(*tables)
    return bus


def rode(bus: Bus, rider: Card, **later: float) -> int | None:
    fen = bus.tap(rider).amount_fen
    bus.later(**(later or {"hours": 4}))
    return fen


def test_a_cap_holds_over_two_buses_and_a_restart_by_what_the_card_counts(tmp_path: Path) -> None:
    rider = card(1)
    first, second = on_a_bus(tmp_path, DAY_CAP), on_a_bus(tmp_path, DAY_CAP, vehicle="1002", psam=OTHER_PSAM_NUMBER)
    second.later(hours=1)
    fares = [rode(first, rider), rode(second, rider), rode(first, rider)]
    first.restart()
    fares += [rode(first, rider), rode(first, rider, hours=20), rode(first, rider)]
    assert fares == [100, 100, 50, 0, 0, 100] and paid_fen(rider) == 350, "the last one is on the next day"


@pytest.mark.parametrize("executed", [False, True])
def test_a_torn_ride_counts_for_a_cap_when_it_was_paid_and_only_then(tmp_path: Path, executed: bool) -> None:
    bus, rider = on_a_bus(tmp_path, DAY_CAP), card(1)
    bus.tap_torn_at_debit(rider, executed)
    assert bus.tap(rider).served and paid_fen(rider) == 100
    bus.later(hours=4)
    assert [rode(bus, rider) for _ in range(3)] == [100, 50, 0] and paid_fen(rider) == 250


def with_pass(rides: int) -> Card:
    use = next(each.layout for each in profiles()[0].caches if each.optional)
    record = {"id": "0A", "length": "2E", "pass_id": "city", "pass_rides": rides}
    days = {"pass_start": date(2026, 11, 1), "pass_end": date(2026, 11, 23)}
    return card(1, records=(use.build(record | days).hex(),))


def test_a_pass_on_the_card_pays_for_its_rides_until_they_are_used_up(tmp_path: Path) -> None:
    bus, rider = on_a_bus(tmp_path, CITY_PASS), with_pass(2)
    assert [rode(bus, rider) for _ in range(3)] == [0, 0, 100] and paid_fen(rider) == 100


def test_a_period_pass_on_the_card_pays_until_its_last_day(tmp_path: Path) -> None:
    bus, rider = on_a_bus(tmp_path, CITY_PASS), with_pass(0xFF)
    assert [rode(bus, rider, hours=13), rode(bus, rider, hours=12), rode(bus, rider)] == [0, 0, 100]


@pytest.mark.parametrize("record", ["", "0A2E0001" + "FF" * 44])
def test_a_card_without_a_record_that_can_be_made_out_pays_the_fare(tmp_path: Path, record: str) -> None:
    bus, rider = on_a_bus(tmp_path, DAY_CAP), card(1, records=(record,) if record else ())
    assert rider.purse is not None
    file = rider.purse.files[0x17]
    assert isinstance(file, Records)
    if not record:
        file.records = file.records[:1]
    before = file.records[1:]
    assert [rode(bus, rider) for _ in range(3)] == [100, 100, 100] and file.records[1:] == before


def test_a_pack_without_caps_and_passes_asks_nothing_more_of_a_card(tmp_path: Path) -> None:
    bus, rider = Bus(tmp_path), card(1)
    bus.tap(rider)
    assert not [sent for sent in bus.wire.sent if sent[:8] in ("00B202BC", "80DC0AB8")]


def test_the_check_says_of_each_cap_and_pass_which_cards_hold_it() -> None:
    tables = (DAY_CAP, FIRST_RIDE, MONTH_CAP, CITY_PASS)
    files = pack_files("jiaxing", discounts__toml=(HEAD + "".join(tables)).encode())
    told = [fault for fault in suspects(files, parse_pack(files)) if fault.file == "discounts.toml"]
    assert [fault.value for fault in told] == ["day", "month", "city"]
    assert all("a record of uses" in fault.en and fault.line for fault in told)
