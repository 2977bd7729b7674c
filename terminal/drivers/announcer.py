"""A stop announcer, or a driver's keypad, on a serial line: it sends the stop's number on the line, and CR.

Announcers differ by maker; this is the plainest that they, and any USB keypad of digits, can be set to.
"""

import time
from collections.abc import Callable

from terminal.drivers.inlet import Inlet
from terminal.drivers.limits import KEYPAD_SILENCE_S, STOP_NUMBER_DIGITS


class Announcer:
    """The announcer at a serial port; `told` is asked when a tap needs it."""

    def __init__(self, port: str, baudrate: int = 9600, mono: Callable[[], float] = time.monotonic) -> None:
        self._mono = mono
        self._told: tuple[float, int] | None = None
        self._inlet = Inlet(
            port, baudrate, self._heard, 2 * STOP_NUMBER_DIGITS, KEYPAD_SILENCE_S, "报站器", "stop announcer"
        )

    def told(self) -> tuple[int | None, float]:
        """The number that was told last, and how many seconds ago; None before the first."""
        told = self._told
        return (None, 0.0) if told is None else (told[1], self._mono() - told[0])

    @property
    def is_open(self) -> bool:
        """Whether the announcer is plugged in."""
        return self._inlet.is_open

    def close(self) -> None:
        """Stop listening."""
        self._inlet.close()

    def _heard(self, raw: bytes) -> None:
        number = read_number(raw)
        if number is not None:
            self._told = (self._mono(), number)


def read_number(raw: bytes) -> int | None:
    """The stop's number, from 1; None for anything else."""
    text = raw.strip(b" ")
    return int(text) or None if text.isdigit() and len(text) <= STOP_NUMBER_DIGITS else None
