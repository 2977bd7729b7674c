"""One counter of the library and its clerk: the product's own counter and replay on a station of the world."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from sync.errors import JournalError
from sync.events import AnyEvent, LoanAsked, LoanClosed, LoanSent
from sync.ils import Account, Ils
from sync.lending import Entry, Loan, Queue, State
from sync.record import Row, decode
from sync.sip2 import ils
from sync.sip2.ils import Desk
from terminal.library.counter import Counter, Rules
from terminal.library.exceptions import listed
from terminal.library.replay import export, replay, settle
from terminal.library.results import Outcome, Result
from terminal.ports import Moment
from terminal.precedence import Precedence
from tests.counters import VAULT
from tests.world.station import Station, T
from tests.world.violation import check

if TYPE_CHECKING:
    from tests.world.branch import Branch

SAID_YES = (Outcome.DONE, Outcome.QUEUED)


class Act(NamedTuple):
    """What a reader wants. `card` "" for a return; `item` "" for a fee."""

    operation: str
    what: str
    card: str
    item: str
    family: str = "typed"


class TellingCounter(Counter):
    """The product's counter; the world is told which act goes out, and what was granted by whom."""

    at: "LoanDesk"

    def told(self, entry: Entry, loan: Loan, moment: Moment) -> ils.Verdict:
        """See Counter."""
        self.at.telling(entry)
        try:
            return super().told(entry, loan, moment)
        finally:
            self.at.asking = ""

    def keep(self, event: AnyEvent, moment: Moment) -> Row:
        """See Counter."""
        entry = self.queue.entry(event.held) if isinstance(event, LoanClosed) else None
        row = super().keep(event, moment)
        if isinstance(event, LoanClosed) and entry is not None:
            self.at.closed(entry, event.outcome)
        return row


