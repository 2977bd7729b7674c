"""A collector with an authority behind real TLS on loopback, its clock in the test's hand, and devices that enrol."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import uvicorn
from cryptography.hazmat.primitives.serialization import Encoding

from sync.backend.app import app_over
from sync.backend.authority import Authority
from sync.backend.door import Door, served
from sync.backend.gate import Gate
from sync.backend.operator import Operator
from sync.backend.registry import Registry
from sync.backend.service import Backend, Service
from sync.backend.sql import open_sql
from sync.link import Link
from terminal.credential import Credential
from tests.serving import KEYS, NOW
from tests.stores import KeptCity

NUMBER = "00330401"


@dataclass
class City:
    """An authority, its registry and a clock that the test moves."""

    folder: Path
    now: datetime = field(default_factory=lambda: datetime.fromisoformat(NOW))
    address: str = ""
    line: str = ""
    """Of a PostgreSQL database that holds registry and rows; "" for files."""

    def __post_init__(self) -> None:
        self.authority = Authority.create(self.folder / "authority", b"a passphrase of a test", "Test", self.now)
        self.registry = Registry(open_sql(self.line or str(self.folder / "registry.db")))
        self._open()

    def reread(self) -> None:
        """The authority's files have changed; the backend is about to start again."""
        self.authority = Authority.read(self.folder / "authority", self.folder / "pass")
        self._open()

    def _open(self) -> None:
        self.gate = Gate(self.authority, self.registry, lambda: self.now.isoformat())
        self.root = self.authority.root.public_bytes(Encoding.DER)

    def later(self, days: int) -> None:
        """Move the backend's clock."""
        self.now += timedelta(days=days)

    def code(self, number: str = NUMBER) -> str:
        """A code for a terminal, good for a day."""
        return self.registry.new_code(number, self.root, self.now + timedelta(days=1), os.urandom)

    def device(self, name: str, number: str = NUMBER, store: str = "") -> Credential:
        """A device with a data directory of its own, enrolled."""
        credential = Credential(self.folder / name, store, number)
        credential.enrol(self.address, self.code(number))
        return credential

    def link(self, credential: Credential) -> Link:
        """The device's link."""
        return Link(self.address, credential=lambda: credential)

    @contextmanager
    def serving(self, tls: bool = True, port: int = 0, renewed: bool = True) -> Iterator[Service]:
        """Serve, over TLS or plain; `renewed`: with a fresh certificate of the collector."""
        pair = self.folder / "collector.pem"
        if renewed:
            pair.write_bytes(self.authority.collector("127.0.0.1", self.now))
        served_from = self.folder / "served"
        operator = Operator(served_from)
        def now() -> str:
            return self.now.isoformat()

        store: Service = KeptCity(self.line) if self.line else Backend(served_from, KEYS, now)
        app = app_over(store, now, operator, self.gate)
        door = Door(self.folder / "authority", self.folder / "unread", "unread", pair if tls else None)
        with socket.socket() as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", port))
            listening.listen()
            config = served(app, door, log_level="critical", lifespan="off", timeout_graceful_shutdown=0)
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
            thread.start()
            self.address = f"{'https' if tls else 'http'}://127.0.0.1:{listening.getsockname()[1]}"
            try:
                yield app.state.backend
            finally:
                server.should_exit = True
                thread.join(10)
                app.state.backend.close()
