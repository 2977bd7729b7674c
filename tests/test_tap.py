"""The way of a tap, in one process: the real tap, pack and journal over simulated chips."""

from pathlib import Path

import pytest

from apdu.virtual.cards import Card
from sync.errors import JournalFull
from sync.record import Admitted, Done, Grey, Held, Locked, SignOff, SignOn, Void
from tariffs.verdict import Reason, Warning
from terminal.ports import Medium
from tests.bus import DRIVER, OTHER_DRIVER, Bus, card, pay_on_another_bus
from tests.chips import ISSUER_SHANGHAI, ChipWire


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    return Bus(tmp_path / "bus")


def driver(number: str = DRIVER) -> Card:
    return card(int(number[4:]), main_type="70")


def paid_fen(served: Card) -> int:
    assert served.purse is not None
    return served.spec.balance_fen - served.purse.memory.balance_fen


@pytest.mark.parametrize(
    "values, reason, fen",
    [
        ({"main_type": "01"}, Reason.FARE, 100),
        ({"main_type": "01", "holder_kind": "XJ"}, Reason.FARE, 100),
        ({"main_type": "01", "holder_kind": "CT"}, Reason.FARE, 100),
        ({"main_type": "10"}, Reason.CONCESSION, 100),
        ({"main_type": "11"}, Reason.CONCESSION, 100),
        ({"main_type": "20"}, Reason.FREE_CLASS, 0),
        ({"main_type": "21"}, Reason.FREE_CLASS, 0),
        ({"kind": "jiaxing_b", "holder_kind": "SB"}, Reason.FARE, 100),
        ({"kind": "tunion", "city": "2900", "issuer": ISSUER_SHANGHAI}, Reason.INTEROP, 200),
    ],
)
def test_each_class_pays_its_fare_and_the_journal_holds_it(
    bus: Bus, values: dict[str, str], reason: Reason, fen: int
) -> None:
    rider = card(1, **values)
    outcome = bus.tap(rider)
    assert outcome.served and outcome.reason is reason and outcome.amount_fen == fen
    assert outcome.balance_fen == 10_000 - fen and paid_fen(rider) == fen
    assert bus.kinds() == ["HELD", "DONE"]
    held, done = bus.events()
    assert isinstance(held, Held) and isinstance(done, Done)
    assert held.amount == fen and held.type == "09" and held.cached and done.mac2 == "checked"
    assert held.card == rider.spec.number20 and held.psam == "314000000001"


@pytest.mark.parametrize(
    "values, reason",
    [
        ({"end": "20200101"}, Reason.EXPIRED),
        ({"start": "20300101"}, Reason.NOT_YET_VALID),
        ({"enabled": False}, Reason.NOT_ENABLED),
        ({"city": "2153"}, Reason.FOREIGN_CITY),
        ({"composite_lock": 1}, Reason.COMPOSITE_LOCKED),
        ({"main_type": "55"}, Reason.CLASS_NOT_SERVED),
        ({"balance_fen": 99}, Reason.POOR),
        ({"serial": 0, "city": "0000"}, Reason.JUNK_NUMBER),
        ({"kind": "foreign"}, Reason.NOT_A_PURSE),
        ({"kind": "tunion", "city": "9999", "issuer": "0299999999FFFFFF"}, Reason.FOREIGN_ISSUER),
        ({"locked": 1}, Reason.LOCKED),
    ],
)
def test_a_card_that_may_not_pass_is_refused_with_its_reason_and_recorded(
    bus: Bus, values: dict[str, object], reason: Reason
) -> None:
    rider = card(**{"serial": 2, **values})  # type: ignore[arg-type]
    outcome = bus.tap(rider)
    assert not outcome.served and outcome.reason is reason
    assert bus.kinds() == ["REFUSED"]
    if rider.purse is not None:
        assert paid_fen(rider) == 0


def test_a_poor_rider_is_told_the_balance(bus: Bus) -> None:
    outcome = bus.tap(card(2, balance_fen=40))
    assert (outcome.amount_fen, outcome.balance_fen) == (100, 40)


def test_a_mifare_card_is_refused_with_a_text(bus: Bus) -> None:
    outcome = bus.tap(card(3, kind="mifare"), Medium.STORAGE)
    assert outcome.reason is Reason.NOT_A_PURSE and bus.kinds() == ["REFUSED"]


def test_a_low_balance_is_warned_of(bus: Bus) -> None:
    assert Warning.LOW_BALANCE in bus.tap(card(2, balance_fen=150)).warnings


def test_the_same_card_within_seconds_repeats_the_signal_and_costs_nothing(bus: Bus) -> None:
    rider = card(4)
    first = bus.tap(rider)
    bus.later(seconds=2)
    assert bus.tap(rider) == first
    assert paid_fen(rider) == 100 and bus.kinds() == ["HELD", "DONE"]


