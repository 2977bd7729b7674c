"""A counter's whole process: journal, readers, sync, and the pages that all of its work is done on."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from config.errors import ConfigError
from config.model import Configuration, Web
from sync.chain import TRAINING
from sync.journal import Journal
from sync.link import Link
from sync.worker import Worker
from terminal import box, identity
from terminal.counters.limits import PORT
from terminal.counters.place import Openers, Place, Tray
from terminal.counters.visits import Visits
from terminal.drivers.clock import SystemClock
from terminal.faces.web.face import WebFace
from terminal.faces.web.page import House
from terminal.ports import Status
from terminal.till.outside import Outside

log = logging.getLogger(__name__)

STOP_SECONDS = 5.0


class Built(NamedTuple):
    """A counter at work; `face` serves its pages."""

    face: WebFace
    house: House

    @property
    def address(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self.face.port}"

    def close(self) -> None:
        """Stop serving, looking and sending; give readers and journal back."""
        self.face.close()
        assert self.house.place is not None
        self.house.place.visits.close()
        self.house.place.outside.close()
        if self.house.worker is not None:
            self.house.worker.stop(STOP_SECONDS)
        self.house.journal.close()


def real(configuration: Configuration) -> Openers:
    """The readers that are configured."""
    return Openers(
        reader=lambda: box.open_reader(configuration),
        psam=lambda: box.open_slot(configuration),
        contact=lambda: box.open_patient_slot(configuration.hospital),
    )


def checked(configuration: Configuration) -> Configuration:
    """With a port for the pages. Raises ConfigError where this device is no counter."""
    parts = configuration
    if not (parts.library.branch or parts.hospital.reader or parts.market.stall or parts.topup.place):
        zh, en = "本机不是柜台", "this device is no counter"
        zh_do = "填写 [library] branch、[hospital] reader、[market] stall 或 [topup] place"
        en_do = "set [library] branch, [hospital] reader, [market] stall or [topup] place"
        raise ConfigError("library.branch", zh, en, zh_do, en_do)
    return replace(configuration, web=Web(configuration.web.port or PORT))


def build(configuration: Configuration, openers: Openers, tray: Tray | None = None) -> Built:
    """Build the counter and open its pages; with a `tray` it is a training, which has no way to any backend.

    Raises ConfigError, BadProfile, JournalError: each says what to do.
    """
    profiles = box.load_profiles(configuration.cards.profiles)
    data, backend = Path(configuration.terminal.data), configuration.sync.backend
    if tray is None:
        whose = identity.known_or_first(data, configuration.terminal.number, backend)
    else:
        assert not backend, "a training has no way out"
        kept = identity.kept(data, TRAINING)
        assert kept is not None, "a training has its own directory"
        whose = kept
    boot = SystemClock()
    journal = Journal.open(data / box.JOURNAL, whose, boot.boot_id)
    try:
        last, synced = journal.row(journal.last_seq), journal.last_synced
        clock = SystemClock(*(datetime.fromisoformat(row.at) if row else None for row in (last, synced)))
        worker = Worker(journal, Link(backend), lambda versions: None, box.alarms(journal, clock)) if backend else None
        poll_s, away_s = configuration.reader.poll_ms / 1000, configuration.tap.away_ms / 1000
        visits = Visits(openers.reader, profiles, poll_s, away_s)
        place = Place(visits, openers, Outside(configuration.peripherals), tray)
        told = status(configuration, journal, worker)
        house = House(configuration, journal, clock, told, box.software(), worker, place=place)
        face = WebFace(configuration.web.port)
    except BaseException:
        journal.close()
        raise
    if worker is not None:
        worker.start()
    visits.start()
    face.open(lambda: house)
    return Built(face, house)


def status(configuration: Configuration, journal: Journal, worker: Worker | None) -> Callable[[], Status]:
    """What tells a counter's state."""
    pack, hot_list = box.load_tables(configuration)

    def told() -> Status:
        unsent = journal.unsent()
        return Status(
            mode="ready",
            zh="柜台开放",
            en="the counter is open",
            terminal=configuration.terminal.number,
            unsent=unsent.rows,
            unsent_fen=unsent.fen,
            oldest_unsent_at=unsent.oldest_at,
            online=worker.standing().online if worker else None,
            pack=pack.value.version,
            hot_list=hot_list.value.version,
            pack_since=pack.value.in_force_from.isoformat(),
            hot_list_since="" if hot_list.value is box.NO_HOT_LIST else hot_list.value.date.isoformat(),
        )

    return told
