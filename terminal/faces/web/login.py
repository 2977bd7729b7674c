"""Logging in and out."""

from typing import Annotated

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from config.errors import ConfigError
from terminal.faces.web.accounts import Accounts, Refusal
from terminal.faces.web.acting import Acting
from terminal.faces.web.answers import answered, problem
from terminal.faces.web.limits import LOCK_OUT_S
from terminal.faces.web.page import Who
from terminal.faces.web.sessions import Sessions
from terminal.faces.web.site import Site, TooLong, decoded


class LogIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A work number and its password."""

    name: Annotated[str, msgspec.Meta(max_length=64)]
    password: Annotated[str, msgspec.Meta(max_length=256)]


class LoggedIn(msgspec.Struct, frozen=True):
    """Where to go. `token` goes as x-smk-token with every POST of this session."""

    name: str
    role: str
    token: str
    begin: str


class LogInPage:
    """The routes of logging in and out. `site` is set once it stands."""

    def __init__(self, accounts: Accounts, sessions: Sessions, acting: Acting, cookie: str) -> None:
        """`cookie`: its name, which bears the port, since cookies do not know ports."""
        self._accounts, self._sessions, self._acting, self.cookie = accounts, sessions, acting, cookie
        self._decoder = msgspec.json.Decoder(LogIn)
        self.site: Site

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/login", self._page),
            Route("/api/log_in", self._log_in, methods=["POST"]),
            Route("/api/log_out", self._log_out, methods=["POST"]),
        ]

    async def _page(self, _request: Request) -> Response:
        return self.site.text("login", "登录")

    async def _log_in(self, request: Request) -> Response:
        try:
            given = await decoded(request, self._decoder)
        except (TooLong, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
            return problem(400, "bad_body", "正文不对", str(wrong)[:200])
        try:
            found = await run_in_threadpool(self._checked, given)
        except ConfigError as trouble:
            return problem(503, "accounts", trouble.text("zh"), trouble.text("en"))
        if isinstance(found, Refusal):
            if found.why == "locked":
                minutes = LOCK_OUT_S // 60
                zh = f"账户已锁定，{minutes} 分钟后再试或找技术员"
                en = f"the account is locked: wait {minutes} minutes or ask the technician"
                return problem(403, "locked", zh, en)
            return problem(403, "wrong", "工号或密码不对", "wrong work number or password")
        cookie = self._sessions.begin(found)
        session = self._sessions.find(cookie)
        assert session is not None
        answer = answered(LoggedIn(found.name, found.role.value, session.token, self.site.first(found.role)))
        answer.set_cookie(self.cookie, cookie, httponly=True, samesite="strict", path="/")
        return answer

    def _checked(self, given: LogIn) -> Who | Refusal:
        found = self._accounts.log_in(given.name, given.password)
        if isinstance(found, Who):
            self._acting.note(found.name, found.role.value, "log_in", "", "done")
        else:  # what stands in the field of an unknown name may be a password
            self._acting.note(given.name if found.known else "", "", "log_in", "", found.why)
        return found

    async def _log_out(self, request: Request) -> Response:
        if request.state.session is not None:
            who: Who = request.state.who
            self._sessions.end(request.cookies.get(self.cookie, ""))
            await run_in_threadpool(self._acting.note, who.name, who.role.value, "log_out", "", "done")
        answer = answered({"begin": "/login"})
        answer.delete_cookie(self.cookie, httponly=True, samesite="strict", path="/")
        return answer
