"""The composition root: a whole device from its configuration. It alone names concrete drivers."""

import logging
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from apdu.profile import BadProfile, Profile, parse_profiles
from apdu.social import profile as social
from config.hotlist import HotList
from config.lastgood import LastGood, Loaded
from config.model import Configuration, Hospital, Peripherals
from config.store import load_hot_list
from sync.chain import Identity
from sync.errors import JournalError
from sync.events import Alarm
from sync.journal import Journal
from sync.worker import Worker
from tariffs.pack import Pack
from tariffs.stops import Place
from terminal import backlog, identity
from terminal.condition import of_device
from terminal.desk import Desk
from terminal.drivers import watchdog
from terminal.drivers.clock import SystemClock
from terminal.faces.fan import Fan
from terminal.faces.table import load_signals
from terminal.loop import Device, Plugs, Tables
from terminal.mode import Mode
from terminal.packs import Turn, load_pack, shelf_of
from terminal.ports import ContactlessReader, ContactSlot, Face, Signal, Status
from terminal.sending import sender
from terminal.signal import Signals
from terminal.standing import CLOSED
from terminal.tap import Outcome
from terminal.whereabouts import Sighting

if TYPE_CHECKING:
    from terminal.faces.web.face import WebFace
    from terminal.faces.web.page import House

log = logging.getLogger(__name__)

JOURNAL = "journal.db"
NO_HOT_LIST = HotList(date(1970, 1, 1), ())
STOP_SECONDS = 5.0
DEVELOPMENT = "（开发模式 development）"
"""Said beside the pack on a device that takes unsigned ones."""
PARTS = {"reader": "读卡器", "psam": "PSAM 卡", "journal": "交易日志"}
"""What can be in trouble, for the screen."""


@dataclass(slots=True)
class Box:
    """A built device. `worker` None: no backend is configured."""

    device: Device
    journal: Journal
    worker: Worker | None
    alarm: Callable[[str, str], None]
    pulse: watchdog.DiskPulse | None = None

    def reload(self, configuration: Configuration) -> None:
        """From any thread: take pack and hot list into force between two taps; a damaged one leaves the old in force.

        Raises ConfigError when not even the last good copies can be read.
        """
        pack, hot_list = self.device.precedence.unhurried(lambda: load_tables(configuration))
        _tell(self.alarm, pack, hot_list)
        self.device.post(lambda tables: Tables(pack.value, hot_list.value))
        log.info("from the next tap on: pack %s, hot list %s", pack.value.version, hot_list.value.version)

    def at_next_trip(self, switch: Callable[[], Pack | None]) -> None:
        """From any thread: have `switch` called between two trips; the pack that it gives, if any, takes force."""
        self.device.post(lambda tables: Tables(switch() or tables.pack, tables.hot_list), between_trips=True)

    def close(self) -> None:
        """Stop sending and give the journal back, after the device has stopped."""
        if self.worker is not None:
            self.worker.stop(STOP_SECONDS)
        if self.pulse is not None:
            self.pulse.close()
        self.journal.close()


def build(
    configuration: Configuration,
    faces: Sequence[Face] = (),
    plain: bool = False,
    environment: MutableMapping[str, str] | None = None,
) -> Box:
    """Build the device; `faces` stand beside those that are configured. The loop opens the readers.

    `plain`: a configured console writes one line an event, also on a terminal. `environment`: of a process that a
    service manager may watch.

    Raises ConfigError (pack, hot list, identity), BadProfile, JournalError: each says what to do.
    """
    data = Path(configuration.terminal.data)
    pack, hot_list = load_tables(configuration)
    profiles = profiles_of(configuration)
    credential = identity.credentials(configuration)
    whose = identity.known_or_first(data, configuration.terminal.number, configuration.sync.backend, credential)
    journal, clock = open_journal(data, whose)
    alarm, standing = alarms(journal, clock), identity.Standing(data)
    worker = _worker(configuration, journal, clock, credential, standing, alarm, lambda: device)
    _tell(alarm, pack, hot_list)
    signals = load_signals()
    manager, watched_s = watchdog.from_environment({} if environment is None else environment)
    web = web_faces(configuration)
    shown = (*configured_faces(configuration, plain), *web, manager, *faces)
    face = Fan(shown, lambda what, why: log.error("%s: %s", what, why))
    pulse = watchdog.DiskPulse(data) if watched_s else None
    lags = {"face": face.lag_s} | ({"disk": pulse.lag_s} if pulse else {})
    plugs = Plugs(
        open_reader=lambda: open_reader(configuration),
        open_slot=lambda: open_slot(configuration),
        clock=clock,
        face=face,
        signal=lambda outcome: told(signals, outcome),
        status=lambda device: status(device, worker),
        on_tap=worker.wake if worker else lambda: None,
        on_idle=lambda day: turn.look(day),
        software=software(),
        sqlite=apsw.sqlite_lib_version(),
        alive=watchdog.Watchdog(manager, watched_s, lags).turn,
        closed=lambda: _closed(standing, desk),
        sighting=sighting_of(configuration.peripherals),
    )
    desk = Desk(journal, configuration, hot_list.value, clock.read())
    device = Device(configuration, profiles, Tables(pack.value, hot_list.value), desk, plugs)
    if worker is not None:
        worker.start()
    built = Box(device, journal, worker, alarm, pulse)
    heard = (lambda: worker.standing().server_time) if worker is not None else lambda: ""
    reload, unhurried = partial(built.reload, configuration), device.precedence.unhurried
    turn = Turn(configuration, profiles, reload, built.at_next_trip, alarm, heard, unhurried)
    turn.take(clock.read().at.date())  # what is due holds from the first tap on
    for pages in web:
        pages.open(lambda: house(built, clock))
    return built


