"""Tables in force from a date until the next edition; a tap is looked up by its own day, so a late one is right."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date
from typing import Generic, TypeVar

T = TypeVar("T")


class Dated(Generic[T]):
    """Editions of one thing, each in force from its day (included) until the day before the next one's."""

    __slots__ = ("days", "editions")

    def __init__(self, editions: Iterable[tuple[date, T]]) -> None:
        """`editions` in any order. Raises ValueError when two take force on the same day."""
        ordered = sorted(editions, key=lambda edition: edition[0])
        self.days = tuple(day for day, _ in ordered)
        self.editions = tuple(edition for _, edition in ordered)
        if len(set(self.days)) != len(self.days):
            raise ValueError("two editions take force on the same day")

    def at(self, day: date) -> T | None:
        """The edition in force on `day`; None before the first one."""
        place = bisect_right(self.days, day)
        return self.editions[place - 1] if place else None
