"""Who is logged in, in memory: a restart of the device logs everybody out."""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from time import monotonic

from terminal.faces.web.limits import SESSION_IDLE_S, SESSION_S_MAX, SESSIONS_MAX
from terminal.faces.web.page import Role, Who


@dataclass(slots=True)
class Session:
    """One log-in. `token`: the second secret, which a page sends beside the cookie and no other page can read."""

    who: Who
    token: str
    began: float
    used: float


class Sessions:
    """The log-ins by cookie. `standing` tells a clerk's present role, None for one who may not work any more."""

    def __init__(self, standing: Callable[[str], Role | None], now: Callable[[], float] = monotonic) -> None:
        self._standing, self._now = standing, now
        self._open: dict[str, Session] = {}
        self._lock = threading.Lock()

    def begin(self, who: Who) -> str:
        """A new session; its cookie."""
        cookie, now = secrets.token_urlsafe(32), self._now()
        with self._lock:
            if len(self._open) >= SESSIONS_MAX:
                del self._open[min(self._open, key=lambda one: self._open[one].used)]
            self._open[cookie] = Session(who, secrets.token_urlsafe(32), now, now)
        return cookie

    def find(self, cookie: str) -> Session | None:
        """The session of a cookie, if it still holds; it is not prolonged."""
        with self._lock:
            session = self._open.get(cookie)
            if session is None:
                return None
            now = self._now()
            over = now - session.used > SESSION_IDLE_S or now - session.began > SESSION_S_MAX
            if over or self._standing(session.who.name) is not session.who.role:
                del self._open[cookie]
                return None
            return session

    def prolong(self, session: Session) -> None:
        """Its clerk did something."""
        session.used = self._now()

    def end(self, cookie: str) -> None:
        """Log out."""
        with self._lock:
            self._open.pop(cookie, None)


def same(one: str, other: str) -> bool:
    """Whether two secrets are equal, told in a time that does not depend on them."""
    return compare_digest(one.encode(), other.encode())
