"""The gate as ASGI middleware, and its own two endpoints: the root's certificate, and a terminal's.

A terminal's message is read here, once, because its signature covers it. All the rest is the operator's, who has a
token.
"""

from base64 import b64encode

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sync.backend.bodies import TooLong, read_body
from sync.backend.gate import CertificateRequest, Gate, Refused
from sync.backend.operator import Operator, unavailable
from sync.backend.registry import Met
from sync.backend.store import Unavailable
from sync.backend.watch import PAGE
from sync.batch import Terminal
from sync.limits import BATCH_GZIP_BYTES_MAX
from sync.link import RENEW, STANDING
from sync.proof import HEADER
from sync.session import Problem

OPEN = ("/v1/authority", "/v1/health", *PAGE)
"""What anybody may ask."""
OF_COUNTERS = tuple(f"/v1/hospital/{name}" for name in ("insured", "verdict", "statement", "corrections"))
"""What any terminal may ask; of bills each its own (sync/backend/desk.py)."""

_requests = msgspec.json.Decoder(CertificateRequest)


class Elsewhere:
    """Turns away what another site's page makes a browser on this machine send; no terminal and no command sends such
    a header. Without an authority being on this machine is all that a request must show."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI 3."""
        headers = dict(scope["headers"]) if scope["type"] == "http" else {}
        origin, host = headers.get(b"origin", b""), headers.get(b"host", b"")
        site = headers.get(b"sec-fetch-site", b"none")
        if site not in (b"same-origin", b"none") or (origin and origin.partition(b"://")[2] != host):
            refused = Refused("wrong_origin", "another site's page may not use this backend")
            await refusal(refused)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class Guard:
    """Lets pass what the gate lets pass."""

    def __init__(self, app: ASGIApp, gate: Gate, operator: Operator | None) -> None:
        self._app, self._gate, self._operator = app, gate, operator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI 3."""
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        parts = scope["path"].split("/")
        by_path = parts[3] if parts[:3] == ["", "v1", "terminals"] and len(parts) == 5 else ""
        met: Met | None = None
        try:
            if by_path or scope["path"] in OF_COUNTERS:
                request = Request(scope, receive)
                body = await read_body(request, BATCH_GZIP_BYTES_MAX)
                receive = _again(body)
                proof = request.headers.get(HEADER, "")
                if proof or parts[-1] != "certificate":  # without one a code must stand for it: the endpoint looks
                    tls = scope["scheme"] == "https"
                    met = await run_in_threadpool(
                        self._gate.terminal, by_path, scope["path"], proof, body, shown(scope), tls
                    )
            elif self._operator is None or not self._operator.is_known(Request(scope)):
                raise Refused("not_the_operator", "the operator's token opens this", status=401)
        except Refused as refused:
            await refusal(refused)(scope, receive, send)
            return
        except Unavailable as wrong:
            await unavailable(wrong)(scope, receive, send)
            return
        except TooLong as wrong:
            await refusal(Refused("bad_batch", str(wrong), status=413))(scope, receive, send)
            return
        except ClientDisconnect:
            return
        scope.setdefault("state", {})["met"] = met
        await self._app(scope, receive, send if met is None else _telling(met, send))


def routes(gate: Gate) -> list[Route]:
    """The gate's own endpoints."""

    async def authority(_request: Request) -> Response:
        return Response(gate.authority.root.public_bytes(Encoding.PEM), media_type="application/x-pem-file")

    async def certificate(request: Request) -> Response:
        terminal, met = request.path_params["terminal"], request.state.met
        try:
            msgspec.convert(terminal, Terminal)
            asked = _requests.decode(await request.body())
            made = await run_in_threadpool(gate.certify, terminal, asked, met)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
            return refusal(Refused("bad_request", str(wrong), status=400))
        except Refused as refused:
            return refusal(refused)
        told = {"certificate": _b64(made), "root": _b64(gate.authority.root.public_bytes(Encoding.DER))}
        if gate.authority.overlap is not None:
            overlap = gate.authority.overlap._asdict()
            told |= {name: _b64(one.public_bytes(Encoding.DER)) for name, one in overlap.items()}
        return Response(msgspec.json.encode(told), media_type="application/json")

    return [
        Route("/v1/authority", authority),
        Route("/v1/terminals/{terminal}/certificate", certificate, methods=["POST"]),
    ]


def _b64(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")


def _again(body: bytes) -> Receive:
    """A receive that gives the body that was read already."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


def _telling(met: Met, send: Send) -> Send:
    """A send that tells the terminal its standing, and when to renew."""

    async def telling(message: Message) -> None:
        if message["type"] == "http.response.start" and met.standing:
            headers = MutableHeaders(raw=message["headers"])
            headers[STANDING] = met.standing
            if met.renew:
                headers[RENEW] = "1"
        await send(message)

    return telling


def refusal(refused: Refused) -> Response:
    """A refusal as an answer."""
    headers = {STANDING: refused.standing} if refused.standing else {}
    content = msgspec.json.encode(Problem(refused.problem, str(refused)))
    return Response(content, refused.status, headers, "application/json")


def shown(scope: Scope) -> x509.Certificate | None:
    """The certificate that TLS verified, None for none (ASGI's extension "tls")."""
    chain: list[str] = scope.get("extensions", {}).get("tls", {}).get("client_cert_chain", [])
    return x509.load_pem_x509_certificate(chain[0].encode("ascii")) if chain else None
