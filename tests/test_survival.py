"""The loop on the real stacks survives what readers and cards do, says so, and the books stay right."""

import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection

import pytest

from apdu.virtual import remote
from apdu.virtual.spec import CardSpec
from sync.errors import JournalInUse
from sync.events import Done, Held
from sync.record import decode
from terminal import box
from terminal.demo.cast import DRIVER
from terminal.demo.stage import Stage
from terminal.mode import Mode
from tests import pcscd_fixture
from tests.device import slot

real_pcscd = pcscd_fixture.real_pcscd
slot_1 = slot.slot_1

CARDS = {
    "driver": DRIVER,
    "rider": CardSpec("0000000000000201", balance_fen=9_000),
    "other": CardSpec("0000000000000202", balance_fen=9_000),
    "listed": CardSpec("0000000000000203", balance_fen=9_000),
    "shanghai": CardSpec("2900000000000204", kind="tunion", city="2900", issuer="02002900FFFFFFFF", balance_fen=9_000),
    "short_ats": CardSpec("0000000000000205", balance_fen=9_000, ats="01"),
    "spare": CardSpec("0000000000000207", balance_fen=9_000),
    "bare_ats": CardSpec("0000000000000206", balance_fen=9_000, ats="0208"),
}
SECONDS = 10.0


