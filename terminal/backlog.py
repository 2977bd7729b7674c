"""How much may lie unsent in this device: warned of first, then, where the place orders it, no more money is taken.

What is not sent is money that a thief, a fire or a dead disk takes. A bus cannot leave its riders at the stop, so a
validator goes on; a till can send its customer to another till.
"""

from datetime import datetime, timedelta
from enum import Enum

from config.model import Configuration, Limits

Unsent = tuple[int, int, str]
"""Rows, fen, and when the oldest was written (sync/numbers.py)."""
STOPPED = (
    "未上传记录超过限额：请联网，或用 U 盘上传",
    "too much is not sent: connect this device, or carry a stick (smk sync export)",
)
"""Why a device takes no money, for its screen."""


class Backlog(Enum):
    """How what is unsent stands to the limits."""

    WITHIN = "within"
    WARNED = "warned"
    BEYOND = "beyond"


def judge(limits: Limits, unsent: Unsent, now: datetime) -> Backlog:
    """How what is unsent at `now` (aware) stands to the limits of count, sum and age."""
    rows, fen, oldest_at = unsent
    age = now - datetime.fromisoformat(oldest_at) if oldest_at else timedelta()

    def past(most_rows: int, most_fen: int, most_hours: int) -> bool:
        return rows > most_rows or fen > most_fen or age > timedelta(hours=most_hours)

    warned = past(limits.unsent_rows, limits.unsent_fen, limits.unsent_hours)
    if warned and past(limits.stop_rows, limits.stop_fen, limits.stop_hours):
        return Backlog.BEYOND
    return Backlog.WARNED if warned else Backlog.WITHIN


def is_stopping(configuration: Configuration) -> bool:
    """Whether this device takes no money beyond the limits: as configured, else a market's till does not."""
    ordered = configuration.limits.beyond
    return ordered == "stop" or (not ordered and bool(configuration.market.stall))
