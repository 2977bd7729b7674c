"""A training for the pages' tests: its fixtures, a browser at its desks, and what is in its journal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from apdu.virtual.timing import NO_DELAY
from sync.record import decode
from terminal.faces.web.page import Role
from terminal.training.build import PASSWORD, PEOPLE, Training, start
from tests.web.browser import Browser, browser
from tests.web.served import Client

CLERK = PEOPLE[Role.CLERK]


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Training]:
    made = start(tmp_path / "training", 0, NO_DELAY)
    assert made.built.face.ready.wait(15)
    yield made
    made.close()


@pytest.fixture
def client(training: Training) -> Client:
    return Client(training.built.face.port).log_in_as(CLERK, PASSWORD)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as made:
        yield made


def opened(chromium: Browser, training: Training, page: str) -> Browser:
    """A clerk logs in anew and opens a page."""
    address = training.built.address
    chromium.open(f"{address}/login")
    chromium.run("sessionStorage.clear(); localStorage.clear()")
    chromium.driver.delete_all_cookies()
    chromium.log_in(address, CLERK, PASSWORD)
    chromium.open(f"{address}/{page}")
    return chromium


def keys(desk: Browser, *typed: str) -> None:
    """Into whatever has the focus, as a scanner does."""
    for one in typed:
        desk.driver.switch_to.active_element.send_keys(one)


def events(training: Training, kind: type) -> list[object]:
    rows = training.built.house.journal.rows(0, 10_000, 10**8)
    return [event for row in rows if isinstance(event := decode(row.raw).event, kind)]
