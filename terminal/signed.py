"""The loader: what is on a stick or at an address, and taking it. Commands and pages call it, the running device never.

`inspect` changes nothing; `load` takes what is new. Both verify everything first (config/signing/trust.py).
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from config import hotfile
from config.errors import ConfigError
from config.files import read_file
from config.limits import PACK_ARCHIVE_BYTES_MAX, SERVER_TIME_BYTES_MAX
from config.model import Configuration
from config.signing.contents import CITY, EVERYWHERE
from config.signing.fetch import fetcher
from config.signing.trust import Offer, Opened, Standing, Trust
from config.store import is_dated, load_hot_list, pack_in_zip
from config.timefloor import Believed, Floor, believed
from terminal import packs, plan
from terminal.drivers.clock import CHINA
from terminal.kinds import SHELVED
from terminal.plan import Planned
from terminal.releases import Release, Releases


class Change(NamedTuple):
    """One offer with its signature, and what the device makes of it."""

    offer: Offer
    planned: Planned


class Stick(NamedTuple):
    """What lies there for this device. `time`: which time was believed; `standing`: how far the signatures reach.

    `refused`: after a load, what was new and could not be taken, with the reason.
    """

    place: str
    changes: tuple[Change, ...]
    standing: Standing
    time: Believed
    refused: tuple[tuple[Change, ConfigError], ...] = ()


def trust_of(configuration: Configuration) -> Trust:
    """Whom this device trusts."""
    return Trust(Path(configuration.terminal.data) / "trust")


def floor_of(configuration: Configuration) -> Floor:
    """What has surely passed, as far as this device knows. Raises ConfigError."""
    standing = trust_of(configuration).standing()
    data = Path(configuration.terminal.data)
    written = [os.stat(path).st_mtime for path in data.glob("journal.db*")]  # a running device holds the journal itself
    record = datetime.fromtimestamp(max(written), UTC) if written else None
    return Floor(metadata=standing.signed_at if standing else None, server=_server_time(configuration), record=record)


def _server_time(configuration: Configuration) -> datetime | None:
    """What the backend last said, as the running device kept it; None for nothing, or nothing that is a time."""
    path = packs.kept_server_time(configuration)
    try:
        told = datetime.fromisoformat(read_file(path, SERVER_TIME_BYTES_MAX).decode("ascii"))
    except (ConfigError, ValueError):
        return None
    return told if told.tzinfo else None


def inspect(configuration: Configuration, place: str, now: datetime, clock_is_right: bool | None = None) -> Stick:
    """What is on a stick (a folder) or at an address, what it would change, who signed it. Nothing is remembered.

    `clock_is_right`: what somebody answered to a ClockQuestion. Raises ConfigError, ClockQuestion among them.
    """
    with _opened(configuration, place, now, clock_is_right, keep=False) as (opened, time):
        return Stick(place, tuple(_planned(configuration, opened, time)), opened.standing, time)


def load(configuration: Configuration, place: str, now: datetime, clock_is_right: bool | None = None) -> Stick:
    """Take all that is new: checked, put on the shelf, ordered for its day. A bad one does not keep the others off.

    The running device switches between two trips. Raises ConfigError when the signatures are not good: nothing is
    taken.
    """
    with _opened(configuration, place, now, clock_is_right, keep=True) as (opened, time):
        changes = tuple(_planned(configuration, opened, time))
        refused = []
        for change in changes:
            try:
                if change.planned.how == "new":
                    _take(configuration, opened, change)
            except ConfigError as trouble:
                refused.append((change, trouble))
        return Stick(place, changes, opened.standing, time, tuple(refused))


def release(
    configuration: Configuration, place: str, now: datetime, clock_is_right: bool | None = None
) -> tuple[Change, Release] | None:
    """The newest release there, laid out beside those that are here, not started; None when there is no newer one.

    Raises ConfigError.
    """
    with _opened(configuration, place, now, clock_is_right, keep=True) as (opened, time):
        for change in _planned(configuration, opened, time):
            if change.offer.entry.kind == "software" and change.planned.how == "new":
                here = Releases(Path(configuration.terminal.data))
                with tempfile.TemporaryDirectory(dir=configuration.terminal.data, prefix=".release-") as room:
                    opened.fetch(change.offer, Path(room, "release.zip"))
                    made = here.unpack(Path(room, "release.zip"))
                _same(change.offer, made.manifest.version)
                return change, made
    return None


@contextmanager
def _opened(
    configuration: Configuration, place: str, now: datetime, clock_is_right: bool | None, keep: bool
) -> Iterator[tuple[Opened, Believed]]:
    time = believed(now, floor_of(configuration), clock_is_right)
    mine = configuration.packs
    operators = [name for name in (mine.operator, CITY) if name]
    places = [name for name in (mine.place, EVERYWHERE) if name]
    with trust_of(configuration).opened(fetcher(place), time.at, operators, places, keep) as opened:
        yield opened, time


def _planned(configuration: Configuration, opened: Opened, time: Believed) -> Iterator[Change]:
    """In the order in which they are taken."""
    today = time.at.astimezone(CHINA).date()
    for kind, shelved in SHELVED.items():
        offers = _of_kind(opened.offers, kind)
        if not shelved.wanted(configuration):
            yield from (Change(offer, Planned(offer.entry, "unwanted")) for offer in offers)
            continue
        state = packs.shelf_of(configuration, kind).state()
        entries = [offer.entry for offer in offers]
        yield from map(Change, offers, plan.editions(entries, state, shelved.configured(configuration), today))
    yield from _hot_lists(configuration, opened, today)
    offers = _of_kind(opened.offers, "software")
    here = Releases(Path(configuration.terminal.data))
    current, before = (one.manifest.version if one else "" for one in (here.current(), here.previous()))
    yield from map(Change, offers, plan.releases([offer.entry for offer in offers], current, before, today))


def _hot_lists(configuration: Configuration, opened: Opened, today: date) -> Iterator[Change]:
    offers = {offer.entry: offer for offer in opened.offers if offer.entry.kind in ("hotlist", "hotlist-delta")}
    if not configuration.hot_list.file:
        yield from (Change(offer, Planned(entry, "unwanted")) for entry, offer in offers.items())
        return
    for planned in plan.hot_lists(offers, listed(configuration), today):
        yield Change(offers[planned.entry], planned)


def listed(configuration: Configuration) -> str:
    """The version of the hot list in force; "" while there is none that can be read."""
    try:
        return load_hot_list(Path(configuration.hot_list.file)).value.version
    except ConfigError:
        return ""


def _of_kind(offers: Sequence[Offer], kind: str) -> list[Offer]:
    """Of one kind; the nearest authority first, which hides what a farther one gives the same version."""
    found: dict[str, Offer] = {}
    for offer in offers:
        if offer.entry.kind == kind:
            found.setdefault(offer.entry.version, offer)
    return list(found.values())


def _take(configuration: Configuration, opened: Opened, change: Change) -> None:
    kind = change.offer.entry.kind
    if kind in SHELVED:
        _shelve(configuration, opened, change)
    elif kind in ("hotlist", "hotlist-delta"):
        _list(configuration, opened, change)


def _shelve(configuration: Configuration, opened: Opened, change: Change) -> None:
    offer, planned = change
    entry = offer.entry
    files = pack_in_zip(opened.bytes_of(offer, PACK_ARCHIVE_BYTES_MAX), offer.path)
    held = SHELVED[entry.kind].check(configuration, files, offer.path)
    _same(offer, held.version or entry.version)
    shelf = packs.shelf_of(configuration, entry.kind)
    assert planned.day is not None, "what is new has its day"
    first = max(planned.day, held.first)
    edition = shelf.load(files, entry.version, max(held.first, entry.in_force_from), offer.signature.text())
    shelf.change(lambda state: state.ordered(edition.version, max(first, edition.in_force_from)))


def _list(configuration: Configuration, opened: Opened, change: Change) -> None:
    """Into a new file beside the one in use, which takes its name when it is whole and checked."""
    path = Path(configuration.hot_list.file)
    if is_dated(path):
        zh, en = "配置的黑名单文件名带日期", "the configured file bears a day in its name; the next list has another"
        raise ConfigError(str(path), zh, en, "改用 lists/hot.map 之类的名称", "name it lists/hot.map or the like")
    fresh = path.with_name(f"{path.name}.signed")
    try:
        opened.fetch(change.offer, fresh)
        if change.offer.entry.kind == "hotlist-delta":
            _same(change.offer, hotfile.apply(path, fresh).version)
        else:
            _same(change.offer, load_hot_list(fresh).value.version)
            hotfile.install(path, fresh)
    finally:
        fresh.unlink(missing_ok=True)


def _same(offer: Offer, version: str) -> None:
    """What is in the file is what was signed. Raises ConfigError."""
    if version != offer.entry.version:
        zh, en = f"内含版本 {version}", f"it holds version {version}, not the one that was signed"
        raise ConfigError(offer.path, zh, en, "不要使用；报告办公室", "do not use it; tell the office")
