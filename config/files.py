"""Files from outside, read within bounds: a file, a folder of tables, a zip of them.

What lies there may be anything: a pipe that never answers, a link out of the folder, a zip that swells to a terabyte.
"""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Collection
from io import BytesIO
from pathlib import Path, PurePosixPath

from config.errors import ConfigError
from config.limits import (
    FEED_BYTES_MAX,
    PACK_ARCHIVE_BYTES_MAX,
    PACK_BYTES_MAX,
    PACK_FILE_BYTES_MAX,
    PACK_FILES_MAX,
    PACK_NAME_MAX,
)

_READABLE_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

# What zipfile lets out for damaged bytes, beside its own error: short fields, bad lengths, unknown methods, passwords.
_ZIP_TROUBLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    ArithmeticError,
    NotImplementedError,
    RuntimeError,
)


def read_file(path: Path, bytes_max: int) -> bytes:
    """The bytes of a regular file of at most `bytes_max`. Raises ConfigError."""
    try:
        # Not blocking: a pipe in a file's place must not hang the device.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ConfigError(str(path), "不是普通文件", "not a regular file", "检查路径", "check the path")
            raw = file.read(bytes_max + 1)
    except (OSError, ValueError) as wrong:
        raise _unreadable(path, wrong) from wrong
    if len(raw) > bytes_max:
        raise _too_large(str(path), bytes_max)
    return raw


def read_folder(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its relative name ("stops.txt", "2024/stops.txt"); hidden ones are left out.

    Links are refused, whether they lead out of the folder or not. Raises ConfigError.
    """
    files: dict[str, bytes] = {}
    waiting = [""]
    total = seen = 0
    while waiting:
        inside = waiting.pop()
        try:
            entries = sorted(os.scandir(folder / inside), key=lambda entry: entry.name)
        except OSError as wrong:
            raise _unreadable(folder / inside, wrong) from wrong
        for entry in entries:
            if _left_out(entry.name):
                continue
            name = f"{inside}/{entry.name}" if inside else entry.name
            seen += 1
            _check_name(str(folder), name)
            if seen > PACK_FILES_MAX:
                raise _too_many(str(folder))
            if entry.is_symlink():
                zh, en = f"{name} 是链接", f"{name} is a link"
                raise ConfigError(str(folder), zh, en, "换成文件本身", "put the file itself in its place")
            if entry.is_dir():
                waiting.append(name)
                continue
            files[name] = read_file(folder / name, PACK_FILE_BYTES_MAX)
            total += len(files[name])
            if total > PACK_BYTES_MAX:
                raise _too_large(str(folder), PACK_BYTES_MAX)
    return files


def read_zip(path: Path) -> dict[str, bytes]:
    """Every file of a zip by its name; hidden ones are left out. Raises ConfigError."""
    return unzipped(read_file(path, PACK_ARCHIVE_BYTES_MAX), str(path), PACK_FILE_BYTES_MAX, PACK_BYTES_MAX)


def read_tables(place: Path, names: Collection[str]) -> dict[str, bytes]:
    """Those files of a published feed that are named, from its folder or zip; others may be of any size.

    Raises ConfigError.
    """
    if place.is_dir():
        found = (place / name for name in names)
        return {path.name: read_file(path, FEED_BYTES_MAX) for path in found if path.exists()}
    raw = read_file(place, FEED_BYTES_MAX)
    return unzipped(raw, str(place), FEED_BYTES_MAX, FEED_BYTES_MAX, names)


def unzipped(
    raw: bytes, place: str, file_bytes_max: int, bytes_max: int, names: Collection[str] = ()
) -> dict[str, bytes]:
    """The files of a zip in memory, each and all together within bounds; only the named ones, if any are.

    Raises ConfigError for anything else.
    """
    try:
        with zipfile.ZipFile(BytesIO(raw)) as archive:
            members = [member for member in archive.infolist() if not names or member.filename in names]
            return _members(archive, members, place, file_bytes_max, bytes_max)
    except _ZIP_TROUBLE as wrong:
        zh, en = f"zip 文件损坏：{wrong}", f"a damaged zip: {wrong}"
        raise ConfigError(place, zh, en, "重新复制该文件", "copy the file again") from wrong


def _members(
    archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], place: str, file_bytes_max: int, bytes_max: int
) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    left = bytes_max
    for member in members:
        name = member.filename
        if member.is_dir() or any(map(_left_out, PurePosixPath(name).parts)):
            continue
        _check_name(place, name)
        linked = stat.S_ISLNK(member.external_attr >> 16)
        if linked or name in files or member.compress_type not in _READABLE_METHODS or member.flag_bits & 1:
            zh = f"{name} 是链接、重复、加密或压缩方式不支持"
            en = f"{name} is a link, stands twice, is encrypted, or is packed in another way than deflate"
            raise ConfigError(place, zh, en, "用普通 zip 重新打包", "pack it again as a plain zip")
        if len(files) >= PACK_FILES_MAX:
            raise _too_many(place)
        # The sizes in the zip's own table are its author's word; what comes out is counted.
        allowed = min(file_bytes_max, left)
        with archive.open(member) as file:
            content = file.read(allowed + 1)
        if len(content) > allowed:
            raise _too_large(f"{place}/{name}", allowed)
        left -= len(content)
        files[name] = content
    return files


def _left_out(name: str) -> bool:
    """Hidden files and what file managers leave behind."""
    return (name.startswith(".") and name not in (".", "..")) or name == "__MACOSX"


def _check_name(place: str, name: str) -> None:
    """A name stays inside the pack and can be shown. Raises ConfigError."""
    outside = {"", ".", ".."} & set(name.split("/")) or "\\" in name or ":" in name
    if outside or len(name) > PACK_NAME_MAX or not name.isprintable():
        shown = ascii(name[:PACK_NAME_MAX])
        zh, en = f"不允许的文件名 {shown}", f"a file name that is not allowed: {shown}"
        raise ConfigError(place, zh, en, "改名后重新打包", "rename it and pack again")


def _unreadable(path: Path, wrong: OSError | ValueError) -> ConfigError:
    said = wrong.strerror if isinstance(wrong, OSError) and wrong.strerror else str(wrong)
    if isinstance(wrong, FileNotFoundError):
        return ConfigError(
            str(path), "文件不存在", "there is no such file", "检查配置中的路径", "check the path in the configuration"
        )
    zh_do, en_do = "检查路径和读取权限", "check the path and the permission to read it"
    return ConfigError(str(path), f"无法读取：{said}", f"cannot be read: {said}", zh_do, en_do)


def _too_large(place: str, bytes_max: int) -> ConfigError:
    zh, en = f"过大，至多 {bytes_max} 字节", f"too large: at most {bytes_max} bytes"
    return ConfigError(place, zh, en, "检查是否拿错了文件", "check that it is the right file")


def _too_many(place: str) -> ConfigError:
    zh, en = f"文件过多，至多 {PACK_FILES_MAX} 个", f"too many files: at most {PACK_FILES_MAX}"
    return ConfigError(place, zh, en, "检查是否拿错了文件夹", "check that it is the right folder")
