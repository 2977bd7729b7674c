"""kill -9 of the journal's process, at any moment of a tap."""

import random
from collections.abc import Generator
from itertools import count
from pathlib import Path

from tests.proof.writer import Book, end

LIVES = 100
"""Kills before a new journal: long enough for checkpoints, short enough to be read whole each time."""


def kills(folder: Path, seed: int) -> Generator[int, None, None]:
    """Kill without end; the rows of the current journal after each kill. Raises AssertionError at a violation."""
    chance = random.Random(seed)
    for number in count():
        place = folder / f"journal-{number}"
        place.mkdir()
        book = Book(place, folder / "notes")
        for _ in range(LIVES):
            child = book.start(chance.getrandbits(32))
            book.wait(chance)
            end(child)
            book.check()
            yield len(book.rows)
        for path in place.iterdir():
            path.unlink()
