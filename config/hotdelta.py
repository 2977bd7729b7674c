"""A delta of the hot list: what changes between two versions, and what must come out (docs/hotlist.md, "Deltas").

It is applied to the version that it names and to no other; the result is believed only when its SHA-256 is the named
one. Nothing of the old list is copied through Python objects: whole stretches go from the old file into the new one.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Annotated

import msgspec

from config.blacklist import HotListFaults
from config.faults import Fault
from config.hotlist import CITY_DIGITS, LEVEL_BITS, City, HotList, Range, Version, entry, index, spread
from config.hotmap import Source, view_of, whole
from config.limits import HOT_LIST_CHANGES_MAX, HOT_LIST_RANGES_MAX

Number = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{20}\Z")]
Level = Annotated[int, msgspec.Meta(ge=0, le=99)]
VersionText = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{8}(\.[1-9][0-9]{0,5})?\Z")]
Digest = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Changes = Annotated[list[tuple[Number, Level]], msgspec.Meta(max_length=HOT_LIST_CHANGES_MAX)]
Removals = Annotated[list[Number], msgspec.Meta(max_length=HOT_LIST_CHANGES_MAX)]
Ranges = Annotated[list[tuple[Number, Number, Level]], msgspec.Meta(max_length=HOT_LIST_RANGES_MAX)]


class Delta(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From one version to the next. `put`: cards listed from now on, or under another level; `drop`: no longer listed.

    Both in the order of the numbers. `ranges`: all of them, as they are afterwards. `sha256` of the resulting file's
    bytes before its own checksum, hex.
    """

    before: VersionText
    after: VersionText
    put: Changes
    drop: Removals
    ranges: Ranges
    sha256: Digest


_decoder = msgspec.json.Decoder(Delta)


def parse_delta(raw: bytes) -> Delta:
    """Read a delta (JSON). Raises HotListFaults."""
    try:
        delta = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise _refused("不是黑名单增量", f"this is no delta of a hot list: {wrong}") from wrong
    numbers = [number for number, _ in delta.put]
    if numbers != sorted(set(numbers)) or delta.drop != sorted(set(delta.drop)) or set(numbers) & set(delta.drop):
        raise _refused("卡号须按序且不重复", "its card numbers must be in order, each once")
    lows = [(low, high) for low, high, _ in delta.ranges]
    if any(low > high for low, high in lows) or any(a[1] >= b[0] for a, b in pairwise(lows)):
        raise _refused("号段须按序且不重叠", "its ranges must be in order and must not overlap")
    return delta


def build_delta(before: HotList, after: HotList, digest: bytes) -> bytes:
    """The delta between two lists in memory; `digest` is that of `after`'s file (32 bytes)."""
    old, new = dict(before), dict(after)
    delta = Delta(
        before.version,
        after.version,
        sorted((number, level) for number, level in new.items() if old.get(number) != level),
        sorted(number for number in old if number not in new),
        [(low, high, level) for low, high, level in after.ranges],
        digest.hex(),
    )
    return msgspec.json.encode(delta)


Piece = range | int
"""A stretch of places in the old array, or a new entry."""

MOVED_AT_ONCE = 4096
ONES = ((1 << 32 * MOVED_AT_ONCE) - 1) // 0xFFFF_FFFF
"""One in each of so many places of 32 bits: times n, what moves as many starts by n in one addition."""


def spliced(city: City | None, changes: Mapping[int, int | None]) -> Source | None:
    """A city with its changes (serial to level, None to drop it); None when no card is left.

    Raises HotListFaults on a card to drop that is not there.
    """
    entries: Sequence[int] = city.entries if city else ()
    pieces = list(_pieces(entries, changes))
    if not pieces:
        return None

    def fill(target: memoryview) -> None:
        place = 0
        for piece in pieces:
            if isinstance(piece, range):
                target[place : place + len(piece)] = view_of(entries)[piece.start : piece.stop]
                place += len(piece)
            else:
                target[place] = piece
                place += 1

    ends = [
        entries[piece[end]] if isinstance(piece, range) else piece for piece, end in ((pieces[0], 0), (pieces[-1], -1))
    ]
    count = sum(len(piece) if isinstance(piece, range) else 1 for piece in pieces)
    base, last, shift, buckets = spread(ends[0] >> LEVEL_BITS, ends[1] >> LEVEL_BITS, count)

    def fill_index(starts: memoryview, made: memoryview) -> None:
        if city is not None and (base, shift, buckets + 1) == (city.base, city.shift, len(city.starts)):
            steps = [
                ((serial - base) >> shift, (changes[serial] is not None) - _place(entries, serial)[1])
                for serial in sorted(changes)
            ]
            _move(view_of(city.starts), steps, starts)
        else:
            for bucket, start in enumerate(index(made, base, shift, buckets)):
                starts[bucket] = start

    return Source(count, base, last, shift, buckets, fill, fill_index)


