"""Parts of a tap by themselves, for information: the verdict, and a journal row beside a bare commit."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from sync.chain import Identity
from sync.events import Done, Held
from sync.journal import Journal
from tariffs.decide import decide
from tests.bench.bare import Database
from tests.bench.figures import Figure, median, p99
from tests.bus import Bus, card

ROUNDS = 1000
IDLE_EACH = 100


def parts(folder: Path) -> Iterator[Figure]:
    """Medians over ROUNDS."""
    asked: list[Any] = []

    def noted(*question: Any) -> Any:
        asked.append(question)
        return decide(*question)

    bus = Bus(folder / "bus")
    with patch("terminal.tap.decide", noted):
        bus.tap(card(1))
    held, done = bus.events()[-2:]
    assert isinstance(held, Held) and isinstance(done, Done)
    yield _verdict(asked[0])
    yield from _rows(folder, held, done, bus.moment().stamp())


def _verdict(question: Any) -> Figure:
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        decide(*question)
        times.append((time.perf_counter() - started) * 1e6)
    return Figure("decide(), ordinary card on route 1", median(times), "us", p99=p99(times), note="no limit")


def _rows(folder: Path, held: Held, done: Done, moment: Any) -> Iterator[Figure]:
    """HELD and DONE in turn, each beside a bare commit of its size."""
    journal = Journal.open(folder / "journal.db", Identity("00000001", 1, 1), "boot")
    bare = Database(folder / "bare.db")
    times: dict[str, list[float]] = {"HELD": [], "DONE": [], "bare": []}
    for number in range(ROUNDS):
        if number % IDLE_EACH == 0:
            journal.idle()
            bare.checkpoint()
        started = time.perf_counter()
        seq = journal.hold(held, *moment).seq
        between = time.perf_counter()
        journal.keep(replace(done, held=seq), *moment)
        ended = time.perf_counter()
        bare.commit(1000)
        times["bare"].append((time.perf_counter() - ended) * 1e6)
        times["HELD"].append((between - started) * 1e6)
        times["DONE"].append((ended - between) * 1e6)
    journal.close()
    bare.close()
    floor = median(times["bare"])
    for kind in ("HELD", "DONE"):
        here = median(times[kind])
        note = f"{here / floor:.1f} times a bare commit, no limit"
        yield Figure(f"journal: one {kind} row, durable", here, "us", None, p99(times[kind]), floor, note=note)
