"""A full disk: refused before the debit, the outcome written from the reserve, served again when there is room."""

import errno
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from apdu.virtual.timing import Timing
from sync.errors import JournalFull
from sync.events import Alarm
from sync.journal import Journal
from tests.device.rig import Rig, eventually

ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]
DISK_BYTES = 6_000_000


def mount(folder: Path) -> bool:
    """Put a small file system there, if this machine lets us."""
    options = ["-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0777", "small-disk", str(folder)]
    with suppress(FileNotFoundError):
        return subprocess.run([*ROOT, "mount", *options], capture_output=True, check=False).returncode == 0
    return False


def unmount(folder: Path) -> None:
    subprocess.run([*ROOT, "umount", "--lazy", str(folder)], check=True, capture_output=True)


def can_mount() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        if mounted := mount(Path(folder)):
            unmount(Path(folder))
    return mounted


class SmallDisk:
    """A file system of DISK_BYTES, filled with a file and with alarms."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"
        folder.mkdir()
        assert mount(folder)

    def fill(self, journal: Journal) -> None:
        """Not one row more."""
        with suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        with suppress(JournalFull):
            while True:
                journal.keep(Alarm("filling", "x" * 200), "2026-11-23T08:00:00.000+08:00", "synced", 0)

    def free(self) -> None:
        """Somebody makes room."""
        self._ballast.unlink()

    def close(self) -> None:
        """Take it away."""
        unmount(self.folder)


class FaultyFile(apsw.VFSFile):
    """A file on a disk that says when it is full."""

    disk: "FaultyDisk"

    def xWrite(self, data: bytes, offset: int) -> None:
        """Fails while the disk is full and the reserve stands."""
        if self.disk.is_full and self.disk.reserve_stands():
            raise apsw.FullError("no space left")
        super().xWrite(data, offset)


class FaultyDisk(apsw.VFS):
    """The same without a right to mount: a disk that is full by decree. Default VFS while it lives."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        super().__init__("faulty", "unix", makedefault=True)
        folder.mkdir()
        self.folder = folder
        self.is_full = False
        allocate = os.posix_fallocate

        def allocated(file: int, offset: int, length: int) -> None:
            if self.is_full and not self.reserve_stands():
                raise OSError(errno.ENOSPC, "No space left on device")
            allocate(file, offset, length)

        patch.setattr(os, "posix_fallocate", allocated)

    def xOpen(self, name: "str | apsw.URIFilename | None", flags: list[int]) -> apsw.VFSFile:
        """A file of this disk."""
        file = FaultyFile("unix", name, flags)
        file.disk = self
        return file

    def reserve_stands(self) -> bool:
        """Whether the journal has not given its reserve up."""
        return (self.folder / "journal.db.reserve").stat().st_size > 0

    def fill(self, journal: Journal) -> None:
        """Not one row more."""
        self.is_full = True

    def free(self) -> None:
        """Somebody makes room."""
        self.is_full = False

    def close(self) -> None:
        """Take it away."""
        self.unregister()


Disk = SmallDisk | FaultyDisk


@pytest.fixture(params=["by decree", "really"] if can_mount() else ["by decree"])
def disk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """A disk that the test fills."""
    folder = tmp_path / "disk"
    made: Disk = FaultyDisk(folder, monkeypatch) if request.param == "by decree" else SmallDisk(folder)
    yield made
    made.close()


@pytest.fixture
def rig(disk: Disk, make_rig: Callable[..., Rig]) -> Iterator[Rig]:
    """A device whose data lie on that disk."""
    made = make_rig(folder=disk.folder)
    made.ready()
    yield made
    made.leave()
    made.stop()


def test_on_a_full_disk_nobody_pays_and_everybody_is_told_until_there_is_room(rig: Rig, disk: Disk) -> None:
    assert rig.tap(rig.card()).outcome == "fare"
    disk.fill(rig.box.journal)
    card = rig.card()
    for _ in range(2):
        rig.remote.enter(card)
        assert rig.heard().outcome == "out_of_service"
        rig.remote.leave()
        rig.closed("journal")
        assert eventually(lambda: "free" in rig.troubles["journal"])
    assert rig.paid_fen(card) == 0
    assert any(status.mode == "closed" and "交易日志" in status.zh for status in rig.recorder.statuses)
    disk.free()
    rig.ready()
    assert rig.tap(card).outcome == "fare" and rig.paid_fen(card) == 100
    assert any(isinstance(row.event, Alarm) and row.event.what == "journal_failed" for row in rig.rows())
    assert rig.books().balanced


def test_a_disk_that_fills_up_between_debit_and_close_takes_the_outcome_from_the_reserve(rig: Rig, disk: Disk) -> None:
    card = rig.card()
    rig.remote.wtx(59, ins="54")
    rig.remote.timing(Timing(card_ms={0x54: 220}))
    rig.remote.counts(reset=True)
    rig.remote.enter(card)
    assert eventually(lambda: "54" in rig.remote.counts()["card"])
    disk.fill(rig.box.journal)
    assert rig.heard().outcome == "fare"
    rig.leave()
    rig.remote.timing(None)
    assert rig.kinds("HELD", "DONE") == ["HELD", "DONE"] and rig.paid_fen(card) == 100
    other = rig.card()
    rig.remote.enter(other)
    assert rig.heard().outcome == "out_of_service" and rig.paid_fen(other) == 0
    rig.leave()
    disk.free()
    rig.ready()
    assert rig.tap(other).outcome == "fare"
    assert rig.books().balanced


def test_a_device_that_starts_on_a_full_disk_says_so_and_serves_when_there_is_room(rig: Rig, disk: Disk) -> None:
    disk.fill(rig.box.journal)
    rig.restart()
    rig.closed("journal")
    assert eventually(lambda: "free" in rig.troubles["journal"])
    disk.free()
    rig.ready()
    assert rig.tap(rig.card()).outcome == "fare"
    assert rig.books().balanced
