"""The books of a city follow its collectors: committed rows are entered stream by stream, each in order and once.

How far a stream is entered stands in the same transaction as what was entered, so a bookkeeper may die at any moment
and another may take over, or work beside it: whoever writes the books holds their lock.
"""

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

from sync.backend.hospital import Hospital
from sync.backend.intake import enter_rows
from sync.backend.keys import TacKeys
from sync.backend.postgres.tables import PostgresDatabase
from sync.backend.service import Service
from sync.record import Row, decode

STREAMS = 50
"""Streams of one step: whoever waits for the books' lock waits for some tenths of a second."""

ROWS = 40
"""Rows of a stream in one step."""

_DUE = f"""select row.terminal, row.epoch, row.seq, row.kind, row.raw from (
        select stream.terminal, stream.epoch, coalesce(entered.seq, 0) as entered, stream.ack from stream
        left join entered using (terminal, epoch) where stream.ack > coalesce(entered.seq, 0)
        limit {STREAMS}
    ) as due cross join lateral (
        select * from row where row.terminal = due.terminal and row.epoch = due.epoch
        and row.seq > due.entered and row.seq <= due.ack order by row.seq limit {ROWS}
    ) as row order by row.terminal, row.epoch, row.seq"""


class Bookkeeper:
    """Enters what `city` has committed."""

    def __init__(self, city: Service, keys: TacKeys, now: Callable[[], str], centre: Hospital | None = None) -> None:
        """`now` gives ISO 8601 with offset; `centre`: what bills are settled with."""
        self._city = city
        self._keys = keys
        self._now = now
        self._centre = centre

    def step(self) -> int:
        """Enter the next rows; how many there were. Raises Unavailable."""
        now = self._now()
        with self._city.transaction() as database:
            assert isinstance(database, PostgresDatabase)
            due = list(database.query(_DUE))
            for (terminal, epoch), found in groupby(due, lambda row: (row["terminal"], row["epoch"])):
                rows = list(found)
                enter_rows(database, self._keys, _readable(rows), now, self._centre)
                database.enter(terminal, epoch, rows[-1]["seq"])
        return len(due)

    def catch_up(self) -> int:
        """Enter all that is committed; how many rows that was."""
        entered = 0
        while step := self.step():
            entered += step
        return entered


def _readable(rows: list[dict[str, Any]]) -> Iterator[Row]:
    """Rows for the books; those in quarantine have no kind."""
    return (decode(row["raw"]) for row in rows if row["kind"])
