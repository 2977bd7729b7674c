"""A city on one machine: collectors in processes of their own behind one socket, and the bookkeeper beside them."""

import gc
import socket
import threading
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psycopg
from starlette.applications import Starlette
from uvicorn.supervisors import Multiprocess

from sync.backend.app import app_over
from sync.backend.clock import now
from sync.backend.door import Door, served
from sync.backend.hospital import Hospital, read_hospital
from sync.backend.keys import Masters
from sync.backend.lender import lender_of
from sync.backend.masters import read_masters
from sync.backend.operator import Operator
from sync.backend.postgres import schema
from sync.backend.postgres.bookkeeper import Bookkeeper
from sync.backend.postgres.service import City


class Plan(NamedTuple):
    """What each process is told: the database's connection string, the files of keys and policy, versions to tell,
    the directory of the operator's secrets, who may speak, the simulated bank's place."""

    line: str
    keys: Path
    personal: Path | None = None
    policy: Path | None = None
    versions: tuple[tuple[str, str], ...] = ()
    operator: Path | None = None
    door: Door | None = None
    bank: str | None = None

    def city(self) -> City:
        """A connected city. Raises BadKeys, BadVault, OSError, PackFaults, Unavailable."""
        city = City(self.line, now, dict(self.versions), self.hospital())
        lender = lender_of(self.masters(), self.bank)
        if lender is not None:
            city.lend(lender)
        return city

    def hospital(self) -> Hospital | None:
        """What bills are settled with. Raises BadVault, OSError, PackFaults."""
        return read_hospital(self.personal, self.policy) if self.personal and self.policy else None

    def masters(self) -> Masters:
        """The TAC keys. Raises BadKeys."""
        return read_masters(self.keys)


def create_tables(line: str, partitions: int = schema.PARTITIONS) -> None:
    """Create the city's tables where they are missing. Raises psycopg.Error."""
    with psycopg.connect(line) as link:
        schema.create(link, partitions)


def collector(plan: Plan) -> Starlette:
    """The application of one collector process."""
    operator = Operator(plan.operator) if plan.operator else None
    app = app_over(plan.city(), now, operator, plan.door.gate(now) if plan.door else None)
    collect_rarely()
    return app


def collect_rarely() -> None:
    """Look for reference cycles once in a commit's worth of rows: rows have none, and there are thousands at once."""
    gc.collect()
    gc.freeze()  # what is there now stays
    gc.set_threshold(100_000, 10, 10)


def serve(plan: Plan, listening: socket.socket, workers: int, keeps_books: bool) -> None:
    """Serve until a signal ends it; a collector that dies is started anew."""
    stop = threading.Event()
    books = threading.Thread(target=keep_books, args=(plan, stop), name="books", daemon=True)
    if keeps_books:
        books.start()
    config = served(partial(collector, plan), plan.door, factory=True, workers=workers)
    try:
        Multiprocess(config, [listening]).run()
    finally:
        stop.set()
        if keeps_books:
            books.join(10)


def keep_books(plan: Plan, stop: threading.Event) -> None:
    """Keep the books of the city until told to stop. Raises BadKeys, BadVault, OSError, PackFaults."""
    city = plan.city()
    city.custody = plan.door.custody() if plan.door else None
    try:
        Bookkeeper(city, plan.masters(), now, city.hospital).keep(stop)
    finally:
        city.close()
