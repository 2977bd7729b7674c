"""Taps and sales while three days of backlog drain, or taps while other work goes on, beside those of the same device
without.

Blocks of them alternate, so that the machine's noise meets both alike. The backend is the product's own, in its own
process and with its file in memory: a terminal shares neither processor nor disk with it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from apdu.virtual import remote
from config.blacklist import build
from config.hotlist import HotList
from config.model import Configuration, HotListFile, Market
from sync.journal import Journal
from sync.worker import Worker
from terminal.till.build import Built
from terminal.till.build import build as build_till
from terminal.till.deal import Step
from tests.bench.figures import Figure, median, p99
from tests.bench.process import backend
from tests.bench.stage import FOUND_SECONDS, Stage, card, configuration, stage
from tests.tills import order

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
    """Blocks of taps, and of a till's sales, every other one while a backlog drains; then of taps while pack and hot
    list are loaded anew, and while snapshots are written."""
    with (
        TemporaryDirectory(prefix="smk-bench-", dir="/dev/shm") as memory,
        backend(Path(memory)) as address,
        stage(folder / "drain", chips, "jiaxing", backend=address) as on,
    ):
        riders = _riders(chips, 80_000)
        yield from _draining("tap", on.built.worker, on.built.journal, lambda: on.paid(next(riders)))
    with (
        TemporaryDirectory(prefix="smk-bench-", dir="/dev/shm") as memory,
        backend(Path(memory)) as address,
        _till(folder / "till", chips, address) as till,
    ):
        buyers, orders = _riders(chips, 85_000), map(order, count(1))
        sold = lambda: _sold(chips, till, next(orders), next(buyers))  # noqa: E731
        yield from _draining("a till's sale", till.worker, till.journal, sold)
    with stage(folder / "work", chips, "jiaxing") as on:
        riders, listed = _riders(chips, 90_000), _listed(on.device.configuration)
        yield from _working(on, riders, "pack and hot list are loaded", lambda: on.built.reload(listed))
        yield from _working(on, riders, "the journal's snapshot is written", lambda: _snapshot(on))


def _riders(chips: remote.Virtual, first: int) -> Iterator[str]:
    """New cards: one that came before may be passed back."""
    return (chips.remote.add(card(number), f"drain-{number}") for number in count(first))


@contextmanager
def _till(folder: Path, chips: remote.Virtual, address: str) -> Iterator[Built]:
    """A till at work, on the bus's reader and PSAM."""
    told = configuration(folder, chips.udp_path, "jiaxing", address)
    built = build_till(replace(told, market=Market("A-17")))
    try:
        built.till.open_shift("0017")
        yield built
    finally:
        built.close()


def _sold(chips: remote.Virtual, built: Built, name: str, buyer: str) -> float:
    """Milliseconds of a sale from the card found to the money taken, all of it durable."""
    built.till.sell(name, [("x", 1)])
    chips.remote.enter(buyer)
    found = built.till.parts.chips.card(FOUND_SECONDS)
    assert found is not None
    started = time.perf_counter()
    deal = built.till.serve(found)
    elapsed_ms = (time.perf_counter() - started) * 1000
    assert deal.step is Step.DONE, deal
    chips.remote.leave()
    built.till.parts.chips.keep_down()  # nobody waits here until it has been away for long enough
    return elapsed_ms


def _draining(what: str, worker: Worker | None, journal: Journal, paid: Callable[[], float]) -> Iterator[Figure]:
    assert worker is not None and worker.stop(STOP_SECONDS)
    while journal.last_seq < BACKLOG_ROWS:
        paid()
    draining, without, sent = list[float](), list[float](), 0
    for _ in range(BLOCKS):
        without += [paid() for _ in _gaps()]
        worker.start()
        for _ in _gaps():
            draining.append(paid())
            sent += _refilled(worker, journal)
        assert worker.stop(STOP_SECONDS)
    if sent < BACKLOG_ROWS:
        raise RuntimeError(f"only {sent} rows were sent while others were served")
    yield from _compared(f"{what} while three days of backlog drain", draining, without, f"{sent} rows sent")


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
    yield from _compared(f"tap while {what}", beside, without, f"{times} times")


def _again(work: Callable[[], object], enough: threading.Event) -> int:
    """Work until it is enough; how many times."""
    times = 0
    while not enough.is_set():
        work()
        times += 1
    return times


def _compared(what: str, beside: list[float], without: list[float], done: str) -> Iterator[Figure]:
    here, there = median(beside), median(without)
    note = f"{len(beside)} each in turn; {done} meanwhile"
    yield Figure(what, here, "ms", p99=p99(beside), floor=there, note=note)
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
