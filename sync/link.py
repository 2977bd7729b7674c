"""The wire to the backend: one POST at a time, bounded in time and size.

Plain HTTP is for the same machine only; to anywhere else it is HTTPS with a verified certificate.
"""

import http.client
import ssl
import time
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from sync.limits import ANSWER_BYTES_MAX, ANSWER_SECONDS, CONNECT_SECONDS


class LinkDown(Exception):
    """The backend cannot be reached, or broke off. The message says how."""


class BadAddress(ValueError):
    """An address that the link refuses. The message says why."""


class HttpAnswer(NamedTuple):
    """Status, the Retry-After header ("" for none) and at most ANSWER_BYTES_MAX bytes of body."""

    status: int
    retry_after: str
    body: bytes


class Link:
    """A backend's address and the connection to it, kept open between messages. Used by one thread."""

    def __init__(self, address: str, trust: ssl.SSLContext | None = None, token: str = "") -> None:
        """`address`: "https://host[:port][/path]"; `token`: of the operator, "" for a terminal. Raises BadAddress."""
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
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: bytes, encoding: str = "") -> HttpAnswer:
        """Send `body` to `path` and wait for the answer. Raises LinkDown."""
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", **self._headers}
        if encoding:
            headers["Content-Encoding"] = encoding
        was_open = self._connection is not None
        try:
            return self._exchange(path, body, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as wrong:
            self.close()
            if not was_open:
                raise LinkDown(f"{self.address}: {wrong}") from wrong
        except (OSError, http.client.HTTPException) as wrong:
            self.close()
            raise LinkDown(f"{self.address}: {type(wrong).__name__} {wrong}") from wrong
        # The server had closed the kept connection meanwhile; whatever is posted here may be posted twice.
        try:
            return self._exchange(path, body, headers)
        except (OSError, http.client.HTTPException) as wrong:
            self.close()
            raise LinkDown(f"{self.address}: {type(wrong).__name__} {wrong}") from wrong

    def _exchange(self, path: str, body: bytes, headers: dict[str, str]) -> HttpAnswer:
        connection = self._connection or self._connect()
        connection.request("POST", self._path + path, body, headers)
        deadline = time.monotonic() + ANSWER_SECONDS
        response = connection.getresponse()
        received = bytearray()
        while part := response.read1(ANSWER_BYTES_MAX + 1 - len(received)):
            received += part
            if len(received) > ANSWER_BYTES_MAX:
                raise http.client.HTTPException(f"an answer of more than {ANSWER_BYTES_MAX} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError("the answer never ends")
        response.close()  # read1 leaves a finished response open, and the connection with it
        if response.will_close:
            self.close()
        return HttpAnswer(response.status, response.getheader("Retry-After") or "", bytes(received))

    def _connect(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection
        if self._trust is not None:
            connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=CONNECT_SECONDS, context=self._trust
            )
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=CONNECT_SECONDS)
        connection.connect()
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
