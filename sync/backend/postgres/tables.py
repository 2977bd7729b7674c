"""The store of the books (sync/backend/store.py) over a connection to PostgreSQL, inside the caller's transaction."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from psycopg.rows import dict_row

from sync.backend.database import TABLES
from sync.backend.postgres.schema import Link
from sync.backend.store import Record


class PostgresTable:
    """One table; see sync/backend/store.py."""

    def __init__(self, link: Link, name: str) -> None:
        self._link = link
        self._name = name

    def insert(self, record: Record, /, *, ignore: bool = False) -> object:
        """Add a record; `ignore`: unless its key is there."""
        return self._link.execute(_insert(self._name, tuple(record), ignore), tuple(record.values()))

    def insert_all(self, records: Iterable[Record], /, *, ignore: bool = False) -> object:
        """Add records, all with the same columns."""
        found = list(records)
        if not found:
            return None
        with self._link.cursor() as cursor:
            if ignore:
                values = [tuple(record.values()) for record in found]
                cursor.executemany(_insert(self._name, tuple(found[0]), ignore), values)
                return None
            with cursor.copy(f'copy "{self._name}" ({_list(tuple(found[0]))}) from stdin'.encode()) as copy:
                for record in found:
                    copy.write_row(tuple(record.values()))
        return None

    def upsert(self, record: Record, /, *, pk: str) -> object:
        """Add a record, or put it in the place of the one with its key."""
        return self.upsert_all([record], pk=(pk,))

    def upsert_all(self, records: Iterable[Record], /, *, pk: tuple[str, ...]) -> object:
        """Add records, all with the same columns, each in the place of the one with its key."""
        found = list(records)
        if found:
            with self._link.cursor() as cursor:
                values = [tuple(record.values()) for record in found]
                cursor.executemany(_upsert(self._name, tuple(found[0]), pk), values)
        return None

    def update(self, key: Any, changes: Record, /) -> object:
        """Change columns of the record with this key."""
        named = key if isinstance(key, tuple | list) else (key,)
        return self._link.execute(_update(self._name, tuple(changes)), (*changes.values(), *named))

    def rows_where(
        self,
        where: str,
        arguments: Sequence[Any],
        /,
        *,
        order_by: str = "",
        select: str = "*",
        limit: int | None = None,
    ) -> Iterator[Record]:
        """Records that fulfil the condition."""
        sql = f'select {select} from "{self._name}" where {where}'
        sql += f" order by {order_by}" if order_by else ""
        sql += "" if limit is None else f" limit {limit}"
        return iter(_asked(self._link, sql, arguments))

    def count_where(self, where: str, arguments: Sequence[Any] = (), /) -> int:
        """How many records fulfil the condition."""
        sql = f'select count(*) as found from "{self._name}" where {where}'
        return int(_asked(self._link, sql, arguments)[0]["found"])

    @property
    def count(self) -> int:
        """How many records there are."""
        return self.count_where("true")


class PostgresDatabase:
    """The store inside the transaction that `link` is in."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def table(self, name: str, /) -> PostgresTable:
        """The table of that name."""
        assert name in TABLES
        return PostgresTable(self._link, name)

    def query(self, sql: str, arguments: Sequence[Any] = (), /) -> Iterator[Record]:
        """What a SELECT finds."""
        return iter(_asked(self._link, sql, arguments))

    def execute(self, sql: str, arguments: Sequence[Any] = (), /) -> object:
        """Change many records at once."""
        return self._link.execute(_translated(sql), tuple(arguments))

    def attempt(self) -> AbstractContextManager[object]:
        """What is done within is undone when it fails, and the transaction goes on."""
        return self._link.transaction()

    def enter(self, streams: Sequence[tuple[str, int, int]]) -> None:
        """Note for each stream, terminal and epoch, that it is in the books up to a row."""
        records = [{"terminal": terminal, "epoch": epoch, "seq": seq} for terminal, epoch, seq in streams]
        PostgresTable(self._link, "entered").upsert_all(records, pk=("terminal", "epoch"))


def _asked(link: Link, sql: str, arguments: Sequence[Any]) -> list[Record]:
    with link.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_translated(sql), tuple(arguments)).fetchall()


@cache
def _translated(sql: str) -> bytes:
    """Arguments as psycopg writes them. No query of ours has a question mark in a text."""
    return sql.replace("%", "%%").replace("?", "%s").encode()


@cache
def _insert(name: str, columns: tuple[str, ...], ignore: bool) -> bytes:
    places = ", ".join(["%s"] * len(columns))
    return (f'insert into "{name}" ({_list(columns)}) values ({places})' + " on conflict do nothing" * ignore).encode()


@cache
def _upsert(name: str, columns: tuple[str, ...], pk: tuple[str, ...]) -> bytes:
    changes = ", ".join(f'"{column}" = excluded."{column}"' for column in columns)
    return _insert(name, columns, False) + f" on conflict ({_list(pk)}) do update set {changes}".encode()


@cache
def _update(name: str, columns: tuple[str, ...]) -> bytes:
    changes = ", ".join(f'"{column}" = %s' for column in columns)
    where = " and ".join(f'"{column}" = %s' for column in TABLES[name][1])
    return f'update "{name}" set {changes} where {where}'.encode()


def _list(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
