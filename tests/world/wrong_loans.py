"""Known wrong programs of the library's counter, each planted by a patch of the real one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import terminal.library.replay
from config.durable import replace_durably
from sync.events import AnyEvent, LoanAsked, LoanClosed, LoanSent
from sync.lending import Entry, Loan, Queue, State
from sync.record import Row
from sync.sip2.profile import IlsProfile
from tariffs.library import Denied, Lending
from terminal.library.counter import Counter
from terminal.library.results import Outcome, Result
from terminal.ports import Moment


def loan_replayed_without_asking() -> Any:
    """What was sent and has no answer is sent once more: nobody asks first whether it was done."""
    original = terminal.library.replay._one

    def one(counter: Counter, entry: Entry) -> Any:
        return original(counter, replace(entry, way=""))

    return patch("terminal.library.replay._one", one)


def refusal_forgets_that_it_was_sent_again() -> Any:
    """One that was refused, and sent again in vain, is sent without asking: this was a fault of the real program."""
    original = Queue.follow

    def follow(self: Queue, row: Row) -> None:
        event = row.event
        before = self.entry(event.held) if isinstance(event, LoanSent) else None
        original(self, row)
        if before is not None:
            after = self._entries[before.row.seq]
            self._entries[before.row.seq] = replace(after, why=before.why)

    return patch.object(Queue, "follow", follow)


def loan_done_before_the_answer() -> Any:
    """A question without an answer counts as done."""

    def unclear(self: Counter, entry: Entry, loan: Loan, moment: Moment) -> Result:
        self.keep(LoanClosed(entry.row.seq, "done", "answer"), moment)
        return Result(entry.asked.act, loan.item, Outcome.DONE, seq=entry.row.seq)

    return patch.object(Counter, "_unclear", unclear)


def loans_dropped_at_a_restart() -> Any:
    """What waits when the power goes is dropped, though its reader was told yes."""

    def abandon(self: Counter) -> None:
        for entry in self.queue.open(State.QUEUED):
            self.keep(LoanClosed(entry.row.seq, "refused", "restart"), self.clock.read())

    return patch.object(Counter, "_abandon", abandon)


def loan_kept_with_the_next_one() -> Any:
    """A loan by the local rules becomes durable together with the next row."""
    original = Counter.keep
    late: dict[int, tuple[AnyEvent, Moment]] = {}

    def keep(self: Counter, event: AnyEvent, moment: Moment) -> Row:
        if waiting := late.pop(id(self), None):
            original(self, *waiting)
        if isinstance(event, LoanAsked) and event.granted == "rules":
            late[id(self)] = event, moment
            assert self.journal.last_seq
            last = self.journal.row(self.journal.last_seq)
            assert last is not None
            return last
        return original(self, event, moment)

    return patch.object(Counter, "keep", keep)


def no_block_everywhere() -> Any:
    """Whatever is replayed goes out with no block, to systems too that refuse that or are blind to it."""
    return patch.object(IlsProfile, "honours", lambda _self, _act: True)


def blocked_readers_lent_offline() -> Any:
    """The list of the blocked is not looked at while the library's system is away."""
    original = Lending.lend

    def lend(self: Lending, card: str, family: str, lent: int, _blocked: Any, moment: Any) -> Any | Denied:
        return original(self, card, family, lent, frozenset(), moment)

    return patch.object(Lending, "lend", lend)


def refused_loans_leave_the_list() -> Any:
    """What the library's system refuses in a replay is closed, and nobody looks into it."""

    def stuck(counter: Counter, entry: Entry, _why: str, _words: str, moment: Moment) -> str:
        counter.keep(LoanClosed(entry.row.seq, "refused", "answer"), moment)
        return "refused"

    return patch("terminal.library.replay._stuck", stuck)


def newer_loan_overtakes() -> Any:
    """With the line back a new loan goes out at once, and what waits after it."""
    whole, original = Queue.open, Counter._act

    def act(self: Counter, *arguments: Any, **named: Any) -> Result:
        with patch.object(Queue, "open", lambda queue, *states: [] if states else whole(queue)):
            return original(self, *arguments, **named)

    return patch.object(Counter, "_act", act)


def loans_without_limit() -> Any:
    """How many were lent offline is not counted."""
    return patch.object(Queue, "lent", lambda _self, _reader: 0)


def exported_and_not_closed() -> Any:
    """What went into a .koc file stays open: the next export writes it anew."""
    original = Counter.keep

    def keep(self: Counter, event: AnyEvent, moment: Moment) -> Row:
        if isinstance(event, LoanClosed) and event.outcome == "exported":
            event = LoanSent(event.held, next(e.way for e in self.queue.open() if e.row.seq == event.held))
        return original(self, event, moment)

    return patch.object(Counter, "keep", keep)


def newer_replayed_beside_an_export() -> Any:
    """A replay sends what came after an export that was cut off: this was a fault of the real program."""
    original = terminal.library.replay.replay

    def replay(counter: Counter, again: Any = (), *rest: Any) -> Any:
        whole = counter.queue.open
        without = lambda *states: [one for one in whole(*states) if not one.way.endswith(".koc")]  # noqa: E731
        with patch.object(counter.queue, "open", without):
            return original(counter, again, *rest)

    return patch("tests.world.lending.replay", replay)


@contextmanager
def exported_before_it_is_written() -> Iterator[None]:
    """The acts of a .koc file are closed before the file is there."""
    original, write = terminal.library.replay.export, replace_durably

    def export(counter: Counter, folder: Path, version: str) -> Path | None:
        late: list[tuple[Path, bytes]] = []
        with patch("terminal.library.replay.replace_durably", lambda path, raw: late.append((path, raw))):
            written = original(counter, folder, version)
        for path, raw in late:
            write(path, raw)
        return written

    with patch("tests.world.lending.export", export):
        yield


def replayed_by_the_clock() -> Any:
    """What waits goes out by its time, not by its number: a clock that went back turns it round."""
    original = Queue.open

    def by_time(self: Queue, *states: State) -> list[Entry]:
        return sorted(original(self, *states), key=lambda entry: entry.at)

    return patch.object(Queue, "open", by_time)
