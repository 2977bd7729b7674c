"""The journal's SQLite connection: durable transactions, reads, upkeep, and what a failing disk means."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager as ContextManager
from pathlib import Path
from typing import Any

import apsw

from sync.errors import JournalBroken, JournalError, JournalFull
from sync.limits import CHECKPOINT_PAGES_MAX, SNAPSHOT_PAGES, WAL_BYTES
from sync.schema import said, speaking
from sync.weave import GiveWay

Statement = tuple[str, Sequence[Any]]


class Store:
    """One open connection. Not thread-safe by itself: its journal holds a lock around every call."""

    def __init__(self, connection: apsw.Connection, path: Path) -> None:
        self.connection = connection
        self.path = path
        self.wal_pages = 0
        self._broken = ""
        connection.set_wal_hook(self._wal_grew)

    def commit(self, statements: Sequence[Statement]) -> None:
        """One durable transaction. Raises JournalError: nothing was written.

        After a failed write or sync nobody knows what the disk holds, so the store is broken from then on and says so.
        """
        if self._broken:
            raise JournalBroken(self._broken)
        execute = self.connection.execute
        try:
            if len(statements) == 1:  # a transaction of its own
                execute(*statements[0])
            else:
                execute("BEGIN IMMEDIATE")
                for statement, values in statements:
                    execute(statement, values)
                execute("COMMIT")
        except apsw.Error as wrong:
            trouble = said(self.path, wrong)
            try:
                if self.connection.in_transaction:
                    execute("ROLLBACK")
            except apsw.Error as also:
                trouble = JournalBroken(f"{trouble}; and it could not be taken back ({also})")
            if not isinstance(trouble, JournalFull):
                self._broken = str(trouble)
            raise trouble from wrong
        if self.wal_pages >= CHECKPOINT_PAGES_MAX:
            self.checkpoint()

    def lengthen_wal(self) -> None:
        """Give the WAL its usual length at once, in zeros behind what it holds; SQLite writes over them.

        A commit that makes a file longer also syncs the file's metadata: half as much time again. A disk that has no
        room leaves the WAL as it is.
        """
        wal = self.path.with_name(self.path.name + "-wal")
        with contextlib.suppress(OSError), wal.open("r+b", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            if end < WAL_BYTES:
                file.write(bytes(WAL_BYTES - end))
                os.fsync(file.fileno())

    @contextlib.contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """The connection, for reads; what SQLite raises leaves as JournalError."""
        with speaking(self.path):
            yield self.connection

    def checkpoint(self) -> None:
        """Copy the WAL back into the file. One that fails loses nothing: the rows stay in the WAL."""
        with contextlib.suppress(apsw.Error):
            self.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        self.wal_pages = 0

    def snapshot(self, target: Path, lock: ContextManager[object], give_way: GiveWay) -> None:
        """Write a copy to a new file, some pages at a time under `lock`. Raises JournalError: there is no new file.

        Rows that come between two steps are in it. Only this connection writes, so SQLite need not begin anew.
        """
        if target.exists():
            raise JournalError(f"{target} exists: name a new file for the snapshot")
        try:
            with speaking(self.path), contextlib.closing(apsw.Connection(str(target))) as copy:
                copy.pragma("synchronous", "OFF")  # its sync comes when the lock is free
                copy.pragma("journal_mode", "OFF")
                with lock:
                    backup = copy.backup("main", self.connection, "main")
                done = False
                while not done:
                    give_way()
                    with lock:
                        done = backup.step(SNAPSHOT_PAGES)
                with lock:
                    backup.finish()
                copy.pragma("journal_mode", "DELETE")  # readable without a file beside it
            with target.open("rb") as file:
                os.fsync(file.fileno())
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    def close(self) -> None:
        """Copy the WAL back and give the file back."""
        with contextlib.suppress(apsw.Error):
            self.connection.close(force=True)

    def _wal_grew(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self.wal_pages = pages
        return apsw.SQLITE_OK
