"""The chips at one terminal: the card in its field, the PSAM in its slot, and what goes wrong on their wires."""

from collections.abc import Callable
from dataclasses import dataclass

from apdu.errors import LinkLost
from apdu.script import Wire as AnyWire
from apdu.virtual.t0 import T0
from terminal.ports import Card, Medium, ReaderLost
from tests.world.machine import Machine

CARD_MS, PSAM_MS, POLL_MS = 9, 4, 3
DEBIT = 0x54
NORMAL = 0x61
"""SW1 of normal processing with data waiting (ISO/IEC 7816-4, table 5): to fetch it is the only thing left to do."""


@dataclass(frozen=True)
class Fault:
    """What happens at the `frame`-th exchange with a chip (0: never).

    "before", "after": the card leaves before or after it ran the command. "garbled": it ran it, the answer is lost, the
    card stays. "status": it answers `status` and does nothing. "lie": it does its work and answers `status`; so is a
    "status" 61xx to a command without Le, since that is how a chip says that it has done it. For a PSAM also "reset":
    it forgets its session first; "fills", "breaks": the disk is full, or fails, from then on.
    `instruction`: count only these, 0 for all.
    """

    frame: int = 0
    what: str = ""
    status: int = 0
    instruction: int = 0


NO_FAULT = Fault()


class Wire:
    """A wire to one chip; every exchange touches the outside before and after."""

    def __init__(
        self, machine: Machine, name: str, chip: Callable[[bytes], bytes], reset: Callable[[], None], t0: bool
    ) -> None:
        self.t0 = t0
        self.fault = NO_FAULT
        self.gone = False
        self.happened = ""
        self._machine = machine
        self._name = name
        self._chip = chip
        self._reset = reset
        self._counted = 0
        self.debits: list[bytes] = []

    def arm(self, fault: Fault) -> None:
        """From now on count towards `fault`."""
        self.fault, self._counted, self.happened = fault, 0, ""

    def transmit(self, raw: bytes) -> bytes:
        """One APDU. Raises LinkLost."""
        if self.gone:
            raise LinkLost("the chip is away")
        point = f"{self._name} {raw[1]:02X}"
        self._machine.touch(point, PSAM_MS if self.t0 else CARD_MS)
        if raw[1] == DEBIT and not self.t0:
            self.debits.append(raw)
        what = self._due(raw[1])
        if what == "before":
            self.gone = True
            raise LinkLost("torn")
        if what == "status" and self.fault.status >> 8 == NORMAL and not _has_le(raw):
            what = "lie"
        if what == "status":
            return self.fault.status.to_bytes(2, "big")
        if what == "reset":
            self._reset()
        if what == "fills":
            self._machine.disk.room = 0
        if what == "breaks":
            self._machine.disk.fails = True
        answer = self._chip(raw)
        self._machine.touch(f"{point} answered")
        if what == "after":
            self.gone = True
            raise LinkLost("torn")
        if what == "garbled":
            self._reset()
            raise LinkLost("no answer")
        return self.fault.status.to_bytes(2, "big") if what == "lie" else answer

    def _due(self, instruction: int) -> str:
        if self.fault.instruction not in (0, instruction):
            return ""
        self._counted += 1
        if self._counted != self.fault.frame:
            return ""
        self.happened = f"{self.fault.what} at {self._name} {instruction:02X}"
        return self.fault.what


def _has_le(raw: bytes) -> bool:
    """Whether a short command asks for data: header and Le, or a body and Le behind it."""
    return len(raw) == 5 or (len(raw) > 5 and len(raw) == 6 + raw[4])


class CardInField:
    """A card as the reader found it; it stays for `stays` looks after it was served."""

    def __init__(self, field: "Field", uid: bytes, medium: Medium, wire: Wire, stays: int) -> None:
        self.uid = uid
        self.medium = medium
        self.wire: AnyWire = wire
        self._wire = wire
        self._field = field
        self._stays = stays

    @property
    def torn(self) -> bool:
        """Whether it was torn away."""
        return self._wire.gone

    def tear(self) -> None:
        """The field goes, and all it powered."""
        self._wire.gone = True

    def present(self) -> bool:
        """Whether it is still there."""
        self._stays -= 1
        if self._stays < 0 or self.torn:
            self._field.card = None
            return False
        return True


class Field:
    """The contactless reader."""

    name = "world's reader"

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.card: CardInField | None = None
        self.lost = False

    def poll(self) -> Card | None:
        """Look once."""
        self.machine.touch("poll", POLL_MS)
        if self.lost:
            raise ReaderLost("the reader is gone")
        if self.card is not None and self.card.torn:
            self.card = None
        return self.card

    def close(self) -> None:
        """Nothing to give back."""


class Slot:
    """The PSAM's slot."""

    name = "world's slot"
    wire: AnyWire

    def __init__(self, machine: Machine, psam: T0) -> None:
        psam.reset()
        wire = Wire(machine, "psam", psam.transmit, psam.reset, t0=True)
        self.wire = wire
        self.arm = wire.arm

    def close(self) -> None:
        """Nothing to give back."""
