"""Closed months leave the rows that are written every day: into a table for each month, attached or detached.

An attached month is found wherever rows are looked for; a detached one is a plain table, to be dumped and dropped or
attached again. Only rows that are in the books move. A stream moves in one transaction, so it may be stopped at any
moment and started again.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

from sync.backend.postgres.schema import Link


class Month(NamedTuple):
    """A month by its first day."""

    first: date

    @classmethod
    def parse(cls, text: str) -> "Month":
        """YYYY-MM. Raises ValueError."""
        if len(text) != 7:
            raise ValueError(f"{text[:20]!r} is no month: YYYY-MM")
        return cls(date.fromisoformat(f"{text}-01"))

    @classmethod
    def of(cls, day: date) -> "Month":
        """The month of a day."""
        return cls(day.replace(day=1))

    @property
    def following(self) -> "Month":
        """The next month."""
        return Month.of(self.first + timedelta(days=31))

    @property
    def table(self) -> str:
        """The month's table."""
        return f"old_row_{self.first:%Y_%m}"

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"


class Moved(NamedTuple):
    """A month whose rows were moved, and how many."""

    month: Month
    rows: int


def archive(link: Link, before: Month, today: date, told: Callable[[Month, int, int], None]) -> Iterator[Moved]:
    """Move the rows taken before a month, month by month; `told` hears of each stream: done, of how many.

    Raises ValueError when one of these months is not over.
    """
    if before.first > today:
        raise ValueError(f"{before}: only months that are over move")
    first = link.execute("select min(taken) from fresh_row where taken < %s", (before.first,)).fetchone()
    link.commit()
    month = Month.of(first[0]) if first and first[0] else before
    while month.first < before.first:
        yield Moved(month, _move(link, month, told))
        month = month.following


def _move(link: Link, month: Month, told: Callable[[Month, int, int], None]) -> int:
    bounds = (month.first, month.following.first)
    with link.transaction():
        sql = "create table if not exists {} partition of old_row for values from ('{}') to ('{}')"
        link.execute(sql.format(month.table, *bounds).encode())
        streams = link.execute("select terminal, epoch, seq from entered order by terminal, epoch").fetchall()
    moved = 0
    for done, stream in enumerate(streams, 1):
        sql = """with gone as (delete from fresh_row where terminal = %s and epoch = %s and seq <= %s
                and taken >= %s and taken < %s returning *)
            insert into old_row select * from gone"""
        with link.transaction():
            moved += link.execute(sql, (*stream, *bounds)).rowcount
        told(month, done, len(streams))
    return moved


def detach(link: Link, month: Month) -> None:
    """Make a month's rows a table of its own, which no question reads any more. Raises psycopg.Error."""
    with link.transaction():
        link.execute(f"alter table old_row detach partition {month.table}".encode())


def attach(link: Link, month: Month) -> None:
    """Let a detached month be read again. Raises psycopg.Error."""
    with link.transaction():
        sql = "alter table old_row attach partition {} for values from ('{}') to ('{}')"
        link.execute(sql.format(month.table, month.first, month.following.first).encode())
