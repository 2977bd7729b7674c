"""What only the operator's people may ask: a token opens it. First: batches that came on a stick.

The token and the key that signs answers on sticks lie in the backend's directory, readable by its user alone.
"""

import hmac
import logging
import os
import secrets
from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sync.backend.bodies import TooLong, read_body
from sync.backend.gate import Gate, Refused
from sync.backend.service import Service
from sync.batch import BadBatch, Batch, unpack
from sync.carried import new_key, public_of, seal
from sync.limits import BATCH_GZIP_BYTES_MAX, PROOF_CHARS_MAX, UNAVAILABLE_SECONDS
from sync.session import Problem

TOKEN = "operator.token"
STICK_KEY = "stick.key"
Endpoint = Callable[[Request], Awaitable[Response]]
Q = TypeVar("Q")


class StickQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`proof`: what lies beside the batch, "" for none. `enrol` "yes" enrols a terminal that the backend has never
    seen: a person at the office said so."""

    proof: Annotated[str, msgspec.Meta(max_length=PROOF_CHARS_MAX)] = ""
    enrol: Literal["yes", "no"] = "no"


class Operator:
    """The operator's secrets in directory `data`; made there when there are none yet. Raises OSError, ValueError."""

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._token = _kept(data / TOKEN, lambda: secrets.token_hex(32))
        self._key = bytes.fromhex(_kept(data / STICK_KEY, lambda: new_key().hex()))
        self.stick_key = public_of(self._key).hex()
        """What terminals are told as [sync] stick_key."""

    def seal(self, batch: bytes, status: int, body: bytes) -> bytes:
        """The answer's file for a batch (its bytes as they came)."""
        return seal(self._key, batch, status, body)

    def is_known(self, request: Request) -> bool:
        """Whether the request bears the token."""
        given = request.headers.get("Authorization", "").encode()
        return hmac.compare_digest(given, f"Bearer {self._token}".encode())

    def guarded(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint behind the token ("Authorization: Bearer …")."""

        @wraps(endpoint)
        async def asked(request: Request) -> Response:
            if not self.is_known(request):
                return problem(401, "not_the_operator", "send Authorization: Bearer, with what operator.token holds")
            return await endpoint(request)

        return asked


def queried(kind: type[Q], endpoint: Callable[[Request, Q], Awaitable[Response]]) -> Endpoint:
    """The endpoint with its query parameters as the struct `kind`, which it bears as `query` for its description."""

    async def asked(request: Request) -> Response:
        try:
            query = msgspec.convert(dict(request.query_params), kind)
        except msgspec.ValidationError as wrong:
            return problem(400, "bad_question", str(wrong))
        return await endpoint(request, query)

    asked.query = kind  # type: ignore[attr-defined]
    return asked


def problem(status: int, what: str, detail: str) -> Response:
    """A refusal."""
    return Response(msgspec.json.encode(Problem(what, detail[:500])), status, media_type="application/json")


def unavailable(wrong: Exception) -> Response:
    """The database is away, or changes over: terminals keep their rows and ask again."""
    logging.getLogger("uvicorn.error").warning("nothing acknowledged: %s", wrong)
    answer = problem(503, "unavailable", "the store does not answer")
    answer.headers["Retry-After"] = str(UNAVAILABLE_SECONDS)
    return answer


def stick_routes(backend: Service, operator: Operator, gate: Gate | None) -> list[Route]:
    """`POST /v1/operator/stick?proof=…`: one batch as it lies on a stick and the proof beside it; the answer's file
    comes back."""

    async def stick(request: Request, query: StickQuery) -> Response:
        try:
            raw = await read_body(request, BATCH_GZIP_BYTES_MAX)
            batch = await run_in_threadpool(unpack, raw)
            if gate is not None:
                await run_in_threadpool(gate.carried, batch.terminal, query.proof, raw)
        except Refused as refused:
            return problem(refused.status, refused.problem, str(refused))
        except TooLong as wrong:
            return problem(413, "bad_batch", str(wrong))
        except BadBatch as wrong:
            return problem(400, "bad_batch", str(wrong))
        return Response(
            await run_in_threadpool(answered, backend, operator, raw, batch, query.enrol == "yes"),
            media_type="application/json",
        )

    return [Route("/v1/operator/stick", operator.guarded(queried(StickQuery, stick)), methods=["POST"])]


def answered(backend: Service, operator: Operator, raw: bytes, batch: Batch, may_enrol: bool) -> bytes:
    """The answer's file for a batch that came on a stick, `raw` its bytes."""
    answer = backend.take(batch)
    if answer is None and may_enrol and batch.epoch == 1 and not _knows(backend, batch.terminal):
        backend.enrol(batch.terminal)
        answer = backend.take(batch)
    if answer is None:
        detail = f"terminal {batch.terminal}, epoch {batch.epoch}"
        return operator.seal(raw, 409, msgspec.json.encode(Problem("not_enrolled", detail)))
    return operator.seal(raw, 200, msgspec.json.encode(answer))


def _knows(backend: Service, terminal: str) -> bool:
    with backend.transaction() as database:
        return database.table("terminal").count_where("terminal = ?", (terminal,)) > 0


def _kept(path: Path, make: Callable[[], str]) -> str:
    """A secret from its file, or a fresh one into it: nobody else reads it, and of two makers one wins."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        found = path.read_text("ascii").strip()
        if len(found) != 64 or path.stat().st_mode & 0o077:
            raise ValueError(f"{path}: not 64 hex digits, or readable by others (chmod 600)") from None
        return found
    with os.fdopen(handle, "w") as file:
        made = make()
        file.write(made + "\n")
        file.flush()
        os.fsync(handle)
    return made
