"""The mapped hot list on the disk: opened where it lies, changed by deltas beside the one in use, the last one kept."""

import mmap
import os
import stat
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from config import hotdelta, hotmap
from config.blacklist import HotListFaults
from config.durable import sync_folder, telling
from config.errors import ConfigError
from config.faults import Fault
from config.files import read_file
from config.hotlist import HotList, Range, Version
from config.lastgood import Loaded
from config.limits import HOT_LIST_DELTA_BYTES_MAX, HOT_LIST_MAPPED_MAX


def is_mapped(path: Path) -> bool:
    """Whether the file says that it is a mapped list; False for what cannot be read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not hang the device
    except OSError:
        return False
    try:
        return stat.S_ISREG(os.fstat(handle).st_mode) and hotmap.is_map(os.read(handle, len(hotmap.MAGIC)))
    finally:
        os.close(handle)


def previous_of(path: Path) -> Path:
    """Where the list before this one is kept."""
    return path.with_name(f"{path.name}.previous")


def open_list(path: Path, verified: bool = False) -> HotList:
    """The list in `path`, mapped; its checksum is looked at unless it was `verified`. Raises ConfigError."""
    view = _mapped(path)
    try:
        if not verified:
            hotmap.verify(view)
        return hotmap.open_map(view)
    except HotListFaults as wrong:
        raise ConfigError.refused(str(path), wrong) from wrong


def digest(path: Path) -> bytes:
    """The checksum of the list in `path` (32 bytes), looked at. Raises ConfigError."""
    view = _mapped(path)
    try:
        return hotmap.verify(view)
    except HotListFaults as wrong:
        raise ConfigError.refused(str(path), wrong) from wrong


def load(path: Path) -> Loaded[HotList]:
    """The list in `path`; a damaged one leaves the one before it in force. Raises ConfigError."""
    try:
        return Loaded(open_list(path))
    except ConfigError as wrong:
        try:
            return Loaded(open_list(previous_of(path)), "hot_list_not_taken", wrong)
        except ConfigError:
            raise wrong from None


def write_list(path: Path, hot_list: HotList) -> None:
    """Write a list that lies in memory as a mapped file. Raises ConfigError."""
    sources = {name: hotmap.whole(city) for name, city in hot_list.cities.items()}
    _replace(path, sources, hot_list.ranges, hot_list.stamp)


def install(path: Path, fresh: Path) -> None:
    """Give the checked list in `fresh`, which lies on the same file system, the name; the one before it is kept.

    Raises ConfigError: nothing has changed.
    """
    with telling(path.parent, "黑名单未能写入", "the hot list could not be written"):
        _take_the_name(path, fresh)


def roll_back(path: Path) -> None:
    """The list before the present one again; done twice it is undone. Raises ConfigError."""
    with telling(previous_of(path), "没有上一版可回退", "there is no list to go back to"):
        fresh = path.with_name(f"{path.name}.new")
        fresh.unlink(missing_ok=True)
        os.link(previous_of(path), fresh)
        _take_the_name(path, fresh)


def apply(path: Path, delta_file: Path) -> HotList:
    """Change the list in `path` by a delta; the list before it is kept. Raises ConfigError: nothing has changed.

    Who has the old one open goes on with it; the new one is durable, whole and verified before it takes the name.
    """
    try:
        delta = hotdelta.parse_delta(read_file(delta_file, HOT_LIST_DELTA_BYTES_MAX))
        before = open_list(path, verified=True)  # damage would show in the checksum of what comes out
        version = hotdelta.version(delta)
        sources = hotdelta.sources(before, delta)
        _replace(path, sources, hotdelta.ranges(delta), version, bytes.fromhex(delta.sha256))
    except HotListFaults as wrong:
        raise ConfigError.refused(str(delta_file), wrong) from wrong
    return open_list(path, verified=True)


def _replace(
    path: Path,
    sources: Mapping[str, hotmap.Source],
    ranges: Sequence[Range],
    version: Version,
    digest: bytes | None = None,
) -> None:
    """Write a new file beside `path`, durably, and give it the name; with `digest` only when that comes out."""
    fresh = path.with_name(f"{path.name}.new")
    with telling(path.parent, "黑名单未能写入", "the hot list could not be written"), fresh.open("w+b") as file:
        file.truncate(hotmap.size(sources, ranges))
        # Written through the mapping: what comes from the old file never lies in this process's memory.
        with mmap.mmap(file.fileno(), 0) as room, memoryview(room) as target:
            hotmap.fill(target, version, sources, ranges)
            with ThreadPoolExecutor(1) as disk:  # the disk writes while the processor hashes
                writing = disk.submit(os.fdatasync, file.fileno())
                made = hotmap.seal(target)
            writing.result()
        if digest is not None and made != digest:
            fresh.unlink()
            zh, en = "结果与增量所述不符", "what comes out is not what the delta says: load a whole list"
            raise HotListFaults([Fault("sha256", zh, en)])
        os.fsync(file.fileno())  # the mapping is gone: what was written through it belongs to the file
        _take_the_name(path, fresh)


def _take_the_name(path: Path, fresh: Path) -> None:
    if path.exists():
        previous = path.with_name(f"{path.name}.old")
        previous.unlink(missing_ok=True)
        os.link(path, previous)
        previous.replace(previous_of(path))
    fresh.replace(path)
    sync_folder(path.parent)


def _mapped(path: Path) -> memoryview:
    with telling(path, "无法读取", "it cannot be read"):
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode) or not 0 < found.st_size <= HOT_LIST_MAPPED_MAX:
                zh, en = "不是黑名单文件", "this is no hot list, or a file beyond the bound"
                raise ConfigError(str(path), zh, en, "检查路径", "check the path")
            return memoryview(mmap.mmap(handle, 0, access=mmap.ACCESS_READ))
        finally:
            os.close(handle)
