"""The sync thread: sends what the journal holds, again and again until the backend has it. A tap never waits for it."""

import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from sync.batch import batch_of, pack, path_of
from sync.chain import Identity
from sync.condition import Condition
from sync.errors import JournalError
from sync.journal import Journal
from sync.limits import BATCH_BYTES_MAX, CONDITION_REFUSED_SECONDS, CONDITION_SECONDS
from sync.link import Link, LinkDown
from sync.numbers import Unsent
from sync.session import (
    Accepted,
    Ahead,
    NotEnrolled,
    Reply,
    Session,
    State,
    TooMuch,
    Unclear,
    understand,
    understand_enrolment,
)
from sync.weave import GiveWay


class Standing(NamedTuple):
    """What the screen shows. `online` None: not tried yet. `last_contact` UTC, ISO 8601, "" for never. `trouble` ""
    when there is none; `stranded`: a person must enrol the terminal."""

    online: bool | None
    last_contact: str
    server_time: str
    unsent: Unsent
    trouble: str
    stranded: bool


def enrol(link: Link, terminal: str) -> Identity | Unclear:
    """Ask the backend for the identity of a new journal of `terminal`; each call opens a new epoch. Raises LinkDown."""
    answer = link.post(f"/v1/terminals/{terminal}/enrol", b"")
    return understand_enrolment(terminal, answer.status, answer.body)


class Worker:
    """Runs one session over one link in its own thread.

    `on_versions` gets the backend's version numbers when they changed, `on_alarm` (what, detail), `on_standing` what
    the backend says of the terminal, `renew` the link when it wants another certificate (it answers what is wrong, ""
    for nothing); all run in the sync thread.
    """

    def __init__(
        self,
        journal: Journal,
        link: Link,
        on_versions: Callable[[dict[str, str]], None],
        on_alarm: Callable[[str, str], None],
        chance: Callable[[], float] = random.random,
        on_standing: Callable[[str], None] = lambda standing: None,
        renew: Callable[[Link], str] = lambda link: "",
        condition: Callable[[], Condition | None] = lambda: None,
        give_way: GiveWay = lambda: None,
    ) -> None:
        """`chance` in [0, 1) spreads the pauses of many terminals; `condition`: what the terminal says of itself;
        `give_way`: returns when no card is being served."""
        self._journal = journal
        self._link = link
        self._on_versions = on_versions
        self._on_alarm = on_alarm
        self._chance = chance
        self._on_standing = on_standing
        self._renew = renew
        self._condition = condition
        self._give_way = give_way
        self._condition_due = 0.0
        self.session = Session(journal.identity)
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._online: bool | None = None
        self._last_contact = ""
        self._server_time = ""
        self._trouble = ""
        self._versions: dict[str, str] = {}
        self._not_renewed = ""

    def start(self) -> None:
        """Start the thread, also after a stop; it asks the backend at once."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """A tap left rows. Returns at once."""
        self._wake.set()

    def stop(self, seconds: float) -> bool:
        """Ask the thread to end and wait for it; False when it still hangs on a wire (it holds nothing then)."""
        self._stop.set()
        self._wake.set()
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def standing(self) -> Standing:
        """The present state, for the screen."""
        stranded = self.session.state is State.STRANDED
        unsent = self._journal.unsent()
        return Standing(self._online, self._last_contact, self._server_time, unsent, self._trouble, stranded)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                if self.session.state is State.ASKING:
                    self.ask()
                else:
                    self._wait()
        except Exception as wrong:
            self._online, self._trouble = False, f"the sync thread died, restart the device: {wrong!r}"
            raise
        finally:
            self._link.close()

    def _wait(self) -> None:
        """Until the pause is over, or a tap wakes a session that is calm."""
        if self.session.state is State.CALM:
            if self._wake.wait(self.session.pause_seconds):
                self.session.woken()
                return
        elif self._stop.wait(self.session.pause_seconds):
            return
        self.session.due()

    def ask(self) -> None:
        """One exchange with the backend, in the caller's thread; `session` says when the next is due."""
        self._wake.clear()
        before = self._journal.acknowledged
        try:
            reply = self._exchange(before)
            if isinstance(reply, Accepted):
                self._journal.acknowledge(reply.acknowledged)
            self._online = not isinstance(reply, Unclear)
        except LinkDown as wrong:
            self._online = False
            reply = Unclear(str(wrong))
        except JournalError as wrong:
            reply = Unclear(f"journal: {wrong}")
        self.session.answered(reply, before, self._journal.last_seq, self._chance())
        try:
            self._tell(reply)
        except JournalError as wrong:  # an alarm that could not be kept; the sending goes on
            self._trouble = f"journal: {wrong}"

    def _exchange(self, acknowledged: int) -> Reply:
        journal = self._journal
        identity, last_seq = journal.identity, journal.last_seq
        self._give_way()
        rows = journal.rows(acknowledged, self.session.batch_rows, BATCH_BYTES_MAX)
        batch = batch_of(identity, acknowledged, journal.head_at(acknowledged), rows)
        if (now := time.monotonic()) >= self._condition_due:
            batch = batch._replace(condition=self._condition())
            self._condition_due = now + CONDITION_SECONDS
        answer = self._link.post(path_of(identity.terminal), pack(batch, self._give_way), "gzip")
        self._give_way()
        if answer.standing:
            self._on_standing(answer.standing)
        if answer.renew:
            self._not_renewed = self._renew(self._link)
        last_seq = max(last_seq, batch.last)
        reply = understand(identity, last_seq, batch.last, answer.status, answer.retry_after, answer.body)
        if isinstance(reply, TooMuch) and batch.condition is not None:
            self._condition_due = now + CONDITION_REFUSED_SECONDS  # a backend of before takes the rows alone
        return reply

    def _tell(self, reply: Reply) -> None:
        was, self._trouble = self._trouble, _trouble(reply) or self._not_renewed
        if isinstance(reply, Accepted):
            self._last_contact = datetime.now(UTC).isoformat(timespec="seconds")
            self._server_time = reply.server_time
            if reply.quarantined:
                self._on_alarm("quarantined", f"rows {', '.join(map(str, reply.quarantined))}")
            if reply.versions != self._versions:
                self._versions = reply.versions
                self._on_versions(reply.versions)
        elif isinstance(reply, Ahead | NotEnrolled) and self._trouble != was:
            self._on_alarm("stranded", self._trouble)


def _trouble(reply: Reply) -> str:
    match reply:
        case Accepted():
            return ""
        case Ahead():
            return f"the backend has {reply.ack_through} rows of this epoch: this journal is an old copy; enrol anew"
        case NotEnrolled():
            return f"not enrolled: {reply.detail}"
        case TooMuch():
            return f"batch refused: {reply.detail}"
        case Unclear():
            return reply.what
