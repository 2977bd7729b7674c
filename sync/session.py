"""The terminal's half of the conversation with the backend, without a wire: what to ask next, what an answer means.

The backend acknowledges cumulatively, after its commit. Any bytes as an answer give a value: a proxy's page, a cut
answer or another server's JSON only mean "try again".
"""

from enum import Enum
from typing import Annotated, NamedTuple

import msgspec

from sync.batch import Epoch, Terminal
from sync.chain import Identity
from sync.limits import (
    BATCH_ROWS_MAX,
    HEARTBEAT_SECONDS,
    NAME_CHARS_MAX,
    QUARANTINED_MAX,
    RETRY_AFTER_SECONDS_MAX,
    RETRY_SECONDS_MAX,
    SEQ_MAX,
    SERIAL_MAX,
)
from sync.retry import pause_seconds

Name = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]
Count = Annotated[int, msgspec.Meta(ge=0, le=SEQ_MAX)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=RETRY_AFTER_SECONDS_MAX)]


class Answer(msgspec.Struct, frozen=True):
    """The backend's answer to a batch. Rows up to `ack_through` are committed (`quarantined` ones set aside);
    `want_from` is the next row wanted, `ack_through` + 1 or lower when some must come again."""

    terminal: Terminal
    epoch: Epoch
    ack_through: Count
    want_from: Annotated[int, msgspec.Meta(ge=1, le=SEQ_MAX)]
    server_time: Name
    retry_after: Seconds = 0
    versions: Annotated[dict[Name, Name], msgspec.Meta(max_length=16)] = {}
    quarantined: Annotated[list[Count], msgspec.Meta(max_length=QUARANTINED_MAX)] = []


class Problem(msgspec.Struct, frozen=True):
    """The backend's refusal of a whole message: "not_enrolled", "bad_batch"; `detail` for people."""

    problem: Name
    detail: str = ""


class Enrolled(msgspec.Struct, frozen=True):
    """The backend's answer to an enrolment: the identity of the journal to create."""

    terminal: Terminal
    epoch: Epoch
    first_serial: Annotated[int, msgspec.Meta(ge=1, le=SERIAL_MAX)]


class Accepted(NamedTuple):
    """Rows up to `acknowledged` are the backend's; lower than before means that it wants the rest again."""

    acknowledged: int
    versions: dict[str, str]
    quarantined: tuple[int, ...]
    server_time: str
    retry_after: int


class Ahead(NamedTuple):
    """The backend has rows that this journal does not: the journal is an old copy. Only a new epoch helps."""

    ack_through: int


class NotEnrolled(NamedTuple):
    """The backend does not know this terminal or this epoch."""

    detail: str


class TooMuch(NamedTuple):
    """The backend, or something before it, could not take this batch; a smaller one may go."""

    detail: str


class Unclear(NamedTuple):
    """No answer of ours: wait and try again. `retry_after` seconds, 0 when nobody asked."""

    what: str
    retry_after: int = 0


Reply = Accepted | Ahead | NotEnrolled | TooMuch | Unclear

_answers = msgspec.json.Decoder(Answer)
_problems = msgspec.json.Decoder(Problem)
_enrolments = msgspec.json.Decoder(Enrolled)
_WRONG = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def understand(identity: Identity, last_seq: int, sent: int, status: int, retry_after: str, body: bytes) -> Reply:
    """What an HTTP answer to a batch of this journal means; never raises.

    `last_seq`: the journal's last row when the batch was made; `sent`: the batch's last. No row after it counts as
    acknowledged: what the backend has under its number may be another terminal's that bears this one's name, and only
    a row that is sent is compared. `retry_after`: that header's text, "" for none.
    """
    if status == 200:
        try:
            answer = _answers.decode(body)
        except _WRONG as wrong:
            return Unclear(f"an answer that cannot be read ({wrong})")
        if (answer.terminal, answer.epoch) != (identity.terminal, identity.epoch):
            return Unclear(f"an answer for terminal {answer.terminal}, epoch {answer.epoch}")
        if answer.want_from > answer.ack_through + 1:
            return Unclear(f"row {answer.want_from} wanted, but only {answer.ack_through} acknowledged")
        if answer.ack_through > last_seq:
            return Ahead(answer.ack_through)
        quarantined = tuple(answer.quarantined)
        acknowledged = min(answer.want_from - 1, sent)
        return Accepted(acknowledged, answer.versions, quarantined, answer.server_time, answer.retry_after)
    asked = int(retry_after) if retry_after.isascii() and retry_after.isdigit() and len(retry_after) <= 6 else 0
    try:
        problem = _problems.decode(body)
    except _WRONG:
        return TooMuch("HTTP 413") if status == 413 else Unclear(f"HTTP {status}", asked)
    if problem.problem == "not_enrolled":
        return NotEnrolled(problem.detail)
    if problem.problem == "bad_batch":
        return TooMuch(problem.detail)
    return Unclear(f"HTTP {status}: {problem.problem}", asked)


