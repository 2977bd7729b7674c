"""Taps while three days of backlog drain, or while other work goes on, beside taps of the same device without.

Blocks of taps alternate, so that the machine's noise meets both alike. The backend is the product's own, in its own
process and with its file in memory: a terminal shares neither processor nor disk with it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from apdu.virtual import remote
from config.blacklist import build
from config.hotlist import HotList
from config.model import Configuration, HotListFile
from sync.journal import Journal
from sync.worker import Worker
from tests.bench.figures import Figure, median, p99
from tests.bench.process import backend
from tests.bench.stage import Stage, card, stage

BACKLOG_ROWS = 2_250
"""Three days of one of 2,000 terminals: 4.5 million rows."""

BLOCKS, TAPS = 10, 50
GAP_S = 0.02
"""Between one card and the next: riders take longer, and the sending never rests meanwhile."""

LISTED = 20_000
"""Cards on the issuer's list, a guess: nobody publishes how long Jiaxing's is."""

SNAPSHOT_EVERY_S = 0.2
"""A person asks for one now and then: its sync, which only the disk can hurry, shall not be in every tap."""

STOP_SECONDS = 15.0
MEDIAN_MAX, P99_MAX = 1.10, 1.25


def taps(chips: remote.Virtual, folder: Path) -> Iterator[Figure]:
    """Blocks of taps, every other one while a backlog drains; then while pack and hot list are loaded anew, and while
    snapshots are written."""
    with (
        TemporaryDirectory(prefix="smk-bench-", dir="/dev/shm") as memory,
        backend(Path(memory)) as address,
        stage(folder / "drain", chips, "jiaxing", backend=address) as on,
    ):
        yield from _draining(on, _riders(chips, 80_000))
    with stage(folder / "work", chips, "jiaxing") as on:
        riders, listed = _riders(chips, 90_000), _listed(on.device.configuration)
        yield from _working(on, riders, "pack and hot list are loaded", lambda: on.built.reload(listed))
        yield from _working(on, riders, "the journal's snapshot is written", lambda: _snapshot(on))


def _riders(chips: remote.Virtual, first: int) -> Iterator[str]:
    """New cards: one that came before may be passed back."""
    return (chips.remote.add(card(number), f"drain-{number}") for number in count(first))


def _draining(on: Stage, riders: Iterator[str]) -> Iterator[Figure]:
    worker, journal = on.built.worker, on.built.journal
    assert worker is not None and worker.stop(STOP_SECONDS)
    while journal.last_seq < BACKLOG_ROWS:
        on.paid(next(riders))
    draining, without, sent = list[float](), list[float](), 0
    for _ in range(BLOCKS):
        without += [on.paid(next(riders)) for _ in _gaps()]
        worker.start()
        for _ in _gaps():
            draining.append(on.paid(next(riders)))
            sent += _refilled(worker, journal)
        assert worker.stop(STOP_SECONDS)
    if sent < BACKLOG_ROWS:
        raise RuntimeError(f"only {sent} rows were sent while the taps went on")
    yield from _compared("three days of backlog drain", draining, without, f"{sent} rows sent")


def _listed(configuration: Configuration) -> Configuration:
    """The same device with a black list of the issuer's."""
    day = date(2026, 11, 1)
    file = Path(configuration.terminal.data) / f"{day:%Y%m%d}_Black.txt"
    file.write_bytes(build(HotList(day, [(f"3140{number:016d}", 1) for number in range(LISTED)])))
    return replace(configuration, hot_list=HotListFile(str(file)))


def _snapshot(on: Stage) -> None:
    target = on.built.journal.path.with_name("snapshot.db")
    target.unlink(missing_ok=True)
    on.built.journal.snapshot(target, on.device.precedence.give_way)
    time.sleep(SNAPSHOT_EVERY_S)


def _working(on: Stage, riders: Iterator[str], what: str, work: Callable[[], object]) -> Iterator[Figure]:
    """Every other block while another thread does `work` again and again."""
    beside, without, times = list[float](), list[float](), 0
    for _ in range(BLOCKS):
        without += [on.paid(next(riders)) for _ in _gaps()]
        enough = threading.Event()
        with ThreadPoolExecutor(1) as other:
            worker = other.submit(_again, work, enough)
            beside += [on.paid(next(riders)) for _ in _gaps()]
            enough.set()
            times += worker.result()
    yield from _compared(what, beside, without, f"{times} times")


def _again(work: Callable[[], object], enough: threading.Event) -> int:
    """Work until it is enough; how many times."""
    times = 0
    while not enough.is_set():
        work()
        times += 1
    return times


def _compared(what: str, beside: list[float], without: list[float], done: str) -> Iterator[Figure]:
    here, there = median(beside), median(without)
    note = f"{len(beside)} taps each in turn; {done} meanwhile"
    yield Figure(f"tap while {what}", here, "ms", p99=p99(beside), floor=there, note=note)
    yield Figure("  ratio of the medians, with and without", here / there, "x", limit=MEDIAN_MAX, floor=1.0)
    here, there = p99(beside), p99(without)
    note = f"{here:.2f} ms, and {there:.2f} ms without"
    yield Figure("  ratio of the p99, with and without", here / there, "x", limit=P99_MAX, floor=1.0, note=note)


def _gaps() -> Iterator[None]:
    """The moments at which the riders of one block come."""
    for _ in range(TAPS):
        time.sleep(GAP_S)
        yield


def _refilled(worker: Worker, journal: Journal) -> int:
    """Have all sent again once it is, as to a backend that lost it; how many rows had been sent."""
    sent = journal.acknowledged
    if sent < BACKLOG_ROWS:
        return 0
    assert worker.stop(STOP_SECONDS)  # an answer on its way would undo it
    journal.acknowledge(0)
    worker.start()
    return sent
