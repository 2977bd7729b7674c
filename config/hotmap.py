"""The mapped hot list: one file that is used where it lies, however long it is (docs/hotlist.md, "The file").

Header, city table, range table; then for each city its index (4 bytes a bucket), its serials (8 bytes each) and its
levels (1 byte each), each part filled up to 8 bytes; at the end the SHA-256 of all before. Numbers are little-endian,
as on every processor that the device runs on.
"""

import struct
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from itertools import pairwise
from typing import Any

from config.blacklist import HotListFaults
from config.faults import Fault
from config.hotlist import CITY_DIGITS, NUMBER_DIGITS, City, HotList, Range, Version, index
from config.limits import HOT_LIST_CITIES_MAX, HOT_LIST_RANGES_MAX

assert sys.byteorder == "little", "the arrays are mapped as they are"

MAGIC = b"SMKHOT1\n"
HEADER = struct.Struct("<8sIIII")
"""Magic, day YYYYMMDD, revision, number of cities, number of ranges."""
CITY = struct.Struct("<IIQQQ")
"""City (4 digits as a number), bits below a bucket, number of cards, first serial, last serial."""
RANGE = struct.Struct("<IIQQQ")
"""City of the low number and of the high one, the low serial, the high serial, the level."""
DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Source:
    """Where one city's cards come from: how they are indexed, and how they are written into their place.

    `fill` writes `count` sorted serials (format Q) and their levels (format B).
    """

    count: int
    first: int
    last: int
    shift: int
    buckets: int
    fill: Callable[[memoryview, memoryview], None]


def whole(city: City) -> Source:
    """A city as it is."""

    def fill(serials: memoryview, levels: memoryview) -> None:
        serials[:], levels[:] = view_of(city.serials), view_of(city.levels)

    return Source(len(city.levels), city.first, city.last, city.shift, len(city.starts) - 1, fill)


def view_of(values: Sequence[int]) -> memoryview:
    """The bytes of an array, of bytes or of a view."""
    buffer: Any = values
    return memoryview(buffer)


def size(sources: Mapping[str, Source], ranges: Sequence[Range]) -> int:
    """The file's length in bytes."""
    tables = HEADER.size + CITY.size * len(sources) + RANGE.size * len(ranges)
    return tables + sum(sum(_parts(each.count, each.buckets)) for each in sources.values()) + DIGEST_BYTES


def write(target: memoryview, version: Version, sources: Mapping[str, Source], ranges: Sequence[Range]) -> bytes:
    """Write the whole file into `target` (`size` bytes, all zero). Returns its SHA-256 (32 bytes)."""
    place = HEADER.size
    HEADER.pack_into(target, 0, MAGIC, int(f"{version.day:%Y%m%d}"), version.revision, len(sources), len(ranges))
    for name, each in sources.items():
        CITY.pack_into(target, place, int(name), each.shift, each.count, each.first, each.last)
        place += CITY.size
    for low, high, level in ranges:
        heads, tails = _numbers(low[:CITY_DIGITS], high[:CITY_DIGITS]), _numbers(low[CITY_DIGITS:], high[CITY_DIGITS:])
        RANGE.pack_into(target, place, *heads, *tails, level)
        place += RANGE.size
    for each in sources.values():
        starts, serials, levels, place = _views(target, place, each.count, each.buckets)
        each.fill(serials, levels)
        for bucket, start in enumerate(index(serials, each.first, each.shift, each.buckets)):
            starts[bucket] = start
    digest = sha256(target[:place]).digest()
    target[place:] = digest
    return digest


def build(hot_list: HotList) -> bytes:
    """The file's bytes; for a list that fits into memory."""
    sources = {name: whole(city) for name, city in hot_list.cities.items()}
    raw = bytearray(size(sources, hot_list.ranges))
    write(memoryview(raw), hot_list.stamp, sources, hot_list.ranges)
    return bytes(raw)


def is_map(raw: bytes | memoryview) -> bool:
    """Whether a file of these first bytes says that it is a mapped list."""
    return bytes(raw[: len(MAGIC)]) == MAGIC


