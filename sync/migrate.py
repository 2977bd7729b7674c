"""A journal's file brought to the schema of an older program, and of this one again. No row is lost on either way."""

import contextlib
from pathlib import Path

import apsw

from sync.archive import Archive
from sync.errors import DamagedJournal, WrongJournal
from sync.schema import identity_of, raise_schema, speaking
from sync.tables import DOWN, SCHEMA_VERSION


def migrate(path: Path, to: int, vfs: str | None = None) -> tuple[int, int]:
    """Bring the closed journal at `path` to schema `to` in one transaction; its schema before, and its rows now.

    On the way back every archived row returns into the file; the archive stays where it is. A power cut in between
    leaves the schema before. Raises JournalError: nothing was changed.
    """
    if not 1 <= to <= SCHEMA_VERSION:
        raise WrongJournal(f"there is no schema {to}: this program knows 1 to {SCHEMA_VERSION}")
    opened = apsw.SQLITE_OPEN_READWRITE
    with speaking(path), contextlib.closing(apsw.Connection(str(path), flags=opened, vfs=vfs)) as connection:
        for setting in ("locking_mode=EXCLUSIVE", "synchronous=FULL"):
            connection.execute(f"PRAGMA {setting}")
        identity = identity_of(connection, path)
        if identity is None:
            raise WrongJournal(f"{path} is empty")
        version: int = connection.pragma("user_version")
        with connection:  # one transaction, taken back whole when anything in it fails
            raise_schema(connection, to)
            for now in range(version, to, -1):
                _step_down(connection, Archive(path, identity, vfs), path, now)
        rows: int = connection.execute("SELECT count(*) FROM row").get
    return version, rows


def _step_down(connection: apsw.Connection, archive: Archive, path: Path, now: int) -> None:
    step, kinds = DOWN[now]
    unknown = f"SELECT kind, count(*) FROM row WHERE kind NOT IN ({', '.join('?' * len(kinds))}) GROUP BY kind"
    if found := connection.execute(unknown, tuple(sorted(kinds))).fetchall():
        told = ", ".join(f"{count} {kind}" for kind, count in found)
        raise WrongJournal(
            f"{path} has rows that the program of schema {now - 1} cannot read ({told}): let this program send them, "
            "then keep the file and enrol a new journal with that one"
        )
    archived = connection.execute("SELECT value FROM number WHERE name = 'archived'").get
    if not isinstance(archived, int):
        raise DamagedJournal(f"{path} does not say what it archived: keep the file, enrol a new journal")
    archive.give_back(connection, archived)
    step(connection)
    connection.execute(f"PRAGMA user_version={now - 1}")
