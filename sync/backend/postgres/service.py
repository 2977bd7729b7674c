"""A city's backend: any number of collectors without a state of their own over one PostgreSQL.

A collector commits batches and no more; the books follow (sync/backend/postgres/bookkeeper.py).
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from queue import Empty, SimpleQueue
from typing import NamedTuple

from sync.backend.hospital import Hospital
from sync.backend.postgres.intake import prepare, take_together
from sync.backend.postgres.link import Links
from sync.backend.postgres.tables import PostgresDatabase
from sync.backend.service import Service
from sync.backend.store import Database, Unavailable
from sync.batch import Batch
from sync.session import Answer

WRITERS = 2
"""Transactions of a collector at a time: while one waits for the disk the next is judged."""

READERS = 4
"""Connections of a collector for questions, enrolments and loads."""

ROWS_TOGETHER = 8_000
"""Rows of one commit at most: forty full batches, below 10 MB."""

BOOKS_LOCK = 20_240_507
"""The advisory lock of whoever writes the books."""


class _Waiting(NamedTuple):
    batch: Batch
    answer: "Future[Answer | None]"


class City(Service):
    """The backend over the database of a connection string. Its tables exist already (schema.create)."""

    def __init__(
        self,
        line: str,
        now: Callable[[], str],
        versions: Mapping[str, str] | None = None,
        hospital: Hospital | None = None,
    ) -> None:
        """As for Service."""
        super().__init__(now, versions, hospital)
        self._links = Links(line, WRITERS + READERS, prepare)
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._writers = [threading.Thread(target=self._write, name=f"writer-{n}", daemon=True) for n in range(WRITERS)]
        for writer in self._writers:
            writer.start()

    def take(self, batch: Batch) -> Answer | None:
        """See Service."""
        return self._queued(batch).result()

    async def taken(self, batch: Batch) -> Answer | None:
        """See Service."""
        return await asyncio.wrap_future(self._queued(batch))

    def _queued(self, batch: Batch) -> "Future[Answer | None]":
        waiting = _Waiting(batch, Future())
        self._waiting.put(waiting)
        return waiting.answer

    def _write(self) -> None:
        """Commit what waits, all of it together: the more waits the cheaper each batch gets."""
        while (first := self._waiting.get()) is not None:
            group = self._joined(first)
            try:
                self._commit(group)
            except Unavailable as wrong:
                _fail(group, wrong)
            except Exception as wrong:  # one of them may be at fault: the others must not pay for it
                for waiting in group:
                    self._commit_alone(waiting, wrong)

    def _joined(self, first: _Waiting) -> list[_Waiting]:
        """What waits beside `first`: one batch of a stream at most, the others wait for the next turn."""
        group, rows = {_stream(first): first}, len(first.batch.rows)
        while rows < ROWS_TOGETHER:
            try:
                waiting = self._waiting.get_nowait()
            except Empty:
                break
            if waiting is None or _stream(waiting) in group:
                self._waiting.put(waiting)
                break
            group[_stream(waiting)] = waiting
            rows += len(waiting.batch.rows)
        return list(group.values())

    def _commit(self, group: list[_Waiting]) -> None:
        now = self._now()
        refusals = self.custody.refusals() if self.custody else None
        with self._links.transaction() as link:
            taken = take_together(link, [waiting.batch for waiting in group], now, refusals)
        for waiting, one in zip(group, taken, strict=True):
            _tell(waiting, self._answer(waiting.batch, one, now))

    def _commit_alone(self, waiting: _Waiting, wrong: Exception) -> None:
        try:
            self._commit([waiting])
        except Exception as its_own:
            its_own.__context__ = wrong
            _fail([waiting], its_own)

    def transaction(self) -> AbstractContextManager[Database]:
        """See Service."""
        return self._keeping()

    @contextmanager
    def _keeping(self) -> Iterator[Database]:
        with self._links.transaction() as link:
            link.execute("select pg_advisory_xact_lock(%s)", (BOOKS_LOCK,))
            yield PostgresDatabase(link)

    def question(self) -> AbstractContextManager[Database]:
        """See Service."""
        return self._reading()

    @contextmanager
    def _reading(self) -> Iterator[Database]:
        with self._links.transaction() as link:
            link.execute("set transaction isolation level repeatable read read only")
            yield PostgresDatabase(link)

    def behind(self, database: Database) -> int:
        """See Service."""
        query = """select coalesce(sum(stream.ack - coalesce(entered.seq, 0)), 0) as rows
            from stream left join entered using (terminal, epoch)"""
        return int(next(database.query(query))["rows"])

    def close(self) -> None:
        """See Service."""
        for _ in self._writers:
            self._waiting.put(None)
        for writer in self._writers:
            writer.join()
        self._links.close()


def _stream(waiting: _Waiting) -> tuple[str, int]:
    return waiting.batch.terminal, waiting.batch.epoch


def _tell(waiting: _Waiting, answer: Answer | None) -> None:
    if waiting.answer.set_running_or_notify_cancel():  # a terminal may be gone by now
        waiting.answer.set_result(answer)


def _fail(group: list[_Waiting], wrong: Exception) -> None:
    for waiting in group:
        if waiting.answer.set_running_or_notify_cancel():
            waiting.answer.set_exception(wrong)
