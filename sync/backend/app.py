"""The backend's HTTP face: what terminals send, and what people ask. Answers leave after the commit."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from sync.backend import guard, report
from sync.backend.bodies import TooLong, read_body
from sync.backend.desk import Desk
from sync.backend.gate import Gate
from sync.backend.hospital import Hospital
from sync.backend.keys import TacKeys
from sync.backend.lender import Lender
from sync.backend.load_desk import LoadDesk
from sync.backend.office import office_routes
from sync.backend.operator import Operator, problem, stick_routes, unavailable
from sync.backend.service import Backend, CannotEnrol, Service
from sync.backend.store import Database, Unavailable
from sync.backend.watch import watch_routes
from sync.batch import BadBatch, Terminal, unpack
from sync.limits import BATCH_GZIP_BYTES_MAX, LOADS_MAX

Digits20 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{20}\Z")]
Digits14 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{14}\Z")]


class LoadMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One load made at a counter, from the issuer's back office. `at` YYYYMMDDhhmmss."""

    card: Digits20
    load_counter: Annotated[int, msgspec.Meta(ge=0, le=65_535)]
    amount_fen: Annotated[int, msgspec.Meta(ge=1, le=99_999_999)]
    at: Digits14


_loads = msgspec.json.Decoder(Annotated[list[LoadMessage], msgspec.Meta(max_length=LOADS_MAX)])


def create_app(
    data: Path,
    keys: TacKeys,
    now: Callable[[], str],
    versions: Mapping[str, str] | None = None,
    hospital: Hospital | None = None,
    operator: Operator | None = None,
    gate: Gate | None = None,
    lender: Lender | None = None,
) -> Starlette:
    """The application over the store in directory `data`. `now`: ISO 8601 with offset; `gate` None on loopback only;
    `lender` grants loads."""
    backend = Backend(data, keys, now, versions, hospital)
    if lender is not None:
        backend.lend(lender)
    return app_over(backend, now, operator, gate)


def app_over(
    backend: Service, now: Callable[[], str], operator: Operator | None = None, gate: Gate | None = None
) -> Starlette:
    """The application over any store; without `operator` nobody may ask what is the operator's."""
    endpoints = _Endpoints(backend, now)
    app = Starlette(
        exception_handlers={ClientDisconnect: _gone, Unavailable: _unavailable},
        routes=[
            Route("/v1/terminals/{terminal}/enrol", endpoints.enrol, methods=["POST"]),
            Route("/v1/terminals/{terminal}/batches", endpoints.batches, methods=["POST"]),
            Route("/v1/loads", endpoints.loads, methods=["POST"]),
            Route("/v1/health", endpoints.health),
            Route("/v1/terminals", endpoints.asks(report.terminals)),
            Route("/v1/report", endpoints.asks(report.report)),
            Route("/v1/lock-report", endpoints.asks(endpoints.locks)),
            Route("/v1/xf", endpoints.asks(report.consumption)),
            *Desk(backend, now, _json).routes(),
            *LoadDesk(backend, now, _json).routes(),
            *(() if operator is None else _operators(backend, operator, now, gate)),
            *(guard.routes(gate) if gate is not None else ()),
        ],
        middleware=[
            Middleware(guard.Elsewhere),
            *([Middleware(guard.Guard, gate=gate, operator=operator)] if gate is not None else []),
        ],
    )
    if gate is not None:
        gate.told = backend.alarm
        backend.custody = gate.custody
    app.state.backend = backend
    return app


def _operators(backend: Service, operator: Operator, now: Callable[[], str], gate: Gate | None) -> list[Route]:
    return [
        *stick_routes(backend, operator, gate),
        *office_routes(backend, operator, now),
        *watch_routes(backend, operator, now),
    ]


def _json(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


async def _gone(_request: Request, _wrong: Exception) -> Response:
    """The terminal lost its power or its network in the middle of a message: its everyday, and nobody hears this."""
    return problem(400, "bad_batch", "the message breaks off")


async def _unavailable(_request: Request, wrong: Exception) -> Response:
    return unavailable(wrong)


class _Endpoints:
    def __init__(self, backend: Service, now: Callable[[], str]) -> None:
        self._backend = backend
        self._now = now

    async def enrol(self, request: Request) -> Response:
        terminal = request.path_params["terminal"]
        try:
            msgspec.convert(terminal, Terminal)
            return _json(await run_in_threadpool(self._backend.enrol, terminal))
        except (msgspec.ValidationError, CannotEnrol) as wrong:
            return problem(400, "cannot_enrol", str(wrong))

    async def batches(self, request: Request) -> Response:
        try:
            batch = unpack(await read_body(request, BATCH_GZIP_BYTES_MAX))  # shorter than the way to a thread
        except TooLong as wrong:
            return problem(413, "bad_batch", str(wrong))
        except BadBatch as wrong:
            return problem(400, "bad_batch", str(wrong))
        if batch.terminal != request.path_params["terminal"]:
            return problem(400, "bad_batch", f"a batch of terminal {batch.terminal}")
        answer = await self._backend.taken(batch)
        if answer is None:
            return problem(409, "not_enrolled", f"terminal {batch.terminal}, epoch {batch.epoch}")
        return _json(answer)

    async def loads(self, request: Request) -> Response:
        try:
            taken = _loads.decode(await read_body(request, BATCH_GZIP_BYTES_MAX))
        except TooLong as wrong:
            return problem(413, "bad_loads", str(wrong))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
            return problem(400, "bad_loads", str(wrong))
        await run_in_threadpool(self._backend.add_loads, [msgspec.structs.asdict(load) for load in taken])
        return _json({"taken": len(taken)})

    async def health(self, _request: Request) -> Response:
        return _json({"ok": True, "time": self._now()})

    def asks(self, question: Callable[[Database], Any]) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint that answers from the store: text as it is, anything else as JSON."""

        def answer() -> Any:
            with self._backend.question() as database:
                return question(database)

        async def endpoint(_request: Request) -> Response:
            found = await run_in_threadpool(answer)
            return Response(found, media_type="text/plain") if isinstance(found, str) else _json(found)

        return endpoint

    def locks(self, database: Database) -> str:
        return report.lock_report(database, self._now()[:10].replace("-", ""))
