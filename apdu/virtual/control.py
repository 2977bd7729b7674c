"""The control socket: JSON lines over a Unix socket, one answer a line, each client in its own thread."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from apdu.virtual.elsewhere import Refusal
from apdu.virtual.simulation import Simulation

COMMANDS = (
    "add", "cards", "enter", "leave", "in_field", "credit", "purchase_elsewhere", "block", "unblock",
    "tear", "answer_status", "answer_bytes", "wtx", "silent", "damage", "garble", "lose", "clear_faults",
    "armed", "timing", "psam_unplug", "psam_plug", "psam_reset",
    "social_add", "social_insert", "social_withdraw", "counts", "trace", "wait_idle", "memory",
)  # fmt: skip


class Control:
    """Serves `{"do": name, ...arguments}` with `{"ok": value}` or `{"error": text}`."""

    def __init__(self, simulation: Simulation, path: Path, on_shutdown: Callable[[], None]) -> None:
        self._simulation = simulation
        self._on_shutdown = on_shutdown
        self._path = path
        path.unlink(missing_ok=True)
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(path))
        self._server.listen()

    def start(self) -> None:
        threading.Thread(target=self._serve, name="control", daemon=True).start()

    def stop(self) -> None:
        self._server.close()
        self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), name="client", daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
            for line in lines:
                connection.sendall(json.dumps(self.answer(line), ensure_ascii=False).encode() + b"\n")

    def answer(self, line: bytes) -> dict[str, Any]:
        """Obey one line. Any bytes get an answer."""
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                return {"error": "an object with a field do is wanted"}
            name = request.pop("do", None)
            if name == "shutdown":
                self._on_shutdown()
                return {"ok": None}
            if name not in COMMANDS:
                return {"error": f"unknown command {name!r}"}
            return {"ok": getattr(self._simulation, name)(**request)}
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, Refusal) as error:
            return {"error": f"{type(error).__name__}: {error}"}
