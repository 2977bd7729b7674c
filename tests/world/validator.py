"""One validator: the product's own loop, desk and tap on a station of the world.

What `terminal.box` plugs together for a real device is plugged together here for a simulated one.
"""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from apdu.virtual import issuer
from apdu.virtual.chance import Chance
from apdu.virtual.t0 import T0
from config.hotlist import HotList
from sync.events import Held
from sync.record import decode
from tariffs.pack import Pack
from terminal import box
from terminal.desk import Desk
from terminal.loop import Device, Plugs, Tables
from terminal.ports import Medium, ReaderLost, Signal, Status
from terminal.tap import Outcome
from tests.bus import PACKS, configuration
from tests.chips import profiles
from tests.world.field import NO_FAULT, CardInField, Fault, Field, Slot, Wire
from tests.world.people import Rider
from tests.world.station import Station
from tests.world.violation import check

if TYPE_CHECKING:
    from tests.world.town import Town

PROFILES = profiles()


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


class Validator(Station):
    """A validator on a bus."""

    def __init__(self, town: "Town", name: str, number: str, vehicle: str, psam: str) -> None:
        super().__init__(town, name, number)
        self.town = town
        self.configuration = configuration(Path("/world") / name, number, vehicle)
        self.psam = psam
        self.psam_chip = T0(issuer.make_psam(bytes.fromhex(psam), 16, Chance(f"psam {psam}")))
        self.field = Field(self.machine)
        self.slot_lost = False
        self.psam_fault = NO_FAULT
        self.pack: Pack = PACKS["jiaxing"]
        self.hot_list: HotList = town.hot_list
        self.shown: list[Shown] = []
        self.happened = ""
        self.lost: set[tuple[str, int]] = set()  # debits whose outcome was in memory when the process ended

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

    def _at_the_end(self) -> None:
        held = False
        if self.journal is not None:
            held = bool(self.journal.open_drafts_all())
            for event in self.desk.unwritten:
                held_seq = getattr(event, "held", 0)
                row = decode(self.told[held_seq - 1]) if held_seq else None  # the file may be closed just now
                if row is not None and isinstance(row.event, Held):
                    self.lost.add((row.event.card, row.event.counter))
        self.town.count_end(self.machine, held)

    def _switched_off(self) -> None:
        self.psam_chip.reset()
        if self.field.card is not None:
            self.field.card.tear()

    def _plug(self) -> None:
        assert self.journal is not None
        self.slot_lost = False
        self.desk = Desk(self.journal, self.configuration, self.hot_list, self.clock.read())
        self.device = Device(
            self.configuration, PROFILES, Tables(self.pack, self.hot_list), self.desk, self._plugs()
        )
        self.device.mend()

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

    def take_list(self, hot_list: HotList) -> None:
        """A new hot list arrived."""
        self.hot_list = hot_list
        if self.journal is not None:
            self.device.post(lambda tables: Tables(tables.pack, hot_list))
