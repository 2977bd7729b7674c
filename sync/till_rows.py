"""What a till asks of its journal: its shift, its deals, loads that are open, what was spent."""

import apsw

from sync.events import Held, Void
from sync.recall import LOAD_ENDS, decoded, outcomes
from sync.record import Row


def open_loads(connection: apsw.Connection, card: str) -> list[Row]:
    """LOAD_HELD rows (of `card`, "" of any) that no LOAD_DONE, LOAD_VOID or LOAD_GREY names, oldest first."""
    of = ("card = ? AND", (card,)) if card else ("", ())
    found = connection.execute(
        f"SELECT raw FROM row WHERE {of[0]} kind = 'LOAD_HELD' AND NOT EXISTS ("
        f"SELECT 1 FROM row AS outcome WHERE outcome.held = row.seq AND outcome.kind IN {LOAD_ENDS}) ORDER BY seq",
        of[1],
    )
    return [decoded(raw) for (raw,) in found]


KINDS = (
    "SHIFT_ON", "SHIFT_OFF", "SALE_ASKED", "DEAL_LEFT", "REFUND",
    "HELD", "DONE", "VOID", "GREY", "LOAD_HELD", "LOAD_DONE", "LOAD_VOID", "LOAD_GREY",
)  # fmt: skip
"""What a market counter's and a top-up counter's book is made of."""


def since(connection: apsw.Connection) -> int:
    """The last SHIFT_ON or SHIFT_OFF, 0 where there is none."""
    newest = "(SELECT coalesce(max(seq), 0) FROM row WHERE kind = '{}')"
    query = f"SELECT max({newest.format('SHIFT_ON')}, {newest.format('SHIFT_OFF')})"
    return int(connection.execute(query).get or 0)


def before(connection: apsw.Connection) -> int:
    """The last SHIFT_ON but one, 0 where there is none: from there on stand this shift's rows and the one's before."""
    query = "SELECT seq FROM row WHERE kind = 'SHIFT_ON' ORDER BY seq DESC LIMIT 1 OFFSET 1"
    return int(connection.execute(query).get or 0)


def rows(connection: apsw.Connection, since: int) -> list[Row]:
    """The counter's rows from row `since` on, in order."""
    kinds = ", ".join(f"'{kind}'" for kind in KINDS)
    found = connection.execute(f"SELECT raw FROM row WHERE seq >= ? AND kind IN ({kinds}) ORDER BY seq", (since,))
    return [decoded(raw) for (raw,) in found]


def spent_since(connection: apsw.Connection, card: str, at: str) -> int:
    """Fen of debits (of `card`, "" of any) since `at` that have no VOID; the newest rows tell, until one is older."""
    spent = 0
    of = ("card = ? AND", (card,)) if card else ("", ())
    for (raw,) in connection.execute(f"SELECT raw FROM row WHERE {of[0]} kind = 'HELD' ORDER BY seq DESC", of[1]):
        row = decoded(raw)
        if row.at < at:
            break
        void = any(isinstance(outcome.event, Void) for outcome in outcomes(connection, row.seq))
        spent += row.event.amount if isinstance(row.event, Held) and not void else 0
    return spent
