"""What can still be read of a journal on a removed or damaged disk, and by number what cannot.

Nothing is written to the source, and SQLite is not asked to open it: rows are taken out of the pages themselves, those
of the WAL and of the archive among them, and put in order by their numbers and their chain.
"""

import contextlib
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import apsw

from sync.archive import FOLDER
from sync.carve import page_size, pages, rows_in
from sync.chain import Identity, Stored
from sync.columns import columns
from sync.errors import JournalError
from sync.events import Done, Grey, Held
from sync.limits import SALVAGE_BLOCK
from sync.record import GENESIS, Row, chain, decode
from sync.schema import TROUBLES, connect
from sync.tables import SALVAGED_ID

ROW_BYTES = 700
"""What a row takes with its indexes, about; for a progress bar."""


class Source(NamedTuple):
    """One database file with its WAL, as far as the disk gives them; `unread` bytes are zeros."""

    path: Path
    database: bytes
    wal: bytes
    unread: int


class Salvage(NamedTuple):
    """`missing`: first and last number of each gap up to the last row found; what came after it is not known here.

    `alone`: rows that no neighbour's chain confirms. `acknowledged` None: the file no longer says.
    """

    identity: Identity
    rows: list[Stored]
    missing: list[tuple[int, int]]
    alone: list[int]
    acknowledged: int | None
    unread: int
    others: int

    @property
    def missing_unsent(self) -> list[tuple[int, int]]:
        """The gaps among the rows that the backend has not acknowledged."""
        known = self.acknowledged or 0
        return [(max(first, known + 1), last) for first, last in self.missing if last > known]

    @property
    def whole(self) -> bool:
        """Whether it is a journal again: every row from 1 on, each confirmed."""
        return not self.missing and not self.alone


def sources(path: Path) -> list[Path]:
    """The database files at `path`: a file, or a data directory with its journal and archive. Raises JournalError."""
    if path.is_dir():
        found = [*sorted((path / FOLDER).glob("*.db")), *sorted(path.glob("journal.db"))]
    else:
        found = [path] if path.exists() else []
    if not found:
        raise JournalError(f"there is no journal at {path}: name its file, or the data directory")
    return found


def read_source(path: Path) -> Source:
    """The bytes of a file and its WAL; blocks that the disk does not give are zeros. Raises nothing."""
    database, lost = _bytes(path)
    wal, also = _bytes(path.with_name(path.name + "-wal"))
    return Source(path, database, wal, lost + also)


def _bytes(path: Path) -> tuple[bytes, int]:
    content, lost = bytearray(), 0
    try:
        size = path.stat().st_size
        with path.open("rb", buffering=0) as file:
            for place in range(0, size, SALVAGE_BLOCK):
                length = min(SALVAGE_BLOCK, size - place)
                try:
                    file.seek(place)
                    block = file.read(length)
                except OSError:
                    block = b""
                lost += length - len(block)
                content += block.ljust(length, b"\0")
    except OSError:
        pass
    return bytes(content), lost


def acknowledged_in(source: Source) -> int | None:
    """The acknowledged number as the file still tells it to SQLite, in a copy; None when it no longer does."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        copy.write_bytes(source.database)
        copy.with_name("copy.db-wal").write_bytes(source.wal)
        try:
            with contextlib.closing(apsw.Connection(str(copy))) as connection:
                found = connection.execute("SELECT value FROM number WHERE name = 'acknowledged'").get
        except TROUBLES:
            return None
    return found if isinstance(found, int) and found >= 0 else None


def found_in(source: Source) -> Iterator[Stored]:
    """Every row in the file's pages, some several times: an older form of a page holds the same rows."""
    size = page_size(source.database, source.wal)
    latest = dict(pages(source.database, source.wal, size))
    for number, page in pages(source.database, source.wal, size):
        yield from rows_in(page, number, latest, size)


