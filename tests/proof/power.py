"""The power goes under a real file system: an ext4 image is shut down as it is, and what was not synced is gone.

EXT4_IOC_SHUTDOWN with "no log flush" is what the kernel's own tests call godown: from that moment nothing reaches the
image any more, neither data nor the file system's journal. Mounted again, ext4 replays what its journal holds.
"""

import ctypes
import fcntl
import os
import random
import struct
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.proof.writer import Book, end

SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32), include/uapi/linux/ext4.h
NO_LOG_FLUSH = 2
CLONE_NEWNS = 0x00020000
IMAGE_BYTES = 64 * 1024 * 1024
LIVES = 50
"""Cuts before a new journal."""


class Disk:
    """An ext4 file system in an image, mounted at `path`."""

    def __init__(self, folder: Path) -> None:
        self.image = folder / "disk.img"
        self.path = folder / "disk"
        self.path.mkdir()
        with self.image.open("wb") as image:
            image.truncate(IMAGE_BYTES)
        _run("mkfs.ext4", "-q", "-F", str(self.image))
        self.mount()

    def mount(self) -> None:
        """Power on: the file system replays its journal."""
        _run("mount", "-o", "loop", str(self.image), str(self.path))

    def unmount(self) -> None:
        """Take it away."""
        _run("umount", str(self.path))

    def cut(self) -> None:
        """Power off, now. Whoever writes sees an I/O error from here on."""
        root = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(root, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(root)


def _run(*command: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        words = ended.stderr.strip()
        raise OSError(f"{command[0]}: {words} (this needs root, loop devices and ext4)")


def own_mounts() -> None:
    """Mounts that this process alone sees: a copy in another keeps the file system that was shut down alive."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "mounts of its own: this needs root")
    _run("mount", "--make-rprivate", "/")


@contextmanager
def disk(folder: Path) -> Iterator[Disk]:
    """A disk for as long as it is wanted."""
    own_mounts()
    made = Disk(folder)
    try:
        yield made
    finally:
        made.unmount()


def cuts(folder: Path, seed: int) -> Generator[int, None, None]:
    """Cut without end; the rows of the current journal after each cut. Raises AssertionError at a violation."""
    chance = random.Random(seed)
    with disk(folder) as on:
        for number in count():
            place = on.path / f"journal-{number}"
            place.mkdir()
            os.sync()
            book = Book(place, folder / "notes")
            for _ in range(LIVES):
                child = book.start(chance.getrandbits(32))
                book.wait(chance)
                on.cut()
                end(child)
                on.unmount()
                on.mount()
                book.check()
                yield len(book.rows)
            for path in place.iterdir():
                path.unlink()