def web_faces(configuration: Configuration) -> "list[WebFace]":
    """The device's pages, if it has any; not imported where nobody wants them."""
    if not configuration.web.port:
        return []
    from terminal.faces.web.face import WebFace

    return [WebFace(configuration.web.port)]


def open_journal(data: Path, whose: Identity, shared: Journal | None = None) -> tuple[Journal, SystemClock]:
    """The journal under `data`, or the `shared` one, and a clock that goes behind none of its rows.

    Raises JournalError.
    """
    journal = shared or Journal.open(data / JOURNAL, whose, SystemClock().boot_id)
    last, synced = journal.row(journal.last_seq), journal.last_synced
    return journal, SystemClock(*(datetime.fromisoformat(row.at) if row else None for row in (last, synced)))


def house(built: Box, clock: SystemClock) -> "House":
    """What the pages of this device are built upon; called in the web face's thread."""
    from terminal.faces.web.page import House

    device, worker = built.device, built.worker
    return House(
        configuration=device.configuration,
        journal=built.journal,
        clock=clock,
        status=lambda: status(device, worker),
        software=software(),
        worker=worker,
        device=device,
    )


def alarms(journal: Journal, clock: SystemClock) -> Callable[[str, str], None]:
    """What records an alarm. One that cannot be recorded is logged; whoever raises it goes on."""

    def alarm(what: str, detail: str) -> None:
        try:
            journal.keep(Alarm(what, detail[:200]), *clock.read().stamp())
        except JournalError as trouble:
            log.error("the alarm %s could not be recorded: %s", what, trouble)

    return alarm


def _tell(alarm: Callable[[str, str], None], *given: Loaded[Any]) -> None:
    """Say and record which input was not taken."""
    for loaded in given:
        if loaded.alarm:
            log.error("%s: %s", loaded.alarm, loaded.trouble)
            alarm(loaded.alarm, str(loaded.trouble))


def load_profiles(names: Sequence[str], over: Mapping[str, bytes] | None = None) -> tuple[Profile, ...]:
    """The shipped card profiles of those names, in that order; `over` (NAME.toml to bytes) before them.

    Raises BadProfile.
    """
    folder, given = files("apdu") / "profiles", over or {}
    texts = [given.get(f"{name}.toml") or (folder / f"{name}.toml").read_bytes() for name in names]
    try:
        return parse_profiles([raw.decode("utf-8") for raw in texts])
    except UnicodeDecodeError as wrong:
        raise BadProfile(f"card profile is not UTF-8: {wrong}") from wrong


def profiles_of(configuration: Configuration) -> tuple[Profile, ...]:
    """The profiles of the cards that this device serves: the signed ones in force before the shipped.

    Raises BadProfile, ConfigError.
    """
    shelf = shelf_of(configuration, "profiles")
    active = shelf.state().active
    return load_profiles(configuration.cards.profiles, shelf.files(active) if active else None)


def load_chip_profiles(names: Sequence[str]) -> tuple[social.Profile, ...]:
    """The shipped profiles of contact chips of those names, in that order. Raises BadProfile."""
    folder = files("apdu") / "profiles"
    return social.parse_profiles([(folder / f"{name}.toml").read_text("utf-8") for name in names])


def load_tables(configuration: Configuration, keep: bool = True) -> tuple[Loaded[Pack], Loaded[HotList]]:
    """Pack and hot list, each with its last good copy behind it; without `keep` nothing is written, and nothing stands
    in for a damaged one. Raises ConfigError.
    """
    good = LastGood(Path(configuration.terminal.data) / "good") if keep else None
    pack = load_pack(configuration, profiles_of(configuration), good)
    file = configuration.hot_list.file
    return pack, load_hot_list(Path(file), good) if file else Loaded(NO_HOT_LIST)


