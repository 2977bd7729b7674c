"""Operations: each act has a name by its caller, and is done once under it, whatever becomes of the answer.

The name and a digest of what was asked are durable before the act begins, the answer when it has ended. Same name and
same words: the same answer. A power cut in between leaves "begun"; what the act itself made durable tells then.
"""

import threading
from pathlib import Path
from typing import NamedTuple

import apsw

from terminal.faces.web.limits import OPERATIONS_KEPT

FILE = "operations.db"

_TABLE = """
CREATE TABLE IF NOT EXISTS operation(
    nth INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, who TEXT NOT NULL, act TEXT NOT NULL, digest BLOB NOT NULL,
    at TEXT NOT NULL, status INTEGER NOT NULL, answer BLOB NOT NULL
) STRICT
"""
BEGUN = 0
"""The status of an operation without an answer."""


class Known(NamedTuple):
    """An operation on record. `status` of its HTTP answer, BEGUN while there is none."""

    who: str
    act: str
    digest: bytes
    at: str
    status: int
    answer: bytes


class Operations:
    """The operations of one device. Each call raises apsw.Error when the disk fails or is full: then nothing begins."""

    def __init__(self, data: Path) -> None:
        self._lock = threading.Lock()
        self._connection = apsw.Connection(str(data / FILE))
        self._connection.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA mmap_size=0")
        self._connection.execute(_TABLE)
        last = "SELECT coalesce(max(nth), 0) - ? FROM operation"
        self._connection.execute(f"DELETE FROM operation WHERE nth <= ({last})", (OPERATIONS_KEPT,))

    def find(self, name: str) -> Known | None:
        """The operation of that name."""
        query = "SELECT who, act, digest, at, status, answer FROM operation WHERE name = ?"
        with self._lock:
            found = self._connection.execute(query, (name,)).fetchone()
        return Known(*found) if found is not None else None

    def begin(self, name: str, who: str, act: str, digest: bytes, at: str) -> None:
        """Put an operation on record, durably."""
        insert = "INSERT INTO operation(name, who, act, digest, at, status, answer) VALUES(?, ?, ?, ?, ?, ?, ?)"
        with self._lock:
            self._connection.execute(insert, (name, who, act, digest, at, BEGUN, b""))

    def end(self, name: str, status: int, answer: bytes) -> None:
        """Keep its answer, durably."""
        update = "UPDATE operation SET status = ?, answer = ? WHERE name = ?"
        with self._lock:
            self._connection.execute(update, (status, answer, name))

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._connection.close()