def test_a_students_second_tap_pays_the_full_fare(bus: Bus) -> None:
    student = card(5, main_type="10")
    bus.tap(driver())
    bus.later(minutes=1)
    bus.tap(student)
    bus.later(seconds=10)
    second = bus.tap(student)
    assert second.reason is Reason.REPEAT_FULL_FARE and second.amount_fen == 200
    assert paid_fen(student) == 300


def test_a_transfer_on_another_vehicle_is_free_and_read_from_the_card_alone(tmp_path: Path) -> None:
    rider = card(6)
    one = Bus(tmp_path / "one")
    two = Bus(tmp_path / "two", number="00000002", vehicle="3001", psam="314000000003")
    one.tap(rider)
    two.later(hours=1)
    outcome = two.tap(rider)
    assert outcome.reason is Reason.TRANSFER and outcome.amount_fen == 0
    assert two.held()[0].type == "09" and paid_fen(rider) == 100


def test_a_hot_listed_card_is_refused_recorded_locked_and_proved_locked(tmp_path: Path) -> None:
    rider = card(7)
    bus = Bus(tmp_path, hot=[(rider.spec.number20, 1)])
    assert bus.tap(rider).reason is Reason.HOT_LISTED
    assert bus.kinds() == ["REFUSED", "LOCK_TRIED", "LOCKED"]
    bus.later(minutes=1)
    assert bus.tap(rider).reason is Reason.LOCKED
    assert paid_fen(rider) == 0


def test_a_lock_whose_answer_is_lost_is_proved_by_the_next_select(tmp_path: Path) -> None:
    rider = card(8)
    bus = Bus(tmp_path, hot=[(rider.spec.number20, 1)])
    bus.tap(rider, tear=(4, True))  # SELECT, READ, GET CHALLENGE, APPLICATION BLOCK
    assert bus.kinds() == ["REFUSED", "LOCK_TRIED"]
    bus.later(minutes=1)
    assert bus.tap(rider).reason is Reason.LOCKED
    locked = [event for event in bus.events() if isinstance(event, Locked)]
    assert [event.by for event in locked] == ["select"]


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("values", [{}, {"kind": "tunion", "city": "2900", "issuer": ISSUER_SHANGHAI}])
def test_a_tap_torn_after_the_debit_is_this_ride_and_paid_once(bus: Bus, values: dict[str, str], restart: bool) -> None:
    rider = card(9, **values)
    bus.tap(driver())
    bus.later(minutes=1)
    assert bus.tap_torn_at_debit(rider, executed=True).reason is Reason.PRESENT_SAME_CARD
    fen = paid_fen(rider)
    bus.tap(card(10))
    if restart:
        bus.restart()
    bus.later(minutes=5)
    healed = bus.tap(rider)
    assert healed.served and healed.reason is Reason.HEALED and healed.amount_fen == fen > 0
    assert paid_fen(rider) == fen
    done = [event for event in bus.events() if isinstance(event, Done) and event.by == "prove"]
    assert len(done) == 1 and done[0].tac
    assert [event.names for event in bus.events() if isinstance(event, Admitted)] == [done[0].held]


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("nth", [2, 3, 4])
def test_a_healed_card_that_leaves_before_it_is_admitted_is_admitted_at_its_next_visit(
    bus: Bus, nth: int, restart: bool
) -> None:
    rider = card(32)
    bus.tap(driver())
    bus.tap_torn_at_debit(rider, executed=True)
    bus.tap(rider, tear=(nth, True))
    if restart:
        bus.restart()
    assert bus.tap(rider).reason is Reason.HEALED
    bus.later(seconds=10)
    assert paid_fen(rider) == 100
    assert bus.tap(rider).reason is Reason.GROUP
    assert paid_fen(rider) == 200


def test_a_tap_torn_before_the_debit_is_void_and_then_pays(bus: Bus) -> None:
    rider = card(11)
    assert bus.tap_torn_at_debit(rider, executed=False).reason is Reason.PRESENT_SAME_CARD
    assert bus.tap(rider).reason is Reason.FARE
    assert bus.kinds() == ["HELD", "VOID", "HELD", "DONE"]
    assert paid_fen(rider) == 100


def test_a_torn_tap_healed_later_closes_as_a_past_ride_and_today_is_charged(bus: Bus) -> None:
    rider = card(12)
    bus.tap_torn_at_debit(rider, executed=True)
    bus.later(days=2)
    outcome = bus.tap(rider)
    assert outcome.reason is Reason.FARE and outcome.amount_fen == 100
    assert bus.kinds() == ["HELD", "DONE", "HELD", "DONE"]
    assert paid_fen(rider) == 200