def open_reader(configuration: Configuration) -> ContactlessReader:
    """The contactless reader. Raises ReaderLost."""
    from terminal.drivers import contactless

    logging.getLogger("nfc.clf").setLevel(logging.WARNING)  # it logs each try to open a reader
    return contactless.open_reader(configuration.reader.path)


def open_slot(configuration: Configuration) -> ContactSlot:
    """The PSAM's slot, exclusively. Raises ReaderLost."""
    from terminal.drivers import contact

    return contact.open_slot(configuration.psam.reader)


def open_patient_slot(hospital: Hospital) -> ContactSlot:
    """The slot for patients' cards. Raises ReaderLost."""
    from terminal.drivers import contact

    return contact.open_slot(hospital.reader, wanted=contact.CITIZEN_CARD)


def sighting_of(peripherals: Peripherals) -> Callable[[], Sighting]:
    """What tells where the bus is, as configured; each is imported only when it is wanted."""
    announced: Callable[[], tuple[int | None, float]] = lambda: (None, 0.0)  # noqa: E731
    placed: Callable[[], Place | None] = lambda: None  # noqa: E731
    if peripherals.announcer:
        from terminal.drivers.announcer import Announcer

        announced = Announcer(peripherals.announcer, peripherals.announcer_baud).last
    if peripherals.gps:
        from terminal.drivers.gps import Gps

        placed = Gps(peripherals.gps, peripherals.gps_baud).place
    return lambda: Sighting(*announced(), placed())


def configured_faces(configuration: Configuration, plain: bool) -> list[Face]:
    """Console, serial board and voice, as configured; each is imported only when it is wanted."""
    face, built = configuration.face, list[Face]()
    if face.console:
        from terminal.faces.console import Console

        built.append(Console(face.languages, full_screen=False if plain else None))
    if face.board:
        from terminal.drivers.board import SerialBoard

        built.append(SerialBoard(face.board))
    if face.voice:
        from terminal.drivers.voice import Voice

        built.append(Voice(face.voice, face.languages))
    return built


def _worker(
    configuration: Configuration,
    journal: Journal,
    clock: SystemClock,
    credential: identity.Credentials,
    standing: identity.Standing,
    alarm: Callable[[str, str], None],
    device: Callable[[], Device],
) -> Worker | None:
    """The sync thread, not started; None where no backend is configured. `device`: built when it is started."""
    if not configuration.sync.backend:
        return None
    return sender(
        configuration.sync.backend,
        journal,
        credential,
        standing,
        alarm,
        condition=lambda: of_device(device(), clock, software()),
        give_way=lambda: device().precedence.give_way(),
    )


def _closed(standing: identity.Standing, desk: Desk) -> str:
    """Why the device must be closed, in words: by the backend's order, or because too much is unsent; "" when not."""
    if why := standing.why():
        return CLOSED[why][1]
    return backlog.STOPPED[1] if desk.is_stopped() else ""


def status(device: Device, worker: Worker | None) -> Status:
    """The device's state for the screens."""
    troubles = "; ".join(f"{what}: {why}" for what, why in device.troubles.items())
    closed = (*CLOSED.values(), backlog.STOPPED)
    words = PARTS | {"standing": next((zh for zh, en in closed if en in troubles), "")}
    parts = "、".join(words[what] for what in device.troubles)
    ready = device.mode in (Mode.READY, Mode.SERVING)
    duty, unsent = device.desk.duty, device.desk.journal.unsent()
    return Status(
        mode=device.mode.value,
        zh="请刷卡" if ready else f"暂停服务：{parts}" if parts else "正在启动",
        en="tap your card" if ready else troubles or "starting",
        terminal=device.configuration.terminal.number,
        line=duty.line,
        direction=duty.direction,
        driver=duty.driver,
        unsent=unsent.rows,
        unsent_fen=unsent.fen,
        oldest_unsent_at=unsent.oldest_at,
        online=worker.standing().online if worker else None,
        pack=f"{device.tables.pack.version}{DEVELOPMENT if device.configuration.packs.development else ''}",
        hot_list=device.tables.hot_list.version,
        pack_since=device.tables.pack.in_force_from.isoformat(),
        hot_list_since="" if device.tables.hot_list is NO_HOT_LIST else device.tables.hot_list.date.isoformat(),
    )


def told(signals: Signals, outcome: Outcome) -> Signal:
    """What the rider is told of an outcome."""
    return signals.signal(
        outcome.reason,
        outcome.amount_fen,
        outcome.balance_fen,
        card=outcome.card,
        card_class=outcome.card_class,
        days=outcome.days,
        warnings=outcome.warnings,
        why=outcome.why,
    )


def software() -> str:
    """This program's version."""
    try:
        return version("citizen-card-terminal")
    except PackageNotFoundError:
        return "unversioned"
