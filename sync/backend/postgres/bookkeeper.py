"""The books of a city follow its collectors: committed rows are entered stream by stream, each in order and once.

How far a stream is entered stands in the same transaction as what was entered, so a bookkeeper may die at any moment
and another may take over, or work beside it: whoever writes the books holds their lock.
"""

import logging
import threading
from collections.abc import Callable
from itertools import groupby

import psycopg

from sync.backend.books import raise_alarm
from sync.backend.hospital import Hospital
from sync.backend.intake import enter_rows
from sync.backend.keys import TacKeys
from sync.backend.postgres.tables import PostgresDatabase
from sync.backend.service import Service
from sync.backend.store import Record, Unavailable
from sync.record import decode

STREAMS = 50
"""Streams of one step: whoever waits for the books' lock waits for some tenths of a second."""

ROWS = 100
"""Rows of a stream in one step."""

PAUSE_SECONDS = 0.5
"""How long the bookkeeper rests when all is entered."""

_log = logging.getLogger(__name__)
_DUE = f"""select row.terminal, row.epoch, row.seq, row.kind, row.raw from (
        select stream.terminal, stream.epoch, coalesce(entered.seq, 0) as entered, stream.ack from stream
        left join entered using (terminal, epoch) where stream.ack > coalesce(entered.seq, 0)
        and stream.terminal || '/' || stream.epoch != all (?) order by contact limit {STREAMS}
    ) as due cross join lateral (
        select * from row where row.terminal = due.terminal and row.epoch = due.epoch
        and row.seq > due.entered and row.seq <= due.ack order by row.seq limit {ROWS}
    ) as row order by row.terminal, row.epoch, row.seq"""

BY_INDEX = [f"set local enable_{way} = off" for way in ("seqscan", "hashjoin", "mergejoin")]
"""A step asks for few records of tables that grow for years, whatever is known of their size just now."""


class Bookkeeper:
    """Enters what `city` has committed."""

    def __init__(self, city: Service, keys: TacKeys, now: Callable[[], str], centre: Hospital | None = None) -> None:
        """`now` gives ISO 8601 with offset; `centre`: what bills are settled with."""
        self._city = city
        self._keys = keys
        self._now = now
        self._centre = centre
        self._stuck: list[str] = []
        self._said: dict[str, str] = {}

    def step(self) -> int:
        """Enter the next rows; how many there were. Raises Unavailable."""
        now = self._now()
        with self._city.transaction() as database:
            assert isinstance(database, PostgresDatabase)
            due = list(database.query(_DUE, (self._stuck,)))
            for setting in BY_INDEX:
                database.execute(setting)
            if due and self._fault(database, due, now):  # one of the streams is at fault, the others go on
                for _, found in groupby(due, _stream):
                    self._enter(database, list(found), now)
        return len(due)

    def _fault(self, database: PostgresDatabase, rows: list[Record], now: str) -> Exception | None:
        """Enter rows of any streams, all of them or none; why the books cannot take them."""
        readable = [decode(row["raw"]) for row in rows if row["kind"]]  # those in quarantine have none
        lasts = {_stream(row): row["seq"] for row in rows}
        try:
            with database.attempt():
                enter_rows(database, self._keys, readable, now, self._centre, self._city.custody)
                database.enter([(*stream, last) for stream, last in lasts.items()])
        except (psycopg.OperationalError, Unavailable):
            raise
        except Exception as wrong:
            return wrong
        return None

    def _enter(self, database: PostgresDatabase, rows: list[Record], now: str) -> None:
        """Rows of one stream; when the books cannot take them a person is called."""
        wrong = self._fault(database, rows, now)
        if wrong is not None:
            terminal, epoch = _stream(rows[0])
            stream, what = f"{terminal}/{epoch}", f"{rows[0]['seq']} {wrong!r}"
            if self._said.get(stream) != what:  # it is tried again twice a second until somebody has come
                _log.error("rows of %s, epoch %s, cannot be entered", terminal, epoch, exc_info=wrong)
            self._said[stream] = what
            self._stuck.append(stream)
            raise_alarm(database, (terminal, epoch, rows[0]["seq"]), "not_entered", now, type(wrong).__name__)

    def catch_up(self, told: Callable[[int], None] = lambda entered: None) -> int:
        """Enter all that is committed, what could not be entered before too; how many rows that was. `told` hears how
        many it was so far."""
        self._stuck.clear()
        entered = 0
        while step := self.step():
            entered += step
            told(entered)
            self._city.carry_out()
        return entered

    def keep(self, stop: threading.Event) -> None:
        """Follow the collectors until told to stop; while the database is away, wait for it."""
        while not stop.is_set():
            try:
                self.catch_up()
            except Unavailable as wrong:
                _log.warning("the books wait for the database: %s", wrong)
            stop.wait(PAUSE_SECONDS)


def _stream(row: Record) -> tuple[str, int]:
    return row["terminal"], row["epoch"]
