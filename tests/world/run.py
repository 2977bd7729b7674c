"""One run of the world: a seed, its days, its verdict, and the story to replay it by."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.world.books import settle
from tests.world.town import Town
from tests.world.violation import Violation
from tests.world.world import Faults

STORY_SHOWN = 25


class Verdict(NamedTuple):
    """What a run came to. `violation` None: every promise held. `story`: its last lines, and how to replay it."""

    seed: int
    days: int
    violation: Violation | None
    story: list[str]
    taps: int
    debits: int
    cuts: Counter[str]


def play(
    seed: int, days: int, faults: Faults | None = None, each_day: Callable[[], None] = lambda: None
) -> Verdict:
    """Run the world of `seed` for `days`, settle it and compare its books."""
    with quiet():
        town = Town(seed, faults)
        violation = None
        try:
            for _ in range(days):
                town.day()
                each_day()
            settle(town)
        except Violation as broken:
            violation = broken
        finally:
            town.close()
    story = [*town.story[-STORY_SHOWN:], f"replay: python -m tests.world --seed {seed} --days {days}"]
    return Verdict(seed, days, violation, story, town.taps, len(town.debits), town.cuts)


@contextmanager
def quiet() -> Iterator[None]:
    """The product's log is silent: a world has thousands of troubles that it is made for."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
