"""The backend's embedded store: its tables, and one connection to them.

SQLite in WAL mode with synchronous=FULL: an answer leaves after its COMMIT. One connection behind one lock, so the
WAL is never checkpointed by two. A city has the same tables on PostgreSQL (sync/backend/postgres).
"""

import sqlite3
from pathlib import Path

from sqlite_utils import Database

from sync.events import Held
from sync.record import decode

OUTCOMES = ("confirmed", "refused", "adjusted", "adjusted_refused")
"""What the issuer makes of delivered lines, in the order of its settlement file."""

TABLES: dict[str, tuple[dict[str, type], tuple[str, ...]]] = {
    "terminal": ({"terminal": str, "epoch": int}, ("terminal",)),
    "stream": (
        {"terminal": str, "epoch": int, "first_serial": int, "ack": int, "head": bytes, "contact": str},
        ("terminal", "epoch"),
    ),
    # What each terminal said of itself last (sync/condition.py), and when it did.
    "condition": ({"terminal": str, "epoch": int, "at": str, "told": str}, ("terminal",)),
    # Every acknowledged row as it came. `kind` "" for one that did not get into the books (see quarantine).
    "row": (
        {"terminal": str, "epoch": int, "seq": int, "kind": str, "raw": bytes, "head": bytes},
        ("terminal", "epoch", "seq"),
    ),
    "quarantine": (
        {"terminal": str, "epoch": int, "seq": int, "digest": str, "at": str, "why": str, "raw": bytes},
        ("terminal", "epoch", "seq", "digest"),
    ),
    # One held debit. `said`: the terminal's last word; `state`: open, done, void or grey (a DONE with a wrong TAC is
    # grey); `proven`: its TAC verifies; `ground`: why a grey one is paid or not; `paid_fen`: what it comes to.
    # `to_book`: never booked by a day's closing, or changed since; `booked_day` "" for never; `booked_fen`: as what.
    # `file`: the XF file that delivered it, "" for none yet, "-" when it fits none.
    "charge": (
        {
            "terminal": str,
            "epoch": int,
            "seq": int,
            "card": str,
            "counter": int,
            "balance_fen": int,
            "amount_fen": int,
            "at": str,
            "said": str,
            "state": str,
            "tac": str,
            "proven": int,
            "ground": str,
            "paid_fen": int,
            "merchant": str,
            "serial": int,
            "to_book": int,
            "booked_day": str,
            "booked_fen": int,
            "file": str,
        },
        ("terminal", "epoch", "seq"),
    ),
    # What the operator owes riders for debits that were wrong: by the row that confirmed it, `debit` the HELD row's.
    "adjustment": (
        {
            "terminal": str,
            "epoch": int,
            "seq": int,
            "debit": int,
            "amount_fen": int,
            "why": str,
            "asked_by": str,
            "confirmed_by": str,
            "at": str,
        },
        ("terminal", "epoch", "seq"),
    ),
    # A closed day of a merchant, as it was printed (sync/backend/days.py), and later changes of what it booked.
    "day": ({"merchant": str, "day": str, "at": str, "report": str}, ("merchant", "day")),
    "rebooking": (
        {"terminal": str, "epoch": int, "seq": int, "day": str, "merchant": str, "booked_day": str, "fen": int},
        ("terminal", "epoch", "seq", "day"),
    ),
    # Files made for and taken from the issuer (sync/backend/issuer.py). `settled`: the day by its NS, "" for not yet.
    "issuer_file": (
        {
            "name": str,
            "kind": str,
            "merchant": str,
            "day": str,
            "at": str,
            "lines": int,
            "fen": int,
            "digest": str,
            "settled": str,
        },
        ("name",),
    ),
    # One line of an XF file as it was delivered. `reason`: the issuer's last word, "" for no refusal; `reason_day`.
    "delivered": (
        {
            "terminal": str,
            "epoch": int,
            "seq": int,
            "file": str,
            "serial": int,
            "card": str,
            "amount_fen": int,
            "tac": str,
            "grey": int,
            "reason": str,
            "reason_day": str,
        },
        ("terminal", "epoch", "seq"),
    ),
    # One line of a refusal file; `known` 0 when no line of ours fits it.
    "refusal": (
        {
            "name": str,
            "number": int,
            "file": str,
            "serial": int,
            "terminal": str,
            "card": str,
            "merchant": str,
            "amount_fen": int,
            "reason": str,
            "day": str,
            "known": int,
        },
        ("name", "number"),
    ),
    # One line of a settlement, counts and fen as the issuer says.
    "settlement": (
        {"name": str, "merchant": str, "day": str}
        | {f"{what}{unit}": int for what in OUTCOMES for unit in ("", "_fen")},
        ("name", "merchant", "day"),
    ),
    "load": ({"card": str, "load_counter": int, "amount_fen": int, "at": str}, ("card", "load_counter")),
    # One load that a counter asks for (sync/loading.py). `body`: its held row's event; `mac2` and `made`: what was
    # granted ("" before); `proven`: its TAC verifies; `ground`: by what it is known whether the card has it.
    "topup": (
        {
            "operation": str,
            "terminal": str,
            "epoch": int,
            "seq": int,
            "card": str,
            "counter": int,
            "amount_fen": int,
            "source": str,
            "refund": str,
            "body": bytes,
            "state": str,
            "why": str,
            "mac2": str,
            "made": str,
            "day": str,
            "proven": int,
            "ground": str,
        },
        ("operation",),
    ),
    # What a market counter noted to be given back for a debit (row `held`); `paid_by`: the load that does, "" for none.
    "refund": (
        {
            "operation": str,
            "terminal": str,
            "epoch": int,
            "seq": int,
            "held": int,
            "card": str,
            "amount_fen": int,
            "paid_by": str,
        },
        ("operation",),
    ),
    "lock": ({"card": str, "terminal": str, "at": str}, ("card",)),
    # The insured, each sealed for its reference and version (sync/entitlements.py).
    "insured": ({"ref": str, "version": int, "key": str, "sealed": bytes, "at": str}, ("ref",)),
    # One settlement of a hospital counter. `state`: held, done or void; `made` and `day`: when the counter made it and
    # the centre booked it; `said` and `booked`: sums; `effect`: what booking changed for the person, to be taken back.
    "bill": (
        {
            "operation": str,
            "terminal": str,
            "epoch": int,
            "seq": int,
            "cancels": str,
            "person": str,
            "insutype": str,
            "made": str,
            "day": str,
            "state": str,
            "why": str,
            "said": str,
            "booked": str,
            "effect": bytes,
        },
        ("operation",),
    ),
    "correction": (
        {"number": int, "terminal": str, "operation": str, "at": str, "why": str, "sums": str},
        ("number",),
    ),
    "alarm": (
        {"terminal": str, "epoch": int, "seq": int, "what": str, "at": str, "detail": str},
        ("terminal", "epoch", "seq", "what"),
    ),
}

