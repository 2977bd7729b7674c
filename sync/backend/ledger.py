"""The backend's database, read by itself for a reconciliation: no lock, no service, nothing written."""

import sqlite3
from pathlib import Path

from sync.reconcile import BackendBook, BackendCharge


class UnreadableLedger(Exception):
    """A file that is no backend's database. The message says why."""


def read_ledger(path: Path) -> BackendBook:
    """Rows and debits of the database at `path`. Raises UnreadableLedger."""
    columns = ", ".join(BackendCharge._fields)
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            rows = connection.execute("select terminal, epoch, seq, raw from row").fetchall()
            charges = connection.execute(f"select terminal, epoch, seq, {columns} from charge").fetchall()
        finally:
            connection.close()
    except sqlite3.Error as wrong:
        raise UnreadableLedger(f"{path}: {wrong}") from wrong
    return BackendBook(
        {(terminal, epoch, seq): raw for terminal, epoch, seq, raw in rows},
        {(terminal, epoch, seq): BackendCharge(*charge) for terminal, epoch, seq, *charge in charges},
    )
