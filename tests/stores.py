"""The backend over each of its stores, for tests that hold for both: fixture `backend`, its parameter `store`."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sync.backend.database import TABLES
from sync.backend.hospital import Hospital
from sync.backend.postgres import schema
from sync.backend.postgres.bookkeeper import Bookkeeper
from sync.backend.postgres.service import City
from sync.backend.service import Backend, Service
from sync.backend.store import Database
from tests.postgres import cluster
from tests.serving import KEYS, NOW

VERSIONS = {"hot_list": "7"}


class KeptCity(City):
    """A city whose bookkeeper has always been just before somebody looks."""

    def __init__(self, line: str, **told: Any) -> None:
        super().__init__(line, lambda: NOW, **told)
        self._bookkeeper = Bookkeeper(self, KEYS, lambda: NOW, self.hospital)
        self._is_entering = False

    def transaction(self) -> AbstractContextManager[Database]:
        """The books, kept."""
        if not self._is_entering:
            self._is_entering = True
            try:
                self._bookkeeper.catch_up()
            finally:
                self._is_entering = False
        return super().transaction()

    def question(self) -> AbstractContextManager[Database]:
        """The books, kept."""
        return self.transaction()


@contextmanager
def city_database() -> Iterator[str]:
    """The connection string of a database with a city's tables, in a cluster of its own."""
    with cluster() as running:
        with psycopg.connect(running.line("postgres"), autocommit=True) as link:
            link.execute("create database city")
        with psycopg.connect(running.line("city")) as link:
            schema.create(link)
        yield running.line("city")


def empty(line: str) -> str:
    """The database of `line` with nothing in its tables."""
    with psycopg.connect(line) as link:
        for name in (*(name for name in TABLES if name != "row"), "entered", "fresh_row", "old_row"):
            link.execute(f'delete from "{name}"'.encode())
    return line


@contextmanager
def opened(store: str, directory: Path, line: str, hospital: Hospital | None = None) -> Iterator[Service]:
    """A backend over the store in the directory, or at the end of the line."""
    made: Service
    if store == "sqlite":
        made = Backend(directory, KEYS, lambda: NOW, VERSIONS, hospital)
    else:
        made = KeptCity(line, versions=VERSIONS, hospital=hospital)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> str:
    """The store's name."""
    return str(request.param)


@pytest.fixture
def backend(store: str, tmp_path: Path, city_line: str) -> Iterator[Service]:
    """A backend over a fresh store."""
    with opened(store, tmp_path / "backend", empty(city_line)) as made:
        yield made
