"""The tariff pack that holds on this device: from the shelf, else from the configuration; and how a new one takes over.

A pack that fails its checks never takes force: it is checked when it is loaded, and once more when its turn comes.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from apdu.profile import Profile
from config.durable import replace_durably, telling
from config.editions import Edition, State
from config.errors import ConfigError
from config.lastgood import LastGood, Loaded, with_last_good
from config.model import Configuration
from config.shelf import Shelf
from config.store import kept_packs, load_pack_files
from tariffs.faults import PackFaults
from tariffs.pack import Pack, parse_pack
from terminal import translate

log = logging.getLogger(__name__)


AT_A_START = ("settings", "profiles", "policy")
"""Kinds of packs that take force when the device starts; tariffs do between two trips."""


def shelf_of(configuration: Configuration, kind: str = "tariff") -> Shelf:
    """Where this device keeps the packs of one kind that were loaded."""
    return Shelf(kept_packs(configuration, kind))


def take_due(configuration: Configuration, kinds: Iterable[str], today: date) -> None:
    """Switch what is due, before anything is read: at a start nothing runs under the old. Raises ConfigError."""
    for kind in kinds:
        shelf = shelf_of(configuration, kind)
        due = shelf.state().due(today)
        if due is not None:
            shelf.files(due)
            shelf.change(lambda state, due=due: state.switched(due) if state.due(today) == due else state)  # type: ignore[misc]


DAY_CHARS = len("2026-11-24")


def kept_server_time(configuration: Configuration) -> Path:
    """The file that holds what the backend last said of the time (ISO 8601)."""
    return Path(configuration.terminal.data) / "server-time"


def parsed(files: Mapping[str, bytes], place: str) -> Pack:
    """The pack in `files`, which came from `place`. Raises ConfigError with every fault."""
    try:
        return parse_pack(files)
    except PackFaults as wrong:
        raise ConfigError.refused(place, wrong) from wrong


def checked(files: Mapping[str, bytes], place: str, profiles: Sequence[Profile]) -> Pack:
    """The same, fit for the records of the cards of `profiles`."""
    pack = parsed(files, place)
    if too_long := translate.unfit(pack, profiles):
        listed = ", ".join(too_long[:10])
        zh, en = f"卡内记录放不下：{listed}", f"does not fit the records of the cards: {listed}"
        raise ConfigError(place, zh, en, "缩短线路号或 leg_group_id", "shorten the route_id or leg_group_id")
    return pack


def load_pack(configuration: Configuration, profiles: Sequence[Profile], good: LastGood | None) -> Loaded[Pack]:
    """The pack in force: the shelf's, or the one that the configuration names; behind it the copy that was last good.

    Without `good` nothing is written and nothing stands in for a damaged one. Raises ConfigError.
    """
    place = _place_in_force(configuration)

    def read() -> dict[str, bytes]:
        return _files_in_force(configuration)

    def parse(files: Mapping[str, bytes]) -> Pack:
        return checked(files, place, profiles)

    return Loaded(parse(read())) if good is None else with_last_good("pack", place, good, read, parse)


def _files_in_force(configuration: Configuration) -> dict[str, bytes]:
    shelf = shelf_of(configuration)
    active = shelf.state().active
    return shelf.files(active) if active else load_pack_files(configuration.tariff.pack)


def _place_in_force(configuration: Configuration) -> str:
    """Where the pack in force came from, for a message."""
    shelf = shelf_of(configuration)
    try:
        active = shelf.state().active
    except ConfigError:  # the one who reads the files will say so
        active = None
    return f"{shelf.folder}: {active.version}" if active else configuration.tariff.pack


def configured_version(configuration: Configuration) -> str:
    """The version that the configuration's pack bears; "" when it cannot be read: another may take its place."""
    try:
        return parsed(load_pack_files(configuration.tariff.pack), "").version
    except ConfigError:
        return ""


def version_taken(version: str) -> ConfigError:
    """That version names the pack in force, and this one has other content."""
    zh = f"版本号 {version} 已用于生效中的另一份内容"
    en = f"{version} names the pack in force, with other content"
    return ConfigError("pack.toml", zh, en, "改用新的 version", "give this one a new version")


