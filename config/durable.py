"""Files that survive a power cut: made durable beside their place, then moved into it."""

import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from config.errors import ConfigError

_NO_TIME = (1980, 1, 1, 0, 0, 0)  # equal files give equal copies


def write_durably(path: Path, raw: bytes) -> None:
    """Write a file whose bytes are on the disk when this returns; its name is not yet. Raises OSError."""
    with path.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def replace_durably(path: Path, raw: bytes) -> None:
    """Make `raw` the file's content: a power cut leaves the old one or the new one, whole. Raises OSError."""
    fresh = path.with_name(f"{path.name}.new")
    write_durably(fresh, raw)
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
def telling(folder: Path, zh: str, en: str) -> Iterator[None]:
    """An OSError within becomes a ConfigError about `folder` that says what failed (`zh`, `en`) and what to do."""
    try:
        yield
    except OSError as wrong:
        zh_do, en_do = "检查数据目录的权限和剩余空间", "check the data directory's permissions and free space"
        raise ConfigError(str(folder), f"{zh}：{wrong.strerror}", f"{en}: {wrong.strerror}", zh_do, en_do) from wrong
