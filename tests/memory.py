"""A folder in memory, where the machine has such a file system: for tests that are not about the disk."""

from pathlib import Path
from tempfile import TemporaryDirectory

_SHM = Path("/dev/shm")


def folder() -> "TemporaryDirectory[str]":
    """A new one; it is removed when its block ends, or with the last reference to it."""
    return TemporaryDirectory(dir=_SHM if _SHM.is_dir() else None)
