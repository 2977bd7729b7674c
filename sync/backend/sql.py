"""One way to ask SQLite and PostgreSQL: `?` for values, dictionaries for rows, one writer at a time.

For tables that several processes share and that change seldom. SQLite keeps a rollback journal here: readers and
writers are collectors and commands at once, and the write-ahead log would want one connection (docs/sync.md).
"""

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from sync.backend.store import Unavailable

BUSY_SECONDS = 10.0
"""A writer waits this long for another; each holds the lock for some milliseconds."""
_LOCK = 731_400_001
"""PostgreSQL's advisory lock of all writers here."""

Rows = list[dict[str, Any]]


class Sql(Protocol):
    """A store of shared tables. Safe to call from any thread."""

    blob: str
    """The type of a column of bytes."""

    def query(self, sql: str, *values: Any) -> Rows:
        """Run one statement; its rows, none when it has none. Raises Unavailable."""
        ...

    def transaction(self) -> Any:
        """A context: all or nothing, and alone among writers; `query` within it belongs to it. Raises Unavailable."""
        ...

    def close(self) -> None:
        """Give the store back."""
        ...


class Sqlite:
    """A file."""

    blob = "blob"

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        self._connection.execute("pragma synchronous=extra")
        self._connection.row_factory = sqlite3.Row
        self._lock = threading.RLock()

    def query(self, sql: str, *values: Any) -> Rows:
        """See Sql."""
        with self._lock, _answering(sqlite3.OperationalError):
            return [dict(row) for row in self._connection.execute(sql, values)]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See Sql."""
        with self._lock, _answering(sqlite3.OperationalError):
            self._connection.execute("begin immediate")
            try:
                yield
                self._connection.execute("commit")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.execute("rollback")
                raise

    def close(self) -> None:
        """See Sql."""
        with self._lock:
            self._connection.close()


class Postgres:
    """A database server; a connection that broke is opened anew by the next question."""

    blob = "bytea"

    def __init__(self, address: str) -> None:
        import psycopg  # of a city only

        self._address = address
        self._away = psycopg.OperationalError
        self._connection: Any = None
        self._lock = threading.RLock()

    def _open(self) -> Any:
        import psycopg
        from psycopg.rows import dict_row

        from sync.backend.postgres.link import is_left, noticing

        if self._connection is not None and not self._connection.closed and is_left(self._connection):
            self._connection.close()
        if self._connection is None or self._connection.closed or self._connection.broken:
            self._connection = psycopg.connect(noticing(self._address), autocommit=True, row_factory=dict_row)
        return self._connection

    def query(self, sql: str, *values: Any) -> Rows:
        """See Sql."""
        with self._lock, _answering(self._away):
            cursor = self._open().execute(sql.replace("?", "%s"), values)
            return list(cursor.fetchall()) if cursor.description else []

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See Sql."""
        with self._lock, _answering(self._away), self._open().transaction():
            self.query("select pg_advisory_xact_lock(?)", _LOCK)
            yield

    def close(self) -> None:
        """See Sql."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()


@contextmanager
def _answering(wrong: type[Exception]) -> Iterator[None]:
    """Raises Unavailable for what a database raises that is away, full or busy for too long."""
    try:
        yield
    except wrong as cause:
        raise Unavailable(str(cause)) from cause


def open_sql(place: str) -> Sql:
    """The store at `place`: PostgreSQL's connection string ("postgresql://…", "host=… dbname=…"), or a file."""
    is_line = re.match(r"postgres(ql)?://|[a-z_]+=", place) is not None
    return Postgres(place) if is_line else Sqlite(Path(place))
