"""A counter of a library over a real journal, for the tests of its day and of its deaths."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from config.store import load_pack_files
from sync.journal import Journal
from sync.record import decode
from sync.vault import Vault
from tariffs.library import parse_lending
from terminal.library.counter import Counter, Rules
from terminal.ports import ClockTrust, Moment
from terminal.precedence import Precedence
from terminal.training.ils.answers import city
from terminal.training.ils.server import Server
from tests.libraries import AT, connected
from tests.rows import IDENTITY

ROOT = Path(__file__).resolve().parents[1]
READER = "31400000000012345678"
OTHER = "31400000000012345679"
VAULT = Vault({"k1": bytes(32)})
CLOSED_PORT = 1
Make = Callable[..., Counter]


class StillClock:
    """Time stands, so that "away a moment ago" lasts until the test moves it."""

    def __init__(self) -> None:
        self.mono_ms = 0

    def read(self) -> Moment:
        return Moment(AT, ClockTrust.SYNCED, self.mono_ms)


def opened(path: Path, port: int, **changes: Any) -> Counter:
    """A counter at a port; its profile is Evergreen's with `changes`."""
    journal = Journal.open(path, IDENTITY, "boot")
    rules = Rules(parse_lending(load_pack_files("builtin:jiaxing", "library")), frozenset({OTHER}))
    return Counter(
        journal, VAULT, StillClock(), connected(port, **{"answer_seconds": 1, **changes}), rules, Precedence()
    )


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Opens counters on one journal, one after the other."""
    made: list[Counter] = []

    def open_one(port: int = CLOSED_PORT, **changes: Any) -> Counter:
        for before in made:
            before.client.close()
            before.journal.close()
        made.append(opened(tmp_path / "journal.db", port, **changes))
        return made[-1]

    yield open_one
    made[-1].client.close()
    made[-1].journal.close()


@pytest.fixture
def library() -> Iterator[Server]:
    with Server(city()) as server:
        server.faults.slow_seconds = 1.3
        yield server


def kinds(counter: Counter) -> list[str]:
    rows = [decode(stored.raw).event for stored in counter.journal.rows(0, 100, 1_000_000)]
    return [type(event).__name__.removeprefix("Loan") for event in rows]
