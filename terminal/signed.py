"""The loader: what is on a stick or at an address, and taking it. Commands and pages call it, the running device never.

`inspect` changes nothing; `load` takes what is new. Both verify everything first (config/signing/trust.py).
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from apdu.profile import Profile
from config.errors import ConfigError
from config.limits import PACK_ARCHIVE_BYTES_MAX
from config.model import Configuration
from config.signing.contents import CITY, EVERYWHERE, Kind
from config.signing.fetch import fetcher
from config.signing.trust import Offer, Opened, Standing, Trust
from config.store import pack_in_zip
from config.timefloor import Believed, Floor, believed
from terminal import box, packs, plan
from terminal.drivers.clock import CHINA
from terminal.plan import Planned


class Change(NamedTuple):
    """One offer with its signature, and what the device makes of it."""

    offer: Offer
    planned: Planned


class Stick(NamedTuple):
    """What lies there for this device. `time`: which time was believed; `standing`: how far the signatures reach."""

    place: str
    changes: tuple[Change, ...]
    standing: Standing
    time: Believed


def trust_of(configuration: Configuration) -> Trust:
    """Whom this device trusts."""
    return Trust(Path(configuration.terminal.data) / "trust")


def floor_of(configuration: Configuration) -> Floor:
    """What has surely passed, as far as this device knows. Raises ConfigError."""
    standing = trust_of(configuration).standing()
    data = Path(configuration.terminal.data)
    written = [os.stat(path).st_mtime for path in data.glob("journal.db*")]  # a running device holds the journal itself
    record = datetime.fromtimestamp(max(written), UTC) if written else None
    return Floor(metadata=standing.signed_at if standing else None, record=record)


def inspect(configuration: Configuration, place: str, now: datetime, clock_is_right: bool | None = None) -> Stick:
    """What is on a stick (a folder) or at an address, what it would change, who signed it. Nothing is remembered.

    `clock_is_right`: what somebody answered to a ClockQuestion. Raises ConfigError, ClockQuestion among them.
    """
    with _opened(configuration, place, now, clock_is_right, keep=False) as (opened, time):
        return Stick(place, tuple(_planned(configuration, opened, time)), opened.standing, time)


def load(configuration: Configuration, place: str, now: datetime, clock_is_right: bool | None = None) -> Stick:
    """Take all that is new: checked, put on the shelf, ordered for its day. Gives what was taken and what was not.

    The running device switches between two trips. Raises ConfigError: what was taken before it stays taken, whole.
    """
    with _opened(configuration, place, now, clock_is_right, keep=True) as (opened, time):
        changes = tuple(_planned(configuration, opened, time))
        profiles = box.load_profiles(configuration.cards.profiles)
        for offer, planned in changes:
            if planned.how == "new":
                _take_tariff(configuration, profiles, opened, offer, planned)
        return Stick(place, changes, opened.standing, time)


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
    today = time.at.astimezone(CHINA).date()
    for kind in ("tariff",):
        offers = _of_kind(opened.offers, kind)
        state = packs.shelf_of(configuration).state()
        configured = packs.configured_version(configuration)
        planned = plan.editions([offer.entry for offer in offers], state, configured, today)
        yield from map(Change, offers, planned)


def _of_kind(offers: Sequence[Offer], kind: Kind) -> list[Offer]:
    """Of one kind; the nearest authority first, which hides what a farther one gives the same version."""
    found: dict[str, Offer] = {}
    for offer in offers:
        if offer.entry.kind == kind:
            found.setdefault(offer.entry.version, offer)
    return list(found.values())


def _take_tariff(
    configuration: Configuration, profiles: Sequence[Profile], opened: Opened, offer: Offer, planned: Planned
) -> None:
    files = pack_in_zip(opened.bytes_of(offer, PACK_ARCHIVE_BYTES_MAX), offer.path)
    pack = packs.checked(files, offer.path, profiles)
    if pack.version != offer.entry.version:
        zh, en = f"内含版本 {pack.version}", f"it holds version {pack.version}, not the one that was signed"
        raise ConfigError(offer.path, zh, en, "不要使用；报告办公室", "do not use it; tell the office")
    if packs.is_another(configuration, pack.version, files):
        raise packs.version_taken(pack.version)
    shelf = packs.shelf_of(configuration)
    shelf.load(files, pack.version, pack.in_force_from, offer.signature.text())
    assert planned.day is not None, "what is new has its day"
    day = max(planned.day, pack.in_force_from)
    shelf.change(lambda state: state.ordered(pack.version, day))
