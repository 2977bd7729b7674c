"""A disk in memory for SQLite, as an apsw VFS: it knows what was synced, loses the rest, fills up, and fails on demand.

Source of the idea: SQLite's own crash tests (https://sqlite.org/testing.html, "Crash Testing").
"""

import random
from collections.abc import Callable
from itertools import count

import apsw

SECTOR = 512
_names = count()


Write = tuple[int, bytes | None]
"""An offset and what was written there; None: the file was cut at that length."""


class PowerCut(BaseException):
    """The supply is gone; nothing of this process goes on."""


class _File:
    def __init__(self, live: bytes = b"") -> None:
        self.live = bytearray(live)
        self.durable = bytearray(live)
        self.pending: list[Write] = []

    def write(self, offset: int, data: bytes | None) -> None:
        self.pending.append((offset, data))
        _apply(self.live, offset, data)

    def sync(self) -> None:
        for offset, data in self.pending:
            _apply(self.durable, offset, data)
        self.pending = []


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


class Disk:
    """Files by name, and the faults of the moment; `name` is the VFS to open with. `writes` and `syncs` count."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = {name: _File(content) for name, content in (files or {}).items()}
        self.writes = 0
        self.syncs = 0
        self.cut_at: int | None = None
        self.touched: Callable[[str], None] = lambda _operation: None  # called before each operation; may raise
        self._at_the_end: dict[str, tuple[bytes, bytes, list[Write]]] = {}
        self.room: int | None = None  # bytes that files may still grow by; None: endless
        self.is_full: Callable[[], bool] = lambda: False
        self.fails = False
        self.name = f"disk-{next(_names)}"
        self._vfs = _Vfs(self)

    def step(self, operation: str = "write") -> None:
        """One operation that a power cut may precede."""
        self.writes += 1
        self.touched(operation)
        if self.writes == self.cut_at:
            self.end()
            raise PowerCut

    def end(self) -> None:
        """The process ends here: what it still does goes nowhere."""
        if not self._at_the_end:
            self._at_the_end = self._now()

    def _now(self) -> dict[str, tuple[bytes, bytes, list[Write]]]:
        return {name: (bytes(file.live), bytes(file.durable), list(file.pending)) for name, file in self.files.items()}

    def after_power_cut(self, damage: str, chance: random.Random) -> "Disk":
        """The disk as it may be found afterwards: what was synced, and of the rest "none", a "prefix", a random
        "subset", one "reordered", or a prefix whose last write is "torn" within."""
        found = {}
        for name, (_, durable, pending) in (self._at_the_end or self._now()).items():
            content = bytearray(durable)
            for offset, data in _surviving(pending, damage, chance):
                _apply(content, offset, data)
            found[name] = bytes(content)
        return self._next(found)

    def after_kill(self) -> "Disk":
        """The disk as the next process finds it after this one was killed: the system wrote all that it was given."""
        return self._next({name: live for name, (live, _, _) in (self._at_the_end or self._now()).items()})

    def _next(self, files: dict[str, bytes]) -> "Disk":
        disk = Disk(files)
        disk.room = self.room
        return disk

    def grow(self, length: int) -> None:
        """Take room for `length` more bytes (give it back when negative). Raises apsw.FullError."""
        if self.room is None:
            return
        if length > self.room:
            raise apsw.FullError("no space left")
        self.room -= length

    def close(self) -> None:
        """Take the disk away."""
        self._vfs.unregister()


def _surviving(
    pending: list[Write], damage: str, chance: random.Random
) -> list[Write]:
    if damage in ("subset", "reordered"):
        kept = [write for write in pending if chance.random() < 0.5]
        if damage == "reordered":
            chance.shuffle(kept)
        return kept
    if damage == "none":
        return []
    kept = pending[: chance.randrange(len(pending) + 1)]
    offset, data = kept[-1] if kept else (0, None)
    if damage == "torn" and data is not None:
        kept[-1] = offset, data[: SECTOR * chance.randrange(len(data) // SECTOR + 1)]
    return kept


DAMAGES = ("none", "prefix", "subset", "reordered", "torn")


class _Vfs(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        super().__init__(disk.name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "_Handle":  # type: ignore[override]
        text = name.filename() if isinstance(name, apsw.URIFilename) else name or f"temporary-{next(_names)}"
        flags[1] = flags[0]
        return _Handle(self.disk, self.disk.files.setdefault(text, _File()))

    def xDelete(self, name: str, _sync: bool) -> None:
        self.disk.step("delete")
        gone = self.disk.files.pop(name, None)
        if gone is not None:
            self.disk.grow(-len(gone.live))

    def xAccess(self, name: str, _flags: int) -> bool:
        return name in self.disk.files

    def xFullPathname(self, name: str) -> str:
        return name


class _Handle:
    """One open file, with the method names that SQLite's VFS has."""

    def __init__(self, disk: Disk, file: _File) -> None:
        self.disk = disk
        self.file = file

    def xRead(self, amount: int, offset: int) -> bytes:
        return bytes(self.file.live[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        self.disk.step()
        if self.disk.fails:
            raise apsw.IOError("the disk fails")
        if self.disk.is_full() and offset + len(data) > len(self.file.live):
            raise apsw.FullError("no space left")
        self.disk.grow(max(0, offset + len(data) - len(self.file.live)))
        self.file.write(offset, bytes(data))

    def xTruncate(self, size: int) -> None:
        self.disk.step("truncate")
        self.disk.grow(size - len(self.file.live))
        self.file.write(size, None)

    def xSync(self, _flags: int) -> None:
        self.disk.step("sync")
        if self.disk.fails:
            raise apsw.IOError("the disk fails")
        self.disk.syncs += 1
        self.file.sync()

    def xFileSize(self) -> int:
        return len(self.file.live)

    def xClose(self) -> None:
        pass

    def xLock(self, _level: int) -> None:
        pass

    def xUnlock(self, _level: int) -> None:
        pass

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, _operation: int, _pointer: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return SECTOR

    def xDeviceCharacteristics(self) -> int:
        return 0
