"""Taking a batch: each row once, in order, acknowledged only with the commit; what is wrong is set aside, not refused.

A bad row must never block the rows behind it and never be lost: it goes to quarantine with an alarm.
"""

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from sqlite_utils import Database

from sync.backend import hospital
from sync.backend.books import enter, raise_alarm, settle_card
from sync.backend.hospital import Hospital
from sync.backend.keys import TacKeys
from sync.batch import Batch, heads
from sync.events import BillDone, BillHeld, BillVoid, Done, Grey, Held, Locked, Void
from sync.limits import COUNTER_MAX, MONEY_MAX_FEN
from sync.record import BadRow, Row, decode
from sync.settling import operation

CONFLICT = "other bytes under the same number"
BROKEN = "the hash chain breaks"


class Taken(NamedTuple):
    """How far the stream is committed, and which rows of this batch lie in quarantine."""

    ack_through: int
    quarantined: list[int]


class _Item(NamedTuple):
    seq: int
    raw: bytes
    head: bytes


def take(
    database: Database, keys: TacKeys, batch: Batch, now: str, centre: Hospital | None = None
) -> Taken | None:
    """Take what is new of `batch`, compare what is not; None when this epoch of the terminal is not enrolled.

    Bills go into the books of `centre`. Runs inside the caller's transaction.
    """
    stream_key = (batch.terminal, batch.epoch)
    stream = next(database.table("stream").rows_where("terminal = ? and epoch = ?", stream_key), None)
    if stream is None:
        return None
    ack: int = stream["ack"]
    changes: dict[str, Any] = {"contact": now}
    if batch.first <= ack + 1:
        items = [
            _Item(batch.first + place, raw, head)
            for place, (raw, head) in enumerate(zip(batch.rows, heads(batch.prev_head, batch.rows), strict=True))
        ]
        known, new = items[: ack + 1 - batch.first], items[ack + 1 - batch.first :]
        _compare(database, batch, known, now)
        base = known[-1].head if known else batch.prev_head
        if new:
            _take_new(database, keys, batch, new, base == stream["head"], now, centre)
            changes |= {"ack": batch.last, "head": batch.head}
        elif batch.first == ack + 1 and base != stream["head"]:
            raise_alarm(database, (*stream_key, ack), "other_history", now, BROKEN)
    database.table("stream").update(stream_key, changes)
    aside = database.table("quarantine").rows_where(
        "terminal = ? and epoch = ? and seq between ? and ?",
        (*stream_key, batch.first, batch.last),
        select="distinct seq",
        order_by="seq",
    )
    return Taken(changes.get("ack", ack), [row["seq"] for row in aside])


def _compare(database: Database, batch: Batch, known: list[_Item], now: str) -> None:
    """Rows that are here already: equal bytes are a repetition, others are an alarm."""
    if not known:
        return
    where = "terminal = ? and epoch = ? and seq between ? and ?"
    found = database.table("row").rows_where(where, (batch.terminal, batch.epoch, known[0].seq, known[-1].seq))
    stored = {row["seq"]: row["raw"] for row in found}
    for item in known:
        if stored.get(item.seq) != item.raw:
            _set_aside(database, batch, item, CONFLICT, now)


def _take_new(
    database: Database,
    keys: TacKeys,
    batch: Batch,
    new: list[_Item],
    continues: bool,
    now: str,
    centre: Hospital | None,
) -> None:
    if not continues or new[-1].head != batch.head:
        for item in new:
            _set_aside(database, batch, item, BROKEN, now)
        _store(database, batch, [(item, "") for item in new])
        return
    first_serial = next(
        database.table("stream").rows_where("terminal = ? and epoch = ?", (batch.terminal, batch.epoch))
    )["first_serial"]
    good: list[Row] = []
    kinds: list[tuple[_Item, str]] = []
    for item in new:
        row = _readable(batch, item, first_serial)
        if isinstance(row, str):
            _set_aside(database, batch, item, row, now)
            kinds.append((item, ""))
        else:
            good.append(row)
            kinds.append((item, str(type(row.event).__struct_config__.tag)))
    _store(database, batch, kinds)
    for card in {card for row in good if (card := enter(database, keys, row, now))}:
        settle_card(database, card, now)
    for row in good:
        if isinstance(row.event, BillHeld | BillDone | BillVoid):
            hospital.enter(database, centre, row, now)


def _readable(batch: Batch, item: _Item, first_serial: int) -> Row | str:
    """The row, or why it cannot enter the books."""
    try:
        row = decode(item.raw)
    except BadRow as wrong:
        return f"not a row: {wrong}"
    if (row.terminal, row.epoch, row.seq) != (batch.terminal, batch.epoch, item.seq):
        return f"the row says that it is {row.terminal}/{row.epoch}/{row.seq}"
    if row.serial != first_serial + item.seq - 1:
        return f"the row has serial {row.serial}"
    return _out_of_range(row) or row


def _out_of_range(row: Row) -> str | None:
    """What in a row no honest terminal writes and the books cannot hold; None when all is in range."""
    match row.event:
        case Held() as held:
            money = held.amount, held.balance
            if not re.fullmatch("[0-9]{20}", held.card, re.ASCII) or not re.fullmatch("[0-9]{14}", held.when, re.ASCII):
                return "the debit has no card number or no time"
            if not all(0 <= fen <= MONEY_MAX_FEN for fen in money) or not 0 <= held.counter <= COUNTER_MAX:
                return f"the debit's numbers are out of range: {money}, counter {held.counter}"
        case Done() | Void() | Grey() as outcome:
            if not 1 <= outcome.held < row.seq:
                return f"the outcome names row {outcome.held}"
        case BillHeld() as bill:
            if bill.operation != operation(row.terminal, row.epoch, row.seq):
                return f"the bill calls itself {bill.operation[:40]!r}"
        case BillDone() | BillVoid() as ended:
            if not 1 <= ended.held < row.seq:
                return f"the outcome names row {ended.held}"
        case Locked() as locked:
            if not re.fullmatch("[0-9]{20}", locked.card, re.ASCII):
                return "the lock has no card number"
        case _:
            pass
    return None


def _store(database: Database, batch: Batch, items: list[tuple[_Item, str]]) -> None:
    def records() -> Iterator[dict[str, Any]]:
        for item, kind in items:
            yield {
                "terminal": batch.terminal,
                "epoch": batch.epoch,
                "seq": item.seq,
                "kind": kind,
                "raw": item.raw,
                "head": item.head,
            }

    database.table("row").insert_all(records())


def _set_aside(database: Database, batch: Batch, item: _Item, why: str, now: str) -> None:
    record = {
        "terminal": batch.terminal,
        "epoch": batch.epoch,
        "seq": item.seq,
        "digest": sha256(item.raw).hexdigest(),
        "at": now,
        "why": why,
        "raw": item.raw,
    }
    database.table("quarantine").insert(record, ignore=True)
    raise_alarm(database, (batch.terminal, batch.epoch, item.seq), "quarantined", now, why)
