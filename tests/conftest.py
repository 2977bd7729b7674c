"""For every test: the Hypothesis profile (the same examples each time, no deadline), a bus, and a city's database.

Two processes share the tests (make test), file by file; those that need the machine's one PC/SC service bear the mark
`readers` and run after them, in one process.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.bus import Bus

# How fast examples are drawn is the machine's affair: on a busy one that check alone made a sound machine fail.
slow = [HealthCheck.too_slow]
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True, suppress_health_check=slow)
settings.load_profile("ci")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the readers, before anybody selects by marks."""
    for item in items:
        if "/device/" in item.nodeid or "real_pcscd" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.readers)


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    """A validator in this process, on the Jiaxing pack, with an empty journal."""
    return Bus(tmp_path / "bus")


@pytest.fixture(scope="session")
def city_line() -> Iterator[str]:
    """A PostgreSQL database with a city's tables, one for the session: its connection string."""
    from tests.stores import city_database  # only those who ask pay for it

    with city_database() as line:
        yield line