@pytest.fixture(scope="module")
def shared(slot_1: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One stage for the tests of this file: each leaves it ready."""
    made = Stage(tmp_path_factory.mktemp("device") / "stage", 7, CARDS, [(CARDS["listed"].number20, 1)])
    yield made
    made.close()


@pytest.fixture
def stage(shared: Stage) -> Stage:
    """The stage, ready, without faults, and past the time in which a card repeats its signal."""
    shared.settle()
    time.sleep(1.2)
    return shared


def until(holds: Callable[[], bool]) -> bool:
    """Whether it holds within SECONDS."""
    deadline = time.monotonic() + SECONDS
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


def paid_fen(stage: Stage, name: str) -> int:
    """What has left the card, by the chip's memory."""
    return int(CARDS[name].balance_fen - stage.chips.remote.memory()["cards"][name]["balance_fen"])


def booked_fen(stage: Stage, name: str) -> int:
    """What the journal says was taken from it."""
    rows = [decode(row.raw) for row in stage.box.journal.rows(0, 10_000, 10_000_000)]
    done = {row.event.held for row in rows if isinstance(row.event, Done)}
    held = [(row.seq, row.event) for row in rows if isinstance(row.event, Held)]
    return sum(event.amount for seq, event in held if seq in done and event.card == CARDS[name].number20)


@pytest.mark.parametrize("name", ["short_ats", "bare_ats", "shanghai", "rider"])
def test_a_card_is_served_whatever_its_answer_to_select_looks_like(stage: Stage, name: str) -> None:
    before = paid_fen(stage, name)
    assert stage.tap(name).amount_fen is not None
    assert paid_fen(stage, name) - before in (100, 200)
    assert booked_fen(stage, name) == paid_fen(stage, name)


@pytest.mark.parametrize("notice", [True, False])
@pytest.mark.parametrize("side, then", [("before", ("fare", "group")), ("after", ("healed",))])
def test_a_card_torn_at_the_debit_heals_after_others_and_a_restart(
    stage: Stage, side: str, then: tuple[str, ...], notice: bool
) -> None:
    before = paid_fen(stage, "other")
    stage.chips.remote.tear(side, ins="54", notice=notice)
    assert stage.tap("other").outcome == "present_same_card"
    stage.tap("shanghai")
    stage.restart_device()
    signal = stage.tap("other")
    assert signal.outcome in (*then, "transfer", "repeat_full_fare")
    assert booked_fen(stage, "other") == paid_fen(stage, "other")
    assert paid_fen(stage, "other") - before <= 100


def test_a_psam_that_is_pulled_closes_the_device_and_put_back_opens_it(stage: Stage) -> None:
    stage.chips.remote.psam_unplug()
    signal = stage.tap("rider")
    assert signal.outcome == "out_of_service"
    assert until(lambda: stage.box.device.mode is Mode.CLOSED) and "psam" in stage.box.device.troubles
    assert stage.chips.remote.psam_plug()
    assert until(lambda: stage.box.device.mode is Mode.READY)
    assert stage.tap("rider").amount_fen is not None
    assert booked_fen(stage, "rider") == paid_fen(stage, "rider")


@pytest.mark.parametrize("how", ["bcc", "short", "empty", "collision"])
def test_damaged_anticollision_ends_in_a_served_card(stage: Stage, how: str) -> None:
    stage.chips.remote.damage(how, times=2)
    assert stage.tap("rider").outcome in ("fare", "group", "transfer", "passed_back")
    assert booked_fen(stage, "rider") == paid_fen(stage, "rider")


@pytest.mark.parametrize("noticed", [True, False])
def test_garbled_frames_cost_nothing_twice(stage: Stage, noticed: bool) -> None:
    before = paid_fen(stage, "shanghai")
    stage.chips.remote.garble(times=1, noticed=noticed)
    stage.tap("shanghai")
    stage.chips.remote.clear_faults()
    if booked_fen(stage, "shanghai") != paid_fen(stage, "shanghai") or paid_fen(stage, "shanghai") == before:
        stage.tap("shanghai")
    assert booked_fen(stage, "shanghai") == paid_fen(stage, "shanghai")


def test_a_card_that_asks_for_more_time_is_waited_for(stage: Stage) -> None:
    stage.chips.remote.wtx(3, ins="54")
    assert stage.tap("rider").outcome in ("fare", "group", "transfer", "passed_back")
    assert booked_fen(stage, "rider") == paid_fen(stage, "rider")


@pytest.mark.parametrize("ins", ["A4", "50", "DC"])
def test_a_card_that_falls_silent_before_the_debit_pays_nothing(stage: Stage, ins: str) -> None:
    before = paid_fen(stage, "short_ats")
    stage.chips.remote.tear("before", ins=ins, notice=False)
    assert stage.tap("short_ats").outcome == "present_again"
    assert paid_fen(stage, "short_ats") == before
    assert booked_fen(stage, "short_ats") == before


def test_the_lock_of_a_listed_card_is_proved_by_its_next_select_and_reported(stage: Stage) -> None:
    assert stage.tap("listed").outcome == "hot_listed"
    time.sleep(1.2)
    assert stage.tap("listed").outcome == "locked"
    assert stage.chips.remote.memory()["cards"]["listed"]["locked"] == 1
    assert stage.drain()
    report = _lock_report(stage)
    assert CARDS["listed"].number20 in report


def test_a_dead_field_is_told_and_a_new_one_is_found(slot_1: None, stage: Stage) -> None:
    port = stage.chips.udp_port
    memory = stage.folder / "chips.json"
    stage.chips.stop()
    assert until(lambda: stage.box.device.mode is Mode.CLOSED) and "reader" in stage.box.device.troubles
    stage.chips = remote.start(udp_port=port, seed=7, memory=memory)
    assert until(lambda: stage.box.device.mode is Mode.READY)
    signal = stage.tap("spare")
    if signal.outcome == "out_of_service":  # the PSAM went with the chips' process; its loss shows at the first tap
        assert until(lambda: stage.box.device.mode is Mode.READY)
        signal = stage.tap("spare")
    assert signal.outcome == "fare"
    assert booked_fen(stage, "spare") == paid_fen(stage, "spare") == 100


def _lock_report(stage: Stage) -> str:
    """GET /v1/lock-report."""
    connection = HTTPConnection("127.0.0.1", stage.port, timeout=5)
    connection.request("GET", "/v1/lock-report")
    return connection.getresponse().read().decode("utf-8")


def test_two_devices_cannot_write_one_journal(stage: Stage) -> None:
    with pytest.raises(JournalInUse):
        box.build(stage.configuration)
