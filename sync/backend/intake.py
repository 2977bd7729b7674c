"""Taking a batch into the embedded store: each row once, in order, acknowledged only with the commit."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from sync.backend import hospital, loads, refunds
from sync.backend.books import enter, raise_alarm, settle_card
from sync.backend.charges import Charges
from sync.backend.custody import Custody
from sync.backend.hospital import Hospital
from sync.backend.judgement import BROKEN, Aside, Stream, judge, overlap
from sync.backend.keys import TacKeys
from sync.backend.store import Database
from sync.batch import Batch
from sync.events import BillDone, BillHeld, BillVoid, LoadDone, LoadGrey, LoadHeld, LoadVoid, Refund
from sync.record import Row


class Taken(NamedTuple):
    """How far the stream is committed, and which rows of this batch lie in quarantine."""

    ack_through: int
    quarantined: list[int]


def take(
    database: Database,
    keys: TacKeys,
    batch: Batch,
    now: str,
    centre: Hospital | None = None,
    custody: Custody | None = None,
) -> Taken | None:
    """Take what is new of `batch`, compare what is not; None when this epoch of the terminal is not enrolled.

    Bills go into the books of `centre`; `custody` knows stolen devices. Runs inside the caller's transaction.
    """
    key = (batch.terminal, batch.epoch)
    found = next(database.table("stream").rows_where("terminal = ? and epoch = ?", key), None)
    if found is None:
        return None
    stream = Stream(found["first_serial"], found["ack"], found["head"])
    refusals = custody.refusals() if custody else None
    judged = judge(stream, batch, _known(database, batch, overlap(stream, batch)), refusals)
    for aside in judged.aside:
        set_aside(database, batch, aside, now)
    if judged.other_history:
        raise_alarm(database, (*key, stream.ack), "other_history", now, BROKEN)
    records = (
        {"terminal": key[0], "epoch": key[1], "seq": kept.seq, "kind": kept.kind, "raw": kept.raw, "head": kept.head}
        for kept in judged.kept
    )
    database.table("row").insert_all(records)
    enter_rows(database, keys, [kept.row for kept in judged.kept if kept.row is not None], now, centre, custody)
    changes = {"contact": now, "ack": judged.stream.ack, "head": judged.stream.head}
    database.table("stream").update(key, changes)
    note_condition(database, batch, now)
    return Taken(judged.stream.ack, quarantined(database, batch))


def note_condition(database: Database, batch: Batch, now: str) -> None:
    """Keep what the terminal says of itself, in place of what it said before."""
    if batch.condition is not None:
        told = msgspec.json.encode(batch.condition).decode()
        record = {"terminal": batch.terminal, "epoch": batch.epoch, "at": now, "told": told}
        database.table("condition").upsert(record, pk="terminal")


def enter_rows(
    database: Database,
    keys: TacKeys,
    rows: Iterable[Row],
    now: str,
    centre: Hospital | None,
    custody: Custody | None = None,
) -> None:
    """Enter rows, those of each stream in order, into the books, and settle the cards that they tell of."""
    rows = list(rows)
    for row in rows:  # first: debits are settled with the loads between them
        if isinstance(row.event, LoadHeld | LoadDone | LoadVoid | LoadGrey):
            loads.enter(database, keys, row, now)
    charges = Charges(database, rows)
    for card in {card for row in rows if (card := enter(charges, keys, row, now))}:
        settle_card(charges, card, now)
    charges.store()
    for row in rows:
        if isinstance(row.event, Refund):
            refunds.enter(database, row, now)
    for row in rows:
        if isinstance(row.event, BillHeld | BillDone | BillVoid):
            hospital.enter(database, centre, row, now)
    for row in rows:  # last: what custody learns stays when the transaction does not
        what, detail = custody.seen(row, now) if custody else ("", "")
        if what:
            raise_alarm(database, (row.terminal, row.epoch, row.seq), what, now, detail)


def _known(database: Database, batch: Batch, numbers: range) -> dict[int, bytes]:
    if not numbers:
        return {}
    where = "terminal = ? and epoch = ? and seq between ? and ?"
    found = database.table("row").rows_where(where, (batch.terminal, batch.epoch, numbers[0], numbers[-1]))
    return {row["seq"]: row["raw"] for row in found}


def quarantined(database: Database, batch: Batch) -> list[int]:
    """Which rows of the batch lie in quarantine, from now or from before."""
    aside = database.table("quarantine").rows_where(
        "terminal = ? and epoch = ? and seq between ? and ?",
        (batch.terminal, batch.epoch, batch.first, batch.last),
        select="distinct seq",
        order_by="seq",
    )
    return [row["seq"] for row in aside]


def set_aside(database: Database, batch: Batch, aside: Aside, now: str) -> None:
    """Put a row into quarantine, with an alarm."""
    record: dict[str, Any] = {
        "terminal": batch.terminal,
        "epoch": batch.epoch,
        "seq": aside.seq,
        "digest": sha256(aside.raw).hexdigest(),
        "at": now,
        "why": aside.why,
        "raw": aside.raw,
    }
    database.table("quarantine").insert(record, ignore=True)
    raise_alarm(database, (batch.terminal, batch.epoch, aside.seq), "quarantined", now, aside.why)
