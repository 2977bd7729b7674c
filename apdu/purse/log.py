"""The purse's own log (file 18): what the chip itself remembers of its last deals (docs/cards.md, Files)."""

from enum import Enum

from apdu.command import Command
from apdu.errors import Malformed, StatusError
from apdu.limits import LOG_RECORDS_MAX
from apdu.profile import LOG
from apdu.script import Script, Slot, send

LOADS = ("02",)
PURCHASES = ("05", "06", "09")
"""Types of log records by the counter that they carry: online or offline (docs/cards.md, transaction type)."""


class Reach(Enum):
    """Where the reading of a purse log stopped."""

    BEFORE = "before"  # at a record from before the deal that is looked for
    ENDED = "ended"  # the card says that there are no more
    FULL = "full"  # at the last record that a log holds, all of them younger


def read_log(types: tuple[str, ...], counter: int) -> Script[tuple[list[bytes], Reach] | None]:
    """Records of these types, newest first, and how far they were read; None when the log cannot be read.

    Whether a record carries INIT's counter or the next is not certain: the log is read until a record that is older by
    either. Loads and purchases stand in one file under counters of their own: one says nothing about the other.
    """
    entries: list[bytes] = []
    for number in range(1, LOG_RECORDS_MAX + 1):
        command = Command(0x00, 0xB2, number, 0xC4, le=LOG.size, name="READ LOG")
        try:
            answer = yield from send(Slot.CARD, command, 0x9000, 0x6A83)
        except (StatusError, Malformed):
            return None
        record = answer.data
        if answer.sw == 0x6A83 or not record.strip(b"\x00") or not record.strip(b"\xff"):
            return entries, Reach.ENDED
        try:
            values = LOG.parse(record)
        except Malformed:
            return None
        if values["type"] not in types:
            continue
        entries.append(record)
        if values["sequence"] <= counter:
            return entries, Reach.BEFORE
    return entries, Reach.FULL
