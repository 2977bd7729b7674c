"""The journal's file: how it is opened, and whose it is.

One connection of one process reads, writes and checkpoints the file; `locking_mode=EXCLUSIVE` makes SQLite keep that.
WAL with `synchronous=FULL` costs one fdatasync for each commit and loses nothing that was committed.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import apsw

from sync.chain import Damage, Identity, Stored, check_row
from sync.errors import (
    DamagedJournal,
    JournalBroken,
    JournalError,
    JournalFull,
    JournalInUse,
    UnusableSqlite,
    WrongJournal,
)
from sync.limits import EPOCH_MAX, SERIAL_MAX, SQLITE_VERSION_MIN
from sync.tables import APPLICATION_ID, SALVAGED_ID, SCHEMA_VERSION, TABLES, UP

Trouble = apsw.Error | UnicodeDecodeError
TROUBLES = (apsw.Error, UnicodeDecodeError)
"""What reading a file can raise: SQLite's own errors, and text that a damaged page turned into other bytes."""


def said(path: Path | str, wrong: Trouble) -> JournalError:
    """The journal's own error for one of SQLite's, with what to do."""
    if isinstance(wrong, apsw.FullError):
        return JournalFull(f"the disk with {path} is full: free space")
    if isinstance(wrong, apsw.BusyError | apsw.LockedError):
        return JournalInUse(f"{path} is open in another process: stop that one, or read a snapshot that it makes")
    if isinstance(wrong, apsw.NotADBError):
        return WrongJournal(f"{path} is not a journal: move the file aside; the device enrols a new one")
    if isinstance(wrong, apsw.CorruptError | UnicodeDecodeError):
        return DamagedJournal(f"{path} is damaged ({wrong}): keep the file for its records, enrol a new journal")
    if isinstance(wrong, apsw.CantOpenError | apsw.ReadOnlyError | apsw.PermissionsError):
        return JournalError(f"{path} cannot be opened for writing ({wrong}): check the directory and its owner")
    return JournalBroken(f"the disk failed at {path} ({wrong}): close the journal and open it again")


@contextlib.contextmanager
def speaking(path: Path) -> Iterator[None]:
    """What reading a file raises leaves as JournalError."""
    try:
        yield
    except TROUBLES as wrong:
        raise said(path, wrong) from wrong


def check_sqlite() -> None:
    """Refuse an SQLite library that can lose a journal. Raises UnusableSqlite."""
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < SQLITE_VERSION_MIN:
        needed = ".".join(map(str, SQLITE_VERSION_MIN))
        raise UnusableSqlite(f"SQLite {apsw.sqlite_lib_version()} can lose a WAL: install apsw with {needed} or newer")


def connect(path: Path, identity: Identity, vfs: str | None = None) -> apsw.Connection:
    """Open the journal of `identity`, or create it. Raises JournalError with what to do."""
    check_sqlite()
    if not identity.terminal or not 1 <= identity.epoch <= EPOCH_MAX or not 1 <= identity.first_serial <= SERIAL_MAX:
        raise WrongJournal(f"{identity} is no identity of a journal: enrol the terminal")
    is_new = vfs is None and not path.exists()
    connection: apsw.Connection | None = None
    try:
        connection = apsw.Connection(str(path), vfs=vfs)
        for setting in ("locking_mode=EXCLUSIVE", "mmap_size=0", "trusted_schema=OFF", "cell_size_check=ON"):
            connection.execute(f"PRAGMA {setting}")
        _claim(connection, path, identity)
        for setting in ("synchronous=FULL", "wal_autocheckpoint=0"):
            connection.execute(f"PRAGMA {setting}")
        if is_new:
            _sync_directory(path.parent)
    except BaseException as wrong:
        if connection is not None:
            with contextlib.suppress(apsw.Error):  # of the same disk; what went wrong first is told
                connection.close(force=True)
        if isinstance(wrong, Trouble):
            raise said(path, wrong) from wrong
        raise
    return connection


