"""What is still open between a library counter and the library system: a drawn state machine for each act.

Nothing goes out twice: an act that was sent and has no outcome is asked for (63 or 17) before anything else.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import Enum

import msgspec

from sync.events import AnyEvent, LoanAsked, LoanClosed, LoanSent, LoanStuck
from sync.record import Row
from sync.sip2.ils import Item, Patron, due_day
from sync.sip2.profile import IlsProfile

LoanEvent = LoanAsked | LoanSent | LoanStuck | LoanClosed


class Loan(msgspec.Struct, frozen=True):
    """What is sealed of an act: card and item; `payment` of a fee, SIP2's two digits."""

    card: str
    item: str
    payment: str = ""


class State(Enum):
    """Where one act stands."""

    QUEUED = "queued"
    SENT = "sent"
    STUCK = "stuck"
    CLOSED = "closed"


TABLE: dict[tuple[State, type[LoanEvent]], State] = {
    (State.QUEUED, LoanSent): State.SENT,
    (State.QUEUED, LoanStuck): State.STUCK,
    (State.QUEUED, LoanClosed): State.CLOSED,
    (State.SENT, LoanSent): State.SENT,
    (State.SENT, LoanStuck): State.STUCK,
    (State.SENT, LoanClosed): State.CLOSED,
    (State.STUCK, LoanSent): State.SENT,
    (State.STUCK, LoanStuck): State.STUCK,
    (State.STUCK, LoanClosed): State.CLOSED,
}
"""State and event to the next state. A pair that is not here is our mistake."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One open act: its row, how it stands, by what way it went out last, why it is stuck."""

    row: Row
    asked: LoanAsked
    state: State = State.QUEUED
    way: str = ""
    why: str = ""
    words: str = ""

    @property
    def at(self) -> datetime:
        """When it happened at the counter."""
        return datetime.fromisoformat(self.row.at)


class Queue:
    """The open acts of a journal by the number of their row, oldest first."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._entries: dict[int, Entry] = {}
        for row in rows:
            self.follow(row)

    def follow(self, row: Row) -> None:
        """Take the next row into the queue; rows of other domains are passed over."""
        event: AnyEvent = row.event
        if isinstance(event, LoanAsked):
            self._entries[row.seq] = Entry(row, event)
        elif isinstance(event, LoanSent | LoanStuck | LoanClosed) and (entry := self._entries.get(event.held)):
            state = TABLE[entry.state, type(event)]
            if isinstance(event, LoanClosed):
                del self._entries[event.held]
            elif isinstance(event, LoanSent):
                self._entries[event.held] = replace(entry, state=state, way=event.way, why="", words="")
            else:
                self._entries[event.held] = replace(entry, state=state, why=event.why, words=event.words)

    def entry(self, seq: int) -> Entry | None:
        """The open act of row `seq`."""
        return self._entries.get(seq)

    def open(self, *states: State) -> list[Entry]:
        """The acts in one of these states, oldest first; all without."""
        return [entry for entry in self._entries.values() if not states or entry.state in states]

    def lent(self, reader: str) -> int:
        """How many items the reader (a reference) was granted by the local rules that are not yet told."""
        return sum(entry.asked.act == "lend" and entry.asked.reader == reader for entry in self._granted())

    def _granted(self) -> list[Entry]:
        return [entry for entry in self._entries.values() if entry.asked.granted == "rules"]


def proved(
    entry: Entry, loan: Loan, profile: IlsProfile, patron: Patron | None, item: Item | None
) -> bool | None:
    """Whether the library system has executed the act, by what it says of the reader (63) or the item (17).

    None: it cannot be told. Always so for a payment; for a renewal only a due date as late as we granted proves it, for
    the library's period may be shorter than ours, and where the library itself was to grant it nothing does.
    """
    act = entry.asked.act
    if act == "lend" and patron is not None:
        if loan.item.casefold() in map(str.casefold, patron.charged):
            return True
        whole = patron.charged_count is None or patron.charged_count <= len(patron.charged)
        return False if whole else None
    if item is None or item.out is None:
        return None
    if act == "renew":
        day = due_day(item.due, profile)
        return True if day and entry.asked.due and day >= date.fromisoformat(entry.asked.due) else None
    if act == "lend":  # that somebody has it does not say who
        return None if item.out else False
    return not item.out if act == "return" else None


def koc(entries: Iterable[tuple[Entry, Loan]], version: str) -> str:
    """Acts as a Koha offline circulation file, format 1.0 (docs/library.md, "Koha's .koc").

    A renewal is written as an issue to the same reader, which Koha takes for one.
    """
    lines = [f"Version=1.0\tGenerator=smk\tGeneratorVersion={version}"]
    for entry, loan in entries:
        when = f"{entry.at:%Y-%m-%d %H:%M:%S} {entry.at.microsecond // 1000:03d}"
        fee = entry.asked.fee_fen
        match entry.asked.act:
            case "return":
                lines.append(f"{when}\treturn\t{loan.item}")
            case "fee":
                lines.append(f"{when}\tpayment\t{loan.card}\t{fee // 100}.{fee % 100:02d}")
            case _:
                lines.append(f"{when}\tissue\t{loan.card}\t{loan.item}")
    return "".join(line + "\n" for line in lines)


def picture() -> str:
    """The table as a Mermaid state diagram; steps that lead to the same state are one arrow."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for (before, event), then in TABLE.items():
        arrows.setdefault((before, then), []).append(str(event.__struct_config__.tag))
    drawn = [f"    {before.value} --> {then.value} : {', '.join(tags)}" for (before, then), tags in arrows.items()]
    return "\n".join(["stateDiagram-v2", "    [*] --> queued : LOAN_ASKED", *drawn, "    closed --> [*]"])
