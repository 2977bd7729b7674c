"""How an act is done: once under its operation's name, with a row of who did it, and its answer to be had again."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import apsw
import msgspec

from config.errors import ConfigError
from sync.errors import JournalError
from sync.events import ClerkAct
from terminal.faces.web.answers import Problem
from terminal.faces.web.operations import BEGUN, Known, Operations
from terminal.faces.web.page import Act, House, Refused, Who

log = logging.getLogger(__name__)

DONE, REFUSED = 200, 422
NO_ANSWER = msgspec.Raw(b"null")


class Answer(NamedTuple):
    """An HTTP status and a JSON body."""

    status: int
    body: bytes


class Told(msgspec.Struct, frozen=True):
    """An operation as it stands.

    `state`: "running"; "done" or "refused" with the `answer` that was given; "not_done" (send it again); "unknown"
    (a power cut came between; look at what it should have done).
    """

    operation: str
    act: str
    at: str
    state: Literal["running", "done", "refused", "not_done", "unknown"]
    answer: msgspec.Raw


class Acting:
    """The acts of one device. Callable from any thread."""

    def __init__(self, house: House, operations: Operations, acts: Sequence[Act]) -> None:
        self._house, self._operations = house, operations
        self._acts = {act.name: act for act in acts}
        self._running: set[str] = set()
        self._changed = threading.Condition()

    def act(self, act: Act, who: Who, name: str, body: Any) -> Answer:
        """Do the act once; a repetition waits for the first and gets its answer."""
        told = body
        if act.secret:
            told = {key: value for key, value in msgspec.structs.asdict(body).items() if key not in act.secret}
        canonical = msgspec.json.encode(told)
        digest = sha256(f"{act.name}\0".encode() + canonical).digest()
        try:
            with self._alone(name):
                known = self._operations.find(name)
                if known is not None and (known.who, known.act, known.digest) != (who.name, act.name, digest):
                    zh, en = "此操作号已用于别的操作", "this operation's name stands for something else already"
                    return _problem(409, "operation_used", zh, en)
                if known is not None:
                    given = self._given(name, known)
                    if given is not None:
                        return given
                    if act.recover is None:
                        zh, en = "断电前的结果不明，请查记录", "a power cut hid the outcome: look at the records"
                        return _problem(409, "unknown_outcome", zh, en)
                else:
                    at = self._house.clock.read().at.isoformat(timespec="seconds")
                    self._operations.begin(name, who.name, act.name, digest, at)
                return self._do(act, who, name, body)
        except apsw.Error as trouble:
            log.error("operations: %s", trouble)
            return _problem(503, "disk", "磁盘无法写入，未办理", "the disk cannot be written: nothing was done")

    def told(self, who: Who, name: str) -> Told | None:
        """The operation of that name, for whoever began it."""
        with self._changed:
            running = name in self._running
        known = self._operations.find(name)
        if known is None or known.who != who.name:
            return None
        if known.status == BEGUN and running:
            return Told(name, known.act, known.at, "running", NO_ANSWER)
        given = self._given(name, known)
        if given is not None:
            state: Literal["done", "refused"] = "done" if given.status == DONE else "refused"
            return Told(name, known.act, known.at, state, msgspec.Raw(given.body))
        recoverable = (act := self._acts.get(known.act)) is not None and act.recover is not None
        return Told(name, known.act, known.at, "not_done" if recoverable else "unknown", NO_ANSWER)

    def note(self, name: str, role: str, act: str, operation: str, outcome: str) -> None:
        """Leave a row of who did what. A disk that fails is said in the log: what was done is done."""
        try:
            row = ClerkAct(name, role, act, operation, outcome)
            self._house.journal.keep(row, *self._house.clock.read().stamp())
            self._house.wake()
        except JournalError as trouble:
            log.error("%s of %s (%s) could not be recorded: %s", act, name, outcome, trouble)

    def _given(self, name: str, known: Known) -> Answer | None:
        """The answer on record, or the one that is found in what the act made durable before a crash."""
        if known.status != BEGUN:
            return Answer(known.status, known.answer)
        act = self._acts.get(known.act)
        found = act.recover(name) if act is not None and act.recover is not None else None
        if found is None:
            return None
        body = msgspec.json.encode(found)
        self._operations.end(name, DONE, body)
        return Answer(DONE, body)

    def _do(self, act: Act, who: Who, name: str, body: Any) -> Answer:
        try:
            answer, outcome = Answer(DONE, msgspec.json.encode(act.do(who, name, body))), "done"
        except Refused as no:
            answer, outcome = _problem(REFUSED, no.problem, no.zh, no.en), no.problem
        except ConfigError as no:
            answer, outcome = _problem(REFUSED, "refused", no.text("zh"), no.text("en")), "refused"
        except JournalError as trouble:
            log.error("%s: %s", act.name, trouble)
            return _problem(503, "journal", "交易日志无法写入", f"the journal cannot be written: {trouble}")
        self._operations.end(name, *answer)
        self.note(who.name, who.role.value, act.name, name, outcome)
        return answer

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """One at a time under one name."""
        with self._changed:
            self._changed.wait_for(lambda: name not in self._running)
            self._running.add(name)
        try:
            yield
        finally:
            with self._changed:
                self._running.discard(name)
                self._changed.notify_all()


def _problem(status: int, word: str, zh: str, en: str) -> Answer:
    return Answer(status, msgspec.json.encode(Problem(word, zh, en)))
