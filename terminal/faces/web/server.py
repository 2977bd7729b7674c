"""The server behind the web face: pages, guard, accounts and operations put together, and uvicorn on its own loop."""

import logging
import socket
from asyncio import TimerHandle, Transport
from collections.abc import Callable
from dataclasses import replace

from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from terminal.faces.web import limits
from terminal.faces.web.accounts import Accounts
from terminal.faces.web.acting import Acting
from terminal.faces.web.guard import Guard
from terminal.faces.web.logbook import Logbook
from terminal.faces.web.login import LogInPage
from terminal.faces.web.operations import Operations
from terminal.faces.web.page import House
from terminal.faces.web.pages import pages
from terminal.faces.web.sessions import Sessions
from terminal.faces.web.site import Site
from terminal.faces.web.state import State
from terminal.faces.web.stream import Stream

CONNECTIONS_MAX = 64
"""At once: some pages with six connections each, and programs. More wait or are turned away."""


class Punctual(H11Protocol):
    """uvicorn's HTTP/1.1 that hangs up on whoever does not send a whole request in time: places are few.

    uvicorn itself waits for ever. Between two requests of one connection its own, shorter patience holds.
    """

    _look: TimerHandle

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """See asyncio."""
        super().connection_made(transport)
        self._look_later(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._look.cancel()
        super().connection_lost(exc)

    def _look_later(self, seen: object) -> None:
        self._look = self.loop.call_later(limits.REQUEST_S, self._hang_up_if_late, seen)

    def _hang_up_if_late(self, seen: object) -> None:
        """Unless a whole request is being answered, or one has come since it was `seen` that there was none."""
        cycle = self.cycle
        answering = cycle is not None and not cycle.more_body and not cycle.response_complete
        if not answering and cycle is seen:
            self.transport.close()
        else:
            self._look_later(None if answering else cycle)


class Served:
    """All that serves one device's pages; made and run in the web thread."""

    def __init__(self, house: House, port: int, state: Callable[[], State]) -> None:
        """Raises apsw.Error when the data directory cannot be written."""
        self.stream = Stream()
        self._logbook = Logbook()
        house = replace(house, log=self._logbook.lines)
        self._operations = Operations(house.data)
        found = list(pages(house))
        acting = Acting(house, self._operations, [act for page in found for act in page.acts])
        accounts = Accounts(house.data)
        sessions = Sessions(accounts.standing)
        log_in = LogInPage(accounts, sessions, acting, f"smk-{port}")
        is_training = house.place is not None and house.place.training
        log_in.site = self.site = Site(found, acting, self.stream, state, log_in.routes(), is_training)
        guard = Guard(self.site.app, port, log_in.cookie, accounts, sessions)
        self._server = Server(
            Config(
                guard,
                http=Punctual,
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=CONNECTIONS_MAX,
                timeout_graceful_shutdown=int(limits.STOP_S),
            )
        )

    async def run(self, listening: socket.socket) -> None:
        """Serve until `stop`."""
        logging.getLogger().addHandler(self._logbook)
        try:
            await self._server.serve(sockets=[listening])
        finally:
            logging.getLogger().removeHandler(self._logbook)
            self._operations.close()

    def stop(self) -> None:
        """On the loop: end the streams, then the server."""
        self._server.should_exit = True
        self.stream.close()
