"""All rows of one epoch, as if they lay in one place: those of the journal's file, and those of its archive."""

from pathlib import Path

import apsw

from sync import recall
from sync.archive import Archive
from sync.chain import Stored
from sync.errors import DamagedJournal, JournalError
from sync.record import GENESIS, Row
from sync.schema import TROUBLES, as_stored


class Whole:
    """`border`: the first row that is surely in the journal's file; every row up to it is in the archive.

    Each question raises JournalError when the archive's file with the answer is gone.
    """

    def __init__(self, path: Path, connection: apsw.Connection, archive: Archive, border: int) -> None:
        self._path = path
        self._connection = connection
        self._archive = archive
        self.border = border

    def row(self, seq: int) -> Row | None:
        """Row `seq`, None where there is none."""
        found = recall.row_at(self._connection, seq)
        if found is None and 0 < seq < self.border:
            found = recall.decoded(self._archive.rows(seq - 1, seq, 1)[0].raw)
        return found

    def outcomes(self, seq: int) -> tuple[Row, ...]:
        """The outcomes that name row `seq`, oldest first."""
        return recall.outcomes(self._connection, seq) or self._archive.outcomes(seq, self.border)

    def at(self, seq: int) -> str:
        """When row `seq` was written, "" when it cannot be read; raises nothing."""
        try:
            row = self.row(seq)
        except (JournalError, *TROUBLES):
            return ""
        return row.at if row else ""

    def rows(self, after: int, limit: int) -> list[Stored]:
        """The rows after number `after`, in order, `limit` at most; fewer only at the end of a file."""
        if after + 1 < self.border:
            return self._archive.rows(after, self.border, limit)
        query = "SELECT seq, raw, head FROM row WHERE seq > ? ORDER BY seq LIMIT ?"
        return as_stored(self._path, self._connection.execute(query, (after, limit)))

    def head_at(self, seq: int) -> bytes:
        """The chain's head after row `seq`; before row 1 it is all zeros."""
        if seq == 0:
            return GENESIS
        found = self.rows(seq - 1, 1)
        if not found or found[0].seq != seq:
            raise DamagedJournal(f"{self._path} has no row {seq}: keep the file for its records, enrol a new journal")
        return found[0].head

    def fen(self, after: int, through: int) -> int:
        """The money of the rows after number `after` up to number `through`."""
        here = min(max(after, self.border), through)
        query = "SELECT coalesce(sum(fen), 0) FROM row WHERE seq > ? AND seq <= ?"
        return int(self._connection.execute(query, (here, through)).get) + self._archive.fen(after, here)
