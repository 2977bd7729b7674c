"""The hash chain over stored rows: where it breaks first, and why."""

from collections.abc import Iterable
from typing import NamedTuple

from sync.record import GENESIS, BadRow, Row, chain, decode

TRAINING = "99999999"
"""The terminal number of every training: no device has it, and no backend takes it."""


class Identity(NamedTuple):
    """Whose journal it is. `first_serial` is the serial of row 1; serials go on from epoch to epoch."""

    terminal: str
    epoch: int
    first_serial: int


class Stored(NamedTuple):
    """One row as it lies in the table: its number, canonical bytes, and the chain's head (32 bytes) after it."""

    seq: int
    raw: bytes
    head: bytes


class Damage(NamedTuple):
    """The first row that is not as it was written, and what is wrong with it."""

    seq: int
    what: str


def check_row(identity: Identity, before: Stored | None, stored: Stored) -> Row | Damage:
    """The decoded row when `stored` follows `before` (None: it is the first), or the damage."""
    seq = 1 if before is None else before.seq + 1
    if stored.seq != seq:
        return Damage(seq, f"row {seq} is missing, row {stored.seq} follows")
    if chain(GENESIS if before is None else before.head, stored.raw) != stored.head:
        return Damage(seq, "the hash chain breaks: the row or its head was altered")
    try:
        row = decode(stored.raw)
    except BadRow as wrong:
        return Damage(seq, f"not a row: {wrong}")
    if (row.terminal, row.epoch, row.seq) != (identity.terminal, identity.epoch, seq):
        return Damage(seq, f"the row says that it is {row.terminal}/{row.epoch}/{row.seq}")
    if row.serial != identity.first_serial + seq - 1:
        return Damage(seq, f"the row has serial {row.serial}, not {identity.first_serial + seq - 1}")
    return row


def first_damage(identity: Identity, rows: Iterable[Stored], first: int = 1) -> Damage | None:
    """Walk a whole journal from row `first`; None when every row is as it was written.

    Before a row other than 1 nothing is known: that one is believed, and what follows it is checked.
    """
    before: Stored | None = None
    for stored in rows:
        if before is not None or first == 1:
            verdict = check_row(identity, before, stored)
            if isinstance(verdict, Damage):
                return verdict
        before = stored
    return None
