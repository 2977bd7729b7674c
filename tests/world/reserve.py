"""The file calls of `sync.reserve` on the world's disks: the journal's reserve takes the same room as its file."""

import errno
import os
from pathlib import Path

from tests.world.machine import Machine


class ReserveFiles:
    """Stands for the module `os` in `sync.reserve`; a machine's files lie under a folder of its name."""

    O_RDWR, O_CREAT, O_CLOEXEC = os.O_RDWR, os.O_CREAT, os.O_CLOEXEC

    def __init__(self) -> None:
        self.machines: dict[str, Machine] = {}
        self._open: list[Machine] = []

    def open(self, path: Path, _flags: int, _mode: int) -> int:
        """A number for the machine's reserve."""
        self._open.append(self.machines[path.parent.name])
        return len(self._open) - 1

    def posix_fallocate(self, file: int, _offset: int, length: int) -> None:
        """Take the room. Raises OSError when the disk has none, or fails."""
        machine = self._open[file]
        machine.touch("reserve")
        disk, more = machine.disk, length - machine.reserved
        if disk.fails:
            raise OSError(errno.EIO, "Input/output error")
        if disk.room is not None and more > disk.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        disk.grow(more)
        machine.reserved = length

    def fsync(self, _file: int) -> None:
        """The room is real at once."""

    def close(self, _file: int) -> None:
        """Done with it."""
        self._open.pop()

    def truncate(self, path: Path, length: int) -> None:
        """Give the room back."""
        machine = self.machines[path.parent.name]
        machine.touch("reserve")
        machine.disk.grow(length - machine.reserved)
        machine.reserved = length