def _claim(connection: apsw.Connection, path: Path, identity: Identity) -> None:
    found = identity_of(connection, path)
    if found is not None and found != identity:
        raise WrongJournal(
            f"{path} belongs to terminal {found.terminal}, epoch {found.epoch}, first serial {found.first_serial}, "
            f"not to {identity.terminal}, {identity.epoch}, {identity.first_serial}: correct the configuration, "
            "or move the file aside (its unsent rows are money) and enrol"
        )
    if connection.pragma("journal_mode", "WAL") != "wal":
        raise WrongJournal(f"{path} cannot be put into WAL mode")
    connection.execute("PRAGMA synchronous=FULL")
    if found is None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(TABLES)
        connection.execute("INSERT INTO identity VALUES(1, ?, ?, ?)", identity)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        connection.execute("COMMIT")
    else:
        with connection:
            raise_schema(connection, SCHEMA_VERSION)


def raise_schema(connection: apsw.Connection, to: int) -> None:
    """Bring an older schema to `to`, inside the caller's transaction."""
    version: int = connection.pragma("user_version")
    for before in range(version, to):
        UP[before](connection)
        connection.execute(f"PRAGMA user_version={before + 1}")


def identity_of(connection: apsw.Connection, path: Path, to_read: bool = False) -> Identity | None:
    """Whose journal this is; None for an empty file. Raises WrongJournal."""
    application, version = connection.pragma("application_id"), connection.pragma("user_version")
    if application == 0 and version == 0 and not list(connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1")):
        return None
    if application == SALVAGED_ID and not to_read:
        raise WrongJournal(f"{path} was salvaged and has holes: it can be read, but no device goes on with it")
    if application not in (APPLICATION_ID, SALVAGED_ID):
        raise WrongJournal(f"{path} is another program's database: move it aside")
    if not 1 <= version <= SCHEMA_VERSION:
        raise WrongJournal(
            f"{path} has schema {version}, this program knows 1 to {SCHEMA_VERSION}: use the program that wrote it; "
            f"with that one, smk journal migrate {path} --to {SCHEMA_VERSION} makes it readable here"
        )
    found = connection.execute("SELECT terminal, epoch, first_serial FROM identity").get
    if found is None or not fits(found, str, int, int):
        raise DamagedJournal(f"{path} does not say whose it is: keep the file for its records, enrol a new journal")
    return Identity(*found)


def fits(values: Sequence[object], *types: type) -> bool:
    """Whether values read from the file have their types; a damaged page may turn any value into another."""
    return len(values) == len(types) and all(map(isinstance, values, types))


def as_stored(path: Path, found: Iterable[Sequence[object]]) -> list[Stored]:
    """Rows as they lie in the table. Raises DamagedJournal."""
    rows = list(found)
    for row in rows:
        if not fits(row, int, bytes, bytes):
            raise DamagedJournal(f"{path}, row {row[0]}: not a row: keep the file for its records, enrol a new journal")
    return [Stored(*row) for row in rows]  # type: ignore[arg-type]


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def stored_identity(path: Path, vfs: str | None = None) -> Identity | None:
    """Whose journal lies at `path`; None where there is none yet. Raises JournalError."""
    check_sqlite()
    if vfs is None and not path.exists():
        return None
    with speaking(path):
        connection = apsw.Connection(str(path), vfs=vfs)
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            return identity_of(connection, path)
        finally:
            connection.close(force=True)


def connect_closed(path: Path) -> apsw.Connection:
    """Open a journal that nobody has open, for reading, without changing the file. Raises JournalError.

    A journal that is open, or was not closed cleanly, has a WAL beside it that holds part of its rows: refused.
    """
    wal = path.with_name(path.name + "-wal")
    if wal.exists() and wal.stat().st_size:
        raise JournalInUse(f"{path} is open or was not closed: open and close it with the device program first")
    if not path.exists():
        raise JournalError(f"there is no journal at {path}")
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    with speaking(path):
        return apsw.Connection(f"{path.absolute().as_uri()}?mode=ro&immutable=1", flags=flags)


def last_stored(connection: apsw.Connection, identity: Identity, path: Path) -> Stored | None:
    """The last row, checked against the one before it; None for an empty journal. Raises DamagedJournal."""
    tail = as_stored(path, connection.execute("SELECT seq, raw, head FROM row ORDER BY seq DESC LIMIT 2"))
    if not tail:
        return None
    verdict = check_row(identity, tail[1] if len(tail) == 2 else None, tail[0])
    if isinstance(verdict, Damage):
        raise DamagedJournal(f"{path}, row {verdict.seq}: {verdict.what}: keep the file for its records, enrol anew")
    return tail[0]