class LoanDesk(Station):
    """A counter with its clerk; what the clerk knows survives the program."""

    def __init__(self, branch: "Branch", name: str, number: str) -> None:
        super().__init__(branch, name, number)
        self.branch = branch
        self.asking = ""
        self.trouble = 0.0
        self.waiting: dict[str, Act] = {}  # acts whose outcome was unknown: their items lie at the desk
        self.walked: dict[str, Act] = {}  # what a reader was told yes to
        self.refused: set[str] = set()
        self.files = branch.folder / f"{name}-koc"
        self.is_exporting = False  # it ended in an export: its file is not the librarian's yet

    # --- a process

    def _plug(self) -> None:
        assert self.journal is not None
        client = Ils(Account("library", 6001, "desk", "secret", Desk("JXLIB", "", "city")), self.branch.profile)
        TellingCounter.at = self
        self.counter = TellingCounter(self.journal, VAULT, self.clock, client, self.rules(), Precedence())

    def rules(self) -> Rules:
        """The local rules and the list of the blocked, as they are now."""
        return Rules(self.branch.lending, frozenset(self.branch.blocked))

    def _at_the_end(self) -> None:
        held = self.journal is not None and bool(self.counter.queue.open(State.SENT))
        self.world.count_end(self.machine, held)

    def _switched_off(self) -> None:
        """The line is found cut."""

    def idle(self) -> None:
        """See Station."""
        self.world.time.pass_ms(6_000)
        self._sure(self._archived)

    def _archived(self) -> None:
        assert self.journal is not None
        self.journal.archive(self.clock.read().at)

    def restart(self) -> None:
        """The clerk ends the program and starts it again."""
        self.machine.by, self.machine.ended_at, self.machine.ended = "kill", "restart", True
        self._at_the_end()
        self.machine.disk.end()
        self._restart()

    # --- acts

    def do(self, act: Act) -> bool:
        """From the reader's wish to the clerk's word. True: the reader was told yes."""
        before = len(self.told)
        result = self._sure(lambda: self._asked(act))
        if result is None and self.journal is not None:  # it ended, or its disk is full: what became of it?
            result = self._sure(lambda: self.counter.found(act.operation))
        return self._heard(act, result, before)

    def _asked(self, act: Act) -> Result:
        TellingCounter.at = self
        name = act.operation
        match act.what:
            case "lend":
                return self.counter.lend(act.card, act.family, act.item, name)
            case "renew":
                return self.counter.renew(act.card, act.item, name)
            case "return":
                return self.counter.give_back(act.item, name)
            case _:
                return self.counter.fee(act.card, 150, "00", operation=name)

    def _heard(self, act: Act, result: Result | None, before: int) -> bool:
        outcome = result.outcome if result is not None else Outcome.REFUSED
        wish = f"{act.what} {act.item} {act.card[-4:]}".replace("  ", " ")
        self.branch.say(self.name, f"{wish}, act {act.operation[-4:]}: {outcome.name.lower()}")
        if outcome in SAID_YES:
            self._check_durable(act, outcome, before)
            self.walked[act.operation] = act
        elif outcome is Outcome.UNCLEAR:
            self.waiting[act.operation] = act
        else:
            self.refused.add(act.operation)
        return outcome in SAID_YES

    def _sure(self, action: Callable[[], T]) -> T | None:
        try:
            return self.alive(action)
        except JournalError as trouble:
            self.branch.say(self.name, f"journal: {trouble}")
            self.restart()
            return None

    def replay(self) -> None:
        """The clerk's replay, with what is on the list looked into; then those who wait are told."""
        self._sure(self._replayed)
        for name, act in list(self.waiting.items()):
            found = self._sure(lambda name=name: self.counter.found(name))  # type: ignore[misc]
            if found is not None and found.outcome is not Outcome.UNCLEAR:
                del self.waiting[name]
                if found.outcome in SAID_YES:
                    self.walked[name] = act
                    self.branch.handed(act)
                else:
                    self.refused.add(name)

    def _replayed(self) -> None:
        TellingCounter.at = self
        chance = self.branch.chance
        stuck = [entry for entry in self.counter.queue.open(State.STUCK) if chance.random() < 0.3]
        again = [entry.row.seq for entry in stuck if entry.why in ("refused", "no_answer")]
        came = replay(self.counter, again)
        self.branch.say(self.name, f"replay: {came}")
        for entry in stuck:
            if entry.why not in ("refused", "no_answer") and self.counter.queue.entry(entry.row.seq) is not None:
                settle(self.counter, entry.row.seq)

    def export(self) -> None:
        """The way out after days offline: what waits goes into a file, once more where the program ended in it."""
        self.is_exporting = True
        self._sure(self._exported)

    def _exported(self) -> None:
        TellingCounter.at = self
        written = export(self.counter, self.files, "world")
        self.branch.say(self.name, f"exported: {written.name if written else 'nothing waits'}")
        self.is_exporting = False

    def upload(self) -> None:
        """The librarian gives the library's system each file that lies there, and moves it away."""
        if self.is_exporting or self.branch.ils.is_away:
            return
        rows = [decode(raw) for raw in self.told]
        asked = {row.seq: row.event.operation for row in rows if isinstance(row.event, LoanAsked)}
        for path in sorted(self.files.glob("*.koc"), key=lambda path: int(path.stem.split("-")[2])):
            by_it = (row.event for row in rows if isinstance(row.event, LoanSent) and row.event.way == path.name)
            sent = dict.fromkeys(event.held for event in by_it)
            lines = [line.split("\t") for line in path.read_text().splitlines()[1:]]
            self.branch.say("library", f"{path.name} of {self.name}: {len(lines)} acts")
            self.branch.ils.upload([asked[seq] for seq in sent], lines)
            path.unlink()

    # --- what must hold at once

    def telling(self, entry: Entry) -> None:
        """An act is about to go out: nothing older of this counter waits, but what is on the list."""
        self.asking = entry.asked.operation
        self.branch.granted[self.asking] = entry.asked.granted
        waiting = [one.row.seq for one in Queue.open(self.counter.queue) if one.state in (State.QUEUED, State.SENT)]
        older = [seq for seq in waiting if seq < entry.row.seq]
        check(not older, "in order", f"{self.name}: row {entry.row.seq} overtakes {older}")

    def _check_durable(self, act: Act, outcome: Outcome, before: int) -> None:
        """A yes stands in the journal before the reader hears it, and a local one keeps to the rules."""
        events = [decode(raw).event for raw in self.told]
        mine = [event for event in events if isinstance(event, LoanAsked)]
        asked = [event for event in mine if event.operation == act.operation]
        check(asked, "durable", f"{self.name}: {act.operation[-4:]} was told and has no row")
        if outcome is not Outcome.QUEUED or act.what not in ("lend", "renew"):
            return
        check(act.card not in self.branch.blocked, "local rules", f"{act.card[-4:]} is blocked and got {act.item}")
        terms = self.branch.lending.terms.at(datetime.fromisoformat(decode(self.told[before]).at).date())
        assert terms is not None
        if act.what == "lend":
            check(act.family in terms.no_deposit, "local rules", f"{act.family} needs a deposit")
            closed = {event.held for event in events if isinstance(event, LoanClosed)}
            rows = [decode(raw) for raw in self.told]
            open_now = sum(
                isinstance(row.event, LoanAsked) and row.event.granted == "rules" and row.event.act == "lend"
                and row.event.reader == asked[-1].reader and row.seq not in closed
                for row in rows
            )  # fmt: skip
            check(open_now <= terms.items_max, "local rules", f"{act.card[-4:]} has {open_now} items offline")

    def closed(self, entry: Entry, outcome: str) -> None:
        """What was closed as done just now, the library's system has; what was closed as refused, it has not done."""
        act, system = self.branch.acts[entry.asked.operation], self.branch.ils
        seen = f"{self.name}: {act.what} {act.operation[-4:]}"
        if outcome == "done":
            holder = system.shelf.books[act.item].holder if act.item else ""
            stands = (act.what == "lend" and holder == act.card) or (act.what == "return" and not holder)
            check(stands or system.has_done(act.operation), "done at the library", f"{seen} is not there")
        elif outcome == "refused":
            check(not system.shows(act.operation, act.item), "refused is refused", f"{seen} was executed")

    # --- at the end

    def settle(self) -> None:
        """Everything that a reader was told yes to is at the library's system, on the list, or was seen to by hand."""
        check(not self.counter.queue.open(State.QUEUED, State.SENT), "replay ends", f"{self.name} still waits")
        rows = [decode(raw) for raw in self.told]
        last = {row.event.operation: row.seq for row in rows if isinstance(row.event, LoanAsked)}
        acts = {seq: name for name, seq in last.items()}  # one that the library did not take is asked once more, here
        closed = [row.event for row in rows if isinstance(row.event, LoanClosed) and row.event.held in acts]
        ends = {acts[event.held]: event.outcome for event in closed}
        exceptions = {one.entry.asked.operation for one in listed(self.counter, full=True)}
        for name, act in self.walked.items():
            end = ends.get(name, "")
            kept = end in ("done", "settled") or (not end and name in exceptions)
            kept |= end == "exported" and self.branch.ils.has_done(name)
            seen = f"{self.name}: {act.what} {act.item} of {act.card[-4:]} is {end or 'nowhere'}"
            check(kept, "a loan is kept", seen)
        for name in self.refused & ends.keys():
            check(ends[name] == "refused", "refused is refused", f"{self.name}: {name[-4:]} ended as {ends[name]}")
