"""Configuration, tariff pack and hot list, read from the device's disk.

With a `LastGood` a damaged input leaves the copy that was last in force standing; without one it is an error.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from config import blacklist, hotfile
from config.blacklist import HotListFaults
from config.errors import ConfigError
from config.faults import Fault, shown
from config.files import read_file, read_folder, read_zip, unzipped
from config.hotlist import HotList
from config.lastgood import LastGood, Loaded, with_last_good
from config.limits import CONFIGURATION_BYTES_MAX, HOT_LIST_BYTES_MAX, PACK_BYTES_MAX, PACK_FILE_BYTES_MAX
from config.model import Configuration
from config.parse import ConfigFaults, parse
from config.shelf import Shelf

T = TypeVar("T")

BUILTIN = "builtin:"
"""Prefix of a pack that came with the program."""

SETTINGS_FILE = "settings.toml"
"""The one file of signed settings."""

_BUILTIN_KEY = {"packs": "tariff.pack", "library": "library.rules", "policies": "policy"}
_DEFAULTS = Path(__file__).parent / "defaults"
_DATED_LIST = re.compile(r"([0-9]{8})_Black\.txt")


def sample() -> str:
    """The commented sample configuration."""
    return (_DEFAULTS / "terminal.toml").read_text(encoding="utf-8")


def load_configuration(path: Path, good: LastGood | None = None) -> Loaded[Configuration]:
    """The configuration in `path` (TOML, UTF-8), its paths made absolute, and the signed settings that hold over it.

    Raises ConfigError.
    """
    folder = path.absolute().parent

    def value(files: Mapping[str, bytes]) -> Configuration:
        return _configuration(files["terminal.toml"], folder, files.get(SETTINGS_FILE, b""))

    def read() -> dict[str, bytes]:
        raw = read_file(path, CONFIGURATION_BYTES_MAX)
        shelf = Shelf(kept_packs(_configuration(raw, folder), "settings"))
        active = shelf.state().active
        return {"terminal.toml": raw, **(shelf.files(active) if active else {})}

    return _loaded("configuration", str(path), good, read, value)


def kept_packs(configuration: Configuration, kind: str) -> Path:
    """Where a device keeps the signed packs of one kind."""
    return Path(configuration.terminal.data) / "packs" / kind


def load_hot_list(path: Path, good: LastGood | None = None) -> Loaded[HotList]:
    """The hot list in `path`: a mapped one, or the issuer's text. Raises ConfigError."""
    if hotfile.is_mapped(path) or hotfile.is_mapped(hotfile.previous_of(path)):
        return hotfile.load(path) if good is not None else Loaded(hotfile.open_list(path))

    def value(files: Mapping[str, bytes]) -> HotList:
        [(name, raw)] = files.items()
        return _hot_list(name, raw)

    def read() -> dict[str, bytes]:
        return {path.name: read_file(path, HOT_LIST_BYTES_MAX)}

    return _loaded("hot_list", str(path), good, read, value)


def is_dated(path: Path) -> bool:
    """Whether the file's name bears the day of the list in it, as the issuer's do."""
    return _DATED_LIST.fullmatch(path.name) is not None


def load_pack_files(place: str, kind: str = "packs") -> dict[str, bytes]:
    """The files of a pack of one `kind` by their names: a folder, a zip, or "builtin:NAME". Raises ConfigError.

    They are bounded in number and size, and no name leads out of the pack; what they say is the tariffs' business.
    """
    if place.startswith(BUILTIN):
        name = place.removeprefix(BUILTIN)
        packs = _DEFAULTS / kind
        known = sorted(entry.name for entry in packs.iterdir() if entry.is_dir()) if packs.is_dir() else []
        if name not in known:
            zh, en = f"没有内置表 {name}", f"there is no built-in pack {name}"
            zh_do, en_do = f"可用：{'、'.join(known)}", f"choose one of: {', '.join(known)}"
            raise ConfigError(_BUILTIN_KEY[kind], zh, en, zh_do, en_do)
        return read_folder(packs / name)
    path = Path(place)
    return read_folder(path) if path.is_dir() else _without_wrapper(read_zip(path))


def pack_in_zip(raw: bytes, place: str) -> dict[str, bytes]:
    """The files of a pack that came as a zip in memory. Raises ConfigError."""
    return _without_wrapper(unzipped(raw, place, PACK_FILE_BYTES_MAX, PACK_BYTES_MAX))


def _without_wrapper(files: dict[str, bytes]) -> dict[str, bytes]:
    """A zip that was made of a folder holds that folder; the pack is what lies in it."""
    if len({name.partition("/")[0] for name in files}) != 1 or not all("/" in name for name in files):
        return files
    return {name.partition("/")[2]: raw for name, raw in files.items()}


def _loaded(
    name: str,
    place: str,
    good: LastGood | None,
    read: Callable[[], dict[str, bytes]],
    value: Callable[[Mapping[str, bytes]], T],
) -> Loaded[T]:
    if good is not None:
        return with_last_good(name, place, good, read, value)
    try:
        return Loaded(value(read()))
    except ValueError as wrong:
        raise ConfigError.refused(place, wrong) from wrong


def _configuration(raw: bytes, folder: Path, settings: bytes = b"") -> Configuration:
    return _absolute(parse(text_of(raw), text_of(settings)), folder)


def text_of(raw: bytes) -> str:
    """The text of a configuration's bytes. Raises ConfigFaults."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as wrong:
        line = raw.count(b"\n", 0, wrong.start) + 1
        raise ConfigFaults([Fault("*", "不是 UTF-8 文本", "not UTF-8 text", line)]) from wrong


def _absolute(configuration: Configuration, folder: Path) -> Configuration:
    """Relative paths count from the configuration's folder, wherever the program was started."""
    data, pack, listed = configuration.terminal.data, configuration.tariff.pack, configuration.hot_list.file
    hospital, library = configuration.hospital, configuration.library
    return replace(
        configuration,
        terminal=replace(configuration.terminal, data=str(folder / data)),
        tariff=replace(configuration.tariff, pack=pack if pack.startswith(BUILTIN) else str(folder / pack)),
        hot_list=replace(configuration.hot_list, file=str(folder / listed) if listed else ""),
        hospital=replace(
            hospital,
            policy=hospital.policy if hospital.policy.startswith(BUILTIN) else str(folder / hospital.policy),
            keys=str(folder / hospital.keys) if hospital.keys else "",
        ),
        library=replace(
            library,
            rules=library.rules if library.rules.startswith(BUILTIN) else str(folder / library.rules),
            password=str(folder / library.password) if library.password else "",
            blocked=str(folder / library.blocked) if library.blocked else "",
            keys=str(folder / library.keys) if library.keys else "",
        ),
    )


def _hot_list(name: str, raw: bytes) -> HotList:
    parsed = blacklist.parse(raw)
    dated = _DATED_LIST.fullmatch(name)
    if dated and dated[1] != parsed.version:
        zh = f"文件名的日期与首行 {parsed.version} 不同"
        en = f"the file's name has another date than its header, {parsed.version}"
        raise HotListFaults([Fault("version", zh, en, 1, shown(name))])
    return parsed
