"""What the operator's people ask about days and the issuer's files, behind the operator's token."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sync.backend import days, differences, issuer
from sync.backend.bodies import TooLong, read_body
from sync.backend.operator import Endpoint, Operator, problem, queried
from sync.backend.service import Service
from sync.backend.store import Database
from sync.issuer_files import BadFile
from sync.limits import ISSUER_ANSWER_BYTES_MAX, QUESTION_BYTES_MAX

T = TypeVar("T")
Merchant = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{15}\Z")]
Day = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{8}\Z")]
FileName = Annotated[str, msgspec.Meta(pattern=r"\A[0-9A-Za-z_.-]{1,64}\Z")]
WRONG = (days.CannotClose, issuer.Refused, BadFile)


class DayOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A merchant's day; `early`: close it before it is over."""

    merchant: Merchant
    day: Day
    early: bool = False


class MerchantOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A merchant."""

    merchant: Merchant


class FileOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the issuer's interface."""

    name: FileName


def office_routes(backend: Service, operator: Operator, now: Callable[[], str]) -> list[Route]:
    """All routes, each a POST."""

    def asks(kind: type[T], ask: Callable[[Database, T], Any]) -> Endpoint:
        decoder = msgspec.json.Decoder(kind)

        def answered(question: T) -> Any:
            with backend.transaction() as database:
                return ask(database, question)

        async def endpoint(request: Request) -> Response:
            try:
                question = decoder.decode(await read_body(request, QUESTION_BYTES_MAX))
                return given(await run_in_threadpool(answered, question))
            except WRONG as wrong:
                return problem(409, "cannot", str(wrong))
            except (TooLong, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
                return problem(400, "bad_question", str(wrong))

        return operator.guarded(endpoint)

    def taken(name: str, raw: bytes) -> Any:
        with backend.transaction() as database:
            return issuer.take(database, name, raw.decode("ascii"), now())._asdict()

    def close(database: Database, of: DayOf) -> days.DayReport:
        if behind := backend.behind(database):
            raise days.CannotClose(f"还有 {behind} 条记录未入账，请稍候 · {behind} rows are not in the books yet: wait")
        return days.close(database, of.merchant, of.day, now(), of.early)

    async def take(request: Request, query: FileOf) -> Response:
        try:
            return given(await run_in_threadpool(taken, query.name, await read_body(request, ISSUER_ANSWER_BYTES_MAX)))
        except WRONG as wrong:
            return problem(409, "cannot", str(wrong))
        except (TooLong, UnicodeDecodeError) as wrong:
            return problem(400, "bad_file", str(wrong))

    def made(database: Database, of: DayOf) -> Any:
        return [file._asdict() for file in issuer.make(database, of.merchant, of.day, now())]

    asked: dict[str, Endpoint] = {
        "day/close": asks(DayOf, close),
        "day/show": asks(DayOf, lambda store, of: days.closed(store, of.merchant, of.day)),
        "day/list": asks(MerchantOf, lambda store, of: days.closed_days(store, of.merchant)),
        "issuer/make": asks(DayOf, made),
        "issuer/file": asks(FileOf, lambda store, of: issuer.text_of(store, of.name)),
        "issuer/compare": asks(MerchantOf, lambda store, of: differences.compared(store, of.merchant)),
        "issuer/take": operator.guarded(queried(FileOf, take)),
    }
    return [Route(f"/v1/operator/{path}", endpoint, methods=["POST"]) for path, endpoint in asked.items()]


def given(content: Any) -> Response:
    """Text as it is, anything else as JSON."""
    if isinstance(content, str):
        return Response(content, media_type="text/plain")
    return Response(msgspec.json.encode(content), media_type="application/json")
