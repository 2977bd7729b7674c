"""A folder in memory, where the machine has such a file system with room: for tests that are not about the disk."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

_SHM = Path("/dev/shm")
ROOM_BYTES = 512 * 1024 * 1024
"""A container has 64 MB there unless it is told otherwise: a dozen journals with their reserves fill that."""


def folder() -> "TemporaryDirectory[str]":
    """A new one; it is removed when its block ends, or with the last reference to it."""
    return TemporaryDirectory(dir=_SHM if _SHM.is_dir() and _free(_SHM) >= ROOM_BYTES else None)


def _free(place: Path) -> int:
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize
