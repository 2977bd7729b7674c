"""A journal's file that nobody has open, or a snapshot, read without changing it: row by row, with its archive."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import apsw

from sync.archive import Archive
from sync.chain import Identity, Stored
from sync.errors import WrongJournal
from sync.limits import VERIFY_ROWS
from sync.numbers import Numbers
from sync.schema import connect_closed, identity_of, speaking
from sync.whole import Whole


class Closed:
    """An open reading of a closed journal. Its questions raise JournalError."""

    def __init__(self, path: Path, connection: apsw.Connection, identity: Identity) -> None:
        self.path = path
        self.identity = identity
        self._connection = connection
        found = dict(connection.execute("SELECT name, value FROM number"))
        self.numbers = Numbers(**{name: value for name, value in found.items() if name in Numbers._fields})
        archive = Archive(path, identity, read_only=True)
        self._whole = Whole(path, connection, archive, self.numbers.archived)
        self.last = int(connection.execute("SELECT coalesce(max(seq), 0) FROM row").get)
        """The number of the last row."""
        is_archived = path.parent.name == archive.folder.name
        self.first = max(self.numbers.archived, 1) if is_archived else 1
        """The first row that can be read here: 1, but in a file of an archive."""

    def rows(self, after: int | None = None) -> Iterator[Stored]:
        """The rows after number `after` (from the first, when left out), in order; a part of them in memory."""
        place = self.first - 1 if after is None else after
        while True:
            with speaking(self.path):
                part = self._whole.rows(place, VERIFY_ROWS)
            if not part:
                return
            yield from part
            place = part[-1].seq

    def last_sign_on(self) -> int:
        """The row with which the last shift began, 0 when there is none."""
        with speaking(self.path):
            duties = "kind IN ('SIGN_ON', 'SIGN_OFF')"  # as the index has it
            asked = f"SELECT seq FROM row WHERE {duties} AND kind = 'SIGN_ON' ORDER BY seq DESC LIMIT 1"
            return int(self._connection.execute(asked).get or 0)

    def of_card(self, card: str, last: int) -> list[Stored]:
        """The card's last rows in the journal's own file with their outcomes, in order, found through the index."""
        asked = """
            WITH own(seq) AS (SELECT seq FROM row WHERE card = ?)
            SELECT seq, raw, head FROM row WHERE seq IN (SELECT seq FROM own) OR held IN (SELECT seq FROM own)
            ORDER BY seq DESC LIMIT ?
        """
        with speaking(self.path):
            return [Stored(*row) for row in self._connection.execute(asked, (card, last))][::-1]


@contextlib.contextmanager
def closed(path: Path) -> Iterator[Closed]:
    """Read the journal at `path`; one that is open or was not closed cleanly is refused. Raises JournalError."""
    with contextlib.closing(connect_closed(path)) as connection, speaking(path):
        identity = identity_of(connection, path, to_read=True)
        if identity is None:
            raise WrongJournal(f"{path} is empty")
        yield Closed(path, connection, identity)


def read_closed(path: Path) -> tuple[Identity, list[Stored]]:
    """All rows of a closed journal at once. Raises JournalError."""
    with closed(path) as journal:
        return journal.identity, list(journal.rows())
