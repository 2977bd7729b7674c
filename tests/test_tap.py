"""The way of a tap, in one process: the real tap, pack and journal over simulated chips."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from sync.errors import JournalBroken, JournalFull
from sync.events import Done, Held, Locked
from tariffs.verdict import Reason, Warning
from terminal.ports import Medium
from tests.bus import Bus, card, driver, paid_fen
from tests.chips import ISSUER_SHANGHAI


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
    assert bus.tap(rider) == replace(first, repeated=True)
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


def test_an_outcome_that_was_written_after_all_is_not_written_twice(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = bus.journal.keep

    def writes_and_fails(*given: Any) -> None:
        keep(*given)
        raise JournalBroken("the disk failed")

    monkeypatch.setattr(bus.journal, "keep", writes_and_fails)
    assert bus.tap(card(22)).served and bus.desk.unwritten
    monkeypatch.setattr(bus.journal, "keep", keep)
    bus.journal.reopen()
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


def test_an_outcome_that_is_shown_again_after_a_restart_is_shown_once(bus: Bus) -> None:
    rider = card(1)
    bus.desk.remember = lambda outcome, mono_ms: None  # type: ignore[method-assign]
    bus.tap(rider)
    bus.restart()
    bus.later(seconds=5)
    assert bus.tap(rider).repeated
    bus.later(seconds=5)
    companion = bus.tap(rider)
    assert not companion.repeated and paid_fen(rider) == 200


def test_a_signalled_outcome_is_not_repeated_after_a_restart(bus: Bus) -> None:
    rider = card(26)
    bus.tap(rider)
    bus.journal.flush()
    bus.restart()
    bus.later(seconds=30)
    bus.tap(rider)
    assert paid_fen(rider) == 200


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
