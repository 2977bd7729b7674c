"""What top-up counters ask of the backend, and how it is answered over HTTP."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sync.backend import loads
from sync.backend.bodies import TooLong, read_body
from sync.backend.service import Service
from sync.limits import QUESTION_BYTES_MAX
from sync.loading import Ask, Dues, RefundsOf

T = TypeVar("T")


class LoadDesk:
    """The endpoints. `now` as the backend's."""

    def __init__(self, backend: Service, now: Callable[[], str], answer: Callable[[Any, int], Response]) -> None:
        self._backend = backend
        self._now = now
        self._answer = answer

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route("/v1/terminals/{terminal}/loads", self._asks(Ask, self._ask), methods=["POST"]),
            Route("/v1/terminals/{terminal}/refunds", self._asks(RefundsOf, self._refunds), methods=["POST"]),
            Route("/v1/loads/report", self._report),
        ]

    def _asks(self, kind: type[T], ask: Callable[[T], Any]) -> Callable[[Request], Awaitable[Response]]:
        decoder = msgspec.json.Decoder(kind)

        async def endpoint(request: Request) -> Response:
            if self._backend.lender is None:
                return self._answer({"problem": "no_loads"}, 404)
            try:
                question = decoder.decode(await read_body(request, QUESTION_BYTES_MAX))
            except (TooLong, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
                return self._answer({"problem": "bad_question", "detail": str(wrong)[:200]}, 400)
            if getattr(question, "terminal", terminal := request.path_params["terminal"]) != terminal:
                return self._answer({"problem": "bad_question", "detail": "another terminal's"}, 400)
            try:
                return self._answer(await run_in_threadpool(ask, question), 200)
            except loads.Conflict as twice:
                return self._answer({"problem": "other_body", "detail": str(twice)}, 409)

        return endpoint

    def _ask(self, question: Ask) -> Any:
        assert self._backend.lender is not None
        return self._backend.lender.ask(self._backend.transaction, question, self._now())

    def _refunds(self, question: RefundsOf) -> Dues:
        assert self._backend.lender is not None
        return Dues(self._backend.lender.refunds(self._backend.transaction, question.card))

    async def _report(self, _request: Request) -> Response:
        def made() -> Any:
            with self._backend.question() as database:
                return loads.report(database)

        return self._answer(await run_in_threadpool(made), 200)
