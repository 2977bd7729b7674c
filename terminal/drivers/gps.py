"""An NMEA-0183 receiver on a serial line: where the bus is now, or that nobody knows.

pynmea2 reads the sentences; a checksum is required, and only sentences with a valid fix count.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from tariffs.stops import Place
from terminal.drivers.inlet import Inlet
from terminal.drivers.limits import FIX_S_MAX, NMEA_CHARS_MAX

log = logging.getLogger(__name__)

MICRO = 1_000_000


class Gps:
    """The receiver at a serial port; `place` is asked when a tap needs it."""

    def __init__(self, port: str, baudrate: int = 9600, mono: Callable[[], float] = time.monotonic) -> None:
        self._mono = mono
        self._fix: tuple[float, Place] | None = None
        self._inlet = Inlet(port, baudrate, self._heard, NMEA_CHARS_MAX, 0, "定位模块", "GPS receiver")

    def place(self) -> Place | None:
        """Where we are; None without a receiver, without a fix, or when the last one is older than FIX_S_MAX."""
        fix = self._fix
        return fix[1] if fix is not None and self._mono() - fix[0] <= FIX_S_MAX else None

    @property
    def is_open(self) -> bool:
        """Whether the receiver is plugged in."""
        return self._inlet.is_open

    def close(self) -> None:
        """Stop listening."""
        self._inlet.close()

    def _heard(self, raw: bytes) -> None:
        place = read_sentence(raw)
        if place is not None:
            self._fix = (self._mono(), place)


def read_sentence(raw: bytes) -> Place | None:
    """The position of an RMC or GGA sentence; None for any other, for one without a fix, and for a damaged one."""
    import pynmea2

    try:
        parsed: Any = pynmea2.parse(raw.decode("ascii"), check=True)
        kind = getattr(parsed, "sentence_type", "")
        valid = (kind == "RMC" and parsed.status == "A") or (kind == "GGA" and int(parsed.gps_qual or 0) > 0)
        if not valid or not parsed.lat or not parsed.lon:
            return None
        place = Place(round(parsed.latitude * MICRO), round(parsed.longitude * MICRO))
    except (pynmea2.ParseError, ValueError, TypeError, AttributeError, LookupError, OverflowError):
        return None
    return place if abs(place.lat) <= 90 * MICRO and abs(place.lon) <= 180 * MICRO else None
