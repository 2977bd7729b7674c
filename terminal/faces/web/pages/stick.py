"""Signed sticks at the technician's page: what is on one, what it changes, who signed it; load it, and undo."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from config import hotfile
from config.store import load_hot_list
from terminal.faces.web.page import Act, Ask, House, Nothing, Page, Refused, Who
from terminal.faces.web.pages.technician import ONLY, Ordered
from terminal.signed_apart import Question, Request, StickTold, asked, holds_signed

MOUNTS = ("/media", "/run/media", "/mnt")
"""Where Debian and its desktops put a stick: a folder there, or one below a user's."""

STICKS_MAX = 8
"""Sticks that are offered by name: a device has two sockets; any other folder may be typed."""

CLOCK = {"": None, "right": True, "wrong": False}


class OnStick(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stick's folder, or the configured address. `clock`: the answer to the question whether the clock is right."""

    place: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    clock: Literal["", "right", "wrong"] = ""


def page(house: House) -> Page | None:
    """On every device; it is drawn on the technician's page."""
    sticks = _Sticks(house)
    return Page(
        "stick",
        asks=(
            Ask("sticks", "已插介质", "sticks that are plugged in", Nothing, list[str], sticks.plugged, ONLY),
            Ask("stick", "介质内容", "what is on a stick, who signed it", OnStick, StickTold, sticks.look, ONLY),
        ),
        acts=(
            Act("stick_load", "装入介质", "load what is new on a stick", OnStick, StickTold, sticks.load, ONLY),
            Act("hotlist_rollback", "黑名单回退", "the hot list before again", Nothing, Ordered, sticks.back, ONLY),
        ),
    )


class _Sticks:
    """The questions and acts; one process at a time."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._lock = threading.Lock()

    def plugged(self, _who: Who | None, _asked: Nothing) -> list[str]:
        """Folders that seem to hold what the office signed, and the configured address."""
        found = [str(folder) for root in MOUNTS for folder in _folders(Path(root)) if holds_signed(folder)]
        url = self._house.configuration.packs.url
        return [*found[:STICKS_MAX], *([url] if url else [])]

    def look(self, _who: Who | None, query: OnStick) -> StickTold:
        """Verified; nothing is taken or remembered. Raises ConfigError, Refused."""
        return self._asked("inspect", query)

    def load(self, _who: Who, _operation: str, body: OnStick) -> StickTold:
        """All that is new is taken; the running device switches by itself. Raises ConfigError, Refused."""
        return self._asked("load", body)

    def back(self, _who: Who, _operation: str, _body: Nothing) -> Ordered:
        """Done twice it is undone; a running device takes it between two taps. Raises ConfigError, Refused."""
        if not self._house.configuration.hot_list.file:
            raise Refused("no_hot_list", "本机未配置黑名单", "this device has no hot list: set [hot_list] file")
        path = Path(self._house.configuration.hot_list.file)
        with self._lock:
            found = load_hot_list(hotfile.previous_of(path)).value
            hotfile.roll_back(path)
        return Ordered(found.version, self._house.clock.read().at.date().isoformat())

    def _asked(self, what: Literal["inspect", "load"], wanted: OnStick) -> StickTold:
        configuration = self._house.configuration
        if not wanted.place.startswith("/") and wanted.place != configuration.packs.url:
            zh, en = "请填介质文件夹的完整路径，或配置的地址", "name the stick's folder from / on, or [packs] url"
            raise Refused("bad_place", zh, en)
        now = self._house.clock.read().at
        try:
            with self._lock:
                return asked(Request(what, configuration, wanted.place, now, CLOCK[wanted.clock]))
        except Question as question:
            zh, en = f"{question.zh}。今天确为该日吗？", f"{question.en}. Is that today?"
            raise Refused("clock_question", zh, en) from question


def _folders(root: Path) -> Iterator[Path]:
    """The folders of a root, and those one deeper: /media/usb, /media/USER/STICK."""
    for folder in _inside(root):
        yield folder
        yield from _inside(folder)


def _inside(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as found:
            return sorted(Path(one) for one in found if one.is_dir(follow_symlinks=False))
    except OSError:  # not there, not ours, or pulled out
        return []
