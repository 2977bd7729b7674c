"""For the web face's tests: a bus with its pages, and passwords that cost little."""

from collections.abc import Iterator

import pytest

from terminal.faces.web import accounts
from tests.bus import Bus
from tests.web.served import Served


@pytest.fixture(autouse=True)
def _cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log-in takes a fifth of a second for good reasons; a hundred of them would be the tests' time."""
    monkeypatch.setattr(accounts, "SCRYPT_N", 2)


@pytest.fixture
def served(bus: Bus) -> Iterator[Served]:
    """Its pages are open."""
    made = Served(bus)
    yield made
    made.close()
