"""A journal that has served for years, written by the journal's own code in a few large transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sync.chain import Identity
from sync.journal import Journal
from tests.rows import IDENTITY, done, held

BEGAN = datetime.fromisoformat("2024-01-01T06:00:00+08:00")
TAP = timedelta(seconds=60)
CARDS = 100_000
TORN = 1_000
"""Each such tap is torn, and its card never comes back."""


def card(number: int) -> str:
    """The card of a tap: most riders come back, in no order."""
    return f"3140{number * 7_919 % CARDS:016}"


@contextmanager
def at_once(journal: Journal) -> Iterator[None]:
    """All rows of one transaction: nobody waits for a disk here."""
    journal._store.connection.execute("BEGIN")
    yield
    journal._store.connection.execute("COMMIT")


def age(path: Path, rows: int, acknowledged: int = 0, identity: Identity = IDENTITY) -> Journal:
    """An open journal of so many rows, two a tap, a tap a minute; one in TORN taps is an open draft."""
    journal = Journal.open(path, identity, "boot")
    with at_once(journal):
        tap = 0
        while journal.last_seq < rows:
            at = (BEGAN + TAP * tap).isoformat(timespec="milliseconds")
            fresh = held(card=card(tap), uid=f"{tap:08X}", counter=tap % 60_000, random=f"{tap:08X}")
            seq = journal.hold(fresh, at, "synced", tap).seq
            if tap % TORN and journal.last_seq < rows:
                journal.keep(done(seq), at, "synced", tap)
            tap += 1
    journal.acknowledge(acknowledged)
    journal.flush()
    return journal
