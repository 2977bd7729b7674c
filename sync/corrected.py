"""The true time of rows that were written before their clock was synchronised; it stands beside theirs, never instead.

Monotonic time goes on through every step of the wall clock, so that one synchronised row tells the true time of all
rows of its boot.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sync.record import Row


def true_times(rows: Iterable[Row]) -> dict[int, str]:
    """By the number of each row without a synchronised time: its true time (ISO 8601 with offset), where it follows."""
    rows = list(rows)
    anchors = {row.boot: row for row in reversed(rows) if row.clock == "synced"}
    return {
        row.seq: (datetime.fromisoformat(anchor.at) - timedelta(milliseconds=anchor.mono_ms - row.mono_ms)).isoformat(
            timespec="milliseconds"
        )
        for row in rows
        if row.clock != "synced" and (anchor := anchors.get(row.boot)) is not None
    }
