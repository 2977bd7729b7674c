"""The backend without its HTTP face: what it does for terminals and people, and its embedded store."""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

from sync.backend.books import raise_alarm, settle_cards
from sync.backend.custody import Custody
from sync.backend.database import open_database
from sync.backend.health import unsent_rows
from sync.backend.hospital import Hospital
from sync.backend.intake import Taken, take
from sync.backend.keys import TacKeys
from sync.backend.lender import Lender
from sync.backend.store import Database
from sync.batch import Batch
from sync.chain import TRAINING
from sync.limits import SERIAL_GAP, SERIAL_MAX
from sync.record import GENESIS
from sync.session import Answer, Enrolled


class CannotEnrol(ValueError):
    """A terminal that gets no further journal. The message says why."""


class Service(ABC):
    """A backend over some store. Safe to call from any thread."""

    def __init__(
        self, now: Callable[[], str], versions: Mapping[str, str] | None = None, hospital: Hospital | None = None
    ) -> None:
        """`now` gives ISO 8601 with offset; `versions` of hot list, tariff pack and the like, told in each answer;
        `hospital` what bills are settled with, None where no hospital counters report."""
        self._now = now
        self.versions = dict(versions or {})
        self.hospital = hospital
        self.lender: Lender | None = None
        self.custody: Custody | None = None
        """Who knows stolen devices; None without an authority."""

    def lend(self, lender: Lender) -> None:
        """From now on top-up counters are answered by `lender`."""
        self.lender = lender
        lender.start(self.transaction)

    def carry_out(self) -> None:
        """Tell the bank what it is owed about loads."""
        if self.lender is not None:
            self.lender.carry_out(self.transaction, self._now())

    @abstractmethod
    def take(self, batch: Batch) -> Answer | None:
        """Commit what is new of a batch; None when its terminal and epoch are not enrolled. Raises Unavailable."""

    async def taken(self, batch: Batch) -> Answer | None:
        """`take`, for an event loop."""
        return await asyncio.to_thread(self.take, batch)

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Database]:
        """The books, alone, all or nothing."""

    def question(self) -> AbstractContextManager[Database]:
        """The store for reading."""
        return self.transaction()

    def behind(self, database: Database) -> int:
        """Committed rows that are not in the books yet."""
        return 0

    @abstractmethod
    def close(self) -> None:
        """Close the store."""

    def enrol(self, terminal: str) -> Enrolled:
        """Open a new epoch of `terminal`: its rows count from 1 again, its serials go on. Raises CannotEnrol."""
        if terminal == TRAINING:
            raise CannotEnrol(f"{terminal} is the number of trainings: nothing of theirs belongs into the books")
        with self.transaction() as database:
            known = next(database.table("terminal").rows_where("terminal = ?", (terminal,)), None)
            epoch, first_serial = 1, 1
            if known is not None:
                last = next(
                    database.query("select max(first_serial + ack) as used from stream where terminal = ?", (terminal,))
                )["used"]
                epoch, first_serial = known["epoch"] + 1, last + SERIAL_GAP
                if missing := unsent_rows(database, terminal):
                    detail = f"rows {missing[0]} to {missing[-1]} of epoch {known['epoch']}"
                    raise_alarm(database, (terminal, known["epoch"], missing[0]), "rows_missing", self._now(), detail)
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

    def add_loads(self, loads: list[dict[str, Any]]) -> None:
        """Take loads that counters made, and settle the grey records of their cards."""
        now = self._now()
        with self.transaction() as database:
            database.table("load").insert_all(loads, ignore=True)
            settle_cards(database, {load["card"] for load in loads}, now)

    def alarm(self, terminal: str, what: str, detail: str) -> None:
        """Note an alarm about a terminal rather than one of its rows, once for each detail."""
        with self.transaction() as database:
            raise_alarm(database, (terminal, 0, crc32(detail.encode("utf-8"))), what, self._now(), detail)

    def _answer(self, batch: Batch, taken: Taken | None, now: str) -> Answer | None:
        if taken is None:
            return None
        ack = taken.ack_through
        return Answer(batch.terminal, batch.epoch, ack, ack + 1, now, 0, self.versions, taken.quarantined)


class Backend(Service):
    """The embedded store: one file, one lock, one transaction for each message."""

    def __init__(
        self,
        directory: Path,
        keys: TacKeys,
        now: Callable[[], str],
        versions: Mapping[str, str] | None = None,
        hospital: Hospital | None = None,
    ) -> None:
        """The store in `directory`; the rest as for Service."""
        super().__init__(now, versions, hospital)
        directory.mkdir(parents=True, exist_ok=True)
        self._database = open_database(directory / "backend.db")
        self._keys = keys
        self._lock = threading.Lock()

    def take(self, batch: Batch) -> Answer | None:
        """See Service."""
        now = self._now()
        with self.transaction() as database:
            taken = take(database, self._keys, batch, now, self.hospital, self.custody)
        self.carry_out()
        return self._answer(batch, taken, now)

    @contextmanager
    def transaction(self) -> Iterator[Database]:
        """See Service."""
        with self._lock, self._database.atomic() as database:
            yield database

    def close(self) -> None:
        """See Service."""
        with self._lock:
            self._database.close()