INDEXES: list[tuple[str, list[str]]] = [
    ("charge", ["card", "counter"]),
    ("charge", ["merchant", "to_book"]),
    ("charge", ["merchant", "file"]),
    ("delivered", ["file", "serial"]),
    ("refusal", ["file", "serial"]),
    ("topup", ["card", "day"]),
    ("topup", ["state"]),
    ("refund", ["card"]),
    ("insured", ["version"]),
    ("bill", ["cancels"]),
    ("correction", ["terminal", "number"]),
]

UNSETTLED = """(state = 'grey' or ground != ''
    or paid_fen != case when state = 'done' then amount_fen else 0 end)"""
"""Charges of which more may be learned: the others of a card, years of them, need not be looked at for that."""
UNSETTLED_INDEX = f"create index if not exists charge_unsettled on charge (card, counter) where {UNSETTLED}"


def _know_merchants(database: Database) -> None:
    """Charges of an earlier version: their merchants and serials from their rows, so that a closing finds them."""
    query = "select terminal, epoch, seq, raw from charge join row using (terminal, epoch, seq)"
    with database.atomic():
        for found in list(database.query(query)):
            row = decode(found["raw"])
            if isinstance(row.event, Held):
                known = {"merchant": row.event.service.merchant, "serial": row.serial, "to_book": 1}
                database.table("charge").update((row.terminal, row.epoch, row.seq), known)


def open_database(path: Path) -> Database:
    """Open the store at `path`, or create it."""
    # The service's lock lets one thread at a time in; they come from a pool.
    connection = sqlite3.connect(path, check_same_thread=False)
    for setting in ("journal_mode=WAL", "synchronous=FULL", "mmap_size=0"):
        connection.execute(f"PRAGMA {setting}")
    database = Database(connection, strict=True)
    for name, (columns, key) in TABLES.items():
        table = database.table(name)
        table.create(columns, pk=key, not_null=columns, if_not_exists=True)
        missing = columns.keys() - table.columns_dict.keys()  # a store of an earlier version
        for column in missing:
            table.add_column(column, columns[column], not_null_default=columns[column]())
        if name == "charge" and missing:
            _know_merchants(database)
    for name, indexed in INDEXES:
        database.table(name).create_index(indexed, if_not_exists=True)
    connection.execute(UNSETTLED_INDEX)
    return database
