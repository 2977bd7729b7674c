"""The last good copies of what the device was given: a damaged input leaves the old state in force, with a named alarm.

Each thing (configuration, pack, hot list) has two generations in one folder, NAME.current and NAME.previous, each a
plain zip of its files. A new one is written beside them, made durable, and moved into place: a power cut at any instant
leaves at least one whole generation.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from config.durable import sync_folder, telling, write_durably, zipped
from config.errors import ConfigError
from config.files import read_file, unzipped
from config.limits import GENERATION_BYTES_MAX

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Loaded(Generic[T]):
    """What is in force. `alarm` "": the input itself. "NAME_not_taken": a kept copy stands in, `trouble` says why.

    "NAME_not_kept": the input is in force, but no copy of it could be made.
    """

    value: T
    alarm: str = ""
    trouble: ConfigError | None = None


class LastGood:
    """The folder of last good copies; one process writes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def generations(self, name: str) -> Iterator[dict[str, bytes]]:
        """The whole copies of NAME, the newest first; one that cannot be read whole is passed over."""
        for generation in ("current", "previous"):
            copy = self._copy(name, generation)
            if copy is not None:
                yield copy

    def keep(self, name: str, files: Mapping[str, bytes]) -> None:
        """Make `files` the current generation, durably; nothing is written when it already is. Raises ConfigError."""
        current = self._copy(name, "current")
        if current == files:
            return
        with telling(self.folder, "保存副本失败", "the good copy could not be kept"):
            self.folder.mkdir(parents=True, exist_ok=True)
            fresh = self._path(name, "new")
            write_durably(fresh, zipped(files))
            if current is not None:  # a damaged one never takes the place of the previous
                self._path(name, "current").replace(self._path(name, "previous"))
            fresh.replace(self._path(name, "current"))
            sync_folder(self.folder)

    def _copy(self, name: str, generation: str) -> dict[str, bytes] | None:
        path = self._path(name, generation)
        try:
            raw = read_file(path, GENERATION_BYTES_MAX)
            return unzipped(raw, str(path), GENERATION_BYTES_MAX, GENERATION_BYTES_MAX)
        except ConfigError:
            return None

    def _path(self, name: str, generation: str) -> Path:
        return self.folder / f"{name}.{generation}"


def with_last_good(
    name: str,
    place: str,
    good: LastGood,
    read: Callable[[], Mapping[str, bytes]],
    parse: Callable[[Mapping[str, bytes]], T],
) -> Loaded[T]:
    """What `parse` makes of what `read` reads, which is then kept; else of the newest kept copy that it accepts.

    `place` is named when the files are refused. `parse` raises ConfigError, or ValueError with its `faults`. Raises
    ConfigError, about the input, when no kept copy is good either.
    """
    try:
        files = read()
        value = parse(files)
    except ConfigError as wrong:
        trouble = wrong
    except ValueError as wrong:
        trouble = ConfigError.refused(place, wrong)
    else:
        try:
            good.keep(name, files)
        except ConfigError as unkept:
            return Loaded(value, f"{name}_not_kept", unkept)
        return Loaded(value)
    for kept in good.generations(name):
        try:
            return Loaded(parse(kept), f"{name}_not_taken", trouble)
        except (ConfigError, ValueError):
            continue
    raise trouble
