"""The issuer's black list `YYYYMMDD_Black.txt`, exact: parsed whole or not at all, and asked in under a microsecond.

Header: version date N8, count N6. Then one line for each card: card number N20 (city 4, serial 16), level N2. Lines end
in LF CR, CR LF or LF; the issuer's writers use more than one of them. Source: docs/cards.md, "Back-office files".

A card number does not fit into 64 bits, its serial does: the serials of each city lie in a sorted array of 8 bytes an
entry, so that a list of 999,999 cards takes 9 MB. An index over the leading bits leaves a few of them to search.
No filter stands in front: a false hit would turn an honest rider away.
"""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from config.faults import Fault, Faults, shown
from config.limits import FAULTS_MAX, HOT_LIST_BYTES_MAX, HOT_LIST_ENTRIES_MAX, HOT_LIST_LINE_BYTES

HEADER_BYTES = 14
CITY_DIGITS = 4
NUMBER_DIGITS = 20

_LINE_END = re.compile(rb"\r\n|\n\r|\n")


class HotListFaults(Faults):
    """A hot list that was not accepted."""


class _City(NamedTuple):
    """One city's cards: sorted serials from `first` to `last`, the level of each at the same place, and the index.

    `starts[b]` is the place of the first serial whose bits above `shift`, counted from `first`, are not below b.
    """

    first: int
    last: int
    shift: int
    starts: "array[int]"
    serials: "array[int]"
    levels: bytes

    @classmethod
    def of(cls, cards: list[tuple[int, int]]) -> "_City":
        cards.sort()
        serials = array("Q", (serial for serial, _ in cards))
        first, last = serials[0], serials[-1]
        shift = max(0, (last - first).bit_length() - len(cards).bit_length())
        buckets = ((last - first) >> shift) + 1
        starts = array("L", (bisect_left(serials, first + (bucket << shift)) for bucket in range(buckets + 1)))
        return cls(first, last, shift, starts, serials, bytes(level for _, level in cards))


class HotList:
    """The cards that must not pay. Immutable; a new list is a new object."""

    __slots__ = ("_cities", "count", "date", "version")

    def __init__(self, day: date, entries: Iterable[tuple[str, int]]) -> None:
        """`entries`: card number (20 digits) and level 0..99, each card once, in any order."""
        cities: dict[str, list[tuple[int, int]]] = {}
        for number, level in entries:
            cities.setdefault(number[:CITY_DIGITS], []).append((int(number[CITY_DIGITS:]), level))
        self._cities = {city: _City.of(cards) for city, cards in cities.items()}
        self.date = day
        self.version = f"{day:%Y%m%d}"
        self.count = sum(len(city.levels) for city in self._cities.values())

    def level(self, number20: str) -> int | None:
        """The level under which the card (20 digits) is listed, None when it is not."""
        city = self._cities.get(number20[:CITY_DIGITS])
        if city is None or len(number20) != NUMBER_DIGITS or not number20.isdecimal():
            return None
        first, last, shift, starts, serials, levels = city
        serial = int(number20[CITY_DIGITS:])
        if not first <= serial <= last:
            return None
        bucket = (serial - first) >> shift
        place = bisect_left(serials, serial, starts[bucket], starts[bucket + 1])
        return levels[place] if serials[place] == serial else None

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Every card and its level, in the order of the numbers."""
        for name in sorted(self._cities):
            city = self._cities[name]
            for serial, level in zip(city.serials, city.levels, strict=True):
                yield f"{name}{serial:0{NUMBER_DIGITS - CITY_DIGITS}d}", level

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HotList) and self.date == other.date and self._cities == other._cities

    def __hash__(self) -> int:
        return hash((self.version, self.count))

    def __repr__(self) -> str:
        return f"HotList({self.version}, {self.count} cards)"


def parse(raw: bytes) -> HotList:
    """Read a whole list. A card that stands twice with the same level counts once.

    Raises HotListFaults with every wrong line: a header that is not one, a wrong count, bad digits, a card listed under
    two levels.
    """
    if len(raw) > HOT_LIST_BYTES_MAX:
        most = HOT_LIST_BYTES_MAX
        raise HotListFaults([Fault("*", f"文件过大，至多 {most} 字节", f"too long: at most {most} bytes")])
    header, *lines = _LINE_END.split(raw)
    if lines and not lines[-1]:
        lines.pop()
    day, faults = _header(header, len(lines))
    if set(map(len, lines)) <= {HOT_LIST_LINE_BYTES} and (not lines or b"".join(lines).isdigit()):
        cards: dict[bytes, bytes] = {}
        for number, line in enumerate(lines, start=2):
            card, level = line[:NUMBER_DIGITS], line[NUMBER_DIGITS:]
            if cards.setdefault(card, level) != level and len(faults) <= FAULTS_MAX:
                text = card.decode("ascii")
                faults.append(Fault("level", "同一卡号有两个等级", "the card is listed under two levels", number, text))
    else:
        faults += _bad_lines(lines)
    if faults or day is None:
        raise HotListFaults(faults)
    return HotList(day, ((card.decode("ascii"), int(level)) for card, level in cards.items()))


def build(hot_list: HotList) -> bytes:
    """Write a list in the issuer's form, cards in the order of their numbers, lines ending in CR LF."""
    assert hot_list.count <= HOT_LIST_ENTRIES_MAX, "the header's count has six digits"
    lines = [f"{hot_list.version}{hot_list.count:06d}", *(f"{card}{level:02d}" for card, level in hot_list), ""]
    return "\r\n".join(lines).encode("ascii")


def _header(header: bytes, lines: int) -> tuple[date | None, list[Fault]]:
    """The version's date; None goes with a fault."""
    value = shown(header[:40].decode("latin-1"))
    if len(header) != HEADER_BYTES or not header.isdigit():
        zh = "首行须为 8 位日期和 6 位数量"
        return None, [Fault("header", zh, "the first line must be a date of 8 digits and a count of 6", 1, value)]
    try:
        day = date(int(header[:4]), int(header[4:6]), int(header[6:8]))
    except ValueError:
        return None, [Fault("version", "首行日期不存在", "the version's date does not exist", 1, value)]
    count = int(header[8:])
    if count != lines:
        zh = f"首行说有 {count} 张卡，文件中有 {lines} 行：文件不完整"
        en = f"the header counts {count} cards, the file has {lines} lines: it is not complete"
        return day, [Fault("count", zh, en, 1, value)]
    return day, []


def _bad_lines(lines: list[bytes]) -> list[Fault]:
    """A fault for each line that is not 22 digits, as many as are told."""
    faults: list[Fault] = []
    for number, line in enumerate(lines, start=2):
        if len(line) == HOT_LIST_LINE_BYTES and line.isdigit():
            continue
        zh, en = "须为 20 位卡号和 2 位等级", "must be a card number of 20 digits and a level of 2"
        faults.append(Fault("card", zh, en, number, shown(line[:40].decode("latin-1"))))
        if len(faults) > FAULTS_MAX:
            break
    return faults
