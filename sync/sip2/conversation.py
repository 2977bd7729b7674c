"""One question and its answer over a bad line, without the line: what to write next, or what came of it.

The resend rules of SIP2 2.00, with one exception that practice teaches: a message that changes something is not sent
again because its answer is late. Servers execute it twice (a second checkout is a renewal), so its outcome is *unclear*
and must be asked for. A server that says 96 has executed nothing: then it is sent again, a bounded number of times.
"""

from enum import Enum
from typing import NamedTuple

from sync.sip2.errors import BadChecksum, BadMessage
from sync.sip2.frames import Frame, Splitter, opened, seal
from sync.sip2.limits import STRAY_FRAMES_MAX
from sync.sip2.messages import ANSWER, ASK_RESEND, ASKING, RESEND_ASKED, Message, build, parse
from sync.sip2.profile import IlsProfile


class Write(NamedTuple):
    """Bytes to send now; the wait for the answer begins anew."""

    data: bytes


class Answered(NamedTuple):
    """The answer. A 98 to anything but 99: the server's state has changed and it has not executed the question."""

    message: Message


class GaveUp(NamedTuple):
    """No answer can be had on this connection: close it. `executed` None: nobody knows; False: surely not."""

    why: str
    executed: bool | None


Step = Write | Answered | GaveUp


class _Last(Enum):
    """What was written last: the spec forbids to answer a 96 to our 97 with the original."""

    ORIGINAL = "original"
    ASK_RESEND = "97"


class Conversation:
    """The terminal's side of one connection. Ask, then feed what arrives and what does not, until it is answered."""

    def __init__(self, profile: IlsProfile) -> None:
        self._profile = profile
        self._splitter = Splitter()
        self._sequence = 9
        self._question: Message | None = None
        self._sent = b""
        self._last = _Last.ORIGINAL
        self._resends = 0
        self._strays = 0

    def ask(self, question: Message) -> Write:
        """Begin a question. Raises BadMessage when it cannot be written in the server's encoding."""
        assert self._question is None, "one question at a time: the server answers in order"
        try:
            body = build(question).encode(self._profile.encoding)
        except UnicodeEncodeError as wrong:
            raise BadMessage(f"a character that {self._profile.encoding} does not have") from wrong
        self._sequence = (self._sequence + 1) % 10
        checked = self._profile.error_detection
        self._sent = seal(body, self._sequence if checked else None, checked, self._profile.line_end)
        self._question, self._resends, self._strays = question, 0, 0
        self._last = _Last.ORIGINAL
        return Write(self._sent)

    def take(self, data: bytes) -> list[Step]:
        """Bytes arrived; what to do about them, nothing when more are needed."""
        try:
            frames = self._splitter.feed(data)
        except BadMessage as wrong:
            return [self._give_up(str(wrong))] if self._question else []
        steps: list[Step] = []
        for frame in frames:
            if self._question is None:  # the server never speaks first; what is late is dropped
                break
            if step := self._frame(frame):
                steps.append(step)
        return steps

    def silence(self) -> Step:
        """No answer came in time."""
        assert self._question is not None
        if self._question.code in ASKING or self._profile.repeats_safely:
            return self._again("no answer in time")
        return self._give_up("no answer in time")

    def hung_up(self) -> GaveUp:
        """The server closed the connection without an answer."""
        return self._give_up("the connection was closed without an answer")

    def _frame(self, raw: bytes) -> Step | None:
        try:
            frame = opened(raw)
            if self._profile.answers_checked and not frame.checked:
                raise BadChecksum("an answer without checksum")
        except BadChecksum as wrong:
            return self._ask_again(str(wrong))
        if frame.body == RESEND_ASKED.encode():
            if self._last is _Last.ASK_RESEND:
                return self._ask_again("the server did not understand 97")
            return self._again("the server did not understand the message", executed=False)
        if frame.sequence is not None and self._profile.error_detection and frame.sequence != self._sequence:
            return self._stray()
        return self._answer(frame)

    def _answer(self, frame: Frame) -> Step | None:
        assert self._question is not None
        try:
            message = parse(frame.body.decode(self._profile.encoding, "replace"))
        except BadMessage as wrong:
            return self._give_up(f"no SIP2 answer: {wrong}")
        if message.code not in (ANSWER[self._question.code], "98") or self._other_item(message):
            return self._stray()
        self._question = None
        return Answered(message)

    def _other_item(self, message: Message) -> bool:
        """Whether the answer speaks of another item than the question: it belongs to an earlier one."""
        assert self._question is not None
        asked, told = self._question.first("AB"), message.first("AB")
        return bool(asked and told) and asked.casefold() != told.strip().casefold()

    def _stray(self) -> Step | None:
        self._strays += 1
        return self._give_up("only answers to other questions") if self._strays > STRAY_FRAMES_MAX else None

    def _again(self, why: str, executed: bool | None = None) -> Step:
        if self._resends >= self._profile.resends:
            return self._give_up(why, executed)
        self._resends += 1
        self._last = _Last.ORIGINAL
        return Write(self._sent)

    def _ask_again(self, why: str) -> Step:
        if self._resends >= self._profile.resends:
            return self._give_up(why)
        self._resends += 1
        self._last = _Last.ASK_RESEND
        return Write(seal(ASK_RESEND.encode(), None, True, self._profile.line_end))

    def _give_up(self, why: str, executed: bool | None = None) -> GaveUp:
        self._question = None
        return GaveUp(why, executed)
