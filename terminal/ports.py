"""What the device needs of the world outside, as protocols; drivers and faces fit them, the box plugs them together."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Literal, Protocol, runtime_checkable

from msgspec import Struct

from apdu.script import Wire


class ReaderLost(Exception):
    """The reader or the slot itself is gone or broken (unplugged, service stopped); opening it again may help.

    The message says which one and what to do.
    """


class Medium(Enum):
    """What lies in the field."""

    ISO_DEP = "iso_dep"  # a CPU chip that speaks APDUs
    STORAGE = "storage"  # a Mifare-type chip: no APDUs
    UNCLEAR = "unclear"  # several cards, or one at the edge of the field: activation failed


class Card(Protocol):
    """One card in the field, from its discovery to its removal."""

    uid: bytes
    medium: Medium
    wire: Wire

    def present(self) -> bool:
        """Whether the card still answers; takes one frame."""
        ...


class ContactlessReader(Protocol):
    """The contactless reader, open."""

    name: str

    def poll(self) -> Card | None:
        """Look once for a card; None: nobody there. Raises ReaderLost."""
        ...

    def close(self) -> None:
        """Field off, device released."""
        ...


class ContactSlot(Protocol):
    """A contact slot with its chip powered, opened exclusively and kept (the PSAM)."""

    name: str
    wire: Wire

    def close(self) -> None:
        """Leave the chip powered, give the slot back."""
        ...


Trust = Literal["synced", "rtc", "restored", "unknown"]


class ClockTrust(Enum):
    """How far the wall time can be trusted (docs/architecture: the clock)."""

    SYNCED = "synced"
    RTC = "rtc"
    RESTORED = "restored"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Moment:
    """One reading of the clock: local wall time (aware), its trust, and monotonic seconds in milliseconds."""

    at: datetime
    trust: ClockTrust
    mono_ms: int

    def stamp(self) -> tuple[str, Trust, int]:
        """As a journal row bears it: ISO 8601 with offset, the trust, monotonic milliseconds."""
        return self.at.isoformat(timespec="milliseconds"), self.trust.value, self.mono_ms


class Clock(Protocol):
    """Reads the clock."""

    def read(self) -> Moment:
        """One reading; a tap reads it once."""
        ...


class Light(Enum):
    """The lamp's colour; never alone: a shape, a word and a tone go with it."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"
    BLUE = "blue"
    OFF = "off"


class Signal(Struct, frozen=True):
    """All that the rider is told: one row of the signal table with the tap's own numbers filled in.

    `outcome`: the reason's word. `tone`: pattern of "." (short) and "-" (long). `voice`: file name without language.
    `zh`/`en`: headline; `zh_detail`/`en_detail`: why, and what to do. Amounts in fen, None where there is none.
    """

    outcome: str
    light: Light
    shape: str
    tone: str
    voice: str
    zh: str
    en: str
    zh_detail: tuple[str, ...] = ()
    en_detail: tuple[str, ...] = ()
    amount_fen: int | None = None
    balance_fen: int | None = None


class Face(Protocol):
    """Whoever shows signals: console, serial board, voice, a web page."""

    def show(self, signal: Signal) -> None:
        """Show it at once and return; a face that fails never stops a tap."""
        ...

    def idle(self, status: "Status") -> None:
        """Nobody in the field: show readiness and the device's state."""
        ...

    def close(self) -> None:
        """Switch off."""
        ...


@runtime_checkable
class Advancing(Protocol):
    """A part that works in a thread of its own; the watchdog asks how long one piece of work has taken it."""

    def lag_s(self) -> float:
        """Seconds since it began what it works on; 0 when it waits for work."""
        ...


@dataclass(frozen=True, slots=True)
class Status:
    """The device's state in a line: mode, why, and what a driver or technician should see.

    `pack_since` first day of the pack in force, `hot_list_since` the list's day: ISO 8601, "" where there is none.
    """

    mode: str
    zh: str
    en: str
    terminal: str = ""
    line: str = ""
    direction: int = 0
    driver: str = ""
    unsent: int = 0
    unsent_fen: int = 0
    oldest_unsent_at: str = ""
    online: bool | None = None
    pack: str = ""
    hot_list: str = ""
    pack_since: str = ""
    hot_list_since: str = ""