def salvaged(found: Iterable[Stored], acknowledged: int | None, unread: int) -> Salvage:
    """Put the rows in order. Of several epochs the one with most rows is taken. Raises JournalError when none is found.

    Two rows with one number (the first was taken back, its page was not) are told apart by the chain.
    """
    by_epoch: dict[tuple[str, int], dict[int, dict[Stored, int]]] = defaultdict(lambda: defaultdict(dict))
    serials: Counter[tuple[str, int, int]] = Counter()
    for order, stored in enumerate(found):
        row = decode(stored.raw)
        by_epoch[row.terminal, row.epoch][row.seq][stored] = order
        serials[row.terminal, row.epoch, row.serial - row.seq + 1] += 1
    if not by_epoch:
        raise JournalError("no row of a journal was found: is it the right file or disk?")
    (terminal, epoch), candidates = max(by_epoch.items(), key=lambda item: len(item[1]))
    _, _, first_serial = max((key for key in serials if key[:2] == (terminal, epoch)), key=lambda key: serials[key])
    rows: list[Stored] = []
    for seq in sorted(candidates):
        rows.append(_chosen(rows[-1] if rows else None, candidates[seq], candidates.get(seq + 1, {})))
    others = sum(len(same) for each in by_epoch.values() for same in each.values()) - len(rows)
    identity = Identity(terminal, epoch, first_serial)
    return Salvage(identity, rows, _gaps(rows), _alone(rows), acknowledged, unread, others)


def _chosen(before: Stored | None, candidates: dict[Stored, int], following: Iterable[Stored]) -> Stored:
    """The candidate that more neighbours confirm; of equals the one written last."""

    def confirmed(stored: Stored) -> tuple[int, int]:
        after = any(chain(stored.head, row.raw) == row.head for row in following)
        return _follows(before, stored) + after, candidates[stored]

    return max(candidates, key=confirmed)


def _follows(before: Stored | None, stored: Stored) -> bool:
    if stored.seq == 1:
        return chain(GENESIS, stored.raw) == stored.head
    return before is not None and before.seq == stored.seq - 1 and chain(before.head, stored.raw) == stored.head


def _gaps(rows: list[Stored]) -> list[tuple[int, int]]:
    last, gaps = 0, []
    for row in rows:
        if row.seq > last + 1:
            gaps.append((last + 1, row.seq - 1))
        last = row.seq
    return gaps


def _alone(rows: list[Stored]) -> list[int]:
    before = [None, *rows[:-1]]
    links = [_follows(one, two) for one, two in zip(before, rows, strict=True)]
    return [row.seq for row, link, more in zip(rows, links, [*links[1:], False], strict=True) if not link and not more]


def write(target: Path, salvage: Salvage) -> None:
    """Write what was found as a journal's file. One that is whole can go into a device; another is for reading only.

    Raises JournalError when the target exists.
    """
    if target.exists():
        raise JournalError(f"{target} exists: name a new file")
    connection = connect(target, salvage.identity)
    try:
        connection.execute("BEGIN IMMEDIATE")
        total, acknowledged_fen, acknowledged = 0, 0, min(salvage.acknowledged or 0, salvage.rows[-1].seq)
        for stored, row, fen in _with_money(salvage.rows):
            values = (*stored, *columns(row.event), fen, 0)
            connection.execute("INSERT INTO row VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
            total += fen
            acknowledged_fen += fen if stored.seq <= acknowledged else 0
        told = {"acknowledged": acknowledged, "acknowledged_fen": acknowledged_fen}
        for name, value in told.items():
            connection.execute("UPDATE number SET value = ? WHERE name = ?", (value, name))
        if not salvage.whole:
            connection.execute(f"PRAGMA application_id={SALVAGED_ID}")
        connection.execute("COMMIT")
    finally:
        connection.close()


def _with_money(rows: list[Stored]) -> Iterator[tuple[Stored, Row, int]]:
    """Each row with what it adds to DONE and GREY money: the held amount, once."""
    amounts: dict[int, int] = {}
    for stored in rows:
        row, fen = decode(stored.raw), 0
        if isinstance(row.event, Held):
            amounts[row.seq] = row.event.amount
        elif isinstance(row.event, Done | Grey):
            fen = amounts.pop(row.event.held, 0)
        yield stored, row, fen
