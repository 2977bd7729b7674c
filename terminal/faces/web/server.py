"""The server behind the web face: pages, guard, accounts and operations put together, and uvicorn on its own loop."""

import logging
import socket
from collections.abc import Callable
from dataclasses import replace

from uvicorn import Config, Server

from terminal.faces.web.accounts import Accounts
from terminal.faces.web.acting import Acting
from terminal.faces.web.guard import Guard
from terminal.faces.web.limits import STOP_S
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
                http="h11",
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=CONNECTIONS_MAX,
                timeout_graceful_shutdown=int(STOP_S),
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