def is_another(configuration: Configuration, version: str, files: Mapping[str, bytes]) -> bool:
    """Whether the pack in force bears this version and has other files: records could not tell the two apart."""
    try:
        active = shelf_of(configuration).state().active
        present = active.version if active else configured_version(configuration)
        return present == version and _files_in_force(configuration) != files
    except ConfigError:  # a device whose pack is damaged must be able to take another
        return False


class Turn:
    """Sees that shelf or hot list changed or that an order's day has come, and takes them over. One for a device.

    `reload` loads what is active and swaps it between two taps; `post` has a change made between two trips; `alarm`
    records what was not taken. What the backend last said of the time is kept for the loader, once a day.
    """

    def __init__(
        self,
        configuration: Configuration,
        profiles: Sequence[Profile],
        reload: Callable[[], None],
        post: Callable[[Callable[[], Pack | None]], object],
        alarm: Callable[[str, str], None],
        server_time: Callable[[], str] = lambda: "",
        unhurried: Callable[[Callable[[], Pack]], Pack] = lambda work: work(),
    ) -> None:
        """`unhurried` does long work in a way that no tap waits for it."""
        self._server_time, self._told = server_time, kept_server_time(configuration)
        self._unhurried = unhurried
        self._shelf = shelf_of(configuration)
        self._profiles = profiles
        self._reload, self._post, self._alarm = reload, post, alarm
        self._seen: object = None
        self._hot_list = Path(configuration.hot_list.file) if configuration.hot_list.file else None
        self._listed = self._mark()
        self._thread = threading.Thread()
        try:
            self._active = self._shelf.state().active
        except ConfigError as trouble:  # the last good copy is in force, and an alarm was raised about it
            log.error("%s", trouble)
            self._active = None

    def look(self, today: date) -> None:
        """Called while nobody is in the field: costs a look at the disk; what there is to do is done in a thread."""
        seen = self._shelf.mark(), self._mark(), today, self._server_time()[:DAY_CHARS]
        if seen == self._seen or self._thread.is_alive():
            return
        self._seen = seen
        self._thread = threading.Thread(target=self.take, args=(today,), name="packs", daemon=True)
        self._thread.start()

    def take(self, today: date) -> None:
        """Take over what changed. What cannot be taken leaves the old in force, with an alarm."""
        try:
            self._keep_server_time()
            state = self._shelf.state()
            listed = self._mark()
            if state.active != self._active or listed != self._listed:
                self._active, self._listed = state.active, listed
                self._reload()
            due = state.due(today)
            if due is not None:
                files = self._shelf.files(due)
                pack = self._unhurried(lambda: checked(files, due.version, self._profiles))
                log.info("pack %s takes force before the next trip", due.version)
                self._post(lambda: self._switch(due, pack, today))
        except ConfigError as trouble:
            self._tell(trouble)

    def _keep_server_time(self) -> None:
        """Raises ConfigError."""
        told = self._server_time()
        if told[:DAY_CHARS] not in ("", self._told.read_text("ascii")[:DAY_CHARS] if self._told.exists() else ""):
            with telling(self._told, "未能写入", "it could not be written"):
                replace_durably(self._told, told.encode())

    def _mark(self) -> object:
        """Equal to an earlier one when the hot list's file is still the same."""
        if self._hot_list is None:
            return None
        try:
            found = os.stat(self._hot_list)
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    def _switch(self, edition: Edition, pack: Pack, today: date) -> Pack | None:
        """Between two trips. None when the order was withdrawn meanwhile, or cannot be written down as carried out."""

        def step(state: State) -> State:
            return state.switched(edition) if state.due(today) == edition else state

        try:
            self._active = self._shelf.change(step).active
        except ConfigError as trouble:
            self._tell(trouble)
            return None
        if self._active != edition:
            return None
        log.info("from this trip on: pack %s", edition.version)
        return pack

    def _tell(self, trouble: ConfigError) -> None:
        log.error("the old pack stays in force: %s", trouble)
        self._alarm("pack_not_taken", str(trouble))
