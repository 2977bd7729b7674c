"""TLS of a collector: who may shake hands, and how the application sees the other side's certificate.

uvicorn does not tell the application what TLS verified; a protocol of its own puts it into the scope, as ASGI's
extension "tls" has it. Certificates are verified to the root in every respect but their dates: a bus that stood in the
garage must still bring its money, so the registry decides about dates (docs/identity.md).
"""

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python's ssl has no name for."""


def context(pair: Path, roots: Sequence[Path]) -> ssl.SSLContext:
    """A collector's side of TLS 1.3: its key and certificate (one PEM), and the roots that clients' certificates have.

    A client without a certificate may shake hands: it has none before it is enrolled, and none in TLS when its key
    lies in a token. Raises OSError, also ssl.SSLError.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.load_cert_chain(pair)
    for root in roots:
        made.load_verify_locations(root)
    made.verify_mode = ssl.CERT_OPTIONAL
    made.verify_flags |= NO_CHECK_TIME
    return made


class PeerProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with the peer's certificate in the scope."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio: the handshake is over."""
        super().connection_made(transport)
        ssl_object = transport.get_extra_info("ssl_object")
        raw = ssl_object.getpeercert(binary_form=True) if ssl_object else None
        if raw:
            self.app = _showing(self.app, ssl.DER_cert_to_PEM_cert(raw))


def _showing(app: ASGIApp, certificate: str) -> Any:
    async def shown(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})["tls"] = {"client_cert_chain": [certificate]}
        await app(scope, receive, send)

    return shown
