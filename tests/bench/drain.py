"""Taps while three days of backlog drain, beside taps of the same device whose sync thread is not running.

Blocks of taps alternate, so that the machine's noise meets both alike. The backend is the product's own, in its own
process and with its file in memory: a terminal shares neither processor nor disk with it.
"""

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from apdu.virtual import remote
from sync.journal import Journal
from sync.worker import Worker
from tests.bench.figures import Figure, median, p99
from tests.bench.process import backend
from tests.bench.stage import card, stage

BACKLOG_ROWS = 2_250
"""Three days of one of 2,000 terminals: 4.5 million rows."""

BLOCKS, TAPS = 10, 50
GAP_S = 0.02
"""Between one card and the next: riders take longer, and the sending never rests meanwhile."""

STOP_SECONDS = 15.0
MEDIAN_MAX, P99_MAX = 1.10, 1.25


def taps(chips: remote.Virtual, folder: Path) -> Iterator[Figure]:
    """BLOCKS blocks of TAPS taps, every other one while the backlog drains."""
    draining: list[float] = []
    without: list[float] = []
    sent = 0
    with backend(folder) as address, stage(folder / "drain", chips, "jiaxing", backend=address) as on:
        worker, journal = on.worker, on.device.desk.journal
        assert worker is not None and worker.stop(STOP_SECONDS)
        riders = (chips.remote.add(card(number), f"drain-{number}") for number in count(80_000))
        while journal.last_seq < BACKLOG_ROWS:
            on.paid(next(riders))
        for _ in range(BLOCKS):
            without += [on.paid(next(riders)) for _ in _gaps()]
            worker.start()
            for _ in _gaps():
                draining.append(on.paid(next(riders)))
                sent += _refilled(worker, journal)
            assert worker.stop(STOP_SECONDS)
    if sent < BACKLOG_ROWS:
        raise RuntimeError(f"only {sent} rows were sent while the taps went on")
    note = f"{len(draining)} taps each in turn; {sent} rows sent meanwhile"
    here, there = median(draining), median(without)
    yield Figure("tap while three days of backlog drain", here, "ms", p99=p99(draining), floor=there, note=note)
    yield Figure("  median, ratio to a tap without sync", here / there, "x", limit=MEDIAN_MAX, floor=1.0)
    here, there = p99(draining), p99(without)
    note = f"{here:.2f} ms, and {there:.2f} ms without sync"
    yield Figure("  p99, ratio to that of taps without sync", here / there, "x", limit=P99_MAX, floor=1.0, note=note)


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
