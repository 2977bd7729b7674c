"""Rows that left the journal: files beside it, each a journal's file of its own, so that the same commands read them.

The archive holds every row up to the journal's number `archived`, in files of ARCHIVE_ROWS rows. A backend that lost
acknowledged rows and wants them again gets them from here.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw

from sync import recall
from sync.chain import Identity, Stored
from sync.errors import DamagedJournal, JournalError
from sync.limits import ARCHIVE_ROWS
from sync.record import Row
from sync.schema import as_stored, connect, connect_closed, speaking

FOLDER = "archive"


class Archive:
    """The archive of one journal. Not thread-safe by itself: its journal holds a lock around every call."""

    def __init__(
        self, journal: Path, identity: Identity, vfs: str | None = None, *, read_only: bool = False
    ) -> None:
        self.folder = journal.parent / FOLDER
        self._identity = identity
        self._vfs = vfs
        self._read_only = read_only

    def file(self, seq: int) -> Path:
        """Where row `seq` lies, or will lie."""
        first = (seq - 1) // ARCHIVE_ROWS * ARCHIVE_ROWS + 1
        return self.folder / f"epoch-{self._identity.epoch}-from-{first:08}.db"

    def end_of_file(self, seq: int) -> int:
        """The last row that the file of row `seq` can hold."""
        return -(-seq // ARCHIVE_ROWS) * ARCHIVE_ROWS

    def take(self, rows: Sequence[Sequence[Any]]) -> None:
        """Make contiguous rows durable here, with all their columns (seq first). Those that it has are left alone.

        Raises JournalError; DamagedJournal when it holds other rows under these numbers.
        """
        first, last = rows[0][0], rows[-1][0]
        assert self.file(first) == self.file(last), "rows of two files"
        if self._vfs is None:
            self.folder.mkdir(exist_ok=True)
        with self._opened(first, new=True) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(f"INSERT OR IGNORE INTO row VALUES({', '.join('?' * len(rows[0]))})", rows)
            connection.execute("UPDATE number SET value = ? WHERE name = 'acknowledged'", (last,))
            if first > 1:
                connection.execute("UPDATE number SET value = (SELECT min(seq) FROM row) WHERE name = 'archived'")
            connection.execute("COMMIT")
            heads = connection.execute("SELECT head FROM row WHERE seq BETWEEN ? AND ?", (first, last))
            if [head for (head,) in heads] != [row[2] for row in rows]:
                raise DamagedJournal(f"{self.file(first)} holds other rows than the journal: move it aside")

    def give_back(self, connection: apsw.Connection, through: int) -> None:
        """Write the rows up to number `through` into the table of a journal, where they are not there still."""
        after: Any = 0
        while after < through:
            with self._opened(after + 1) as archived:
                asked = "SELECT * FROM row WHERE seq > ? AND seq <= ? ORDER BY seq"
                rows = archived.execute(asked, (after, through)).fetchall()
            if not rows:
                raise self._missing(after + 1)
            connection.executemany(f"INSERT OR IGNORE INTO row VALUES({', '.join('?' * len(rows[0]))})", rows)
            after = rows[-1][0]

    def rows(self, after: int, through: int, limit: int) -> list[Stored]:
        """The rows after number `after` up to number `through`, those of one file, `limit` at most."""
        query = "SELECT seq, raw, head FROM row WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
        with self._opened(after + 1) as connection:
            found = as_stored(self.file(after + 1), connection.execute(query, (after, through, limit)))
        if not found or found[0].seq != after + 1:
            raise self._missing(after + 1)
        return found

    def outcomes(self, seq: int, through: int) -> tuple[Row, ...]:
        """The outcomes up to number `through` that name row `seq`, oldest first."""
        found: tuple[Row, ...] = ()
        after = seq
        while after < through and not found:
            with self._opened(after + 1) as connection:
                found = recall.outcomes(connection, seq)
            after = self.end_of_file(after + 1)
        return found

    def fen(self, after: int, through: int) -> int:
        """The money of the rows after number `after` up to number `through`."""
        total = 0
        while after < through:
            with self._opened(after + 1) as connection:
                query = "SELECT max(seq), sum(fen) FROM row WHERE seq > ? AND seq <= ?"
                ((last, fen),) = connection.execute(query, (after, through))
            if last is None:
                raise self._missing(after + 1)
            after, total = last, total + fen
        return total

    def _missing(self, seq: int) -> JournalError:
        return JournalError(f"row {seq} was archived in {self.file(seq)}, which is gone: put that file back")

    @contextlib.contextmanager
    def _opened(self, seq: int, new: bool = False) -> Iterator[apsw.Connection]:
        path = self.file(seq)
        if not new and self._vfs is None and not path.exists():
            raise self._missing(seq)
        opened = connect_closed(path) if self._read_only else connect(path, self._identity, self._vfs)
        try:
            with speaking(path):
                yield opened
        finally:
            with contextlib.suppress(apsw.Error):
                opened.close(force=True)