def test_torn_here_and_paid_elsewhere_is_not_taken_for_ours(bus: Bus) -> None:
    rider = card(13)
    bus.tap_torn_at_debit(rider, executed=False)
    pay_on_another_bus(rider, 100, "06", "20261123080100", [])
    bus.later(minutes=2)
    assert bus.tap(rider).amount_fen == 100
    assert [type(event) for event in bus.events()][:2] == [Held, Void]
    assert paid_fen(rider) == 200


def test_a_card_emptied_by_its_torn_debit_still_heals(bus: Bus) -> None:
    rider = card(14, balance_fen=100)
    bus.tap(driver())
    bus.tap_torn_at_debit(rider, executed=True)
    assert bus.tap(rider).reason is Reason.HEALED
    assert paid_fen(rider) == 100


def test_a_card_hot_listed_after_its_torn_debit_is_settled_before_it_is_locked(tmp_path: Path) -> None:
    rider = card(15)
    bus = Bus(tmp_path, hot=[(rider.spec.number20, 1)])
    listed, bus.desk.hot_list = bus.desk.hot_list, Bus(tmp_path / "x").hot_list
    bus.tap_torn_at_debit(rider, executed=True)
    bus.desk.hot_list = listed
    assert bus.tap(rider).reason is Reason.HOT_LISTED
    assert bus.kinds() == ["HELD", "DONE", "REFUSED", "LOCK_TRIED", "LOCKED"]


def test_a_locked_card_with_an_open_draft_is_grey_and_refused(bus: Bus) -> None:
    rider = card(16)
    bus.tap_torn_at_debit(rider, executed=True)
    assert rider.purse is not None
    rider.purse.memory.lock = 1
    assert bus.tap(rider).reason is Reason.LOCKED
    assert [type(event) for event in bus.events()][:2] == [Held, Grey]


def test_a_debit_that_the_card_refuses_is_healed_in_the_same_visit(bus: Bus) -> None:
    rider = card(17)
    assert rider.chip is not None
    chip = rider.chip.transmit
    bus.wire.answers[0x54] = bytes.fromhex("6985")
    bus.wire.chip = chip
    assert bus.serve(rider).reason is Reason.PRESENT_AGAIN
    assert bus.kinds() == ["HELD", "VOID"]
    assert bus.tap(rider).reason is Reason.FARE


def test_a_debit_whose_answer_is_damaged_but_proved_is_one_ride(bus: Bus) -> None:
    rider = card(33)
    assert rider.chip is not None
    chip, seen = rider.chip.transmit, list[int]()

    def damaged(raw: bytes) -> bytes:
        answer = chip(raw)
        seen.append(raw[1])
        return b"\x6f\x00" if raw[1] == 0x54 else answer

    bus.tap(driver())
    bus.wire = ChipWire(damaged)
    assert bus.serve(rider).served and seen.count(0x54) == 1
    bus.later(seconds=10)
    assert bus.tap(rider).reason is Reason.GROUP
    assert paid_fen(rider) == 200


def test_a_false_card_is_refused_and_left_grey_with_an_alarm(bus: Bus) -> None:
    bus.psam_wire.answers[0x72] = bytes.fromhex("9302")
    assert bus.tap(card(18)).reason is Reason.FALSE_CARD
    assert bus.kinds() == ["HELD", "GREY", "ALARM"]


def test_a_psam_that_fails_after_the_debit_accepts_the_rider_and_is_opened_again(bus: Bus) -> None:
    bus.psam_wire.answers[0x72] = bytes.fromhex("6985")
    outcome = bus.tap(card(19))
    assert outcome.served and outcome.trouble == "psam"
    assert bus.kinds() == ["HELD", "DONE"]


def test_a_psam_that_fails_before_the_hold_closes_the_device(bus: Bus) -> None:
    bus.psam_wire.gone = True
    outcome = bus.tap(card(20))
    assert outcome.reason is Reason.OUT_OF_SERVICE and outcome.trouble == "psam" and bus.kinds() == []


