"""The wire to a library system: one TCP connection, opened when it is needed, closed when it fails.

SIP2 has no transport security: across a network that is not the library's own it goes through a VPN or stunnel.
"""

import logging
import socket
import time
from typing import NamedTuple

from sync.sip2 import ils
from sync.sip2.conversation import Answered, Conversation, GaveUp, Step, Write
from sync.sip2.limits import CONNECT_SECONDS
from sync.sip2.messages import Message
from sync.sip2.profile import IlsProfile

log = logging.getLogger(__name__)

READ_BYTES = 4_096


class IlsAway(Exception):
    """The library system cannot be asked, and has executed nothing of what was asked. The message says what to do."""


class IlsUnclear(Exception):
    """The question went out and no answer came back: it may have been executed. Ask before asking again."""


class Account(NamedTuple):
    """Where the library system is, and as whom we ask."""

    host: str
    port: int
    user: str
    password: str
    desk: ils.Desk


class Ils:
    """One library system. Not for several threads at once."""

    def __init__(self, account: Account, profile: IlsProfile) -> None:
        self.account = account
        self.profile = profile
        self.server: ils.Server | None = None
        self._line: socket.socket | None = None
        self._conversation = Conversation(profile)

    def ask(self, question: Message) -> Message:
        """The answer to `question`. Raises IlsAway, IlsUnclear, and BadMessage for one that cannot be written."""
        self.open()
        answer = self._asked(question)
        if answer.code == "98" and question.code != "99":
            self.server = ils.server(answer)
            raise IlsAway("the library system changed its state and did nothing: try again · 请重试")
        return answer

    def close(self) -> None:
        """Hang up."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def open(self) -> None:
        """Connect, log in, ask for the server's status, when that has not been done. Raises IlsAway."""
        if self._line is not None:
            return
        account = self.account
        place = f"{account.host}:{account.port}"
        try:
            self._line = socket.create_connection((account.host, account.port), CONNECT_SECONDS)
        except OSError as wrong:
            raise IlsAway(f"no library system at {place} ({wrong}): go on offline · 图书馆系统不可达") from wrong
        self._conversation = Conversation(self.profile)
        try:
            if self.profile.login:
                answer = self._asked(ils.login(account.user, account.password, account.desk))
                if answer.code != "94" or answer.fixed["ok"] != "1":
                    raise IlsAway(f"{place} refused the login: check [library] user and password · 登录被拒")
            self.server = ils.server(self._asked(ils.terminal_status()))
        except IlsUnclear as wrong:
            raise IlsAway(f"{place} does not speak SIP2 as the profile says ({wrong}) · 与配置的协议不符") from wrong
        except IlsAway:
            self.close()
            raise

    def _asked(self, question: Message) -> Message:
        step: Step = self._conversation.ask(question)
        deadline = 0.0
        while True:
            if isinstance(step, Answered):
                return step.message
            if isinstance(step, GaveUp):
                self.close()
                if step.executed is False:
                    raise IlsAway(f"{step.why} · 图书馆系统未执行")
                raise IlsUnclear(step.why)
            deadline = self._send(step, deadline)
            step = self._next(deadline)

    def _send(self, step: Write, deadline: float) -> float:
        assert self._line is not None
        try:
            self._line.settimeout(self.profile.answer_seconds)
            self._line.sendall(step.data)
        except OSError as wrong:
            log.info("sending to the library system: %s", wrong)  # a part may have gone out: reading will tell
        return time.monotonic() + self.profile.answer_seconds

    def _next(self, deadline: float) -> Step:
        """Read until the conversation knows what to do."""
        assert self._line is not None
        while True:
            left = deadline - time.monotonic()
            try:
                if left <= 0:
                    return self._conversation.silence()
                self._line.settimeout(left)
                data = self._line.recv(READ_BYTES)
            except TimeoutError:
                return self._conversation.silence()
            except OSError:
                data = b""
            if not data:
                return self._conversation.hung_up()
            if steps := self._conversation.take(data):
                return steps[0]

