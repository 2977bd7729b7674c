"""The device's shelf of packs: a folder for each kind, checked copies in it, and one file that says which holds.

    tariff/state.json           which edition is in force, which was before, which wait (config/editions.py)
    tariff/SHA256.zip           an edition's files, named by their digest, never changed
    tariff/lock                 held while the state changes: the device and a technician's command may both do it

A copy is durable before the state names it, and the state is replaced as a whole: a power cut at any instant leaves the
old state or the new one. What a pack says is not this room's business: whoever loads one has checked it.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import msgspec

from config.durable import alone, replace_durably, telling, zipped
from config.editions import Edition, State
from config.errors import ConfigError
from config.files import read_file, unzipped
from config.limits import GENERATION_BYTES_MAX, SHELF_LOCK_S, SHELF_STATE_BYTES_MAX, SIGNED_SHOWN_MAX

_decoder = msgspec.json.Decoder(State)


class Shelf:
    """The editions of one kind of pack. Several processes may use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._state = folder / "state.json"

    def state(self) -> State:
        """What holds; nothing while the shelf is empty. Raises ConfigError."""
        if not self._state.exists():
            return State()
        try:
            return _decoder.decode(read_file(self._state, SHELF_STATE_BYTES_MAX))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
            zh, en = f"损坏：{wrong}", f"damaged: {wrong}"
            zh_do, en_do = "删除此文件后重新装入票价包", "remove this file and load the packs again"
            raise ConfigError(str(self._state), zh, en, zh_do, en_do) from wrong

    def mark(self) -> object:
        """Equal to an earlier one when the state has not changed since; costs one look at the disk."""
        try:
            found = os.stat(self._state)
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    def change(self, step: Callable[[State], State]) -> State:
        """Put the state that `step` makes of the present one into force, durably. Raises ConfigError."""
        with self._alone():
            return self._put(step(self.state()))

    def load(self, files: Mapping[str, bytes], version: str, in_force_from: date, signed: str = "") -> Edition:
        """Keep a checked pack: it waits, nothing else changes. Loaded again, its copy is written anew.

        Raises ConfigError.
        """
        raw = zipped(files)
        edition = Edition(version, in_force_from, hashlib.sha256(raw).hexdigest(), signed[:SIGNED_SHOWN_MAX])
        with self._alone():
            after = self.state().loaded(edition)
            replace_durably(self._copy(edition), raw)
            self._put(after)
        return edition

    def files(self, edition: Edition) -> dict[str, bytes]:
        """The files of an edition, byte for byte as they were loaded. Raises ConfigError."""
        path = self._copy(edition)
        raw = read_file(path, GENERATION_BYTES_MAX)
        if hashlib.sha256(raw).hexdigest() != edition.sha256:
            zh, en = "内容已变，与装入时不同", "its bytes are not those that were loaded"
            raise ConfigError(str(path), zh, en, "重新装入该版本，或回退", "load that version again, or roll back")
        return unzipped(raw, str(path), GENERATION_BYTES_MAX, GENERATION_BYTES_MAX)

    def _copy(self, edition: Edition) -> Path:
        return self.folder / f"{edition.sha256}.zip"

    def _put(self, state: State) -> State:
        """Replace the state, then remove the copies that nothing names any more."""
        replace_durably(self._state, msgspec.json.encode(state))
        named = {self._copy(edition) for edition in state}
        for path in self.folder.glob("*.zip*"):
            if path not in named:
                path.unlink(missing_ok=True)
        return state

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with telling(self.folder, "票价包架无法写入", "the shelf of packs cannot be written"):
            self.folder.mkdir(parents=True, exist_ok=True)
            with alone(self.folder / "lock", SHELF_LOCK_S, "another smk pack command holds it"):
                yield
