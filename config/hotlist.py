"""The hot list: the cards that must not pay, asked in under a microsecond.

A card number (20 digits: city 4, serial 16) does not fit into 64 bits, its serial does: the serials of each city lie in
a sorted array of 8 bytes an entry. An index over the leading bits leaves a few of them to search. The arrays may lie in
memory or in a mapped file (config/hotmap.py). No filter stands in front: a false hit would turn an honest rider away.
Whole ranges of numbers stand beside the cards. Source: docs/hotlist.md.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from config.limits import HOT_LIST_INDEX_BITS

CITY_DIGITS = 4
NUMBER_DIGITS = 20
SERIAL_DIGITS = NUMBER_DIGITS - CITY_DIGITS


class Version(NamedTuple):
    """A list's version: the issuer's day, and how many deltas have changed it since."""

    day: date
    revision: int = 0

    def __str__(self) -> str:
        return f"{self.day:%Y%m%d}" + (f".{self.revision}" if self.revision else "")


class Range(NamedTuple):
    """All cards from `low` to `high` (20 digits, both included) under `level` 0..99."""

    low: str
    high: str
    level: int


class City(NamedTuple):
    """One city's cards: sorted serials, the level of each at the same place, and the index.

    `starts[b]` is the place of the first serial whose bits above `shift`, counted from `first`, are not below b.
    """

    first: int
    last: int
    shift: int
    starts: Sequence[int]
    serials: Sequence[int]
    levels: Sequence[int]

    @classmethod
    def of(cls, cards: list[tuple[int, int]]) -> "City":
        """From (serial, level), each serial once."""
        cards.sort()
        serials = array("Q", (serial for serial, _ in cards))
        return cls.indexed(serials, bytes(level for _, level in cards))

    @classmethod
    def indexed(cls, serials: Sequence[int], levels: Sequence[int]) -> "City":
        """From sorted serials and their levels, at least one."""
        first, last, shift, buckets = spread(serials[0], serials[-1], len(serials))
        return cls(first, last, shift, array("I", index(serials, first, shift, buckets)), serials, levels)


def spread(first: int, last: int, count: int) -> tuple[int, int, int, int]:
    """How `count` sorted serials are indexed: the first, the last, the bits below a bucket, the number of buckets."""
    bits = min(count.bit_length(), HOT_LIST_INDEX_BITS)
    shift = max(0, (last - first).bit_length() - bits)
    return first, last, shift, ((last - first) >> shift) + 1


def index(serials: Sequence[int], first: int, shift: int, buckets: int) -> Iterator[int]:
    """Where each bucket starts, and behind the last one their end."""
    place = 0
    for bucket in range(buckets + 1):
        place = bisect_left(serials, first + (bucket << shift), place)
        yield place


def _is_number(text: str) -> bool:
    return len(text) == NUMBER_DIGITS and text.isascii() and text.isdigit()


class HotList:
    """The cards that must not pay. Immutable; a new list is a new object."""

    __slots__ = ("_lows", "cities", "count", "date", "ranges", "stamp", "version")

    def __init__(self, day: date, entries: Iterable[tuple[str, int]], ranges: Iterable[Range] = ()) -> None:
        """`entries`: card number (20 digits) and level 0..99, each card once, in any order; `ranges` do not overlap."""
        cities: dict[str, list[tuple[int, int]]] = {}
        for number, level in entries:
            cities.setdefault(number[:CITY_DIGITS], []).append((int(number[CITY_DIGITS:]), level))
        self._set(Version(day), {city: City.of(cards) for city, cards in sorted(cities.items())}, tuple(ranges))

    @classmethod
    def of(cls, stamp: Version, cities: dict[str, City], ranges: Sequence[Range] = ()) -> "HotList":
        """From cities by name, in order, whose arrays may lie anywhere."""
        made = cls.__new__(cls)
        made._set(stamp, cities, tuple(ranges))
        return made

    def _set(self, stamp: Version, cities: dict[str, City], ranges: tuple[Range, ...]) -> None:
        self.stamp = stamp
        self.date = stamp.day
        self.version = str(stamp)
        self.cities = cities
        self.ranges = tuple(sorted(ranges))
        self._lows = [each.low for each in self.ranges]
        self.count = sum(len(city.levels) for city in cities.values())

    def level(self, number20: str) -> int | None:
        """The level under which the card (20 digits) is listed, None when it is not. Its own entry before a range's."""
        city = self.cities.get(number20[:CITY_DIGITS])
        if city is not None:
            first, last, shift, starts, serials, levels = city
            try:
                serial = int(number20[CITY_DIGITS:])
            except ValueError:
                return None
            if first <= serial <= last:
                bucket = (serial - first) >> shift
                place = bisect_left(serials, serial, starts[bucket], starts[bucket + 1])
                if serials[place] == serial and _is_number(number20):  # only a hit pays for the strict look
                    return levels[place]
        return self._in_a_range(number20) if self._lows and _is_number(number20) else None

    def _in_a_range(self, number20: str) -> int | None:
        place = bisect_right(self._lows, number20) - 1
        found = self.ranges[place] if place >= 0 else None
        return found.level if found is not None and number20 <= found.high else None

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Every card that has an entry of its own and its level, in the order of the numbers."""
        for name, city in self.cities.items():
            for serial, level in zip(city.serials, city.levels, strict=True):
                yield f"{name}{serial:0{SERIAL_DIGITS}d}", level

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, HotList)
            and (self.stamp, self.ranges, self.count) == (other.stamp, other.ranges, other.count)
            and all(mine == theirs for mine, theirs in zip(self, other, strict=True))
        )

    def __hash__(self) -> int:
        return hash((self.version, self.count))

    def __repr__(self) -> str:
        return f"HotList({self.version}, {self.count} cards, {len(self.ranges)} ranges)"