def verify(view: memoryview) -> bytes:
    """The file's SHA-256 (32 bytes), which must be its last bytes. Raises HotListFaults.

    A checksum is no signature, so the index is looked through as well: none leads a tap past the cards.
    """
    digest = sha256(view[:-DIGEST_BYTES]).digest()
    if len(view) < HEADER.size + DIGEST_BYTES or digest != view[-DIGEST_BYTES:]:
        raise _refused("文件已损坏（校验和不符）", "the file is damaged: its checksum is another")
    for city in open_map(view).cities.values():
        if city.starts[-2] >= len(city.levels) or any(one > following for one, following in pairwise(city.starts)):
            raise _refused("索引与卡号不符", "its index does not lead to its cards: fetch the whole list again")
    return digest


def open_map(view: memoryview) -> HotList:
    """The list in `view`, whose bytes stay where they are; they must have been verified once. Raises HotListFaults."""
    try:
        return _opened(view)
    except (struct.error, ValueError, IndexError, TypeError) as wrong:
        raise _refused(f"文件结构不符（{wrong}）", f"the file is not laid out as a hot list: {wrong}") from wrong


def _opened(view: memoryview) -> HotList:
    magic, day, revision, cities, ranges = HEADER.unpack_from(view)
    if magic != MAGIC or cities > HOT_LIST_CITIES_MAX or ranges > HOT_LIST_RANGES_MAX:
        raise ValueError("header")
    place = HEADER.size
    table = list(CITY.iter_unpack(view[place : place + CITY.size * cities]))
    place += CITY.size * cities
    listed = [_range(*row) for row in RANGE.iter_unpack(view[place : place + RANGE.size * ranges])]
    place += RANGE.size * ranges
    found: dict[str, City] = {}
    for name, shift, count, first, last in table:
        if not 0 <= name <= 9999 or not count or shift > 63 or first > last:
            raise ValueError("city table")
        buckets = ((last - first) >> shift) + 1
        starts, serials, levels, place = _views(view, place, count, buckets)
        if (starts[0], starts[-1], serials[0], serials[-1]) != (0, count, first, last):
            raise ValueError("index")
        found[f"{name:04d}"] = City(first, last, shift, starts, serials, levels)
    if place + DIGEST_BYTES != len(view) or list(found) != sorted(found) or len(found) != cities:
        raise ValueError("length")
    stamp = Version(date(day // 10_000, day // 100 % 100, day % 100), revision)
    return HotList.of(stamp, found, listed)


def _parts(count: int, buckets: int) -> tuple[int, int, int]:
    """Bytes of index, serials and levels, each filled up to 8."""
    return (4 * (buckets + 1) + 7) & ~7, 8 * count, (count + 7) & ~7


def _views(view: memoryview, place: int, count: int, buckets: int) -> tuple[memoryview, memoryview, memoryview, int]:
    """A city's index, serials and levels, and where the next city begins. Raises ValueError where the file ends."""
    ends = [place]
    for part in _parts(count, buckets):
        ends.append(ends[-1] + part)
    if ends[-1] + DIGEST_BYTES > len(view):
        raise ValueError("length")
    starts = view[ends[0] : ends[0] + 4 * (buckets + 1)].cast("I")
    return starts, view[ends[1] : ends[2]].cast("Q"), view[ends[2] : ends[2] + count], ends[-1]


def _numbers(*texts: str) -> Iterator[int]:
    return map(int, texts)


def _range(low_city: int, high_city: int, low: int, high: int, level: int) -> Range:
    found = Range(f"{low_city:04d}{low:016d}", f"{high_city:04d}{high:016d}", level)
    if found.low > found.high or len(found.low) != NUMBER_DIGITS or len(found.high) != NUMBER_DIGITS or level > 99:
        raise ValueError("range table")
    return found


def _refused(zh: str, en: str) -> HotListFaults:
    return HotListFaults([Fault("*", zh, en)])