def understand_enrolment(terminal: str, status: int, body: bytes) -> Identity | Unclear:
    """What the answer to an enrolment means; never raises."""
    if status != 200:
        try:
            return Unclear(f"HTTP {status}: {_problems.decode(body).detail}")
        except _WRONG:
            return Unclear(f"HTTP {status}")
    try:
        enrolled = _enrolments.decode(body)
    except _WRONG as wrong:
        return Unclear(f"an answer that cannot be read ({wrong})")
    if enrolled.terminal != terminal:
        return Unclear(f"an enrolment of terminal {enrolled.terminal}")
    return Identity(enrolled.terminal, enrolled.epoch, enrolled.first_serial)


class State(Enum):
    """Where the conversation stands."""

    ASKING = "asking"  # send the next batch now, or an empty one that asks for news
    CALM = "calm"  # all is acknowledged
    WAITING = "waiting"  # the last attempt failed
    STRANDED = "stranded"  # a person must enrol the terminal; ask now and then whether that has happened


class Event(Enum):
    """What moves it."""

    ROWS = "rows"  # a tap left rows
    TIMER = "timer"  # the pause is over
    SENT_ALL = "sent_all"
    SENT_SOME = "sent_some"  # more rows wait, or the backend wants some again
    FAILED = "failed"
    REFUSED = "refused"  # not enrolled, or the journal is an old copy


TABLE = {
    (State.ASKING, Event.ROWS): State.ASKING,
    (State.ASKING, Event.SENT_ALL): State.CALM,
    (State.ASKING, Event.SENT_SOME): State.ASKING,
    (State.ASKING, Event.FAILED): State.WAITING,
    (State.ASKING, Event.REFUSED): State.STRANDED,
    (State.CALM, Event.ROWS): State.ASKING,
    (State.CALM, Event.TIMER): State.ASKING,
    (State.WAITING, Event.ROWS): State.WAITING,
    (State.WAITING, Event.TIMER): State.ASKING,
    (State.STRANDED, Event.ROWS): State.STRANDED,
    (State.STRANDED, Event.TIMER): State.ASKING,
}


class Session:
    """One terminal's conversation. `pause_seconds`: how long the present state lasts unless something happens."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.state = State.ASKING
        self.pause_seconds = 0.0
        self.batch_rows = BATCH_ROWS_MAX
        self._failures = 0

    def woken(self) -> None:
        """A tap left rows."""
        self.state = TABLE[self.state, Event.ROWS]

    def due(self) -> None:
        """The pause is over."""
        self.state = TABLE[self.state, Event.TIMER]

    def answered(self, reply: Reply, before: int, last_seq: int, chance: float) -> None:
        """The answer to the last batch. `before`: what was acknowledged when it was made; `last_seq`: the journal's
        last row now; `chance` in [0, 1)."""
        asked = 0
        match reply:
            case Accepted():
                self.batch_rows = min(BATCH_ROWS_MAX, self.batch_rows * 2)
                event, asked = Event.SENT_SOME, reply.retry_after
                if reply.acknowledged >= last_seq:
                    event = Event.SENT_ALL
                elif asked or reply.acknowledged <= before:
                    event = Event.FAILED  # asked to wait, or no step forward: without a pause this would spin
            case Ahead() | NotEnrolled():
                event = Event.REFUSED
            case TooMuch():
                event = Event.FAILED
                self.batch_rows = max(1, self.batch_rows // 2)
            case Unclear():
                event, asked = Event.FAILED, reply.retry_after
        self._failures = self._failures + 1 if event is Event.FAILED else 0
        self.state = TABLE[self.state, event]
        self.pause_seconds = self._pause(chance, asked)

    def _pause(self, chance: float, asked: int) -> float:
        match self.state:
            case State.CALM:
                return max(HEARTBEAT_SECONDS, asked)
            case State.STRANDED:
                return RETRY_SECONDS_MAX
            case State.WAITING:
                return pause_seconds(self._failures, chance, asked)
            case State.ASKING:
                return 0.0
