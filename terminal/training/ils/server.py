"""The simulated library system on a TCP port, with the faults that real ones have."""

import contextlib
import socket
import socketserver
import threading
from collections import deque
from typing import cast

from terminal.training.ils.answers import answer
from terminal.training.ils.shelf import Shelf


def total(data: bytes) -> str:
    """The checksum of the standard: the two's complement of the byte sum."""
    return f"{(0x10000 - sum(data) % 0x10000) % 0x10000:04X}"


class Faults:
    """What goes wrong with the coming requests that change something, one each, in order.

    "drop": executed, the connection closed without an answer. "deaf": closed, not executed. "garbage": executed, noise
    for an answer. "damaged": executed, the answer's checksum is wrong once. "slow": executed, no answer for a while.
    "odd": executed, the answer says neither yes nor no. "96": not understood. "moved": a 98 instead of an answer.
    """

    def __init__(self) -> None:
        self.coming: deque[str] = deque()
        self.requests: list[str] = []
        self.resends = 0
        self.slow_seconds = 2.0


class _Handler(socketserver.StreamRequestHandler):
    def setup(self) -> None:
        super().setup()
        cast(Server, self.server).lines.append(self.connection)

    def handle(self) -> None:
        server = cast(Server, self.server)
        last = b""
        while True:
            raw = self._line()
            if raw is None:
                return
            text = raw.decode(server.encoding, "replace")
            if text[:2] == "97":
                server.faults.resends += 1
                self.wfile.write(last)
                continue
            body, found, tail = text.rpartition("AY")
            if found and total(raw[:-4]) != tail[-4:]:
                self.wfile.write(b"96AZFEF6\r")
                continue
            last = self._answered(server, body if found else text, tail[:1] if found else "") or b""
            if not last:
                return

    def _line(self) -> bytes | None:
        line = bytearray()
        while not line.endswith(b"\r"):
            one = self.rfile.read(1)
            if not one:
                return None
            line += one.strip(b"\n")
        return bytes(line[:-1])

    def _answered(self, server: "Server", body: str, sequence: str) -> bytes | None:
        """The frame that was sent, or should have been; None: close."""
        faults = server.faults
        with server.lock:
            faults.requests.append(body)
            fault = faults.coming.popleft() if faults.coming and body[:2] in ("11", "09", "29", "37") else ""
            if fault == "deaf":
                return None
            if fault == "96":
                self.wfile.write(b"96AZFEF6\r")
                return b"96AZFEF6\r"
            if fault == "moved":
                body = "9900802.00"
            told = answer(server.shelf, body)
        if told is None or fault == "drop":
            return None
        if fault == "odd":
            told = told[:2] + "?" + told[3:]
        frame = told.encode(server.encoding)
        if sequence and server.checks:
            frame += f"AY{sequence}AZ".encode()
            frame += total(frame).encode()
        frame += b"\r"
        if fault == "slow":
            threading.Event().wait(faults.slow_seconds)
        if fault == "garbage":
            self.wfile.write(b"\x00\xffHTTP/1.1 400 Bad Request\r\n\r\n")
        elif fault == "damaged":
            self.wfile.write(frame[:-3] + b"ZZ\r" if not sequence else frame[:10] + b"?" + frame[11:])
        else:
            self.wfile.write(frame[:7])
            self.wfile.write(frame[7:])
        return frame


class Server(socketserver.ThreadingTCPServer):
    """The simulated library system. `with Server(shelf) as server:` serves on `server.port` until the end."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, shelf: Shelf, encoding: str = "utf-8", checks: bool = True, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.shelf = shelf
        self.encoding = encoding
        self.checks = checks
        self.faults = Faults()
        self.lock = threading.Lock()
        self.lines: list[socket.socket] = []
        self.port = int(self.server_address[1])

    def __enter__(self) -> "Server":
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        for line in self.lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self.server_close()
