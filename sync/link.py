"""The wire to the backend: one POST at a time, bounded in time and size.

Plain HTTP is for the same machine only; to anywhere else it is HTTPS with a verified certificate.
"""

import http.client
import ssl
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from sync.limits import ANSWER_BYTES_MAX, ANSWER_SECONDS, CONNECT_SECONDS


class LinkDown(Exception):
    """The backend cannot be reached, or broke off. The message says how."""


class BadAddress(ValueError):
    """An address that the link refuses. The message says why."""


STANDING, RENEW = "Smk-Standing", "Smk-Renew"
"""Headers in which a backend with an authority tells a terminal its standing, and that it wants a new certificate."""


class HttpAnswer(NamedTuple):
    """Status, the Retry-After header ("" for none) and the body; `standing` "" where the backend says none."""

    status: int
    retry_after: str
    body: bytes
    standing: str = ""
    renew: bool = False


class Credential(Protocol):
    """What a device proves itself with (terminal/credential.py). `version` rises whenever another is in force."""

    version: int

    def headers(self, path: str, body: bytes) -> dict[str, str]:
        """Headers that sign this message; none while the device has no certificate."""
        ...

    def context(self) -> ssl.SSLContext:
        """The device's side of TLS."""
        ...

    def check(self, certificate: bytes) -> None:
        """Look at the certificate (DER) of the backend whose chain and name TLS has verified. Raises OSError."""
        ...


class Link:
    """A backend's address and the connection to it, kept open between messages. Used by one thread."""

    def __init__(
        self,
        address: str,
        trust: ssl.SSLContext | None = None,
        token: str = "",
        credential: Callable[[], Credential | None] = lambda: None,
        most: int = ANSWER_BYTES_MAX,
    ) -> None:
        """`address`: "https://host[:port][/path]"; `trust` in place of the system's roots; `token`: of the operator, ""
        for a terminal, whose `credential` gives what it has, asked for with each message; `most`: bytes of an answer.
        Raises BadAddress.
        """
        try:
            parts = urlsplit(address)
            host, port = parts.hostname or "", parts.port
        except ValueError as wrong:
            raise BadAddress(f"{address!r} is no address: {wrong}") from wrong
        if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
            raise BadAddress(f"{address!r}: write https://host:port, or http://127.0.0.1:port on the same machine")
        if parts.scheme == "http" and not _is_loopback(host):
            raise BadAddress(f"{address!r}: records leave this machine over https only")
        self.address = address
        self._host, self._port, self._path = host, port, parts.path.rstrip("/")
        self._trust = (trust or ssl.create_default_context()) if parts.scheme == "https" else None
        self._most = most
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._credential, self._version = credential, 0
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str) -> HttpAnswer:
        """Ask for `path`; a terminal does not sign that. Raises LinkDown."""
        try:
            return self._exchange("GET", path, None, {"Accept-Encoding": "identity", **self._headers})
        except (OSError, http.client.HTTPException) as wrong:
            self.close()
            raise LinkDown(f"{self.address}: {type(wrong).__name__} {wrong}") from wrong

    def post(self, path: str, body: bytes, encoding: str = "") -> HttpAnswer:
        """Send `body` to `path` and wait for the answer. Raises LinkDown."""
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", **self._headers}
        if encoding:
            headers["Content-Encoding"] = encoding
        try:
            credential = self._credential()
            if credential is not None:
                headers |= credential.headers(path, body)
                if self._version != credential.version:  # TLS shall show the certificate that signs
                    self.close()
                    self._version = credential.version
        except OSError as wrong:
            raise LinkDown(str(wrong)) from wrong
        was_open = self._connection is not None
        try:
            return self._exchange("POST", path, body, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as wrong:
            self.close()
            if not was_open:
                raise LinkDown(f"{self.address}: {wrong}") from wrong
        except (OSError, http.client.HTTPException) as wrong:
            self.close()
            raise LinkDown(f"{self.address}: {type(wrong).__name__} {wrong}") from wrong
        # The server had closed the kept connection meanwhile; whatever is posted here may be posted twice.
        try:
            return self._exchange("POST", path, body, headers)
        except (OSError, http.client.HTTPException) as wrong:
            self.close()
            raise LinkDown(f"{self.address}: {type(wrong).__name__} {wrong}") from wrong

    def _exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> HttpAnswer:
        connection = self._connection or self._connect()
        connection.request(method, self._path + path, body, headers)
        deadline = time.monotonic() + ANSWER_SECONDS
        response = connection.getresponse()
        received = bytearray()
        while part := response.read1(self._most + 1 - len(received)):
            received += part
            if len(received) > self._most:
                raise http.client.HTTPException(f"an answer of more than {self._most} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError("the answer never ends")
        response.close()  # read1 leaves a finished response open, and the connection with it
        if response.will_close:
            self.close()
        asked, standing = (response.getheader(name) or "" for name in ("Retry-After", STANDING))
        return HttpAnswer(response.status, asked, bytes(received), standing, RENEW in response.headers)

    def _connect(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection
        credential = self._credential() if self._trust is not None else None
        if self._trust is not None:
            trust = credential.context() if credential else self._trust
            connection = http.client.HTTPSConnection(self._host, self._port, timeout=CONNECT_SECONDS, context=trust)
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=CONNECT_SECONDS)
        connection.connect()
        if credential is not None and isinstance(connection.sock, ssl.SSLSocket):
            credential.check(connection.sock.getpeercert(binary_form=True) or b"")
        connection.sock.settimeout(ANSWER_SECONDS)
        self._connection = connection
        return connection

    def close(self) -> None:
        """Give the connection back; the next message opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
