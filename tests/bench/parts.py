"""Two parts of a tap by themselves, for information: the verdict, and a journal row beside a bare commit."""

import time
from collections.abc import Iterator
from pathlib import Path

import apsw

from sync.chain import Identity
from sync.journal import Journal
from tests.bench.figures import Figure, median
from tests.bench.taps import IDLE_EACH
from tests.bus import Bus, card

ROUNDS = 2000


def parts(folder: Path) -> Iterator[Figure]:
    """Medians over ROUNDS."""
    bus = Bus(folder / "bus")
    bus.tap(card(1))
    held = bus.held()[0]
    moment = bus.moment().stamp()
    folder.mkdir(parents=True, exist_ok=True)
    journal = Journal.open(folder / "journal.db", Identity("00000001", 1, 1), "boot")
    bare = apsw.Connection(str(folder / "bare.db"))
    for setting in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
        bare.execute(f"PRAGMA {setting}")
    bare.execute("CREATE TABLE row(seq INTEGER PRIMARY KEY, raw BLOB) STRICT")
    raw = bytes(1050)
    ours, floor = [], []
    for number in range(ROUNDS):
        if number % IDLE_EACH == 0:
            journal.idle()
        started = time.perf_counter()
        journal.hold(held, *moment)
        between = time.perf_counter()
        bare.execute("INSERT INTO row(raw) VALUES(?)", (raw,))
        ours.append((between - started) * 1e6)
        floor.append((time.perf_counter() - between) * 1e6)
    journal.close()
    yield Figure("journal: one HELD row, durable", median(ours), "us", floor=median(floor), note="floor: a bare commit")