def test_a_full_disk_before_the_debit_refuses_and_moves_no_money(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    rider = card(21)

    def full(*_: object) -> None:
        raise JournalFull("no room")

    monkeypatch.setattr(bus.journal, "hold", full)
    outcome = bus.tap(rider)
    assert outcome.reason is Reason.OUT_OF_SERVICE and outcome.trouble == "journal" and paid_fen(rider) == 0


def test_an_outcome_that_cannot_be_written_is_accepted_kept_and_written_later(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = bus.journal.keep

    def full(*_: object) -> None:
        raise JournalFull("no room")

    monkeypatch.setattr(bus.journal, "keep", full)
    assert bus.tap(card(22)).served and bus.desk.unwritten
    monkeypatch.setattr(bus.journal, "keep", keep)
    bus.later(seconds=10)
    bus.tap(card(23))
    assert bus.kinds() == ["HELD", "DONE", "HELD", "DONE"] and not bus.desk.unwritten


def test_a_replaying_forgery_is_refused_at_its_second_ride(bus: Bus) -> None:
    forged = card(24, replays=True)
    bus.tap(forged)
    bus.later(minutes=5)
    assert bus.tap(forged).reason is Reason.REPLAYED


def test_an_outcome_that_was_not_signalled_before_a_restart_is_shown_again(bus: Bus) -> None:
    rider = card(25)
    bus.desk.remember = lambda outcome, mono_ms: None  # type: ignore[method-assign]
    bus.tap(rider)
    bus.restart()
    bus.later(seconds=30)
    again = bus.tap(rider)
    assert again.served and again.amount_fen == 100 and paid_fen(rider) == 100
    bus.later(seconds=31)
    assert bus.tap(rider).amount_fen == 100 and paid_fen(rider) == 200


def test_a_signalled_outcome_is_not_repeated_after_a_restart(bus: Bus) -> None:
    rider = card(26)
    bus.tap(rider)
    bus.journal.flush()
    bus.restart()
    bus.later(seconds=30)
    bus.tap(rider)
    assert paid_fen(rider) == 200


def test_a_driver_signs_on_serves_and_signs_off_with_totals(bus: Bus) -> None:
    assert bus.tap(driver()).reason is Reason.SIGNED_ON
    bus.later(minutes=1)
    bus.tap(card(27))
    bus.tap(card(28, end="20200101"))
    bus.later(minutes=30)
    assert bus.tap(driver()).reason is Reason.SIGNED_OFF
    off = bus.events()[-1]
    assert isinstance(off, SignOff) and (off.done, off.done_fen, off.refused, off.by) == (1, 100, 1, "driver")
    held = bus.held()[0].service
    assert (held.line, held.driver, held.shift) == ("1", DRIVER, 1)


def test_a_drivers_next_duty_follows_and_a_restart_keeps_the_shift(bus: Bus) -> None:
    bus.tap(driver())
    bus.restart()
    bus.later(minutes=10)
    assert bus.tap(driver()).reason is Reason.SIGNED_OFF
    bus.later(minutes=10)
    bus.tap(driver())
    on = bus.events()[-1]
    assert isinstance(on, SignOn) and (on.service.line, on.service.direction, on.service.shift) == ("3", 1, 2)


def test_a_forgotten_sign_off_is_closed_by_the_next_sign_on(bus: Bus) -> None:
    bus.tap(driver())
    bus.later(hours=1)
    assert bus.tap(driver(OTHER_DRIVER)).reason is Reason.SIGNED_ON
    assert bus.kinds() == ["SIGN_ON", "SIGN_OFF", "SIGN_ON"]
    off = bus.events()[1]
    assert isinstance(off, SignOff) and off.by == "next_sign_on" and off.card == DRIVER


def test_a_driver_of_no_roster_is_not_signed_on(bus: Bus) -> None:
    assert bus.tap(driver("31400000000000000999")).reason is Reason.UNKNOWN_DRIVER


def test_without_a_driver_taps_are_served_and_booked_unattributed(bus: Bus) -> None:
    bus.tap(card(29))
    assert (bus.held()[0].service.driver, bus.held()[0].service.shift) == ("", 0)


def test_a_backlog_beyond_its_limit_is_an_alarm_once(bus: Bus) -> None:
    bus.tap(card(34))
    bus.desk.begin(bus.moment(), None)
    bus.desk.watch_backlog()
    assert "ALARM" not in bus.kinds()
    bus.later(hours=73)
    bus.desk.begin(bus.moment(), None)
    bus.desk.watch_backlog()
    bus.desk.watch_backlog()
    assert bus.kinds().count("ALARM") == 1


def test_a_draft_of_a_past_service_day_is_grey_and_still_heals(bus: Bus) -> None:
    rider = card(30)
    bus.tap_torn_at_debit(rider, executed=True)
    bus.later(days=1)
    bus.desk.begin(bus.moment(), None)
    assert bus.desk.end_service_day(bus.at) == 1
    assert bus.desk.end_service_day(bus.at) == 0
    bus.tap(rider)
    assert bus.kinds() == ["HELD", "GREY", "DONE", "HELD", "DONE"]


@pytest.mark.parametrize("nth", range(1, 9))
@pytest.mark.parametrize("executed", [True, False])
def test_a_tear_at_any_command_never_costs_more_than_one_fare(bus: Bus, nth: int, executed: bool) -> None:
    rider = card(31)
    bus.tap(driver())
    bus.tap(rider, tear=(nth, executed))
    assert bus.tap(rider).served
    assert paid_fen(rider) == 100
    outcomes = [event for event in bus.events() if isinstance(event, Done)]
    assert len(outcomes) == 1
