"""The hot list: the cards that must not pay, asked in about a microsecond.

A card number (20 digits: city 4, serial 16) does not fit into 64 bits; its serial with the level does: the entries of
each city lie in a sorted array of 8 bytes each. An index over the leading bits leaves a few of them to search: a
look-up waits for two places in memory. The arrays may lie in memory or in a mapped file (config/hotmap.py). No filter
stands in front: a false hit would turn an honest rider away. Whole ranges of numbers stand beside the cards. Source:
docs/hotlist.md.
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
LEVEL_BITS = 8
LEVEL_MASK = 0xFF
ROUND_BITS = 6
NEAR = 64
"""Most buckets begin within so many entries of the one before."""


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
    """One city's cards: sorted entries (`serial << LEVEL_BITS | level`), and the index.

    `starts[b]` is the place of the first entry whose serial's bits above `shift`, counted from `base`, are not below b;
    no serial is below `base`, and `last` is the last one.
    """

    base: int
    last: int
    shift: int
    starts: Sequence[int]
    entries: Sequence[int]

    @classmethod
    def of(cls, cards: Iterable[tuple[int, int]]) -> "City":
        """From (serial, level), each serial once, at least one."""
        return cls.indexed(array("Q", sorted(entry(serial, level) for serial, level in cards)))

    @classmethod
    def indexed(cls, entries: Sequence[int]) -> "City":
        """From sorted entries, at least one."""
        base, last, shift, buckets = spread(entries[0] >> LEVEL_BITS, entries[-1] >> LEVEL_BITS, len(entries))
        return cls(base, last, shift, array("I", index(entries, base, shift, buckets)), entries)


def entry(serial: int, level: int) -> int:
    """A card in 64 bits: its serial (16 digits) above its level 0..99."""
    return serial << LEVEL_BITS | level


def spread(first: int, last: int, count: int) -> tuple[int, int, int, int]:
    """How `count` sorted serials are indexed: the base, the last, the bits below a bucket, the number of buckets.

    Base and end are round numbers, so that a list which loses its first card keeps its index.
    """
    shift = max(0, (last - first).bit_length() - _index_bits(count))
    round_ = _round(shift, count)
    base = first >> round_ << round_
    return base, last, shift, buckets_of(base, last, shift, count)


def buckets_of(base: int, last: int, shift: int, count: int) -> int:
    """The number of buckets of an index."""
    round_ = _round(shift, count)
    return ((last >> round_) + 1 << round_) - base >> shift


def _index_bits(count: int) -> int:
    return min(count.bit_length(), HOT_LIST_INDEX_BITS)


def _round(shift: int, count: int) -> int:
    return shift + max(0, _index_bits(count) - ROUND_BITS)


def index(entries: Sequence[int], base: int, shift: int, buckets: int) -> Iterator[int]:
    """Where each bucket starts, and behind the last one their end."""
    place, end = 0, len(entries)
    for bucket in range(buckets + 1):
        border = entry(base + (bucket << shift), 0)
        near = min(place + NEAR, end)
        if near == end or entries[near] >= border:
            place = bisect_left(entries, border, place, near)
        else:
            place = bisect_left(entries, border, near)
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
        self.count = sum(len(city.entries) for city in cities.values())

    def level(self, number20: str) -> int | None:
        """The level under which the card (20 digits) is listed, None when it is not. Its own entry before a range's."""
        city = self.cities.get(number20[:CITY_DIGITS])
        if city is not None:
            base, last, shift, starts, entries = city
            try:
                serial = int(number20[CITY_DIGITS:])
            except ValueError:
                return None
            if base <= serial <= last:
                bucket = (serial - base) >> shift
                found = entries[bisect_left(entries, serial << LEVEL_BITS, starts[bucket], starts[bucket + 1])]
                if found >> LEVEL_BITS == serial and _is_number(number20):  # only a hit pays for the strict look
                    return found & LEVEL_MASK
        return self._in_a_range(number20) if self._lows and _is_number(number20) else None

    def _in_a_range(self, number20: str) -> int | None:
        place = bisect_right(self._lows, number20) - 1
        found = self.ranges[place] if place >= 0 else None
        return found.level if found is not None and number20 <= found.high else None

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Every card that has an entry of its own and its level, in the order of the numbers."""
        for name, city in self.cities.items():
            for found in city.entries:
                yield f"{name}{found >> LEVEL_BITS:0{SERIAL_DIGITS}d}", found & LEVEL_MASK

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
