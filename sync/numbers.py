"""The numbers beside the table of rows: what can be forgotten or counted again, but not at each start."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import apsw

from sync.errors import DamagedJournal


class Numbers(NamedTuple):
    """`acknowledged`, `signalled`, `synced` (the last row with a synchronised clock), `archived`: numbers of rows.

    `acknowledged_fen` is the money of all rows up to the acknowledged one; the two are written together. `drafts` is
    the row up to which the table of drafts, `signalled`, `synced` and `total_fen` (the money of all rows up to it)
    tell; the rows after it tell the rest.
    """

    acknowledged: int = 0
    acknowledged_fen: int = 0
    signalled: int = 0
    drafts: int = 0
    total_fen: int = 0
    synced: int = 0
    archived: int = 0

    def changes(self, written: "Numbers", names: frozenset[str]) -> Iterator[tuple[str, tuple[int, str]]]:
        """What writes those of `names` that differ from what is written."""
        for name, value, before in zip(self._fields, self, written, strict=True):
            if name in names and value != before:
                yield "UPDATE number SET value = ? WHERE name = ?", (value, name)


class Unsent(NamedTuple):
    """Rows that the backend has not acknowledged: how many, the money of DONE and GREY in them, time of the oldest."""

    rows: int
    fen: int
    oldest_at: str


WITH_A_ROW = frozenset({"acknowledged", "acknowledged_fen"})
"""Written beside the next row; the others wait until nobody is in the field."""

ALL = frozenset(Numbers._fields)
_SEQUENCES = ("acknowledged", "signalled", "drafts", "synced", "archived")


def read_numbers(connection: apsw.Connection, path: Path, last_seq: int) -> Numbers:
    """The numbers as they were written. Raises DamagedJournal when they do not fit `last_seq` rows."""
    found = dict(connection.execute("SELECT name, value FROM number"))
    if (
        found.keys() != set(Numbers._fields)
        or not all(isinstance(value, int) and value >= 0 for value in found.values())
        or any(found[name] > last_seq for name in _SEQUENCES)
    ):
        raise DamagedJournal(f"{path}: {found} does not fit {last_seq} rows: keep the file, enrol anew")
    return Numbers(**found)
