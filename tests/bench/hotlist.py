"""A hot list of ten million cards: opened, asked, changed by a delta of a thousand; what it takes of memory."""

import mmap
import os
import random
import time
from array import array
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path

import msgspec

from config import hotdelta, hotfile, hotmap
from config.hotdelta import Delta
from config.hotlist import LEVEL_BITS, City, HotList, Version
from tests.bench.figures import Figure, median, p99

CARDS = 10_000_000
CHANGES = 1_000
LOOK_UPS = 20_000
ROUNDS = 7
OPEN_MS, LOOK_UP_US, DELTA_MS = 1.0, 1.0, 300.0


def mapped(folder: Path) -> Iterator[Figure]:
    """Each beside its floor: a bare mapping, a set of the same numbers, and the same bytes read, hashed and synced."""
    chance = random.Random(1)
    serials = array("Q", sorted(chance.sample(range(50 * CARDS), CARDS)))
    path = folder / "hot.map"
    city = City.indexed(array("Q", (serial << LEVEL_BITS for serial in serials)))
    hotfile.write_list(path, HotList.of(Version(date(2026, 11, 24)), {"3140": city}))
    before_kib = _heap_kib()
    yield from _opened(path)
    hot_list = hotfile.open_list(path, verified=True)
    yield from _asked(hot_list, serials, chance)
    yield Figure("  heap that it takes", (_heap_kib() - before_kib) / 1024, "MiB", limit=1.0, floor=0.0)
    yield from _changed(path, hot_list, serials, chance)


def _opened(path: Path) -> Iterator[Figure]:
    ours, floor = [], []
    for _ in range(200):
        started = time.perf_counter()
        with path.open("rb") as file:
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ).close()
        between = time.perf_counter()
        hotfile.open_list(path, verified=True)
        floor.append((between - started) * 1000)
        ours.append((time.perf_counter() - between) * 1000)
    yield Figure("hot list of 10 million: open", median(ours), "ms", OPEN_MS, p99(ours), median(floor))


def _asked(hot_list: HotList, serials: "array[int]", chance: random.Random) -> Iterator[Figure]:
    hits = [f"3140{serials[chance.randrange(CARDS)]:016d}" for _ in range(LOOK_UPS)]
    misses = [f"3140{chance.randrange(50 * CARDS):016d}" for _ in range(LOOK_UPS)]
    assert all(hot_list.level(number) == 0 for number in hits)
    listed = set(hits)
    for what, numbers in (("a listed card", hits), ("another card", misses)):
        ours, floor = [], []
        for _ in range(ROUNDS):
            ours.append(_each_us(hot_list.level, numbers))
            floor.append(_each_us(listed.__contains__, numbers))
        note = "floor: a set of the numbers asked"
        yield Figure(f"  look-up of {what}", median(ours), "us", LOOK_UP_US, floor=median(floor), note=note)


def _each_us(ask: object, numbers: list[str]) -> float:
    assert callable(ask)
    started = time.perf_counter()
    for number in numbers:
        ask(number)
    return (time.perf_counter() - started) / len(numbers) * 1e6


def _changed(path: Path, hot_list: HotList, serials: "array[int]", chance: random.Random) -> Iterator[Figure]:
    """Applied to a copy each time; the floor is what nobody can leave out."""
    new = sorted({chance.randrange(50 * CARDS) for _ in range(CHANGES)})
    put = [(f"3140{serial:016d}", 1) for serial in new]
    drop = [f"3140{serial:016d}" for serial in serials[:: CARDS // (CHANGES // 10)] if serial not in new]
    delta_file = _delta(path, hot_list, put, drop)
    raw = path.read_bytes()
    ours, floor = [], []
    for _ in range(ROUNDS):
        copy = path.with_name("copy.map")
        copy.unlink(missing_ok=True)
        os.link(path, copy)
        before_kib = _heap_kib()
        started = time.perf_counter()
        changed = hotfile.apply(copy, delta_file)
        between = time.perf_counter()
        sha256(raw).digest()
        with path.with_name("bare").open("wb") as file:
            file.write(raw)
            os.fsync(file.fileno())
        floor.append((time.perf_counter() - between) * 1000)
        ours.append((between - started) * 1000)
        grown = _heap_kib() - before_kib
        assert changed.level(put[0][0]) == 1 and changed.level(drop[0]) is None
    note = f"{os.path.getsize(delta_file)} bytes; floor: hash, write and sync {len(raw) >> 20} MiB"
    what = "  delta of 1,000: applied, verified"
    yield Figure(what, median(ours), "ms", DELTA_MS, max(ours), median(floor), note=note)
    yield Figure("  heap that it takes", grown / 1024, "MiB", limit=4.0, floor=0.0)


def _delta(path: Path, before: HotList, put: list[tuple[str, int]], drop: list[str]) -> Path:
    """The delta as the office would send it; its checksum is that of the result."""
    delta = Delta(before.version, "20261125", put, drop, [], "0" * 64)
    sources = hotdelta.sources(before, delta)
    room = bytearray(hotmap.size(sources, ()))
    digest = hotmap.write(memoryview(room), hotdelta.version(delta), sources, ())
    file = path.with_name("day.delta")
    file.write_bytes(msgspec.json.encode(msgspec.structs.replace(delta, sha256=digest.hex())))
    return file


def _heap_kib() -> int:
    """This process's own memory; mapped files are shared and can be dropped."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    raise RuntimeError("no RssAnon in /proc/self/status")
