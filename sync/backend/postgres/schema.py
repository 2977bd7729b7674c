"""The city's tables in PostgreSQL: those of the embedded store, and the rows apart by terminal and by month.

`fresh_row` takes what comes in, in hash partitions by terminal; `old_row` holds closed months, each a partition that
can be detached; the view `row` is both. Every key of what terminals send begins with the terminal, as a database that
is distributed by terminal wants it. `entered` says how far each stream is in the books; only the bookkeeper writes it,
so that the books never hold up a collector.
"""

from collections.abc import Iterator
from typing import Any

from psycopg import Connection

from sync.backend.database import INDEXES, TABLES, UNSETTLED_INDEX

PARTITIONS = 8
_TYPES = {str: "text", int: "bigint", bytes: "bytea"}
_EMPTY = {str: "''", int: "0", bytes: "''"}
_LOCK = 20_240_506  # of those that create the schema at the same time

Link = Connection[Any]


def create(link: Link, partitions: int = PARTITIONS) -> None:
    """Create what is missing; `partitions` 0: one plain table of rows, for a database that distributes by itself."""
    with link.transaction():
        link.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        for statements in (_tables(partitions), _missing_columns(link), _indexes()):
            for statement in statements:
                link.execute(statement.encode())


def _tables(partitions: int) -> Iterator[str]:
    for name, shape in TABLES.items():
        if name != "row":
            yield _table(name, *shape)
    yield "alter table stream set (fillfactor = 50)"  # its rows change with every batch: room for it in the page
    yield _table("entered", {"terminal": str, "epoch": int, "seq": int}, ("terminal", "epoch"))
    yield from _rows(partitions)


def _missing_columns(link: Link) -> Iterator[str]:
    """What tables of an earlier version lack."""
    sql = "select table_name, column_name from information_schema.columns where table_schema = current_schema()"
    there = set(link.execute(sql).fetchall())
    for name, (columns, _) in TABLES.items():
        for column, kind in columns.items():
            if (name, column) not in there:
                made = f"{_quoted(column)} {_TYPES[kind]} not null default {_EMPTY[kind]}"
                yield f"alter table {_quoted(name)} add {made}"


def _indexes() -> Iterator[str]:
    for name, columns in INDEXES:
        index = "_".join((name, *columns))
        yield f"create index if not exists {_quoted(index)} on {_quoted(name)} ({_list(columns)})"
    yield UNSETTLED_INDEX


def _rows(partitions: int) -> list[str]:
    columns, key = TABLES["row"]
    fresh = _table("fresh_row", columns, key, "taken date not null default current_date")
    old = _table("old_row", columns, (*key, "taken"), "taken date not null") + " partition by range (taken)"
    if partitions:
        fresh += " partition by hash (terminal)"
    return [
        fresh,
        *(
            f"create table if not exists fresh_row_{part} partition of fresh_row"
            f" for values with (modulus {partitions}, remainder {part})"
            for part in range(partitions)
        ),
        old,
        "create or replace view row as select * from fresh_row union all select * from old_row",
    ]


def _table(name: str, columns: dict[str, type], key: tuple[str, ...], *more: str) -> str:
    parts = [f"{_quoted(column)} {_TYPES[kind]} not null" for column, kind in columns.items()]
    parts += [*more, f"primary key ({_list(key)})"]
    return f"create table if not exists {_quoted(name)} ({', '.join(parts)})"


def _list(columns: tuple[str, ...] | list[str]) -> str:
    return ", ".join(map(_quoted, columns))


def _quoted(name: str) -> str:
    return f'"{name}"'
