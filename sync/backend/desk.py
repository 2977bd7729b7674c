"""What hospital counters and the insurance office ask of the backend, and how it is answered over HTTP."""

import binascii
from base64 import b64decode
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sync.backend import hospital
from sync.backend.bodies import TooLong, read_body
from sync.backend.registry import Met
from sync.backend.service import Service
from sync.batch import Terminal
from sync.entitlements import BadDelta, Person, Ref, Version, read_delta
from sync.limits import DELTA_GZIP_BYTES_MAX, QUESTION_BYTES_MAX
from sync.session import Name
from sync.settling import terminal_of

T = TypeVar("T")
PAGE = 100
"""Bills in one answer: with its correction 600 bytes each, below the terminal's bound for an answer."""

Day = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{8}\Z")]


class WhoIs(msgspec.Struct, frozen=True):
    """Ask for a person by reference."""

    person: Ref


class WhatOf(msgspec.Struct, frozen=True):
    """Ask for the verdict on an operation."""

    operation: Name

    @property
    def terminal(self) -> str:
        """Whose operation it is."""
        return terminal_of(self.operation)


class StatementOf(msgspec.Struct, frozen=True):
    """Ask for a counter's lines of a day, past an operation."""

    terminal: Terminal
    day: Day
    after: Name = ""


class CorrectionsOf(msgspec.Struct, frozen=True):
    """Ask for a counter's corrections past a number."""

    terminal: Terminal
    after: Version = 0


class Desk:
    """The endpoints. `now` as the backend's. `questions` by name: the shape of each, and who answers."""

    def __init__(self, backend: Service, now: Callable[[], str], answer: Callable[[Any, int], Response]) -> None:
        self._backend = backend
        self._now = now
        self._answer = answer
        self.questions: dict[str, tuple[type[Any], Callable[[Any], Any]]] = {
            "insured": (WhoIs, self._insured),
            "verdict": (WhatOf, self._verdict),
            "statement": (StatementOf, self._statement),
            "corrections": (CorrectionsOf, self._corrections),
        }

    def routes(self) -> list[Route]:
        """All routes."""
        asked = self.questions.items()
        routes = [Route(f"/v1/hospital/{name}", self._asks(*how), methods=["POST"]) for name, how in asked]
        routes.append(Route("/v1/hospital/persons", self._persons, methods=["POST"]))
        routes.append(Route("/v1/hospital/delta/{since:int}", self._delta))
        return routes

    def _asks(self, kind: type[T], ask: Callable[[T], Any]) -> Callable[[Request], Awaitable[Response]]:
        decoder = msgspec.json.Decoder(kind)

        async def endpoint(request: Request) -> Response:
            if self._backend.hospital is None:
                return self._answer({"problem": "no_hospital"}, 404)
            try:
                question = decoder.decode(await read_body(request, QUESTION_BYTES_MAX))
            except (TooLong, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
                return self._answer({"problem": "bad_question", "detail": str(wrong)[:200]}, 400)
            met: Met | None = getattr(request.state, "met", None)
            if met is not None and getattr(question, "terminal", met.terminal) != met.terminal:
                return self._answer({"problem": "not_yours", "detail": "another counter's bills"}, 403)
            return self._answer(await run_in_threadpool(ask, question), 200)

        return endpoint

    def _insured(self, question: WhoIs) -> dict[str, Any]:
        with self._backend.question() as database:
            return {"at": self._now(), "person": hospital.person(database, question.person)}

    def _verdict(self, question: WhatOf) -> hospital.Verdict:
        with self._backend.question() as database:
            return hospital.verdict(database, question.operation)

    def _statement(self, question: StatementOf) -> dict[str, Any]:
        with self._backend.question() as database:
            lines = hospital.details(database, question.terminal, question.day, question.after, PAGE)
        return {"lines": lines, "next": lines[-1].setl_id if lines else ""}

    def _corrections(self, question: CorrectionsOf) -> dict[str, Any]:
        with self._backend.question() as database:
            return {"corrections": hospital.corrections(database, question.terminal, question.after, PAGE)}

    async def _persons(self, request: Request) -> Response:
        """The insurance office tells who is insured, as a whole list or a delta (sync/entitlements.py)."""
        if self._backend.hospital is None:
            return self._answer({"problem": "no_hospital"}, 404)
        try:
            taken = await run_in_threadpool(self._take_persons, await read_body(request, DELTA_GZIP_BYTES_MAX))
        except (TooLong, BadDelta) as wrong:
            return self._answer({"problem": "bad_persons", "detail": str(wrong)[:200]}, 400)
        return self._answer({"taken": taken}, 200)

    def _take_persons(self, raw: bytes) -> int:
        header, lines = read_delta(raw)
        try:
            persons = [msgspec.json.decode(line, type=Person) for line in lines]
            if header.list != "insured" or any(one.version > header.version for one in persons):
                raise BadDelta("not a list of persons, or one of them is newer than the list")
            for one in persons:
                b64decode(one.sealed, validate=True)
        except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error) as wrong:
            raise BadDelta(str(wrong)) from wrong
        assert self._backend.hospital is not None
        with self._backend.transaction() as database:
            hospital.take_persons(database, self._backend.hospital.vault, persons, header.at)
        return len(persons)

    async def _delta(self, request: Request) -> Response:
        """The delta since a version, for the counters' daily file."""

        def made() -> bytes:
            with self._backend.question() as database:
                return hospital.delta(database, request.path_params["since"], self._now())

        return Response(await run_in_threadpool(made), media_type="application/gzip")

