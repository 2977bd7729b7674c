"""A serial line that is only written to: the newest word counts, and whoever hangs or was unplugged delays nobody."""

import logging
import termios
import threading
from typing import Any

from terminal.drivers.latest import Latest
from terminal.drivers.limits import LINE_OPEN_S, LINE_WRITE_S

log = logging.getLogger(__name__)

TROUBLE = (OSError, termios.error, ValueError)  # SerialException is an OSError; a line that hung up gives the second


def open_line(port: str, baudrate: int, timeout_s: float = 0) -> Any:
    """The serial port, ours alone, with a bound on every write. Raises one of TROUBLE."""
    import serial

    return serial.Serial(port, baudrate, timeout=timeout_s, write_timeout=LINE_WRITE_S, exclusive=True)


def hang_up(line: Any, port: str) -> None:
    """Close a line, whatever became of it."""
    if line is not None:
        try:
            line.close()
        except TROUBLE as error:
            log.info("closing %s: %s", port, error)


class Outlet:
    """The line at `port`. Only its own thread touches it; one that is lost is opened again once a second."""

    def __init__(self, port: str, baudrate: int, size: int, zh: str, en: str) -> None:
        self.port = port
        self._baudrate = baudrate
        self._zh, self._en = zh, en
        self._mail: Latest[bytes] = Latest(size)
        self._line: Any = None
        self._complained = False
        self._thread = threading.Thread(target=self._work, name=f"{en} {port}", daemon=True)
        self._thread.start()

    def put(self, data: bytes) -> None:
        """Leave bytes to be written; when too many wait the oldest are lost. Never waits."""
        self._mail.put(data)

    def lag_s(self) -> float:
        """Seconds for which its thread has been busy with one piece of work."""
        return self._mail.lag_s()

    def close(self, last: bytes = b"") -> None:
        """Write `last` if the line takes it, and close."""
        self._mail.put(last)
        self._mail.close()
        self._thread.join(LINE_OPEN_S + LINE_WRITE_S)

    def _work(self) -> None:
        pending: list[bytes] = []
        while not self._mail.closed or self._mail.waiting:
            pending = self._mail.take(LINE_OPEN_S if pending else None) or pending
            if pending and self._written(pending):
                pending = []
            pending = pending[-1:]  # when a lost line is back, only the newest word is still true
        hang_up(self._line, self.port)

    def _written(self, items: list[bytes]) -> bool:
        try:
            if self._line is None:
                self._line = open_line(self.port, self._baudrate)
            for data in items:
                self._line.write(data)
            self._complained = False
            return True
        except TROUBLE as error:
            if not self._complained:
                log.warning("the %s at %s is not there: %s · %s未连接", self._en, self.port, error, self._zh)
                self._complained = True
            hang_up(self._line, self.port)
            self._line = None
            return False
