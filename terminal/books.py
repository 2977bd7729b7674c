"""The three books of a reconciliation, each read from its own place: chips, closed journals, backend's database."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sync.closed import read_closed
from sync.deliveries import Delivered, deliveries
from sync.issuer_files import Refusal, XfLine, parse_ss, parse_xf
from sync.reconcile import Adjustment, BackendBook, BackendCharge, CardBook, JournalBook, Key, Reconciliation, reconcile
from sync.reconcile_loads import BackendLoad


def card_books(chips: Path, loads: dict[str, int]) -> list[CardBook]:
    """The chips' memory: what each was issued with and what it holds now; `loads`: fen loaded since, by card.

    Raises ValueError, KeyError, TypeError when the file is none.
    """
    cards = json.loads(chips.read_text("utf-8"))["cards"].values()
    return [
        CardBook(
            card=card["number20"],
            start_fen=int(card["spec"]["balance_fen"]),
            loads_fen=loads.get(card["number20"], 0),
            now_fen=int(card["balance_fen"]),
            start_counter=int(card["spec"]["counter"]),
            now_counter=int(card["counter"]),
        )
        for card in cards
        if "balance_fen" in card
    ]


def backend_book(path: Path) -> tuple[BackendBook, dict[str, int]]:
    """The backend's database, read only, and the loads that it knows of (fen by card). Raises sqlite3.Error."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        rows: dict[Key, bytes] = {_key(row): row["raw"] for row in connection.execute("SELECT * FROM row")}
        charges = {
            _key(row): BackendCharge(*(row[name] for name in BackendCharge._fields))
            for row in connection.execute("SELECT * FROM charge")
        }
        loads = dict(connection.execute("SELECT card, sum(amount_fen) FROM load GROUP BY card").fetchall())
        adjustments = {
            _key(row): Adjustment(row["debit"], row["amount_fen"])
            for row in connection.execute("SELECT * FROM adjustment")
        }
        topups = {
            row["operation"]: BackendLoad(*(row[name] for name in BackendLoad._fields))
            for row in connection.execute("SELECT * FROM topup")
        }
    return BackendBook(rows, charges, adjustments, topups), loads


def _key(row: sqlite3.Row) -> Key:
    return row["terminal"], row["epoch"], row["seq"]


def reconciled(
    chips: Path, journals: Sequence[Path], backend: Path, files: Path | None = None
) -> tuple[Reconciliation, Delivered | None]:
    """Read the three books and compare them; with `files`, a folder of XF and SS files, those with the backend too.

    Raises BadFile beside what the others raise.
    """
    book, loads = backend_book(backend)
    found = reconcile(card_books(chips, loads), [JournalBook(*read_closed(journal)) for journal in journals], book)
    return found, None if files is None else deliveries(*issuers_files(files), book)


def issuers_files(folder: Path) -> tuple[dict[str, list[XfLine]], list[Refusal]]:
    """The XF files of a folder by name, and the lines of its SS files. Raises OSError, BadFile, UnicodeDecodeError."""
    texts = {path.name: path.read_bytes().decode("ascii") for path in sorted(folder.iterdir()) if path.is_file()}
    delivered = {name: parse_xf(text) for name, text in texts.items() if name.startswith("XF")}
    return delivered, [line for name, text in texts.items() if name.startswith("SS") for line in parse_ss(text)]
