"""The reference backend without its HTTP face: one store, one lock, one transaction for each message."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from sync.backend.books import settle_card
from sync.backend.database import open_database
from sync.backend.hospital import Hospital
from sync.backend.intake import take
from sync.backend.keys import TacKeys
from sync.batch import Batch
from sync.limits import SERIAL_GAP, SERIAL_MAX
from sync.record import GENESIS
from sync.session import Answer, Enrolled


class CannotEnrol(ValueError):
    """A terminal that gets no further journal. The message says why."""


class Backend:
    """Takes batches, enrols terminals, answers questions. Safe to call from any thread."""

    def __init__(
        self,
        directory: Path,
        keys: TacKeys,
        now: Callable[[], str],
        versions: Mapping[str, str] | None = None,
        hospital: Hospital | None = None,
    ) -> None:
        """`now` gives ISO 8601 with offset; `versions` of hot list, tariff pack and the like, told in each answer;
        `hospital` what bills are settled with, None where no hospital counters report."""
        directory.mkdir(parents=True, exist_ok=True)
        self._database = open_database(directory / "backend.db")
        self._keys = keys
        self._now = now
        self._versions = dict(versions or {})
        self.hospital = hospital
        self._lock = threading.Lock()

    def enrol(self, terminal: str) -> Enrolled:
        """Open a new epoch of `terminal`: its rows count from 1 again, its serials go on. Raises CannotEnrol."""
        with self.transaction() as database:
            known = next(database.table("terminal").rows_where("terminal = ?", (terminal,)), None)
            epoch, first_serial = 1, 1
            if known is not None:
                last = next(
                    database.query(
                        "select max(first_serial + ack) as used from stream where terminal = ?", (terminal,)
                    )
                )["used"]
                epoch, first_serial = known["epoch"] + 1, last + SERIAL_GAP
            if first_serial > SERIAL_MAX - SERIAL_GAP:
                raise CannotEnrol(f"terminal {terminal} has used up its eight-digit serials: give it a new number")
            database.table("terminal").upsert({"terminal": terminal, "epoch": epoch}, pk="terminal")
            database.table("stream").insert(
                {
                    "terminal": terminal,
                    "epoch": epoch,
                    "first_serial": first_serial,
                    "ack": 0,
                    "head": GENESIS,
                    "contact": "",
                }
            )
        return Enrolled(terminal, epoch, first_serial)

    def take(self, batch: Batch) -> Answer | None:
        """Commit what is new of a batch; None when its terminal and epoch are not enrolled."""
        now = self._now()
        with self.transaction() as database:
            taken = take(database, self._keys, batch, now, self.hospital)
        if taken is None:
            return None
        ack = taken.ack_through
        return Answer(batch.terminal, batch.epoch, ack, ack + 1, now, 0, self._versions, taken.quarantined)

    def add_loads(self, loads: list[dict[str, Any]]) -> None:
        """Take loads that counters made, and settle the grey records of their cards."""
        now = self._now()
        with self.transaction() as database:
            database.table("load").insert_all(loads, ignore=True)
            for card in {load["card"] for load in loads}:
                settle_card(database, card, now)

    @contextmanager
    def transaction(self) -> Iterator[Database]:
        """The store, alone, all or nothing."""
        with self._lock, self._database.atomic() as database:
            yield database

    def close(self) -> None:
        """Close the store."""
        with self._lock:
            self._database.close()
