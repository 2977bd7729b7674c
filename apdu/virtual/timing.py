"""How slow the simulated chips are: a timing profile, zero by default, and a wait exact to about 10 microseconds."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

AIR_BITS_PER_BYTE = 9  # eight and parity, ISO/IEC 14443-3
CRC_BYTES = 2
CHARACTER_ETU = 12  # start, eight, parity and two guard units, ISO/IEC 7816-3 clause 7.2
SPIN_SECONDS = 0.0002  # time.sleep wakes up to 0.1 ms late; the rest is spun


@dataclass(frozen=True)
class Timing:
    """Milliseconds per instruction of the card and the PSAM and per frame; the two wires' speeds (0: no delay)."""

    card_ms: Mapping[int, float] = field(default_factory=dict)
    psam_ms: Mapping[int, float] = field(default_factory=dict)
    frame_ms: float = 0.0
    air_kbit: float = 0.0
    psam_baud: float = 0.0

    def card_seconds(self, ins: int) -> float:
        return self.card_ms.get(ins, 0.0) / 1000

    def frame_seconds(self, sent: int, answered: int) -> float:
        """One exchange of frames of so many bytes without their CRCs: the reader's overhead and the air."""
        seconds = self.frame_ms / 1000
        if self.air_kbit:
            seconds += (sent + answered + 2 * CRC_BYTES) * AIR_BITS_PER_BYTE / (self.air_kbit * 1000)
        return seconds

    def psam_seconds(self, ins: int, sent: int, answered: int) -> float:
        """One exchange over T=0: the chip's own time and every character, with the procedure byte before data."""
        seconds = self.psam_ms.get(ins, 0.0) / 1000
        if self.psam_baud:
            seconds += (sent + answered + 1) * CHARACTER_ETU / self.psam_baud
        return seconds

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Timing":
        """Instructions are hex text ("54"), everything else numbers. Raises ValueError or TypeError."""
        values: dict[str, Any] = dict(raw)
        for name in ("card_ms", "psam_ms"):
            values[name] = {int(ins, 16): _number(ms) for ins, ms in raw.get(name, {}).items()}
        for name in ("frame_ms", "air_kbit", "psam_baud"):
            values[name] = _number(raw.get(name, 0))
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        return {
            "card_ms": {f"{ins:02X}": ms for ins, ms in self.card_ms.items()},
            "psam_ms": {f"{ins:02X}": ms for ins, ms in self.psam_ms.items()},
            "frame_ms": self.frame_ms,
            "air_kbit": self.air_kbit,
            "psam_baud": self.psam_baud,
        }


def _number(value: object) -> float:
    """A JSON number. Raises TypeError."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"not a number: {value!r}")
    return value


NO_DELAY = Timing()

# Estimates, not measurements: no real card of this family was at hand.
ESTIMATES = Timing(
    card_ms={0xA4: 15, 0xB0: 8, 0xB2: 8, 0x50: 25, 0xDC: 12, 0x54: 60},
    psam_ms={0x70: 15, 0x72: 15},
    frame_ms=10,
    air_kbit=106,
    psam_baud=38400,
)


def wait_until(moment: float) -> None:
    """Return at `moment` of time.perf_counter(): sleep first, spin at the end."""
    left = moment - time.perf_counter()
    if left > SPIN_SECONDS:
        time.sleep(left - SPIN_SECONDS)
    while time.perf_counter() < moment:
        pass
