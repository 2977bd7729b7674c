"""The one door of the web face: whatever comes in passes here before any route, an event stream too.

Why each check stands: a page of another origin can make a browser send requests here (Origin, Sec-Fetch-Site, and a
content type that no form can send); a name that an attacker owns can be pointed at 127.0.0.1, and its page is then of
our own origin by the browser's rules (Host); cookies do not know ports, so another local service's page is of the same
site (the second token). No answer ever allows another origin to read it.
"""

from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any, NamedTuple

from config.errors import ConfigError
from terminal.faces.web.accounts import Accounts
from terminal.faces.web.answers import problem
from terminal.faces.web.limits import BODY_BYTES_MAX
from terminal.faces.web.page import Who
from terminal.faces.web.sessions import Session, Sessions, same

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]

TOKEN = b"x-smk-token"
WATCH = b"x-smk-watch"
"""Says that a page asks by itself, not its clerk: such a question does not keep a session alive."""
STREAM = "/api/events"
METHODS = ("GET", "HEAD", "POST")

HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        b"form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), usb=(), serial=()"),
    (b"cache-control", b"no-store"),
]
"""On every answer: scripts and styles from here only, no frame, nothing kept on the disk of a shared machine."""


class Fault(NamedTuple):
    """Why a request was turned away."""

    status: int
    problem: str
    zh: str
    en: str


class Guard:
    """An ASGI application in front of `app`. It puts `who` (None: nobody) and `session` into the request's state."""

    def __init__(self, app: App, port: int, cookie: str, accounts: Accounts, sessions: Sessions) -> None:
        """`cookie` its name."""
        self._app, self._accounts, self._sessions = app, accounts, sessions
        self._hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost")}
        self._name = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or say why not."""
        if scope["type"] != "http":
            raise RuntimeError("only HTTP is spoken here")

        async def sealed(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
            await send(message)

        headers = scope["headers"]
        try:
            fault = self._from_elsewhere(scope, headers) or self._ill_formed(scope, headers)
            who, session = (None, None) if fault else self._who(headers)
        except ConfigError as trouble:
            fault = Fault(503, "accounts", trouble.text("zh"), trouble.text("en"))
        if fault is None and scope["method"] == "POST" and session is not None:
            fault = _second_token(session, headers)
        if fault is not None:
            await problem(*fault)(scope, receive, sealed)
            return
        if session is not None and scope["path"] != STREAM and not _all(headers, WATCH):
            self._sessions.prolong(session)
        scope.setdefault("state", {}).update(who=who, session=session)
        await self._app(scope, receive, sealed)

    def _from_elsewhere(self, scope: Scope, headers: list[tuple[bytes, bytes]]) -> Fault | None:
        hosts = _all(headers, b"host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            zh, en = "请用 http://127.0.0.1 打开", "open it as http://127.0.0.1 with its port"
            return Fault(421, "wrong_host", zh, en)
        origins = _all(headers, b"origin")
        site = _all(headers, b"sec-fetch-site")
        foreign = any(origin.lower() != b"http://" + hosts[0].lower() for origin in origins)
        if foreign or any(word not in (b"same-origin", b"none") for word in site):
            return Fault(403, "wrong_origin", "其他网页不得使用本机", "another page may not use this terminal")
        return None

    def _ill_formed(self, scope: Scope, headers: list[tuple[bytes, bytes]]) -> Fault | None:
        if scope["method"] not in METHODS:
            return Fault(405, "method", "不支持此方法", "GET and POST only")
        if scope["method"] != "POST":
            return None
        types = _all(headers, b"content-type")
        if len(types) != 1 or types[0].partition(b";")[0].strip().lower() != b"application/json":
            zh, en = "正文须为 application/json", "the body must be application/json"
            return Fault(415, "content_type", zh, en)
        length = (_all(headers, b"content-length") or [b"0"])[0]
        if not length.isdigit() or int(length[:9]) > BODY_BYTES_MAX:
            return Fault(413, "too_long", "正文过长", f"at most {BODY_BYTES_MAX} bytes")
        return None

    def _who(self, headers: list[tuple[bytes, bytes]]) -> tuple[Who | None, Session | None]:
        """Who asks: a program by its token, else a clerk by cookie. Raises ConfigError."""
        if given := _all(headers, b"authorization"):
            kind, _, token = given[0].decode("latin-1").partition(" ")
            return (self._accounts.program(token) if kind.lower() == "bearer" else None), None
        session = self._sessions.find(self._cookie(headers))
        return (session.who, session) if session is not None else (None, None)

    def _cookie(self, headers: list[tuple[bytes, bytes]]) -> str:
        try:
            found = SimpleCookie(b"; ".join(_all(headers, b"cookie")).decode("latin-1")).get(self._name)
        except CookieError:
            return ""
        return found.value if found is not None else ""


def _second_token(session: Session, headers: list[tuple[bytes, bytes]]) -> Fault | None:
    tokens = _all(headers, TOKEN)
    if len(tokens) == 1 and same(tokens[0].decode("latin-1"), session.token):
        return None
    return Fault(403, "no_token", "请重新打开本页", "open this page again")


def _all(headers: list[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for key, value in headers if key.lower() == name]
