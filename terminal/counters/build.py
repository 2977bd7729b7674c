"""A counter's whole process: journal, readers, sync, and the pages that all of its work is done on."""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from config.errors import ConfigError
from config.model import Configuration, Peripherals, Web
from sync.chain import TRAINING, Identity
from sync.journal import Journal
from sync.link import Link
from sync.worker import Worker
from terminal import box, identity
from terminal.condition import of_journal
from terminal.counters.limits import PORT
from terminal.counters.place import Openers, Place, Tray
from terminal.counters.tilldesk import TillDesk
from terminal.counters.visits import Visits
from terminal.drivers.scanner import Scanner
from terminal.faces.web.face import WebFace
from terminal.faces.web.page import House
from terminal.hospital import build as hospital
from terminal.hospital.centre import Centre
from terminal.ports import Clock, Status
from terminal.sending import sender
from terminal.till.build import Behind, over
from terminal.till.issuer import Backend, Issuer
from terminal.till.outside import Outside

log = logging.getLogger(__name__)

STOP_SECONDS = 5.0


class Built(NamedTuple):
    """A counter at work; `face` serves its pages, `lines` are to the backend, `scanner` None where none is on a serial
    line."""

    face: WebFace
    house: House
    lines: tuple[Link, ...] = ()
    scanner: Scanner | None = None

    @property
    def address(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self.face.port}"

    def close(self) -> None:
        """Stop looking, serving and sending; give readers and journal back."""
        place, worker = self.house.place, self.house.worker
        assert place is not None
        if self.scanner is not None:
            self.scanner.close()
        place.visits.close()
        if place.till is not None:
            place.till.close()
        self.face.close()
        place.outside.close()
        if place.hospital is not None:
            place.hospital.parts.store.close()
        if worker is not None:
            worker.stop(STOP_SECONDS)
        for line in self.lines:
            line.close()
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


Bank = Callable[[Journal, Clock], Issuer]


def build(configuration: Configuration, openers: Openers, tray: Tray | None = None, bank: Bank | None = None) -> Built:
    """Build the counter and open its pages. With a `tray` it is a training: it has no way to any backend, and a `bank`
    of its own that grants loads.

    Raises ConfigError, BadProfile, JournalError: each says what to do.
    """
    whose, backend = _identity(configuration, tray), configuration.sync.backend
    journal, clock = box.open_journal(Path(configuration.terminal.data), whose)
    try:
        worker, behind, centre = None, Behind(bank(journal, clock)) if bank is not None else Behind(), None
        precedence = behind.precedence
        lines: tuple[Link, ...] = ()
        if backend:
            credential, standing = identity.credentials(configuration), identity.Standing(journal.path.parent)
            condition = partial(of_journal, configuration, journal, clock, "counter", box.software())
            alarm = box.alarms(journal, clock)
            worker = sender(backend, journal, credential, standing, alarm, condition, precedence.give_way)
            lines = Link(backend, credential=credential), Link(backend, credential=credential)  # one for each thread
            issuer = Backend(lines[0], whose.terminal, whose.epoch)
            behind = Behind(issuer, worker.wake, standing.words, precedence)
            if configuration.hospital.reader:
                vault = hospital.read_vault(configuration)
                centre = Centre(lines[1], vault, whose.terminal)
        place = _place(configuration, journal, clock, openers, tray, behind)
        if configuration.hospital.reader:
            medical = hospital.Behind(centre, behind.wake, behind.closed, precedence)
            patients = hospital.over(configuration, journal, clock, openers.contact, medical)
            place = replace(place, hospital=patients)
        told = status(configuration, journal, worker)
        house = House(configuration, journal, clock, told, box.software(), worker, place=place)
        face = WebFace(configuration.web.port)
    except BaseException:
        journal.close()
        raise
    if worker is not None:
        worker.start()
    place.visits.start()
    face.open(lambda: house)
    return Built(face, house, lines, _scanner(configuration.peripherals, place.visits))


def _identity(configuration: Configuration, tray: Tray | None) -> Identity:
    data, number = Path(configuration.terminal.data), configuration.terminal.number
    if tray is None:
        return identity.known_or_first(data, number, configuration.sync.backend, identity.credentials(configuration))
    kept = identity.kept(data, TRAINING)
    assert kept is not None and not configuration.sync.backend, "a training has its own directory and no way out"
    return kept


def _place(
    configuration: Configuration,
    journal: Journal,
    clock: Clock,
    openers: Openers,
    tray: Tray | None,
    behind: Behind,
) -> Place:
    outside = Outside(configuration.peripherals)
    place = configuration.market.stall or configuration.topup.place or configuration.library.branch
    desk = None
    if place:
        till = over(configuration, journal, clock, openers.reader, openers.psam, behind)
        desk = TillDesk(till, place, outside, tray is not None)
    poll_s, away_s = configuration.reader.poll_ms / 1000, configuration.tap.away_ms / 1000
    visits = Visits(
        openers.reader, box.load_profiles(configuration.cards.profiles), poll_s, away_s, behind.precedence, desk
    )
    return Place(visits, openers, outside, behind.precedence, desk, tray=tray)


def _scanner(outside: Peripherals, visits: Visits) -> Scanner | None:
    """The scanner on its serial line; it may be plugged in later."""
    if not outside.scanner:
        return None
    visits.scanner(False)
    return Scanner(outside.scanner, visits.scanned, outside.scanner_baud, outside.scanner_prefix, visits.scanner)


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
