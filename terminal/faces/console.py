"""The passenger's view in a terminal: the whole screen where there is one, a line for each event where there is not."""

import logging
import os
import sys
import threading
from collections.abc import Sequence
from time import monotonic
from typing import TextIO

from terminal.drivers.latest import Latest
from terminal.faces import words
from terminal.faces.limits import CONSOLE_CLOSE_S, CONSOLE_MAIL, SIGNAL_HOLD_S
from terminal.mode import Mode
from terminal.ports import Signal, Status

log = logging.getLogger(__name__)

SERVING = Mode.SERVING.value


class Console:
    """Fits `terminal.ports.Face`. Draws in a thread of its own, so that neither drawing nor a stuck pipe delays a tap.

    A signal stays until the next one, at least `SIGNAL_HOLD_S` after its card has gone. While a card is served nothing
    is drawn: the tap has the processor. A console that breaks goes silent and says so once in the log.
    """

    def __init__(
        self, languages: Sequence[str] = ("zh", "en"), stream: TextIO | None = None, full_screen: bool | None = None
    ) -> None:
        """`full_screen` None: where `stream` (standard output) is a terminal that can draw."""
        self._languages = tuple(languages)
        self._stream = stream or sys.stdout
        draws = self._stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._full_screen = draws if full_screen is None else full_screen
        self._mail: Latest[Signal | Status] = Latest(CONSOLE_MAIL)
        self._thread = threading.Thread(target=self._work, name="console", daemon=True)
        self._thread.start()

    def show(self, signal: Signal) -> None:
        """Show a signal."""
        self._mail.put(signal)

    def idle(self, status: Status) -> None:
        """Show the device's state."""
        self._mail.put(status)

    def lag_s(self) -> float:
        """Seconds for which its thread has been busy with one piece of work."""
        return self._mail.lag_s()

    def close(self) -> None:
        """Give the screen back."""
        self._mail.close()
        self._thread.join(CONSOLE_CLOSE_S)

    def _work(self) -> None:
        try:
            if self._full_screen:
                self._draw()
            else:
                self._write()
        except Exception as trouble:  # whatever breaks a screen, taps go on
            log.warning("the console is silent from now on: %s · 控制台停止显示", trouble)

    def _write(self) -> None:
        said = ""
        while not self._mail.closed or self._mail.waiting:
            for item in self._mail.take():
                if isinstance(item, Signal):
                    self._line(words.signal_line(item, self._languages))
                elif item.mode != SERVING and item.mode + item.zh != said:
                    said = item.mode + item.zh
                    self._line(words.status_line(item, self._languages[0]))

    def _line(self, text: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        self._stream.flush()

    def _draw(self) -> None:
        from terminal.faces.screen import Screen  # rich takes its time; a device without a screen never loads it

        signal: Signal | None = None
        status: Status | None = None
        drawn: tuple[Signal | None, Status | None] | None = None
        until = 0.0
        with Screen(self._stream, self._languages) as screen:
            while not self._mail.closed or self._mail.waiting:
                items = self._mail.take(max(0.0, until - monotonic()) if signal is not None else None)
                tapped = False
                for item in items:
                    if isinstance(item, Signal):
                        signal, until, tapped = item, monotonic() + SIGNAL_HOLD_S, True
                    else:
                        status = item
                if monotonic() >= until:
                    signal = None
                serving = status is not None and status.mode == SERVING and not tapped
                if not serving and (signal, status) != drawn:
                    drawn = (signal, status)
                    screen.draw(signal, status)
