"""What the books need of a store: the little of sqlite-utils that they use, so that one code keeps them everywhere.

SQLite through sqlite-utils is such a store by itself; sync/backend/postgres/tables.py is the other. Conditions and
queries are SQL that both databases read, with `?` for each argument.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

Record = dict[str, Any]


class Unavailable(Exception):
    """The store does not answer, or cannot promise that a commit lasts: nothing is acknowledged, send it again."""


class Table(Protocol):
    """One table. Keys are values in the order of the table's primary key."""

    def insert(self, record: Record, /, *, ignore: bool = ...) -> object:
        """Add a record; `ignore`: unless its key is there."""
        ...

    def insert_all(self, records: Iterable[Record], /, *, ignore: bool = ...) -> object:
        """Add records."""
        ...

    def upsert(self, record: Record, /, *, pk: str) -> object:
        """Add a record, or put it in the place of the one with its key."""
        ...

    def upsert_all(self, records: Iterable[Record], /, *, pk: tuple[str, ...]) -> object:
        """Add records, each in the place of the one with its key."""
        ...

    def update(self, key: Any, changes: Record, /) -> object:
        """Change columns of the record with this key."""
        ...

    def rows_where(
        self,
        where: str,
        arguments: Sequence[Any],
        /,
        *,
        order_by: str = ...,
        select: str = ...,
        limit: int | None = ...,
    ) -> Iterator[Record]:
        """Records that fulfil the condition."""
        ...

    def count_where(self, where: str, arguments: Sequence[Any] = ..., /) -> int:
        """How many records fulfil the condition."""
        ...

    @property
    def count(self) -> int:
        """How many records there are."""
        ...


class Database(Protocol):
    """A store inside the caller's transaction."""

    def table(self, name: str, /) -> Table:
        """The table of that name."""
        ...

    def query(self, sql: str, arguments: Sequence[Any] = ..., /) -> Iterator[Record]:
        """What a SELECT finds."""
        ...

    def execute(self, sql: str, arguments: Sequence[Any] = ..., /) -> object:
        """Change many records at once."""
        ...
