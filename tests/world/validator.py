"""One validator: the product's own loop, desk, tap, journal, clock and sync worker on a machine of the world.

What `terminal.box` plugs together for a real device is plugged together here for a simulated one.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from apdu.virtual import issuer
from apdu.virtual.chance import Chance
from apdu.virtual.t0 import T0
from config.hotlist import HotList
from sync.chain import Identity
from sync.errors import JournalError
from sync.events import Alarm, AnyEvent, Held
from sync.journal import Clock, Journal
from sync.link import LinkDown
from sync.record import Row, encode
from sync.session import State, Unclear
from sync.worker import Worker, enrol
from tariffs.pack import Pack
from terminal import box
from terminal.desk import Desk
from terminal.drivers.clock import SystemClock
from terminal.loop import Device, Plugs, Tables
from terminal.ports import Medium, ReaderLost, Signal, Status
from terminal.tap import Outcome
from tests.bus import PACKS, configuration
from tests.chips import profiles
from tests.disk import DAMAGES, PowerCut
from tests.world.field import NO_FAULT, CardInField, Fault, Field, Slot, Wire
from tests.world.machine import Killed, Machine
from tests.world.network import Wireless
from tests.world.people import Rider
from tests.world.violation import check

if TYPE_CHECKING:
    from tests.world.town import Town

T = TypeVar("T")
BOOT_MS = 2_000
PROFILES = profiles()


class Station(Protocol):
    """A terminal of any kind: what the world does with it. A counter joins the world by these."""

    name: str
    machine: Machine
    journal: Journal | None

    def alive(self, action: Callable[[], T]) -> T | None:
        """Do it; a process that ends in it is started again, and the result is None."""
        ...

    def idle(self) -> None:
        """Nobody is here: the housekeeping."""
        ...

    def sync(self) -> None:
        """One exchange with the backend."""
        ...

    def power_cut(self) -> None:
        """Off and on."""
        ...


class TellingJournal(Journal):
    """The product's journal, and a list outside of it of every row that it called durable."""

    told: list[bytes]

    def _append(self, event: AnyEvent, at: str, clock: Clock, mono_ms: int) -> Row:
        if len(self.told) < self.last_seq:  # a failed write that the disk has after all
            self.told += [stored.raw for stored in self.rows(len(self.told), 10, 10**6)]
        row = super()._append(event, at, clock, mono_ms)
        self.told.append(encode(row))
        return row


class Shown(NamedTuple):
    """What a rider saw, and when."""

    outcome: Outcome
    at_ms: int


class Screen:
    """The validator's face: what it shows, its rider saw."""

    def __init__(self, validator: "Validator") -> None:
        self._validator = validator

    def show(self, _signal: Signal) -> None:
        """A rider looks at it."""
        self._validator.machine.touch("signal")
        self._validator.note_shown()
        self._validator.machine.touch("signal seen")

    def idle(self, _status: Status) -> None:
        """Nobody looks."""

    def close(self) -> None:
        """Nothing to switch off."""


