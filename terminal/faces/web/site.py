"""The site: every page's parts as guarded routes, and the few that belong to no page (log-in, state, events, files)."""

from collections.abc import Awaitable, Callable, Sequence
from html import escape
from importlib.resources import files
from typing import Annotated, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from config.errors import ConfigError
from sync.errors import JournalError
from terminal.faces.web.acting import Acting
from terminal.faces.web.answers import answered, problem
from terminal.faces.web.guard import STREAM
from terminal.faces.web.limits import BODY_BYTES_MAX, OPERATION_CHARS_MAX, OPERATION_CHARS_MIN
from terminal.faces.web.page import Act, Ask, Page, Refused, Role, Who
from terminal.faces.web.state import State
from terminal.faces.web.stream import Stream, event

T = TypeVar("T")
Endpoint = Callable[[Request], Awaitable[Response]]

OperationName = Annotated[
    str, msgspec.Meta(pattern=rf"\A[A-Za-z0-9_-]{{{OPERATION_CHARS_MIN},{OPERATION_CHARS_MAX}}}\Z")
]
OPERATION = "x-smk-operation"

TYPES = {"css": "text/css", "js": "text/javascript", "html": "text/html", "svg": "image/svg+xml"}


def static_files() -> dict[str, bytes]:
    """Every file of the pages by its name."""
    folder = files("terminal.faces.web") / "static"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in TYPES}


class TooLong(Exception):
    """A body past its bound."""


class Site:
    """The pages of one device as one ASGI application; a guard stands before it."""

    def __init__(
        self,
        pages: Sequence[Page],
        acting: Acting,
        stream: Stream,
        state: Callable[[], State],
        extra: Sequence[Route],
        training: bool = False,
    ) -> None:
        """`state` is the device's as of now; `extra` routes are the log-in's; `training`: every page says so."""
        self.pages, self._acting, self._stream, self._state = tuple(pages), acting, stream, state
        self._files = static_files()
        self._training = self._files["training.html"].decode() if training else ""
        routes = [
            Route("/", self._first),
            Route("/static/{name}", self._static),
            Route("/api/status", self._status),
            Route(STREAM, self._events),
            Route("/api/operations/{name}", self._operation),
            Route("/api/openapi.json", self._described),
            *extra,
        ]
        for page in pages:
            if page.zh:
                routes.append(Route(f"/{page.name}", self._shown(page)))
            routes += [Route(f"/api/{ask.name}", self._asked(ask)) for ask in page.asks]
            routes += [Route(f"/api/{act.name}", self._acted(act), methods=["POST"]) for act in page.acts]
        wrong = {404: _nothing_here, ClientDisconnect: _gone, Exception: _broken}
        self.app = Starlette(routes=routes, exception_handlers=wrong)

    def text(self, name: str, title: str, navigation: str = "", token: str = "", who: str = "") -> Response:
        """A page's text inside the frame."""
        frame = self._files["frame.html"].decode()
        for mark, part in (
            ("<!--title-->", escape(title)),
            ("<!--training-->", self._training),
            ("<!--token-->", escape(token)),
            ("<!--who-->", escape(who)),
            ("<!--name-->", name),
            ("<!--navigation-->", navigation),
            ("<!--page-->", self._files[f"{name}.html"].decode()),
        ):
            frame = frame.replace(mark, part)
        return Response(frame, media_type="text/html")

    def first(self, role: Role) -> str:
        """The address at which this role begins."""
        return next((f"/{page.name}" for page in self.pages if page.zh and page.roles and role in page.roles), "/login")

    async def _first(self, request: Request) -> Response:
        who: Who | None = request.state.who
        return RedirectResponse(self.first(who.role) if who is not None else "/login", 303)

    def _shown(self, page: Page) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            who: Who | None = request.state.who
            if page.roles is None:
                return self.text(page.name, page.zh)
            if who is None or request.state.session is None:
                return RedirectResponse(f"/login?next={page.name}", 303)
            if who.role not in page.roles:
                return RedirectResponse(self.first(who.role), 303)
            return self.text(page.name, page.zh, self._navigation(who, page), request.state.session.token, who.name)

        return endpoint

    def _navigation(self, who: Who, here: Page) -> str:
        shown = [page for page in self.pages if page.zh and (page.roles is None or who.role in page.roles)]
        return "".join(
            f'<a href="/{page.name}"{" aria-current=page" if page is here else ""}><kbd>{nth}</kbd>'
            f'<span lang="zh">{escape(page.zh)}</span><span lang="en">{escape(page.en)}</span></a>'
            for nth, page in enumerate(shown, 1)
        )

    async def _static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._files or name.endswith(".html"):
            return await _nothing_here(request, None)
        return Response(self._files[name], media_type=TYPES[name.rpartition(".")[2]])

    async def _status(self, _request: Request) -> Response:
        return answered(self._state())

    async def _described(self, _request: Request) -> Response:
        return Response(await run_in_threadpool(description_of, self.pages), media_type="application/json")

    async def _events(self, _request: Request) -> Response:
        return self._stream.listen(event("status", msgspec.json.encode(self._state())))

    async def _operation(self, request: Request) -> Response:
        if request.state.who is None:
            return _log_in()
        told = await run_in_threadpool(self._acting.told, request.state.who, request.path_params["name"])
        return answered(told) if told is not None else await _nothing_here(request, None)

    def _asked(self, ask: Ask) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            who: Who | None = request.state.who
            if fault := _not_for(who, ask.roles, ask.open):
                return fault
            try:
                query = msgspec.convert(dict(request.query_params), ask.query, strict=False)
                found = await run_in_threadpool(ask.find, who, query)
                return _saved(ask.name, found) if isinstance(found, bytes) else answered(found)
            except msgspec.ValidationError as wrong:
                return problem(400, "bad_question", "参数不对", str(wrong)[:200])
            except Refused as no:
                return problem(422, no.problem, no.zh, no.en)
            except ConfigError as no:
                return problem(422, "refused", no.text("zh"), no.text("en"))
            except JournalError as trouble:
                return problem(503, "journal", "交易日志无法读取", str(trouble)[:200])

        return endpoint

    def _acted(self, act: Act) -> Endpoint:
        decoder = msgspec.json.Decoder(act.body)

        async def endpoint(request: Request) -> Response:
            who: Who | None = request.state.who
            if fault := _not_for(who, act.roles):
                return fault
            assert who is not None
            try:
                name = msgspec.convert(request.headers.get(OPERATION, ""), OperationName)
                body = await decoded(request, decoder)
            except TooLong:
                return problem(413, "too_long", "正文过长", f"at most {BODY_BYTES_MAX} bytes")
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
                return problem(400, "bad_body", "正文或操作号不对", str(wrong)[:200])
            status, raw = await run_in_threadpool(self._acting.act, act, who, name, body)
            return Response(raw, status, media_type="application/json")

        return endpoint


