"""A board with lamp, buzzer and perhaps a line of text on a serial line (USB or UART), as a face.

The protocol: 8N1, one way, lines of UTF-8 that end in CR LF. A board ignores lines that it does not know.

    L COLOUR SHAPE    lamp: GREEN, YELLOW, RED, BLUE or OFF; the shape ("check", "cross" ...) for boards with a matrix
    B PATTERN         buzzer: "." short, "-" long, in order
    T LANGUAGE TEXT   a headline, "zh" or "en", for boards with a display
    I MODE            nobody is there; the device's mode
"""

from terminal.drivers.limits import BOARD_LINES
from terminal.drivers.outlet import Outlet
from terminal.ports import Signal, Status

DARK = b"L OFF -\r\n"


class SerialBoard:
    """The board at a serial port; fits `terminal.ports.Face`. It never delays a tap (terminal/drivers/outlet.py)."""

    def __init__(self, port: str, baudrate: int = 115200) -> None:
        self._outlet = Outlet(port, baudrate, BOARD_LINES, "信号板", "signal board")
        self._idle = b""

    def show(self, signal: Signal) -> None:
        """Lamp, buzzer and headline of a signal."""
        self._idle = b""
        self._outlet.put(
            _line("L", signal.light.name, signal.shape or "-")
            + (_line("B", signal.tone) if signal.tone else b"")
            + _line("T", "zh", signal.zh)
            + _line("T", "en", signal.en)
        )

    def idle(self, status: Status) -> None:
        """Lamp off, the device's mode and its line of text; sent when it changed."""
        lines = DARK + _line("I", status.mode) + _line("T", "zh", status.zh) + _line("T", "en", status.en)
        if lines != self._idle:
            self._idle = lines
            self._outlet.put(lines)

    def lag_s(self) -> float:
        """Seconds for which its line has been busy with one piece of work."""
        return self._outlet.lag_s()

    def close(self) -> None:
        """Lamp off, line closed."""
        self._outlet.close(DARK)


def _line(*words: str) -> bytes:
    """One line; what would break it up becomes a space."""
    text = " ".join(words)
    return "".join(letter if letter.isprintable() else " " for letter in text).encode() + b"\r\n"
