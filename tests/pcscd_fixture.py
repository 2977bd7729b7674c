"""pcscd with vsmartcard's vpcd for tests of the real stack: the one that runs, or one of our own."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci" / "pcscd"


@pytest.fixture(scope="session")
def real_pcscd() -> Iterator[None]:
    """A pcscd that answers; one that was not running before is stopped afterwards."""
    ours = subprocess.run([SCRIPT, "status"], capture_output=True).returncode != 0
    if ours:
        subprocess.run([SCRIPT, "start"], check=True, capture_output=True)
    yield
    if ours:
        subprocess.run([SCRIPT, "stop"], check=True, capture_output=True)