def sources(before: HotList, delta: Delta) -> dict[str, Source]:
    """The cities of the list that `delta` makes of `before`, in order, for `hotmap.write`. Raises HotListFaults."""
    if before.version != delta.before:
        raise _refused(
            f"增量针对版本 {delta.before}，本机为 {before.version}",
            f"this delta leads from {delta.before}, the list here is {before.version}",
        )
    changes: dict[str, dict[int, int | None]] = {}
    for number, level in [*delta.put, *((number, None) for number in delta.drop)]:
        changes.setdefault(number[:CITY_DIGITS], {})[int(number[CITY_DIGITS:])] = level
    made: dict[str, Source] = {}
    for name in sorted({*before.cities, *changes}):
        city = before.cities.get(name)
        if name in changes:
            changed = spliced(city, changes[name])
            if changed is not None:
                made[name] = changed
        elif city is not None:
            made[name] = whole(city)
    return made


def ranges(delta: Delta) -> list[Range]:
    """The ranges after it."""
    return [Range(*each) for each in delta.ranges]


def version(delta: Delta) -> Version:
    """The version that comes out. Raises HotListFaults on a day that does not exist."""
    day, _, revision = delta.after.partition(".")
    try:
        return Version(date(int(day[:4]), int(day[4:6]), int(day[6:])), int(revision or 0))
    except ValueError as wrong:
        raise _refused("版本日期不存在", f"the version's date does not exist: {delta.after}") from wrong


def _pieces(entries: Sequence[int], changes: Mapping[int, int | None]) -> Iterator[Piece]:
    """Stretches of places in `entries` that stay, and the entries of the cards that come or change."""
    start = 0
    for serial in sorted(changes):
        level = changes[serial]
        place, is_there = _place(entries, serial, start)
        if level is None and not is_there:
            raise _refused("要删除的卡不在名单中", "a card to be dropped is not on the list")
        if start < place:
            yield range(start, place)
        if level is not None:
            yield entry(serial, level)
        start = place + is_there
    if start < len(entries):
        yield range(start, len(entries))


def _place(entries: Sequence[int], serial: int, start: int = 0) -> tuple[int, bool]:
    """Where the serial's entry lies or would lie, not before `start`; whether it is there."""
    place = bisect_left(entries, entry(serial, 0), start)
    return place, place < len(entries) and entries[place] >> LEVEL_BITS == serial


def _move(old: memoryview, steps: Sequence[tuple[int, int]], new: memoryview) -> None:
    """The index `new` from the `old` one: each start moves by what came before it less what went.

    `steps`: in order, the bucket of a card and 1, -1 or 0.
    """
    begin = offset = 0
    for bucket, step in [*steps, (len(old) - 1, 0)]:
        for part in range(begin, bucket + 1, MOVED_AT_ONCE):
            end = min(part + MOVED_AT_ONCE, bucket + 1)
            starts = old[part:end]
            if offset:
                ones = ONES >> 32 * (MOVED_AT_ONCE - len(starts))
                moved = int.from_bytes(starts.tobytes(), "little") + offset * ones
                starts = memoryview(moved.to_bytes(4 * len(starts), "little")).cast("I")
            new[part:end] = starts
        begin = max(begin, bucket + 1)
        offset += step


def _refused(zh: str, en: str) -> HotListFaults:
    return HotListFaults([Fault("delta", zh, en)])
