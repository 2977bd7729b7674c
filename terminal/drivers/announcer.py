"""A stop announcer, or a driver's keypad, on a serial line: it sends the stop's number on the line, and CR.

Announcers differ by maker; this is the plainest that they, and any USB keypad of digits, can be set to.
"""

import time
from collections.abc import Callable

from terminal.drivers.inlet import LastWord
from terminal.drivers.limits import KEYPAD_SILENCE_S, STOP_NUMBER_DIGITS


class Announcer(LastWord[int]):
    """The announcer at a serial port; its last word is the stop's number."""

    def __init__(self, port: str, baudrate: int = 9600, mono: Callable[[], float] = time.monotonic) -> None:
        most = 2 * STOP_NUMBER_DIGITS
        super().__init__(port, baudrate, read_number, most, KEYPAD_SILENCE_S, "报站器", "stop announcer", mono)


def read_number(raw: bytes) -> int | None:
    """The stop's number, from 1; None for anything else."""
    text = raw.strip(b" ")
    return int(text) or None if text.isdigit() and len(text) <= STOP_NUMBER_DIGITS else None
