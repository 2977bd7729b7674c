"""One run of the world: a seed, its days, its verdict, and the story to replay it by."""

import logging
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.world.branch import Branch
from tests.world.clinic import Clinic
from tests.world.market import Market
from tests.world.town import Town
from tests.world.violation import Violation
from tests.world.world import Faults, World


class Place(NamedTuple):
    """A kind of world, and what is counted there: what comes, and what ends well."""

    kind: Callable[[int, Faults | None], World]
    comings: str
    ends: str


STORY_SHOWN = 25
CRASH = "no crash"
"""The promise that only a crash breaks: to crash is no sign that a checker sees what a wrong program does."""

PLACES = {
    "buses": Place(Town, "presentations of a card", "debits"),
    "clinic": Place(Clinic, "visits of a patient", "receipts"),
    "market": Place(Market, "deals at a till", "loads"),
    "library": Place(Branch, "acts at a desk", "loans"),
}


class Verdict(NamedTuple):
    """What a run came to. `violation` None: every promise held. `story`: its last lines, and how to replay it.

    `taps`: what came, `debits`: what ended well, as PLACES says.
    """

    seed: int
    days: int
    violation: Violation | None
    story: list[str]
    taps: int
    debits: int
    cuts: Counter[str]


def play(
    seed: int,
    days: int,
    faults: Faults | None = None,
    each_day: Callable[[], None] = lambda: None,
    place: str = "buses",
) -> Verdict:
    """Run the world of `seed` for `days` at one of PLACES, settle it and compare its books."""
    with quiet():
        world = PLACES[place].kind(seed, faults)
        violation = None
        try:
            for _ in range(days):
                world.day()
                each_day()
            world.settle()
        except Violation as broken:
            violation = broken
        except Exception as crash:  # nothing of the product may end like this
            place_of_it = traceback.extract_tb(crash.__traceback__)[-1]
            told = f"{type(crash).__name__}: {crash} ({Path(place_of_it.filename).name}, line {place_of_it.lineno})"
            violation = Violation(CRASH, told)
        finally:
            world.close()
    where = "" if place == "buses" else f" --place {place}"
    story = [*world.story[-STORY_SHOWN:], f"replay: python -m tests.world{where} --seed {seed} --days {days}"]
    return Verdict(seed, days, violation, story, world.taps, world.ended_well(), world.cuts)


@contextmanager
def quiet() -> Iterator[None]:
    """The product's log is silent: a world has thousands of troubles that it is made for."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
