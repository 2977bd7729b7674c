"""A tap comes before the work of other threads: that work stops within one short stretch, and goes on afterwards."""

import random
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.batch import Batch, heads, pack
from sync.chain import Identity
from sync.journal import Journal
from sync.limits import BATCH_ROWS_MAX, STRETCH_ROWS
from sync.link import LinkDown
from sync.record import GENESIS
from sync.weave import unhurried
from sync.worker import Worker
from terminal import box
from terminal.drivers.clock import SystemClock
from terminal.faces.table import load_signals
from terminal.loop import Device, Plugs, Tables
from terminal.mode import Mode
from terminal.ports import Medium, ReaderLost, Signal
from terminal.precedence import Precedence
from tests.bench.city_rows import debits
from tests.bench.stage import Quiet
from tests.bus import Bus
from tests.chips import ChipWire
from tests.rows import AT, IDENTITY, held
from tests.serving import wait_until

ROWS = tuple(debits(Identity("31400001", 1, 1), random.Random(1), BATCH_ROWS_MAX))


@pytest.fixture
def precedence(monkeypatch: pytest.MonkeyPatch) -> Iterator[Precedence]:
    """Of a device whose taps take any time."""
    monkeypatch.setattr("terminal.precedence.GIVE_WAY_S_MAX", 60.0)
    yield Precedence()


def in_a_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def stands_still(count: list[int], worker: threading.Thread) -> bool:
    before = count[0]
    worker.join(0.05)
    return count[0] == before


def other_work(precedence: Precedence, went_on: list[str]) -> threading.Thread:
    def work() -> None:
        precedence.give_way()
        went_on.append("other")

    return in_a_thread(work)


def test_other_work_waits_until_the_card_has_been_served(precedence: Precedence) -> None:
    went_on: list[str] = []
    with precedence:
        other = other_work(precedence, went_on)
        other.join(0.05)
        went_on.append("tap")
    other.join(30)
    assert went_on == ["tap", "other"]


def test_other_work_waits_for_the_last_of_several_who_are_served(precedence: Precedence) -> None:
    seen: list[str] = []
    with precedence:
        with precedence:
            pass
        other = other_work(precedence, seen)
        other.join(0.05)
        assert not seen
    other.join(10)
    assert seen == ["other"]


def test_with_nobody_in_the_field_other_work_goes_on_at_once(precedence: Precedence) -> None:
    with precedence:
        pass
    precedence.give_way()


def test_a_tap_that_never_ends_does_not_stop_other_work_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("terminal.precedence.GIVE_WAY_S_MAX", 0.01)
    precedence = Precedence()
    with precedence:
        precedence.give_way()


def test_work_in_stretches_stops_for_a_tap_and_goes_on_after_it(precedence: Precedence) -> None:
    stretches, done = [0], threading.Event()

    def computes() -> None:
        while not done.is_set():
            precedence.give_way()
            stretches[0] += 1

    other = in_a_thread(computes)
    wait_until(lambda: stretches[0] > 10)
    with precedence:
        wait_until(lambda: stands_still(stretches, other))
        stopped = stretches[0]
    wait_until(lambda: stretches[0] > stopped)
    done.set()
    other.join(30)


def test_work_that_knows_nothing_of_taps_gives_way_between_its_calls(precedence: Precedence) -> None:
    calls, done = [0], threading.Event()

    def computes() -> str:
        while not done.is_set():
            calls[0] += 1
        return "read"

    found: list[str] = []
    other = in_a_thread(lambda: found.append(precedence.unhurried(computes)))
    wait_until(lambda: calls[0] > 10)
    with precedence:
        wait_until(lambda: stands_still(calls, other))
        stopped = calls[0]
    wait_until(lambda: calls[0] > stopped)
    done.set()
    other.join(30)
    assert found == ["read"]


def test_unhurried_work_gives_and_raises_what_it_would_and_leaves_no_hook(precedence: Precedence) -> None:
    assert precedence.unhurried(lambda: sum(map(int, "123"))) == 6
    with pytest.raises(ZeroDivisionError):
        precedence.unhurried(lambda: 1 // 0)
    assert sys.getprofile() is None


def test_a_batch_is_made_in_short_stretches_and_of_the_same_bytes() -> None:
    times = [0]

    def give_way() -> None:
        times[0] += 1

    batch = Batch("31400001", 1, 1, ROWS, GENESIS, heads(GENESIS, ROWS)[-1])
    assert pack(batch, give_way) == pack(batch)
    columns = ROWS[0].count(b',"') + 1
    assert times[0] >= 2 * BATCH_ROWS_MAX // STRETCH_ROWS + columns
    times[0] = 0
    assert list(unhurried(range(60), give_way, 25)) == list(range(60)) and times[0] == 3


def test_no_batch_is_made_while_a_card_is_being_served(precedence: Precedence, tmp_path: Path) -> None:
    journal, asked = Journal.open(tmp_path / "journal.db", IDENTITY, "boot"), threading.Event()
    read: list[int] = []
    rows = journal.rows
    journal.rows = lambda after, *limits: read.append(after) or rows(after, *limits)  # type: ignore[method-assign,func-returns-value]
    reached = threading.Event()

    def give_way() -> None:
        reached.set()
        precedence.give_way()

    class Away:
        def post(self, *_asked: object) -> None:
            asked.set()
            raise LinkDown("away")

        def close(self) -> None:
            pass

    worker = Worker(journal, Away(), print, print, give_way=give_way)  # type: ignore[arg-type]
    with precedence:
        worker.start()
        assert reached.wait(30)
        journal.hold(held(), AT, "rtc", 0)
        assert not read and not asked.is_set()
    assert asked.wait(30) and read
    assert worker.stop(30)
    journal.close()


def test_the_loop_takes_precedence_for_a_card_and_gives_it_back(tmp_path: Path) -> None:
    bus, seen = Bus(tmp_path), list[str]()

    class Watching(Quiet):
        def show(self, signal: Signal) -> None:
            other = other_work(device.precedence, seen)
            other.join(0.02)
            seen.append("signal")

    def none() -> Any:
        raise ReaderLost("cards come from the test")

    plugs = Plugs(
        open_reader=none,
        open_slot=none,
        clock=SystemClock(),
        face=Watching(),
        signal=lambda outcome: box.told(load_signals(), outcome),
        status=lambda device: box.status(device, None),
        on_tap=lambda: None,
        on_idle=lambda day: None,
        software="test",
        sqlite="",
    )
    device = Device(bus.configuration, bus.profiles, Tables(bus.pack, bus.hot_list), bus.desk, plugs)
    device.mode = Mode.READY
    assert device.serve(Silent()) is not None  # type: ignore[arg-type]
    wait_until(lambda: seen == ["signal", "other"])
    device.precedence.give_way()


class Silent:
    """A card that answers nothing that is known."""

    medium = Medium.ISO_DEP
    uid = bytes(4)

    def __init__(self) -> None:
        self.wire = ChipWire(lambda raw: b"\x6f\x00")
