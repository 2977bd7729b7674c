"""The mapped hot list: one file that is used where it lies, however long it is (docs/hotlist.md, "The file").

Header, city table, range table; then for each city its index (4 bytes a bucket), filled up to 8 bytes, and its entries
(8 bytes each: serial << 8 | level); at the end the SHA-256 of all before. Numbers are little-endian, as on every
processor that the device runs on.
"""

import struct
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from config.blacklist import HotListFaults
from config.faults import Fault
from config.hotlist import CITY_DIGITS, LEVEL_BITS, NUMBER_DIGITS, City, HotList, Range, Version, buckets_of, spread
from config.limits import HOT_LIST_CITIES_MAX, HOT_LIST_RANGES_MAX

assert sys.byteorder == "little", "the arrays are mapped as they are"

MAGIC = b"SMKHOT2\n"
HEADER = struct.Struct("<8sIIII")
"""Magic, day YYYYMMDD, revision, number of cities, number of ranges."""
CITY = struct.Struct("<IIQQQ")
"""City (4 digits as a number), bits below a bucket, number of cards, base of the index, last serial."""
RANGE = struct.Struct("<IIQQQ")
"""City of the low number and of the high one, the low serial, the high serial, the level."""
DIGEST_BYTES = 32
RISE_STEP = 65_536


@dataclass(frozen=True, slots=True)
class Source:
    """Where one city's cards come from: how they are indexed, and how they are written into their place.

    `fill` writes `count` sorted entries (format Q), `fill_index` the starts of the buckets and their end (format I),
    once the entries stand.
    """

    count: int
    base: int
    last: int
    shift: int
    buckets: int
    fill: Callable[[memoryview], None]
    fill_index: Callable[[memoryview, memoryview], None]


def whole(city: City) -> Source:
    """A city as it is."""

    def fill(entries: memoryview) -> None:
        entries[:] = view_of(city.entries)

    def fill_index(starts: memoryview, _entries: memoryview) -> None:
        starts[:] = view_of(city.starts)

    return Source(len(city.entries), city.base, city.last, city.shift, len(city.starts) - 1, fill, fill_index)


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
    fill(target, version, sources, ranges)
    return seal(target)


def fill(target: memoryview, version: Version, sources: Mapping[str, Source], ranges: Sequence[Range]) -> None:
    """Write all of the file but its SHA-256 into `target` (`size` bytes, all zero)."""
    place = HEADER.size
    HEADER.pack_into(target, 0, MAGIC, int(f"{version.day:%Y%m%d}"), version.revision, len(sources), len(ranges))
    for name, each in sources.items():
        CITY.pack_into(target, place, int(name), each.shift, each.count, each.base, each.last)
        place += CITY.size
    for low, high, level in ranges:
        heads, tails = _numbers(low[:CITY_DIGITS], high[:CITY_DIGITS]), _numbers(low[CITY_DIGITS:], high[CITY_DIGITS:])
        RANGE.pack_into(target, place, *heads, *tails, level)
        place += RANGE.size
    for each in sources.values():
        starts, entries, place = _views(target, place, each.count, each.buckets)
        each.fill(entries)
        each.fill_index(starts, entries)


def seal(target: memoryview) -> bytes:
    """Write the SHA-256 (32 bytes) of a filled file behind it, and return it."""
    digest = sha256(target[:-DIGEST_BYTES]).digest()
    target[-DIGEST_BYTES:] = digest
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
        if city.starts[(city.last - city.base) >> city.shift] >= len(city.entries) or not _rises(view_of(city.starts)):
            raise _refused("索引与卡号不符", "its index does not lead to its cards: fetch the whole list again")
    return digest


def _rises(starts: memoryview) -> bool:
    """Whether no value is below the one before; in stretches, which the interpreter sorts faster than it compares."""
    for begin in range(0, len(starts), RISE_STEP):
        part = starts[max(0, begin - 1) : begin + RISE_STEP].tolist()
        if sorted(part) != part:
            return False
    return True


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
    for name, shift, count, base, last in table:
        if not 0 <= name <= 9999 or not count or shift > 63 or base > last:
            raise ValueError("city table")
        buckets = buckets_of(base, last, shift, count)
        starts, entries, place = _views(view, place, count, buckets)
        begin, end = entries[0] >> LEVEL_BITS, entries[-1] >> LEVEL_BITS
        if (starts[0], starts[-1]) != (0, count) or (base, last, shift, buckets) != spread(begin, end, count):
            raise ValueError("index")
        found[f"{name:04d}"] = City(base, last, shift, starts, entries)
    if place + DIGEST_BYTES != len(view) or list(found) != sorted(found) or len(found) != cities:
        raise ValueError("length")
    stamp = Version(date(day // 10_000, day // 100 % 100, day % 100), revision)
    return HotList.of(stamp, found, listed)


def _parts(count: int, buckets: int) -> tuple[int, int]:
    """Bytes of the index, filled up to 8, and of the entries."""
    return (4 * (buckets + 1) + 7) & ~7, 8 * count


def _views(view: memoryview, place: int, count: int, buckets: int) -> tuple[memoryview, memoryview, int]:
    """A city's index and entries, and where the next city begins. Raises ValueError where the file ends."""
    before, behind = _parts(count, buckets)
    middle = place + before
    end = middle + behind
    if end + DIGEST_BYTES > len(view):
        raise ValueError("length")
    return view[place : place + 4 * (buckets + 1)].cast("I"), view[middle:end].cast("Q"), end


def _numbers(*texts: str) -> Iterator[int]:
    return map(int, texts)


def _range(low_city: int, high_city: int, low: int, high: int, level: int) -> Range:
    found = Range(f"{low_city:04d}{low:016d}", f"{high_city:04d}{high:016d}", level)
    if found.low > found.high or len(found.low) != NUMBER_DIGITS or len(found.high) != NUMBER_DIGITS or level > 99:
        raise ValueError("range table")
    return found


def _refused(zh: str, en: str) -> HotListFaults:
    return HotListFaults([Fault("*", zh, en)])
