"""For every test: the Hypothesis profile (the same examples each time, no deadline on a slow machine), and a bus."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.bus import Bus

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("ci")


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    """A validator in this process, on the Jiaxing pack, with an empty journal."""
    return Bus(tmp_path / "bus")
