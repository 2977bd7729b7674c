"""Files that survive a power cut: made durable beside their place, then moved into it."""

import errno
import fcntl
import os
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from config.errors import ConfigError

_NO_TIME = (1980, 1, 1, 0, 0, 0)  # equal files give equal copies


def write_durably(path: Path, raw: bytes, mode: int = 0o666) -> None:
    """Write a file whose bytes are on the disk when this returns; its name is not yet. Raises OSError.

    `mode`: who may read a file that is new, as for open(2).
    """
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def replace_durably(path: Path, raw: bytes, mode: int = 0o666) -> None:
    """Make `raw` the file's content: a power cut leaves the old one or the new one, whole. Raises OSError."""
    fresh = path.with_name(f"{path.name}.new")
    write_durably(fresh, raw, mode)
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the folder's entries durable. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A plain zip of `files`; equal files give equal bytes."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, _NO_TIME), files[name])
    return buffer.getvalue()


@contextmanager
def alone(lock: Path, seconds: float, holder: str) -> Iterator[None]:
    """Hold the lock of that file against other processes, or say who has it (`holder`) after `seconds`.

    A command that somebody suspended must not stop the device. Raises OSError.
    """
    deadline = time.monotonic() + seconds
    with lock.open("wb") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise OSError(errno.EBUSY, holder) from None
                time.sleep(seconds / 20)
        yield


@contextmanager
def telling(folder: Path, zh: str, en: str) -> Iterator[None]:
    """An OSError within becomes a ConfigError about `folder` that says what failed (`zh`, `en`) and what to do."""
    try:
        yield
    except OSError as wrong:
        zh_do, en_do = "检查数据目录的权限和剩余空间", "check the data directory's permissions and free space"
        raise ConfigError(str(folder), f"{zh}：{wrong.strerror}", f"{en}: {wrong.strerror}", zh_do, en_do) from wrong
