"""For every test: the Hypothesis profile (the same examples each time, no deadline), a bus, and a city's database.

Two processes share the tests (make test), file by file; whoever needs the machine's one PC/SC service goes to the same
process.
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
    """Say which tests stay together, before the workers look for it."""
    for item in items:
        file = item.nodeid.partition("::")[0]
        uses_readers = "/device/" in file or "real_pcscd" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("readers" if uses_readers else file))


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
