"""What was done offline is told to the library system, one act after the other, each made sure of by asking.

A bad one is put on the clerk's list and never blocks the others; a lost connection leaves the rest for the next time.
"""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Literal, NamedTuple

from config.durable import replace_durably
from sync.events import LoanClosed, LoanSent, LoanStuck
from sync.events.loan import Why
from sync.ils import IlsAway, IlsUnclear
from sync.lending import Entry, Loan, State, koc
from sync.sip2 import ils
from sync.sip2.errors import BadMessage
from terminal.library.counter import Counter
from terminal.library.limits import ATTEMPTS
from terminal.ports import Moment

Progress = Callable[[int, int], None]
Closing = Literal["done", "refused"]
End = Closing | Literal["stuck"]


EXPORT_UNFINISHED = "导出未完成，请再次运行 smk library export · an export was cut off: run smk library export again"


class Replayed(NamedTuple):
    """What a replay came to. `left`: acts that still wait; `away` why, "" when none had to."""

    done: int
    stuck: int
    not_done: int
    left: int
    away: str


def replay(counter: Counter, again: Collection[int] = (), progress: Progress = lambda done, of: None) -> Replayed:
    """Tell the library system all that waits, and of what is stuck those rows that the clerk names.

    What came after an export that was cut off waits until that is finished: the file's acts happened before.
    """
    waiting = [entry for entry in counter.queue.open() if entry.state is not State.STUCK or entry.row.seq in again]
    ends: dict[End, int] = {"done": 0, "stuck": 0, "refused": 0}
    away = ""
    for number, entry in enumerate(waiting):
        progress(number, len(waiting))
        if entry.way.endswith(".koc"):
            away = EXPORT_UNFINISHED
            break
        try:
            ends[_one(counter, entry)] += 1
        except IlsAway as wrong:
            away = str(wrong)
            break
    left = len(counter.queue.open(State.QUEUED, State.SENT))
    return Replayed(ends["done"], ends["stuck"], ends["refused"], left, away)


def _one(counter: Counter, entry: Entry) -> End:
    """Bring one act to its end. Raises IlsAway: it stays as it is."""
    moment = counter.clock.read()
    loan = counter.loan(entry)
    was_sent = entry.way == "sip2" and entry.why != "refused"
    for _ in range(ATTEMPTS):
        if was_sent:
            is_done = _asked(counter, entry, loan, moment)
            if is_done:
                return _close(counter, entry, "done", "verified", moment)
            if is_done is None:
                return _stuck(counter, entry, "unclear", "", moment)
            if entry.asked.granted == "ils":  # the clerk was told to hand nothing over
                return _close(counter, entry, "refused", "verified", moment)
        was_sent = True
        counter.keep(LoanSent(entry.row.seq, "sip2"), moment)
        try:
            told = counter.told(entry, loan, moment)
        except IlsUnclear:
            continue
        except BadMessage:
            return _stuck(counter, entry, "bad_value", "", moment)
        return _judged(counter, entry, loan, told, moment)
    is_done = _asked(counter, entry, loan, moment)
    if is_done:
        return _close(counter, entry, "done", "verified", moment)
    return _stuck(counter, entry, "unclear" if is_done is None else "no_answer", "", moment)


def _judged(counter: Counter, entry: Entry, loan: Loan, told: ils.Verdict, moment: Moment) -> End:
    """The answer beside what the library system then says of reader or item."""
    is_done = _asked(counter, entry, loan, moment)
    if told.ok and is_done is not False:
        return _close(counter, entry, "done", "verified" if is_done else "answer", moment)
    if not told.ok and is_done and entry.asked.act in ("lend", "return"):  # returned before, or the reader's already
        return _close(counter, entry, "done", "verified", moment)
    return _stuck(counter, entry, "not_as_told" if told.ok else "refused", told.words, moment)


def _asked(counter: Counter, entry: Entry, loan: Loan, moment: Moment) -> bool | None:
    """What the library system says of the act. Raises IlsAway, also when its answer is lost: asked again next time."""
    try:
        return counter.verified(entry, loan, moment)
    except IlsUnclear as wrong:
        raise IlsAway(f"the library system does not answer ({wrong}) · 图书馆系统无应答") from wrong
    except BadMessage:
        return None


def _close(counter: Counter, entry: Entry, outcome: Closing, by: Literal["answer", "verified"], moment: Moment) -> End:
    counter.keep(LoanClosed(entry.row.seq, outcome, by), moment)
    return outcome


def _stuck(counter: Counter, entry: Entry, why: Why, words: str, moment: Moment) -> End:
    counter.keep(LoanStuck(entry.row.seq, why, counter.seal_words(words, entry)), moment)
    return "stuck"


def settle(counter: Counter, seq: int) -> bool:
    """The clerk has seen to row `seq` by hand; False when it is not open."""
    if counter.queue.entry(seq) is None:
        return False
    counter.keep(LoanClosed(seq, "settled", "clerk"), counter.clock.read())
    return True


def export(counter: Counter, folder: Path, version: str) -> Path | None:
    """Write what waits as a .koc file for Koha and close it; None when nothing waits. Raises OSError.

    What follows an act at the same item whose answer was lost waits for a replay: a file would hide what became of it.
    Each act is marked with the file's name first: after a power cut the same file is written anew, with the same acts.
    """
    moment = counter.clock.read()
    begun = [entry for entry in counter.queue.open(State.SENT) if entry.way.endswith(".koc")]
    if not begun:
        unclear = {counter.loan(entry).item for entry in counter.queue.open(State.SENT)} - {""}
        fresh = [entry for entry in counter.queue.open(State.QUEUED) if counter.loan(entry).item not in unclear]
        if not fresh:
            return None
        identity = counter.journal.identity
        name = f"{identity.terminal}-{identity.epoch}-{fresh[0].row.seq}-{fresh[-1].row.seq}.koc"
        for entry in fresh:
            counter.keep(LoanSent(entry.row.seq, name), moment)
        begun = [entry for entry in counter.queue.open(State.SENT) if entry.way == name]
    name = begun[0].way
    batch = [entry for entry in begun if entry.way == name]
    if name.split("-")[2] == str(batch[0].row.seq):  # else the first is closed, so the whole file was durable before
        folder.mkdir(parents=True, exist_ok=True)
        replace_durably(folder / name, koc(((entry, counter.loan(entry)) for entry in batch), version).encode())
    for entry in batch:
        counter.keep(LoanClosed(entry.row.seq, "exported", "koc"), moment)
    return folder / name
