"""The web face beside the loop: a mailbox that the tap fills, a thread that empties it, a thread that serves.

Nothing of the server is imported or done on the tap's path: a signal costs the tap one place in a mailbox.
"""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from sync.errors import JournalError
from terminal.drivers.latest import Latest
from terminal.faces.limits import CONSOLE_MAIL
from terminal.faces.web.limits import RETRY_S, STATUS_S, STOP_S
from terminal.mode import Mode
from terminal.ports import Signal, Status

if TYPE_CHECKING:
    from terminal.faces.web.page import House
    from terminal.faces.web.server import Served
    from terminal.faces.web.site import Site
    from terminal.faces.web.state import State

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
"""Never another: browsers reach 0.0.0.0 as this machine, and a network would reach it too."""


class WebFace:
    """Fits `terminal.ports.Face`. Serves from `open` on; a port that is taken is tried again until it is free."""

    def __init__(self, port: int) -> None:
        """`port` 0 takes a free one, which `port` names once `ready` is set (for tests)."""
        self.port = port
        self.ready = threading.Event()
        self._mail: Latest[Signal | Status] = Latest(CONSOLE_MAIL)
        self._stop = threading.Event()
        self._make: Callable[[], House] | None = None
        self._house: House | None = None
        self._status: Status | None = None
        self._served: Served | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads = [
            threading.Thread(target=self._serve, name="web", daemon=True),
            threading.Thread(target=self._pass_on, name="web-mail", daemon=True),
        ]

    @property
    def site(self) -> "Site | None":
        """What is served, None before."""
        return self._served.site if self._served is not None else None

    def open(self, house: Callable[[], "House"]) -> None:
        """Begin to serve `house`, which is made in the face's own thread; returns at once."""
        self._make = house
        for thread in self._threads:
            thread.start()

    def show(self, signal: Signal) -> None:
        """To every page that listens."""
        self._mail.put(signal)

    def idle(self, status: Status) -> None:
        """To every page that listens, and kept for those that ask."""
        self._mail.put(status)

    def lag_s(self) -> float:
        """Seconds for which the mail has not been looked for."""
        return self._mail.lag_s()

    def close(self) -> None:
        """Stop serving."""
        self._stop.set()
        self._mail.close()
        if self._loop is not None and self._served is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._served.stop)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(STOP_S)

    # --- the mail's thread

    def _pass_on(self) -> None:
        from terminal.faces.web.stream import event

        while not self._mail.closed:
            items = self._mail.take(STATUS_S)
            if not items and self._house is not None:
                items = [self._asked(self._house)]  # no loop tells it here
            for item in items:
                if isinstance(item, Status):
                    self._status = item
            served, loop = self._served, self._loop
            if not items or served is None or loop is None or not served.stream.heard:
                continue
            said = b""
            for item in items:
                if isinstance(item, Signal):
                    said += event("signal", msgspec.json.encode(item))
                else:
                    said += event("status", msgspec.json.encode(self._state()))
            try:
                loop.call_soon_threadsafe(served.stream.publish, said)
            except RuntimeError:
                return  # the loop is closed, and so is the device

    def _asked(self, house: "House") -> Status:
        """The state as of now; a journal that cannot be read is a state, too, and must not end this thread."""
        try:
            return house.status()
        except JournalError as trouble:
            number = house.configuration.terminal.number
            return Status(Mode.CLOSED.value, "交易日志无法读取", f"the journal cannot be read: {trouble}", number)

    def _state(self) -> "State":
        from terminal.faces.web.state import state

        assert self._house is not None
        status = self._status if self._status is not None else self._asked(self._house)
        return state(status, self._house.clock.read())

    # --- the server's thread

    def _serve(self) -> None:
        told = ""
        while not self._stop.is_set():
            try:
                asyncio.run(self._once())
                return
            except Exception as trouble:  # taps go on without pages
                if told != (told := str(trouble)):
                    log.error("no pages on port %s, tried again: %s · 网页打不开，继续重试", self.port, trouble)
            self._stop.wait(RETRY_S)

    async def _once(self) -> None:
        from terminal.faces.web.server import Served

        assert self._make is not None
        if self._house is None:
            self._house = self._make()
        # named as TCP, or asyncio leaves Nagle on and each answer waits 40 ms for the delayed acknowledgement
        with socket.socket(proto=socket.IPPROTO_TCP) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((HOST, self.port))
            self.port = listening.getsockname()[1]
            self._served, self._loop = Served(self._house, self.port, self._state), asyncio.get_running_loop()
            listening.listen(128)
            log.info("pages on http://%s:%s · 网页已打开", HOST, self.port)
            self.ready.set()
            if not self._stop.is_set():
                await self._served.run(listening)
