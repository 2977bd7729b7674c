"""Room set aside for an outcome, so that a full disk cannot strike between a debit and its close.

A preallocated file lies beside the journal. It is given up when an outcome finds the disk full, and no draft is held
until it stands again.
"""

import os
from pathlib import Path

from sync.errors import JournalFull
from sync.limits import RESERVE_BYTES


class Reserve:
    """The reserve of one journal: a file of RESERVE_BYTES with real blocks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stands = False

    def ensure(self) -> None:
        """Make sure that the reserve stands; costs nothing once it does. Raises JournalFull."""
        if self._stands:
            return
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(file, 0, RESERVE_BYTES)
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as wrong:
            raise JournalFull(
                f"no room for {RESERVE_BYTES} bytes at {self.path} ({wrong.strerror}): free disk space; "
                "the device takes no money until there is room"
            ) from wrong
        self._stands = True

    def release(self) -> bool:
        """Give the room up for an outcome; False when it was given up before."""
        if not self._stands:
            return False
        self._stands = False
        try:
            os.truncate(self.path, 0)
        except OSError:
            return False
        return True
