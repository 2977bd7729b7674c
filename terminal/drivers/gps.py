"""An NMEA-0183 receiver on a serial line: where the bus is now, or that nobody knows.

pynmea2 reads the sentences; a checksum is required, and only sentences with a valid fix count.
"""

import time
from collections.abc import Callable
from typing import Any

from tariffs.stops import Place
from terminal.drivers.inlet import LastWord
from terminal.drivers.limits import FIX_S_MAX, NMEA_CHARS_MAX

MICRO = 1_000_000


class Gps(LastWord[Place]):
    """The receiver at a serial port; its last word is the last fix."""

    def __init__(self, port: str, baudrate: int = 9600, mono: Callable[[], float] = time.monotonic) -> None:
        super().__init__(port, baudrate, read_sentence, NMEA_CHARS_MAX, 0, "定位模块", "GPS receiver", mono)

    def place(self) -> Place | None:
        """Where we are; None without a receiver, without a fix, or when the last one is older than FIX_S_MAX."""
        place, age_s = self.last()
        return place if age_s <= FIX_S_MAX else None


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
