"""A board with lamp, buzzer and perhaps a line of text on a serial line (USB or UART), as a face.

The protocol: 8N1, one way, lines of UTF-8 that end in CR LF. A board ignores lines that it does not know.

    L COLOUR SHAPE    lamp: GREEN, YELLOW, RED, BLUE or OFF; the shape ("check", "cross" ...) for boards with a matrix
    B PATTERN         buzzer: "." short, "-" long, in order
    T LANGUAGE TEXT   a headline, "zh" or "en", for boards with a display
    I MODE            nobody is there; the device's mode
"""

import logging
import termios
import threading
from typing import Any

from terminal.drivers.latest import Latest
from terminal.drivers.limits import BOARD_LINES, BOARD_OPEN_S, BOARD_WRITE_S
from terminal.ports import Signal, Status

log = logging.getLogger(__name__)

DARK = b"L OFF -\r\n"
TROUBLE = (OSError, termios.error, ValueError)  # SerialException is an OSError; a line that hung up gives the second


class SerialBoard:
    """The board at a serial port; fits `terminal.ports.Face`.

    Only its own thread touches the line: a board that hangs or was unplugged never delays a tap, and is opened again
    once a second.
    """

    def __init__(self, port: str, baudrate: int = 115200) -> None:
        self.port = port
        self._baudrate = baudrate
        self._mail: Latest[bytes] = Latest(BOARD_LINES)
        self._idle = b""
        self._line: Any = None
        self._complained = False
        self._thread = threading.Thread(target=self._work, name=f"board {port}", daemon=True)
        self._thread.start()

    def show(self, signal: Signal) -> None:
        """Lamp, buzzer and headline of a signal."""
        self._idle = b""
        self._mail.put(
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
            self._mail.put(lines)

    def close(self) -> None:
        """Lamp off, line closed."""
        self._mail.put(DARK)
        self._mail.close()
        self._thread.join(BOARD_OPEN_S + BOARD_WRITE_S)

    def _work(self) -> None:
        pending: list[bytes] = []
        while not self._mail.closed or self._mail.waiting:
            pending = self._mail.take(BOARD_OPEN_S if pending else None) or pending
            if pending and self._written(pending):
                pending = []
            pending = pending[-1:]  # when a lost board is back, only the newest word is still true
        self._hang_up()

    def _written(self, items: list[bytes]) -> bool:
        try:
            if self._line is None:
                self._line = self._open()
            for lines in items:
                self._line.write(lines)
            self._complained = False
            return True
        except TROUBLE as error:
            if not self._complained:
                log.warning("the signal board at %s is not there: %s · 信号板未连接", self.port, error)
                self._complained = True
            self._hang_up()
            return False

    def _open(self) -> Any:
        import serial

        return serial.Serial(self.port, self._baudrate, timeout=0, write_timeout=BOARD_WRITE_S, exclusive=True)

    def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            try:
                line.close()
            except TROUBLE as error:
                log.info("closing %s: %s", self.port, error)


def _line(*words: str) -> bytes:
    """One line; what would break it up becomes a space."""
    text = " ".join(words)
    return "".join(letter if letter.isprintable() else " " for letter in text).encode() + b"\r\n"
