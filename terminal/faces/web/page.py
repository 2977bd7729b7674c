"""What a page of the web face is: its text, what it asks, and the acts that it offers.

A page is one module of `terminal/faces/web/pages` with `page(house) -> Page | None`; there is nothing else to register.
The site makes a route of each part, guards it, describes it in OpenAPI, and gives each act its operation and its row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from config.model import Configuration
from sync.journal import Journal
from sync.worker import Worker
from terminal.loop import Device
from terminal.ports import Clock, Status

if TYPE_CHECKING:
    from terminal.counters.place import Place


class Role(StrEnum):
    """What somebody is at this device."""

    CLERK = "clerk"
    SUPERVISOR = "supervisor"
    TECHNICIAN = "technician"


COUNTER = frozenset({Role.CLERK, Role.SUPERVISOR})
"""Those who serve people."""

STAFF = frozenset(Role)
"""Everybody who can log in."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks: a clerk's work number or a program's name, and the role. `program`: it came with a bearer token."""

    name: str
    role: Role
    program: bool = False


class Refused(Exception):
    """An act that was not done, for a reason that the clerk is told: a word, Chinese, English, each with what to do."""

    def __init__(self, problem: str, zh: str, en: str) -> None:
        super().__init__(problem)
        self.problem, self.zh, self.en = problem, zh, en


def day_of(text: str) -> date:
    """The day of an ISO date that has the right figures. Raises Refused: no calendar has it."""
    try:
        return date.fromisoformat(text)
    except ValueError as wrong:
        raise Refused("bad_day", f"没有 {text} 这一天", f"there is no day {text}") from wrong


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question or an act that needs no words."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question: `GET /api/NAME`. `find` gets who asks and a `query` struct, gives an `answer`, and changes nothing.

    `open`: also for whoever is not logged in. An answer of `bytes` is a zip, saved under the question's name.
    """

    name: str
    zh: str
    en: str
    query: type[msgspec.Struct]
    answer: Any
    find: Callable[[Who | None, Any], Any]
    roles: frozenset[Role] = STAFF
    open: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """An act: `POST /api/NAME` with an operation's name. `do` gets who acts, that name, and a `body` struct.

    `do` raises Refused, or gives an `answer` without personal data, which is kept for whoever lost it. After a crash in
    the middle `recover` finds the answer in what `do` made durable under that name, or None: nothing was done.
    `secret`: members of the body that are kept nowhere, in no digest either, from which a PIN is soon guessed.
    """

    name: str
    zh: str
    en: str
    body: type[msgspec.Struct]
    answer: Any
    do: Callable[[Who, str, Any], Any]
    roles: frozenset[Role]
    recover: Callable[[str], Any] | None = None
    secret: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One page: `GET /NAME`, its text `static/NAME.html` inside the frame of all pages, its script `static/NAME.js`.

    `roles` None: for everybody, and shown without navigation. A page without a title has no text of its own: it only
    brings questions and acts.
    """

    name: str
    zh: str = ""
    en: str = ""
    roles: frozenset[Role] | None = STAFF
    asks: tuple[Ask, ...] = ()
    acts: tuple[Act, ...] = ()


@dataclass(frozen=True, slots=True)
class House:
    """What pages are built upon. `device` None: a counter without a validator; `worker` None: no backend.

    `place` None: no counter. `log`: the program's last lines.
    """

    configuration: Configuration
    journal: Journal
    clock: Clock
    status: Callable[[], Status]
    software: str
    worker: Worker | None = None
    device: Device | None = None
    log: Callable[[], list[str]] = list
    place: "Place | None" = None

    @property
    def data(self) -> Path:
        """The data directory."""
        return Path(self.configuration.terminal.data)

    def wake(self) -> None:
        """A row was written: it may go out."""
        if self.worker is not None:
            self.worker.wake()
