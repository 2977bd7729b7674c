"""A serial line that is only read: whole lines of text, whatever arrives between them, unplugged and back."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from terminal.drivers.limits import INLET_READ_S, LINE_OPEN_S
from terminal.drivers.outlet import TROUBLE, hang_up, open_line

log = logging.getLogger(__name__)

T = TypeVar("T")


class Inlet:
    """Calls `heard` for each line (without its CR or LF) from its own thread. A line that is too long is dropped.

    `silence_s`: a rest without an end that got no more bytes for so long is dropped; 0: it is kept. `is_open` tells
    whether the device is there now; `plugged` hears each change of it.
    """

    def __init__(
        self,
        port: str,
        baudrate: int,
        heard: Callable[[bytes], None],
        most: int,
        silence_s: float,
        zh: str,
        en: str,
        plugged: Callable[[bool], None] = lambda there: None,
    ) -> None:
        self.port = port
        self.is_open = False
        self._baudrate, self._heard, self._plugged = baudrate, heard, plugged
        self._most, self._silence_s = most, silence_s
        self._zh, self._en = zh, en
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"{en} {port}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join(LINE_OPEN_S + INLET_READ_S)

    def _work(self) -> None:
        complained = False
        while not self._stop.is_set():
            line: Any = None
            try:
                line = open_line(self.port, self._baudrate, INLET_READ_S)
                complained = False
                self._is(True)
                self._read(line)
            except TROUBLE as error:
                if not complained:
                    log.warning("the %s at %s is not there: %s · %s未连接", self._en, self.port, error, self._zh)
                    complained = True
                self._stop.wait(LINE_OPEN_S)
            finally:
                self._is(False)
                hang_up(line, self.port)

    def _is(self, there: bool) -> None:
        if there != self.is_open:
            self.is_open = there
            self._plugged(there)

    def _read(self, line: Any) -> None:
        rest = b""
        last = time.monotonic()
        while not self._stop.is_set():
            data = line.read(max(1, min(line.in_waiting, 4096)))
            now = time.monotonic()
            if rest and self._silence_s and now - last > self._silence_s:
                rest = b""
            if not data:
                continue
            last = now
            *whole, rest = (rest + data).replace(b"\n", b"\r").split(b"\r")
            for one in whole:
                if one and len(one) <= self._most:
                    self._heard(one)
            rest = rest[-self._most - 1 :]  # an endless line stays too long to be one


class LastWord(Generic[T]):
    """A device whose last word counts, and how old it is: asked when a tap needs it. `read` gives None for no word."""

    def __init__(
        self,
        port: str,
        baudrate: int,
        read: Callable[[bytes], T | None],
        most: int,
        silence_s: float,
        zh: str,
        en: str,
        mono: Callable[[], float],
    ) -> None:
        self._read, self._mono = read, mono
        self._word: tuple[float, T] | None = None
        self._inlet = Inlet(port, baudrate, self._heard, most, silence_s, zh, en)

    @property
    def is_open(self) -> bool:
        """Whether the device is plugged in."""
        return self._inlet.is_open

    def close(self) -> None:
        """Stop listening."""
        self._inlet.close()

    def last(self) -> tuple[T | None, float]:
        """The last word, and how many seconds ago it came; None before the first."""
        word = self._word
        return (None, 0.0) if word is None else (word[1], self._mono() - word[0])

    def _heard(self, raw: bytes) -> None:
        word = self._read(raw)
        if word is not None:
            self._word = (self._mono(), word)
