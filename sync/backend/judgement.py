"""What becomes of a batch: which rows are kept, which are set aside and why, how far the stream then reaches.

One function for every store; it knows no database. A bad row must never block the rows behind it and never be lost: it
is acknowledged and goes to quarantine with an alarm.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sync.backend.refusals import Refusals
from sync.batch import Batch, heads
from sync.events import (
    Adjusted,
    BillDone,
    BillHeld,
    BillVoid,
    Done,
    Grey,
    Held,
    LoadDone,
    LoadGrey,
    LoadHeld,
    LoadVoid,
    Locked,
    Refund,
    Void,
)
from sync.limits import COUNTER_MAX, MONEY_MAX_FEN
from sync.loading import unfit
from sync.record import BadRow, Row, decode
from sync.settling import operation

CONFLICT = "other bytes under the same number"
BROKEN = "the hash chain breaks"
_is_card = re.compile("[0-9]{20}").fullmatch
_is_moment = re.compile("[0-9]{14}").fullmatch
_NUL = b"\\u0000"
_writes_nul = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000").search
"""The escape itself, and not the same letters after an escaped backslash."""


class Stream(NamedTuple):
    """What is committed of one terminal and epoch: the serial of row 1, the last row's number and the chain's head."""

    first_serial: int
    ack: int
    head: bytes


class Kept(NamedTuple):
    """A row to store. `row` None for one that does not get into the books: it is in quarantine as well."""

    seq: int
    raw: bytes
    head: bytes
    row: Row | None

    @property
    def kind(self) -> str:
        """The event's name; "" for a row that is not for the books."""
        return "" if self.row is None else kind_of(self.row)


class Aside(NamedTuple):
    """A row for the quarantine, with an alarm that says why."""

    seq: int
    raw: bytes
    why: str


class Judged(NamedTuple):
    """The stream after the batch, rows to store and rows to set aside, each in order; `other_history`: the batch
    brought nothing new and yet another head than the one that is committed."""

    stream: Stream
    kept: Sequence[Kept] = ()
    aside: Sequence[Aside] = ()
    other_history: bool = False


def kind_of(row: Row) -> str:
    """The name of the row's event."""
    return str(type(row.event).__struct_config__.tag)


def overlap(stream: Stream, batch: Batch) -> range:
    """Numbers of the batch's rows that are committed already: their bytes are needed to judge it."""
    if batch.first > stream.ack + 1:
        return range(0)
    return range(batch.first, min(stream.ack, batch.last) + 1)


def judge(
    stream: Stream, batch: Batch, known: Mapping[int, bytes], refusals: Refusals | None = None
) -> Judged:
    """Judge `batch` by the stream and the bytes of the rows in `overlap`, by number, and by what is refused of stolen
    devices."""
    if batch.first > stream.ack + 1:
        return Judged(stream)
    found = heads(batch.prev_head, batch.rows)
    old = len(overlap(stream, batch))
    aside = [
        Aside(seq, raw, CONFLICT) for seq, raw in enumerate(batch.rows[:old], batch.first) if known.get(seq) != raw
    ]
    base = found[old - 1] if old else batch.prev_head
    if old == len(batch.rows):
        return Judged(stream, (), aside, batch.first == stream.ack + 1 and base != stream.head)
    first, rows, new_heads = batch.first + old, batch.rows[old:], found[old:]
    continues = base == stream.head and new_heads[-1] == batch.head
    kept = []
    for seq, raw, head in zip(range(first, batch.last + 1), rows, new_heads, strict=True):
        row = _readable(batch, seq, raw, stream.first_serial) if continues else BROKEN
        if refusals is not None and not isinstance(row, str):
            row = refusals.why(row) or row
        if isinstance(row, str):
            aside.append(Aside(seq, raw, row))
            kept.append(Kept(seq, raw, head, None))
        else:
            kept.append(Kept(seq, raw, head, row))
    return Judged(Stream(stream.first_serial, batch.last, batch.head), kept, aside)


def _readable(batch: Batch, seq: int, raw: bytes, first_serial: int) -> Row | str:
    """The row, or why it cannot enter the books."""
    if _NUL in raw and _writes_nul(raw):  # PostgreSQL holds no such text, not even in a quarantine's words
        return "not a row: a text holds the character NUL"
    try:
        row = decode(raw)
    except BadRow as wrong:
        return f"not a row: {wrong}"
    if (row.terminal, row.epoch, row.seq) != (batch.terminal, batch.epoch, seq):
        return f"the row says that it is {row.terminal}/{row.epoch}/{row.seq}"
    if row.serial != first_serial + seq - 1:
        return f"the row has serial {row.serial}"
    if not _is_time(row.at):
        return f"the row has the time {row.at[:40]!r}"
    return _out_of_range(row) or row


def _is_time(at: str) -> bool:
    """Whether it is a moment of ISO 8601 with offset that has a day in every time zone."""
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        return False
    return found.tzinfo is not None and datetime.min.year < found.year < datetime.max.year


def _out_of_range(row: Row) -> str | None:
    """What in a row no honest terminal writes and the books cannot hold; None when all is in range."""
    match row.event:
        case Held() as held:
            if not _is_card(held.card) or not _is_moment(held.when):
                return "the debit has no card number or no time"
            is_money = 0 <= held.amount <= MONEY_MAX_FEN and 0 <= held.balance <= MONEY_MAX_FEN
            if not is_money or not 0 <= held.counter <= COUNTER_MAX:
                return f"a number is out of range: {held.amount}, {held.balance}, counter {held.counter}"
        case Done() | Void() | Grey() as outcome:
            if not 1 <= outcome.held < row.seq:
                return f"the outcome names row {outcome.held}"
        case LoadHeld() as load:
            return unfit(load) or None
        case LoadDone() | LoadVoid() | LoadGrey() | Refund() as named:
            if not 1 <= named.held < row.seq:
                return f"the outcome names row {named.held}"
            if isinstance(named, Refund) and not 0 < named.amount <= MONEY_MAX_FEN:
                return f"the refund is out of range: {named.amount}"
        case BillHeld() as bill:
            if bill.operation != operation(row.terminal, row.epoch, row.seq):
                return f"the bill calls itself {bill.operation[:40]!r}"
        case Adjusted() as adjusted:
            if not 1 <= adjusted.amount_fen <= MONEY_MAX_FEN or not 1 <= adjusted.debit < adjusted.held < row.seq:
                return f"the adjustment of {adjusted.amount_fen} fen names rows {adjusted.debit} and {adjusted.held}"
        case BillDone() | BillVoid() as ended:
            if not 1 <= ended.held < row.seq:
                return f"the outcome names row {ended.held}"
        case Locked() as locked:
            if not _is_card(locked.card):
                return "the lock has no card number"
        case _:
            pass
    return None
