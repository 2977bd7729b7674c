"""What a collector needs to know who speaks: named by files and addresses, so that each process opens its own."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from uvicorn import Config

from sync.backend.authority import FORMER, ROOT, Authority, read_overlap
from sync.backend.custody import Custody
from sync.backend.gate import Gate
from sync.backend.peer import PeerProtocol, context
from sync.backend.registry import Registry
from sync.backend.sql import open_sql


class Door(NamedTuple):
    """The authority's folder, its passphrase's file, the registry's place; `pair` the collector's PEM, None for plain
    HTTP on loopback."""

    authority: Path
    passphrase_file: Path
    registry: str
    pair: Path | None

    def gate(self, now: Callable[[], str]) -> Gate:
        """The gate. Raises BadAuthority, OSError, the registry's errors."""
        return Gate(Authority.read(self.authority, self.passphrase_file), Registry(open_sql(self.registry)), now)

    def custody(self) -> Custody:
        """Who knows stolen devices. Raises the registry's errors."""
        return Custody(Registry(open_sql(self.registry)))

    def tls(self, *_: object) -> ssl.SSLContext:
        """The collector's side of TLS, as uvicorn asks for it. Raises BadAuthority, OSError."""
        assert self.pair is not None
        believed = [self.authority / ROOT, *([self.authority / FORMER] if read_overlap(self.authority) else [])]
        return context(self.pair, believed)


def served(app: Any, door: Door | None, **settings: Any) -> Config:
    """uvicorn's configuration for a collector: with TLS where the door has a certificate, else without."""
    if door is not None and door.pair is not None:
        settings |= {"http": PeerProtocol, "ssl_context_factory": door.tls}
    return Config(app, access_log=False, **{"log_level": "warning"} | settings)
