"""How old a debit is by what its terminal's rows tell: the rule of docs/healing.md, written a second time."""

from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile

from sync.events import Started
from sync.record import Row


def told_ages_s(rows: Sequence[Row], then: Row, now: Row) -> set[float]:
    """The ages of row `then` at row `now` that its terminal's `rows` can tell; several where they contradict.

    By monotonic time within a boot. Else by the wall clock: a synchronised row tells the others of its boot their time,
    and no row is younger than the process that reads it.
    """
    if then.boot == now.boot:
        return {(now.mono_ms - then.mono_ms) / 1000}
    written = {_wall_s(then)}
    if now.clock == "synced" and then.clock != "synced":
        anchors = [row for row in rows if row.boot == then.boot and row.clock == "synced"]
        written = {_wall_s(row) - (row.mono_ms - then.mono_ms) / 1000 for row in anchors} or written
    before = [row for row in takewhile(lambda row: row.seq <= now.seq, rows) if isinstance(row.event, Started)]
    started_s = (now.mono_ms - before[-1].mono_ms) / 1000 if before and before[-1].boot == now.boot else 0.0
    return {max(_wall_s(now) - at_s, started_s) for at_s in written}


def _wall_s(row: Row) -> float:
    return datetime.fromisoformat(row.at).timestamp()
