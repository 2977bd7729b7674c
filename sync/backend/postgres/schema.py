"""The city's tables in PostgreSQL: those of the embedded store, and the rows apart by terminal and by month.

`fresh_row` takes what comes in, in hash partitions by terminal; `old_row` holds closed months, each a partition that
can be detached; the view `row` is both. Every key of what terminals send begins with the terminal, as a database that
is distributed by terminal wants it. `entered` says how far each stream is in the books; only the bookkeeper writes it,
so that the books never hold up a collector.
"""

from typing import Any

from psycopg import Connection

from sync.backend.database import INDEXES, TABLES

PARTITIONS = 8
_TYPES = {str: "text", int: "bigint", bytes: "bytea"}
_LOCK = 20_240_506  # of those that create the schema at the same time

Link = Connection[Any]


def create(link: Link, partitions: int = PARTITIONS) -> None:
    """Create what is missing; `partitions` 0: one plain table of rows, for a database that distributes by itself."""
    with link.transaction():
        link.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        for statement in _statements(partitions):
            link.execute(statement.encode())


def _statements(partitions: int) -> list[str]:
    made = [_table(name, *shape) for name, shape in TABLES.items() if name != "row"]
    made += [
        f"create index if not exists {name}_{'_'.join(columns)} on {_quoted(name)} ({_list(columns)})"
        for name, columns in INDEXES
    ]
    made.append("alter table stream set (fillfactor = 50)")  # its rows change with every batch: room for it in the page
    made.append(_table("entered", {"terminal": str, "epoch": int, "seq": int}, ("terminal", "epoch")))
    return made + _rows(partitions)


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
