"""Cards that lie, chips and disks that fail in the middle: nobody rides free, nobody pays twice."""

from collections.abc import Callable
from pathlib import Path

import pytest

from apdu.virtual.cards import Card
from sync.errors import JournalFull
from tariffs.verdict import Reason
from terminal.tap import Outcome
from tests.bus import DRIVER, Bus, card, driver, paid_fen
from tests.chips import ISSUER_SHANGHAI, ChipWire


def present(
    bus: Bus, rider: Card, chip: Callable[[bytes], bytes] | None = None, answers: dict[int, bytes] | None = None
) -> Outcome:
    """The card comes, with another chip's manners or with fixed answers to some instructions."""
    assert rider.chip is not None
    rider.chip.reset()
    bus.wire = ChipWire(chip or rider.chip.transmit)
    bus.wire.answers = answers or {}
    return bus.serve(rider)


def transmit(rider: Card) -> Callable[[bytes], bytes]:
    assert rider.chip is not None
    return rider.chip.transmit


def no_room(*_: object) -> None:
    raise JournalFull("no room")


def test_a_card_that_never_shows_a_mac2_is_not_served(bus: Bus) -> None:
    forged = card(24)
    chip = transmit(forged)
    for counter in range(3):

        def emulator(raw: bytes, counter: int = counter) -> bytes:
            if raw[1] == 0x54:
                return b"\x90\x00"
            if raw[1] == 0x5A:
                return bytes(8) + b"\x90\x00"
            answer = chip(raw)
            return answer[:4] + counter.to_bytes(2, "big") + answer[6:] if raw[1] == 0x50 else answer

        assert not present(bus, forged, emulator).served
        bus.later(minutes=5)


def test_a_card_that_would_pay_from_an_overdraft_is_poor(bus: Bus) -> None:
    rider = card(1, kind="tunion", city="2900", issuer=ISSUER_SHANGHAI)
    chip = transmit(rider)

    def overdrawn(raw: bytes) -> bytes:
        answer = chip(raw)
        if raw[1] != 0x50 or answer[-2:] != b"\x90\x00":
            return answer
        return (100).to_bytes(4, "big") + answer[4:6] + (500).to_bytes(3, "big") + answer[9:]

    assert present(bus, rider, overdrawn).reason is Reason.POOR


@pytest.mark.parametrize("still_full", [False, True])
def test_a_debit_whose_outcome_waits_in_memory_is_neither_healed_nor_a_second_ride(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, still_full: bool
) -> None:
    rider = card(2)
    bus.tap(driver())
    bus.later(minutes=1)
    keep = bus.journal.keep
    monkeypatch.setattr(bus.journal, "keep", no_room)
    assert bus.tap(rider).served
    bus.later(seconds=10)
    if still_full:
        assert bus.tap(rider).reason is Reason.OUT_OF_SERVICE
        bus.later(seconds=10)
    monkeypatch.setattr(bus.journal, "keep", keep)
    assert bus.tap(rider).reason is Reason.GROUP
    assert bus.kinds().count("DONE") == bus.kinds().count("HELD") == 2


def test_another_chip_with_the_same_uid_does_not_settle_a_draft(bus: Bus) -> None:
    rider = card(3, uid="01020304")
    bus.tap(driver())
    bus.later(minutes=1)
    bus.tap_torn_at_debit(rider, executed=True)
    bus.later(seconds=20)
    bus.tap(card(99, uid="01020304", locked=1))
    bus.later(seconds=20)
    assert bus.tap(rider).reason is Reason.HEALED
    assert paid_fen(rider) == 100


def test_a_card_that_is_unlocked_again_still_heals(bus: Bus) -> None:
    rider = card(3)
    bus.tap_torn_at_debit(rider, executed=True)
    assert rider.purse is not None
    rider.purse.memory.lock = 1
    bus.tap(rider)
    bus.tap(rider)
    assert bus.kinds().count("GREY") == 1
    rider.purse.memory.lock = 0
    bus.later(minutes=30)
    bus.tap(rider)
    assert bus.kinds().count("DONE") == 2


def test_a_chip_that_fails_at_prove_leaves_the_draft_open(bus: Bus) -> None:
    rider = card(3)
    bus.tap(driver())
    bus.later(minutes=1)
    bus.tap_torn_at_debit(rider, executed=True)
    present(bus, rider, answers={0x5A: b"\x6f\x00"})
    assert paid_fen(rider) == 100
    assert bus.tap(rider).reason is Reason.HEALED


