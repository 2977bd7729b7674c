"""Cards that leave too early: what each tear costs, and how it heals at the next visit."""

from pathlib import Path

import pytest

from sync.events import Admitted, Done, Grey, Held, Void
from tariffs.verdict import Reason
from tests.bus import Bus, card, driver, paid_fen, pay_on_another_bus
from tests.chips import ISSUER_SHANGHAI, ChipWire


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
    assert bus.serve(rider).reason is Reason.UNREADABLE
    assert bus.kinds() == ["HELD", "VOID", "REFUSED"]
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
