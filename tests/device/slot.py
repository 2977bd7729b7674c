"""Slot 1 of the real pcscd holds one PSAM at a time: whoever puts a simulated one in takes this lock first.

It holds between processes too, so that a demo, a benchmark and the tests of two trees on one machine take turns.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

LOCK = Path(tempfile.gettempdir()) / "smk-vpcd-slot-1.lock"


@contextmanager
def alone() -> Iterator[None]:
    """Nobody else uses slot 1 meanwhile. Waits as long as it takes."""
    before = os.umask(0)
    try:
        file = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)  # another user's tests lock it too
    finally:
        os.umask(before)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


@pytest.fixture(scope="module")
def slot_1(real_pcscd: None) -> Iterator[None]:
    """The slot for the tests of one file."""
    with alone():
        yield