def description_of(pages: Sequence[Page]) -> bytes:
    """The API's description; made when somebody asks for it."""
    from terminal.faces.web import openapi

    return openapi.text(pages)


async def decoded(request: Request, decoder: "msgspec.json.Decoder[T]") -> T:
    """The body. Raises TooLong, msgspec.DecodeError, UnicodeDecodeError, RecursionError."""
    received = bytearray()
    async for part in request.stream():
        received += part
        if len(received) > BODY_BYTES_MAX:
            raise TooLong
    return decoder.decode(received)


def _saved(name: str, raw: bytes) -> Response:
    """A zip that the browser saves."""
    where = {"Content-Disposition": f'attachment; filename="{name}.zip"'}
    return Response(raw, media_type="application/zip", headers=where)


def _not_for(who: Who | None, roles: frozenset[Role], everybody: bool = False) -> Response | None:
    """Why this is not for them, None when it is."""
    if everybody:
        return None
    if who is None:
        return _log_in()
    if who.role not in roles:
        return problem(403, "role", "您的角色无权办理", f"not for the role {who.role}")
    return None


def _log_in() -> Response:
    return problem(401, "log_in", "请先登录", "log in first")


async def _nothing_here(_request: Request, _wrong: Exception | None) -> Response:
    return problem(404, "not_found", "没有此页", "there is nothing here")


async def _broken(_request: Request, _wrong: Exception) -> Response:
    """The server logs what it was."""
    return problem(500, "broken", "程序出错，请查记录", "the program failed: look at the records before you try again")


async def _gone(_request: Request, _wrong: Exception) -> Response:
    return problem(400, "broke_off", "请求中断", "the request breaks off")
