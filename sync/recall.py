"""What the journal remembers of a card and of a debit, read through its indexes."""

from collections import UserDict
from typing import NamedTuple

import apsw

from sync.errors import DamagedJournal
from sync.events import FINAL_GREY, Done, Grey, Held, LoanAsked, Void
from sync.limits import RECALL_ROWS_MAX, SEEN_ROWS
from sync.numbers import Numbers
from sync.record import BadRow, Row, decode


class Draft(NamedTuple):
    """A held debit whose outcome may still be found. `greyed`: closed unhealed at the end of a day, not forgotten."""

    row: Row
    held: Held
    greyed: bool


class Drafts(UserDict[int, Draft]):
    """Drafts by the number of their HELD row, in that order; a card's are found without looking at the others'."""

    def __init__(self) -> None:
        self._cards: dict[str, set[int]] = {}
        super().__init__()

    def __setitem__(self, seq: int, draft: Draft) -> None:
        """Open a draft, or change it."""
        self._cards.setdefault(draft.held.card, set()).add(seq)
        super().__setitem__(seq, draft)

    def __delitem__(self, seq: int) -> None:
        """Close a draft."""
        card = self.data[seq].held.card
        self._cards[card].discard(seq)
        if not self._cards[card]:
            del self._cards[card]
        super().__delitem__(seq)

    def of(self, card: str) -> list[Draft]:
        """The card's drafts, oldest first."""
        return [self.data[seq] for seq in sorted(self._cards.get(card, ()))]


class Recalled(NamedTuple):
    """One of a card's rows, with the outcomes that name it (for HELD; oldest first)."""

    row: Row
    outcomes: tuple[Row, ...]


class Seen(NamedTuple):
    """A card's last debits: (random, counter) of each, the counter of the last that is DONE.

    `last_proved`: the very last is DONE by a proof, not by its own answer.
    """

    pairs: frozenset[tuple[str, int]]
    last_done_counter: int | None
    last_proved: bool


NOBODY = Seen(frozenset(), None, False)
"""A card without a debit here."""


def decoded(raw: object) -> Row:
    """The row of stored bytes. Raises DamagedJournal."""
    try:
        return decode(raw if isinstance(raw, bytes) else b"")
    except BadRow as wrong:
        raise DamagedJournal(f"a stored row cannot be read ({wrong}): verify the journal, enrol a new one") from wrong


def row_at(connection: apsw.Connection, seq: int) -> Row | None:
    """Row `seq`, None where there is none."""
    raw = connection.execute("SELECT raw FROM row WHERE seq = ?", (seq,)).get
    return None if raw is None else decoded(raw)


def outcomes(connection: apsw.Connection, held: int) -> tuple[Row, ...]:
    """The outcomes that name HELD row `held`, oldest first."""
    found = connection.execute("SELECT raw FROM row WHERE held = ? ORDER BY seq", (held,))
    return tuple(decoded(raw) for (raw,) in found)


def lock_of(connection: apsw.Connection, uid: str) -> Row | None:
    """The latest LOCK_TRIED or LOCKED row of the chip with this UID: a locked chip hides its card number."""
    query = "SELECT raw FROM row WHERE uid = ? AND kind IN ('LOCK_TRIED', 'LOCKED') ORDER BY seq DESC LIMIT 1"
    raw = connection.execute(query, (uid,)).get
    return None if raw is None else decoded(raw)


def last_duty(connection: apsw.Connection) -> Row | None:
    """The latest SIGN_ON or SIGN_OFF."""
    query = "SELECT raw FROM row WHERE kind IN ('SIGN_ON', 'SIGN_OFF') ORDER BY seq DESC LIMIT 1"
    raw = connection.execute(query).get
    return None if raw is None else decoded(raw)


def recall(connection: apsw.Connection, card: str, limit: int) -> list[Recalled]:
    """The card's latest rows, newest first."""
    query = "SELECT raw FROM row WHERE card = ? ORDER BY seq DESC LIMIT ?"
    rows = [decoded(raw) for (raw,) in connection.execute(query, (card, min(limit, RECALL_ROWS_MAX)))]
    return [Recalled(row, outcomes(connection, row.seq) if isinstance(row.event, Held) else ()) for row in rows]


_DEBITS = """
SELECT row.raw, done.raw FROM row LEFT JOIN row AS done ON done.held = row.seq AND done.kind = 'DONE'
WHERE row.card = ? AND row.kind = 'HELD' ORDER BY row.seq DESC LIMIT ?
"""


def seen(connection: apsw.Connection, card: str) -> Seen:
    """The card's last SEEN_ROWS debits. One query, for each tap of a card that was here before waits for it."""
    if connection.execute("SELECT 1 FROM row WHERE card = ? LIMIT 1", (card,)).get is None:
        return NOBODY  # most riders of a day are new here: the index alone tells, in a fifth of the time
    pairs: set[tuple[str, int]] = set()
    last_done: int | None = None
    last_proved = False
    for raw, done in connection.execute(_DEBITS, (card, SEEN_ROWS)):
        event = decoded(raw).event
        if isinstance(event, Held):
            if done is not None and not pairs:
                outcome = decoded(done).event
                last_proved = isinstance(outcome, Done) and outcome.by == "prove"
            if done is not None and last_done is None:
                last_done = event.counter
            pairs.add((event.random, event.counter))
    return Seen(frozenset(pairs), last_done, last_proved)