def test_a_draft_of_a_scheme_that_the_new_psam_lacks_does_not_stop_the_device(bus: Bus) -> None:
    rider = card(1, kind="tunion", city="2900", issuer=ISSUER_SHANGHAI)
    bus.tap_torn_at_debit(rider, executed=False)
    del bus.desk.psam.key_index[bytes.fromhex("8011")]
    assert not bus.tap(rider).served


def test_refusals_do_not_wear_out_the_memory_of_a_replayed_card(bus: Bus) -> None:
    forged = card(24, replays=True)
    bus.tap(forged)
    for _ in range(12):
        bus.later(minutes=5)
        assert bus.tap(forged).reason is Reason.REPLAYED


def test_an_unsignalled_outcome_of_another_day_is_not_repeated(bus: Bus) -> None:
    rider = card(25)
    bus.desk.remember = lambda outcome, mono_ms: None  # type: ignore[method-assign]
    bus.tap(rider)
    bus.later(days=2)
    bus.restart()
    bus.later(seconds=30)
    bus.tap(rider)
    assert paid_fen(rider) == 200


def test_repeating_the_signal_does_not_prolong_the_repeat(bus: Bus) -> None:
    rider = card(19)
    for _ in range(4):
        bus.tap(rider)
        bus.later(seconds=2.9)
    assert paid_fen(rider) > 100


def test_a_grey_tap_is_not_the_first_tap_of_a_student(bus: Bus) -> None:
    student = card(5, main_type="10")
    bus.tap(driver())
    bus.later(minutes=1)
    bus.tap_torn_at_debit(student, executed=True)
    assert present(bus, student, answers={0x5A: b"\x94\x06"}).amount_fen == 100


def test_a_chip_that_refuses_init_of_nothing_is_not_locked_out_for_ever(bus: Bus) -> None:
    rider = card(3)
    bus.tap_torn_at_debit(rider, executed=False)
    chip = transmit(rider)

    def strict(raw: bytes) -> bytes:
        return b"\x6a\x80" if raw[1] == 0x50 and raw[6:10] == bytes(4) else chip(raw)

    assert present(bus, rider, strict).served


def test_a_sign_on_that_cannot_be_written_did_not_happen(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = bus.journal.keep
    monkeypatch.setattr(bus.journal, "keep", no_room)
    assert bus.tap(driver(DRIVER)).reason is Reason.OUT_OF_SERVICE
    monkeypatch.setattr(bus.journal, "keep", keep)
    bus.later(seconds=10)
    assert bus.tap(driver(DRIVER)).reason is Reason.SIGNED_ON
    assert bus.kinds() == ["SIGN_ON"]


def test_a_repeated_signal_does_not_close_the_psam_again(bus: Bus) -> None:
    rider = card(7)
    bus.psam_wire.answers[0x72] = bytes.fromhex("6985")
    assert bus.tap(rider).trouble == "psam"
    bus.psam_wire.answers.clear()
    bus.later(seconds=2)
    assert bus.tap(rider).trouble == ""


def test_a_refusal_does_not_tell_where_the_rider_was(bus: Bus) -> None:
    rider = card(8)
    bus.tap(rider)
    bus.later(minutes=10)
    chip = transmit(rider)

    def cut_short(raw: bytes) -> bytes:
        answer = chip(raw)
        return answer[:-3] + answer[-2:] if raw[1] == 0xB2 else answer

    present(bus, rider, cut_short)
    assert bus.kinds()[-1] == "REFUSED" and "20261123" not in str(bus.events()[-1])


def test_a_hot_list_lock_is_proved_by_a_chip_that_still_shows_its_number(tmp_path: Path) -> None:
    rider = card(8)
    bus = Bus(tmp_path, hot=[(rider.spec.number20, 1)])
    shown = transmit(rider)(bytes.fromhex("00A4040009A00000000386980701"))[:-2]
    bus.tap(rider, tear=(4, True))
    bus.later(minutes=1)
    chip = transmit(rider)
    present(bus, rider, lambda raw: shown + b"\x62\x83" if raw[1] == 0xA4 else chip(raw))
    assert "LOCKED" in bus.kinds()