class Validator:
    """A validator on a bus. `journal` None: it could not start, and tries again at the next occasion."""

    def __init__(self, town: "Town", name: str, number: str, vehicle: str, psam: str) -> None:
        self.town = town
        self.name = name
        self.machine = Machine(town.time)
        self.configuration = configuration(Path("/world") / name, number, vehicle)
        self.path = Path("/world") / name / "journal.db"
        self.psam = psam
        self.psam_chip = T0(issuer.make_psam(bytes.fromhex(psam), 16, Chance(f"psam {psam}")))
        self.field = Field(self.machine)
        self.slot_lost = False
        self.psam_fault = NO_FAULT
        self.pack: Pack = PACKS["jiaxing"]
        self.hot_list: HotList = town.hot_list
        self.identity: Identity | None = None
        self.link = Wireless(self.machine, town, name)
        self.told: list[bytes] = []
        self.shown: list[Shown] = []
        self.journal: TellingJournal | None = None
        self.started_ms = 0
        self.happened = ""
        self.lost: set[tuple[str, int]] = set()  # debits whose outcome was in memory when the process ended
        town.files.machines[name] = self.machine
        self.machine.on_end = self._at_the_end

    def clone(self, name: str, psam: str) -> "Validator":
        """Another device from this one's image; its PSAM is its own."""
        service = self.configuration.service
        twin = Validator(self.town, name, self.configuration.terminal.number, service.vehicle, psam)
        image = self.machine.disk.after_kill()
        image.files = {file.replace(self.name, name): content for file, content in image.files.items()}
        twin.machine.start(image)
        twin.identity, twin.told = self.identity, list(self.told)
        return twin

    # --- a process and its end

    def alive(self, action: Callable[[], T]) -> T | None:
        """See Station."""
        try:
            if self.journal is None:
                self._boot()
            return action() if self.journal is not None else None
        except (PowerCut, Killed):
            self._restart()
            return None

    def power_cut(self) -> None:
        """See Station."""
        self.machine.by, self.machine.ended_at = "power", "between two taps"
        self.machine.ended = True
        self._at_the_end()
        self.machine.disk.end()
        self._restart()

    def _at_the_end(self) -> None:
        held = False
        if self.journal is not None:
            held = bool(self.journal.open_drafts_all())
            for event in self.desk.unwritten:
                row = self.journal.row(getattr(event, "held", 0))
                if row is not None and isinstance(row.event, Held):
                    self.lost.add((row.event.card, row.event.counter))
        self.town.count_end(self.machine, held)

    def _restart(self) -> None:
        """The process ended; the next one finds what the disk kept."""
        machine, chance = self.machine, self.town.chance
        dead, journal = machine.disk, self.journal
        if machine.by == "power":
            damage = chance.choice(DAMAGES)
            found = dead.after_power_cut(damage, chance)
            self.psam_chip.reset()
        else:
            damage, found = "", dead.after_kill()
        self.town.say(self.name, f"{machine.by} at {machine.ended_at} {damage}; starts again")
        found.fails = False
        self.journal = None
        if journal is not None:
            journal.close()
        if self.field.card is not None and machine.by == "power":
            self.field.card.tear()
        self.town.time.pass_ms(BOOT_MS)
        machine.start(found)
        if machine.by == "power" and chance.random() < self.town.faults.no_battery:
            machine.without_battery()
        try:
            self._boot()
        except (PowerCut, Killed):  # again, at once
            self._restart()

    def _boot(self) -> None:
        whose = self.identity = self.identity or self._identity()  # kept before a journal bears it
        self.started_ms = self.town.time.now_ms
        self.slot_lost = False
        TellingJournal.told = self.told
        try:
            journal = TellingJournal.open(self.path, whose, f"boot {self.started_ms}", self.machine.disk.name)
            last = journal.row(journal.last_seq)
        except JournalError as trouble:
            self.town.say(self.name, f"cannot start: {trouble}")
            return
        assert isinstance(journal, TellingJournal)
        journal.told = self.told
        self._compare_told(journal)
        floor = datetime.fromisoformat(last.at) if last else None
        machine = self.machine
        self.clock = SystemClock(floor, wall=machine.wall_s, mono_ms=machine.mono_ms, trust=lambda: machine.trust)
        self.journal = journal
        self.worker = Worker(journal, self.link, lambda _versions: None, self.alarm, self.town.chance.random)
        self.desk = Desk(journal, self.configuration, self.hot_list, self.clock.read())
        self.device = Device(
            self.configuration, PROFILES, Tables(self.pack, self.hot_list), self.desk, self._plugs()
        )
        self.device.mend()

    def _identity(self) -> Identity:
        """Like `terminal.identity.known_or_first`."""
        try:
            reply = enrol(self.link, self.configuration.terminal.number)
        except LinkDown as away:
            reply = Unclear(str(away))
        return Identity(self.configuration.terminal.number, 1, 1) if isinstance(reply, Unclear) else reply

    def _plugs(self) -> Plugs:
        return Plugs(
            open_reader=lambda: self.field,
            open_slot=self._open_slot,
            clock=self.clock,
            face=Screen(self),
            signal=self._signal,
            status=lambda device: box.status(device, None),
            on_tap=self.worker.wake,
            on_idle=lambda _day: None,
            software="world",
            sqlite="world",
        )

    def _open_slot(self) -> Slot:
        if self.slot_lost:
            raise ReaderLost("the PSAM's slot is empty")
        slot = Slot(self.machine, self.psam_chip)
        slot.arm(self.psam_fault)
        return slot

    def alarm(self, what: str, detail: str) -> None:
        """Like the box's."""
        assert self.journal is not None
        self.journal.keep(Alarm(what, detail[:200]), *self.clock.read().stamp())

    def _compare_told(self, journal: Journal) -> None:
        """What was called durable is there, and at most the row that was being written beside it."""
        last = len(self.told)
        check(journal.last_seq >= last, "durable", f"{self.name} has {journal.last_seq} rows of {last} that it told")
        check(journal.last_seq <= last + 1, "durable", f"{self.name} has {journal.last_seq} rows, {last} were told")
        after = max(0, last - 20)
        found = [stored.raw for stored in journal.rows(after, 30, 10**6)]
        check(found[: last - after] == self.told[after:], "durable", f"{self.name}: rows after {after} changed")
        self.told += found[last - after :]

    def _signal(self, outcome: Outcome) -> Signal:
        self.outcome = outcome
        return box.told(self.town.signals, outcome)

    def note_shown(self) -> None:
        """The rider saw it."""
        self.shown.append(Shown(self.outcome, self.town.time.now_ms))

    # --- what the world does with it

    def present(self, rider: Rider, fault: Fault, psam_fault: Fault, stays: int) -> list[Shown]:
        """The rider holds the card out once; what the rider was shown."""
        self.shown = []
        card = rider.card
        if card.chip is not None:
            card.chip.reset()
        wire = Wire(self.machine, "card", card.chip.transmit, card.chip.reset, t0=False) if card.chip else None
        medium = Medium.ISO_DEP if wire else Medium.STORAGE
        wire = wire or Wire(self.machine, "card", lambda _raw: b"\x6f\x00", lambda: None, t0=False)
        wire.arm(fault)
        self._arm_psam(psam_fault)
        self.field.card = CardInField(self.field, card.uid, medium, wire, stays)
        self.alive(self._serve)
        self.field.card = None
        self._arm_psam(NO_FAULT)
        check(len(wire.debits) == len(set(wire.debits)), "debit once", f"{self.name} sent one DEBIT twice")
        self.happened = wire.happened
        return self.shown

    def _arm_psam(self, fault: Fault) -> None:
        self.psam_fault = fault
        wire = self.device.psam_wire if self.journal is not None else None
        if isinstance(wire, Wire):
            wire.arm(fault)

    def _serve(self) -> None:
        for _ in range(3):
            before = len(self.told)
            if not self.device.step(self.town.stop):  # type: ignore[arg-type]
                break
            self.town.check_tap(self, before)

    def idle(self) -> None:
        """See Station."""
        self.town.time.pass_ms(6_000)
        self.alive(lambda: self.device.step(self.town.stop))  # type: ignore[arg-type]

    def sync(self) -> None:
        """See Station; nothing while its session waits is hurried."""
        self.alive(self._sync)

    def _sync(self) -> None:
        session = self.worker.session
        if session.state is State.CALM:
            session.woken()
        elif session.state is not State.ASKING:
            session.due()
        session.batch_rows = min(session.batch_rows, self.town.faults.batch_rows)
        self.worker.ask()

    def take_list(self, hot_list: HotList) -> None:
        """A new hot list arrived."""
        self.hot_list = hot_list
        if self.journal is not None:
            self.device.post(lambda tables: Tables(tables.pack, hot_list))