def open_loans(connection: apsw.Connection) -> list[Row]:
    """Every LOAN_ASKED row that no LOAN_CLOSED names, with the rows that name it, in the order of the journal."""
    found = connection.execute(
        "WITH asked AS (SELECT seq FROM row WHERE kind = 'LOAN_ASKED' AND NOT EXISTS ("
        "SELECT 1 FROM row AS closed WHERE closed.held = row.seq AND closed.kind = 'LOAN_CLOSED'))"
        " SELECT raw FROM row WHERE seq IN asked OR held IN asked ORDER BY seq"
    )
    return [decoded(raw) for (raw,) in found]


def loan_asked(connection: apsw.Connection, operation: str) -> Row | None:
    """The newest LOAN_ASKED row of that operation; those in the archive are left out."""
    found = connection.execute("SELECT raw FROM row WHERE kind = 'LOAN_ASKED' ORDER BY seq DESC")
    for (raw,) in found:
        row = decoded(raw)
        if isinstance(row.event, LoanAsked) and row.event.operation == operation:
            return row
    return None


def adjustments(connection: apsw.Connection) -> list[Recalled]:
    """Every ADJUST_ASKED row with what came of it, newest first; those in the archive are left out."""
    found = connection.execute("SELECT raw FROM row WHERE kind = 'ADJUST_ASKED' ORDER BY seq DESC")
    rows = [decoded(raw) for (raw,) in found]
    return [Recalled(row, outcomes(connection, row.seq)) for row in rows]


def bills(connection: apsw.Connection, since: int) -> list[Row]:
    """A counter's bills, their outcomes and corrections from row `since` on, in order."""
    kinds = "('BILL_HELD', 'BILL_DONE', 'BILL_VOID', 'BILL_CORRECTED', 'COUNTER_ON', 'COUNTER_OFF')"
    found = connection.execute(f"SELECT raw FROM row WHERE kind IN {kinds} AND seq >= ? ORDER BY seq", (since,))
    return [decoded(raw) for (raw,) in found]


class Counted(NamedTuple):
    """What the numbers and the table of drafts tell, with the rows after number `drafts` taken into it.

    `drafts`: every draft that may still be healed, by the number of its HELD row; `written`: `greyed` of each as the
    table has it.
    """

    numbers: Numbers
    drafts: Drafts
    written: dict[int, bool]


def counted(connection: apsw.Connection, numbers: Numbers) -> Counted:
    """Read the table of drafts and go through the rows after it, each once. Raises DamagedJournal."""
    drafts = Drafts()
    for seq, greyed in connection.execute("SELECT held, greyed FROM draft ORDER BY held"):
        row = row_at(connection, seq)
        if row is None or not isinstance(row.event, Held):
            raise DamagedJournal(f"draft {seq} names no HELD row: verify the journal, enrol a new one")
        drafts[seq] = Draft(row, row.event, bool(greyed))
    written = {seq: draft.greyed for seq, draft in drafts.items()}
    signalled, fen, synced = numbers.signalled, numbers.total_fen, numbers.synced
    later = "SELECT raw, fen, signalled FROM row WHERE seq > ? ORDER BY seq"
    for raw, more, told in connection.execute(later, (numbers.drafts,)):
        row = decoded(raw)
        follow(drafts, row)
        signalled, fen = max(signalled, told), fen + more
        if row.clock == "synced":
            synced = row.seq
    return Counted(numbers._replace(signalled=signalled, total_fen=fen, synced=synced), drafts, written)


LOAD_ENDS = "('LOAD_DONE', 'LOAD_VOID', 'LOAD_GREY')"
RETIRE = f"""
DELETE FROM row WHERE seq < ? AND coalesce(held, seq) NOT IN (SELECT held FROM draft)
    AND kind NOT IN ('LOCK_TRIED', 'LOCKED', 'BILL_CORRECTED', 'REFUND')
    AND (kind <> 'LOAD_HELD' OR EXISTS (
        SELECT 1 FROM row AS outcome WHERE outcome.held = row.seq AND outcome.kind IN {LOAD_ENDS}))
    AND (kind <> 'BILL_HELD' OR EXISTS (SELECT 1 FROM row AS outcome WHERE outcome.held = row.seq))
    AND (kind NOT IN ('LOAN_ASKED', 'LOAN_SENT', 'LOAN_STUCK') OR EXISTS (
        SELECT 1 FROM row AS closed WHERE closed.held = coalesce(row.held, row.seq) AND closed.kind = 'LOAN_CLOSED'))
    AND seq <> coalesce((SELECT max(seq) FROM row WHERE kind IN ('SIGN_ON', 'SIGN_OFF')), 0)
    AND seq <> coalesce((SELECT max(seq) FROM row WHERE kind IN ('COUNTER_ON', 'COUNTER_OFF')), 0)
"""
"""Removes the rows before a border that lie in the archive, but those that a visit may still ask for."""


def follow(drafts: Drafts, row: Row) -> None:
    """Take the next row into the drafts: HELD opens one, an outcome closes it, one closed unhealed stays."""
    event = row.event
    if isinstance(event, Held):
        drafts[row.seq] = Draft(row, event, False)
    elif isinstance(event, Grey) and event.why not in FINAL_GREY:
        if draft := drafts.get(event.held):
            drafts[event.held] = draft._replace(greyed=True)
    elif isinstance(event, Done | Void | Grey):
        drafts.pop(event.held, None)


def draft_changes(written: dict[int, bool], drafts: Drafts) -> list[tuple[str, tuple[int, ...]]]:
    """What makes the table of drafts, as it was written (number to `greyed`), say what `drafts` says."""
    closed = [("DELETE FROM draft WHERE held = ?", (seq,)) for seq in written.keys() - drafts.keys()]
    return closed + [
        ("INSERT OR REPLACE INTO draft VALUES(?, ?)", (seq, draft.greyed))
        for seq, draft in drafts.items()
        if written.get(seq) is not draft.greyed
    ]
