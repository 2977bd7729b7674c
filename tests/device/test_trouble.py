"""Readers and cards that misbehave on the real stacks: the loop survives, says so, and the books stay right."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apdu.virtual import remote
from config.model import Limits, Reader, Sync
from sync.events import Done
from terminal import loop
from tests.device.rig import Rig, eventually

AIR_FAULTS: dict[str, Callable[[remote.Remote], None]] = {
    "two damaged answers that the reader notices": lambda chips: chips.garble(2),
    "two damaged answers that it does not notice": lambda chips: chips.garble(2, noticed=False),
    "a command that the card never hears": lambda chips: chips.lose(1),
    "more time at INIT": lambda chips: chips.wtx(5, ins="50"),
    "more time at DEBIT": lambda chips: chips.wtx(59, ins="54"),
    "a wrong checksum of the UID": lambda chips: chips.damage("bcc"),
    "a short UID": lambda chips: chips.damage("short"),
    "no answer to anticollision": lambda chips: chips.damage("empty"),
    "one collision": lambda chips: chips.damage("collision"),
}


def test_a_card_pays_once_over_a_bad_link(rig: Rig) -> None:
    for what, arm in AIR_FAULTS.items():
        card = rig.card()
        arm(rig.remote)
        assert rig.tap(card).outcome == "fare", what
        assert rig.remote.armed() == 0, what
        assert rig.paid_fen(card) == 100, what
    assert rig.books().balanced


@pytest.mark.parametrize("ats", ["01", "0200", "057833D002", "0678007002C0"])
def test_a_card_with_an_unusual_answer_to_select_pays(rig: Rig, ats: str) -> None:
    card = rig.card(ats=ats)
    assert rig.tap(card).outcome == "fare"
    assert rig.books().balanced


def test_each_rider_whose_card_cannot_be_activated_is_told_and_the_next_one_pays(rig: Rig) -> None:
    for ats in ("0278", "0378", "0278"):  # cut short: bytes that are announced do not come
        assert rig.tap(rig.card(ats=ats)).outcome == "one_card_only"
    assert rig.tap(rig.card()).outcome == "fare"
    assert rig.books().balanced


def test_two_cards_that_collide_pay_nothing_until_one_is_taken_away(rig: Rig) -> None:
    card = rig.card()
    rig.ready()
    rig.remote.damage("collision", times=10_000)
    rig.remote.enter(card)
    frames = rig.remote.frames()
    assert eventually(lambda: rig.remote.frames() > frames + 20)  # the reader has looked several times
    assert rig.recorder.signals.empty() and rig.paid_fen(card) == 0
    rig.remote.clear_faults()
    assert rig.heard().outcome == "fare"
    rig.leave()
    assert rig.paid_fen(card) == 100
    assert rig.books().balanced


def test_a_card_that_falls_silent_in_the_field_does_not_stop_the_next(rig: Rig) -> None:
    card = rig.card()
    rig.remote.wtx(59, ins="50")
    rig.remote.enter(card)
    assert eventually(lambda: rig.remote.armed() == 0)
    rig.remote.silent()
    # on a busy machine it may have gone on for a moment, as far as behind the hold
    assert rig.heard().outcome in ("fare", "present_again", "present_same_card")
    rig.remote.leave(notice=False)
    assert rig.tap(rig.card()).outcome == "fare"
    rig.tap(card)
    assert rig.books().balanced


# the PSAM


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("ins", ["70", "72"])
def test_a_psam_that_is_pulled_in_a_tap_costs_nobody_money_and_works_again(rig: Rig, ins: str, side: str) -> None:
    rig.tap(rig.card())  # the PSAM's application is selected now
    card = rig.card()
    rig.remote.tear(side, ins=ins, chip="psam")
    served = ins == "72"
    assert rig.tap(card, wait=False).outcome == ("fare" if served else "out_of_service")
    rig.closed("psam")
    if served:
        assert [row.event.mac2 for row in rig.rows() if isinstance(row.event, Done)] == ["checked", "unchecked"]
    assert rig.paid_fen(card) == (100 if served else 0)
    assert rig.remote.psam_plug()
    rig.ready()
    assert rig.tap(rig.card()).outcome == "fare"
    assert rig.books().balanced


def test_a_psam_that_is_gone_is_found_without_a_tap_and_a_technician_is_told_what_to_do(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "PSAM_CHECK_INTERVAL_S", 0.1)
    rig.remote.psam_unplug()
    rig.closed("psam")
    assert eventually(lambda: "push the PSAM in" in rig.troubles["psam"])
    card = rig.card()
    rig.remote.enter(card)
    assert rig.heard().outcome == "out_of_service"
    rig.remote.leave()
    assert any(status.mode == "closed" and "PSAM" in status.zh for status in rig.recorder.statuses)
    assert rig.remote.psam_plug()
    rig.ready()
    assert rig.tap(card).outcome == "fare"
    assert rig.kinds("STARTED") == ["STARTED"] * 2
    assert rig.books().balanced


def test_a_psam_that_lost_its_session_unseen_costs_one_tap_at_most(rig: Rig) -> None:
    card = rig.card()
    assert rig.tap(card).outcome == "fare"
    rig.remote.psam_reset()
    again = rig.card()
    if rig.tap(again).outcome == "out_of_service":
        assert rig.tap(again).outcome == "fare"
    assert rig.paid_fen(again) == 100
    assert rig.books().balanced


# the reader


@pytest.fixture
def field(tmp_path: Path) -> Iterator[list[remote.Virtual]]:
    """A field in a process of its own, that can be killed; the test puts a new one in its place."""
    running = [remote.start(vpcd_port=0, memory=tmp_path / "field.json")]
    yield running
    for one in running:
        one.process.kill()
        one.process.communicate()
        one.remote.close()


def test_a_reader_that_dies_is_missed_and_found_again_on_its_path(
    make_rig: Callable[..., Rig], field: list[remote.Virtual], tmp_path: Path
) -> None:
    rig = make_rig(reader=Reader(field[0].udp_path, 10))
    rig.remote = field[0].remote
    card = rig.card()
    assert rig.tap(card).outcome == "fare"
    assert eventually(lambda: (tmp_path / "field.json").exists())
    os.kill(field[0].process.pid, signal.SIGKILL)
    assert "start one with" in rig.closed("reader")
    assert rig.alive
    port = field[0].udp_port
    field.append(remote.start(vpcd_port=0, udp_port=port, memory=tmp_path / "field.json"))
    rig.remote = field[1].remote
    rig.ready()
    assert rig.tap(rig.card()).outcome == "fare"
    assert rig.kinds("STARTED", "HELD", "DONE") == ["STARTED", "HELD", "DONE", "STARTED", "HELD", "DONE"]


def test_a_reader_that_dies_in_a_tap_leaves_a_draft_that_heals(
    make_rig: Callable[..., Rig], field: list[remote.Virtual], tmp_path: Path
) -> None:
    rig = make_rig(reader=Reader(field[0].udp_path, 10))
    rig.remote = field[0].remote
    card = rig.card()
    rig.ready()
    field[0].remote.tear("after", ins="54")
    field[0].remote.enter(card)
    assert eventually(lambda: field[0].remote.in_field() is None)
    assert eventually(lambda: (tmp_path / "field.json").exists())
    image = field[0].remote.memory()
    field[0].remote.shutdown()  # its memory is saved, the device meets silence
    field[0].process.wait()
    assert image["cards"][card]["balance_fen"] == 9_900
    rig.closed("reader")
    field.append(remote.start(vpcd_port=0, udp_port=field[0].udp_port, memory=tmp_path / "field.json"))
    rig.remote = field[1].remote
    rig.forget()
    assert rig.tap(card).outcome == "healed"
    assert rig.paid_fen(card) == 100
    assert rig.books().balanced


def test_a_path_with_no_reader_behind_it_is_told_with_what_to_do(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(reader=Reader("tty:NOBODY:pn532", 10))
    assert "check" in rig.closed("reader") or "plugged" in rig.troubles["reader"]
    assert rig.alive


def test_a_validator_that_is_ordered_to_stop_closes_beyond_its_limit_and_opens_when_rows_are_sent(
    make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "PSAM_CHECK_INTERVAL_S", 0.1)
    limits = Limits(unsent_rows=3, stop_rows=4, beyond="stop")
    rig = make_rig(limits=limits, sync=Sync(""))
    rig.tap(rig.card())
    rig.tap(rig.card(), wait=False)
    assert "smk sync export" in rig.closed("standing")
    assert eventually(lambda: any("U 盘" in status.zh for status in rig.recorder.statuses))
    rig.box.journal.acknowledge(rig.box.journal.last_seq)
    rig.ready()
    assert rig.tap(rig.card()).outcome == "fare"
