"""A journal of 500,000 rows beside a fresh one, and the device that finds it after a power cut."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from apdu.virtual import remote
from config import parse
from sync.journal import Journal
from tests.aged import age, at_once, card
from tests.bench.figures import Figure, median, p99
from tests.bench.stage import configuration
from tests.rows import AT, IDENTITY, done, held

ROWS = 500_000
RUSH_ROWS = 2_000
"""Written after the last checkpoint: a thousand taps without one idle moment."""
STARTS = 5
ASKED = 300


def at_age(chips: remote.Virtual, folder: Path) -> Iterator[Figure]:
    """Opening, verifying, writing, looking up; then a whole device from power-on to ready."""
    old, fresh = folder / "old.db", folder / "fresh.db"
    made = age(old, ROWS)
    with at_once(made):
        for number in range(RUSH_ROWS // 2):
            seq = made.hold(held(card=card(number)), AT, "rtc", 0).seq
            made.keep(done(seq), AT, "rtc", 0)
    for name in ("cut", "old", "fresh"):
        (folder / name).mkdir()
    for suffix in ("", "-wal"):  # as a power cut leaves them
        shutil.copy(f"{old}{suffix}", folder / "cut" / f"journal.db{suffix}")
    made.close()
    age(fresh, 2_000).close()

    def opened(path: Path) -> None:
        Journal.open(path, IDENTITY, "bench").close()

    yield _beside("journal of 500,000 rows: opened", "of 2,000", lambda: opened(old), lambda: opened(fresh), STARTS * 4)
    aged, young = Journal.open(old, IDENTITY, "bench"), Journal.open(fresh, IDENTITY, "bench")
    numbers = iter(range(10**9))

    def tap(journal: Journal) -> None:
        seq = journal.hold(held(card=card(next(numbers))), AT, "rtc", 0).seq
        journal.keep(done(seq), AT, "rtc", 0)

    yield _beside("  a debit held and closed", "of 2,000", lambda: tap(aged), lambda: tap(young), ASKED)
    yield _beside(
        "  a card looked up",
        "of 2,000",
        lambda: aged.seen(card(next(numbers) * 31)),
        lambda: young.seen(card(next(numbers) * 31)),
        ASKED,
    )
    young.close()
    started = time.perf_counter()
    assert aged.verify() is None
    yield Figure("  verified, every row", time.perf_counter() - started, "s")
    aged.close()
    yield _power_on(chips, folder)


def _beside(name: str, other: str, old: Callable[[], object], fresh: Callable[[], object], times: int) -> Figure:
    """In turn; at most three times as long and two milliseconds more: a deeper tree, colder pages."""
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(times):
        for what, into in zip((old, fresh), took, strict=True):
            began = time.perf_counter()
            what()
            into.append((time.perf_counter() - began) * 1000)
    ours, floor = map(median, took)
    return Figure(name, ours, "ms", limit=3 * floor + 2, p99=p99(took[0]), floor=floor, note=f"floor: {other}")


def _power_on(chips: remote.Virtual, folder: Path) -> Figure:
    """From process start to "tap your card", the journal not in memory; beside a device with an empty one."""
    took: dict[str, list[float]] = {"old": [], "fresh": []}
    for _ in range(STARTS):
        for file in (folder / "cut").iterdir():
            shutil.copy(file, folder / "old")
        for name, times in took.items():
            times.append(_start(chips, folder / name))
    floor = median(took["fresh"])
    name = "  from power-on to ready, the WAL of a rush hour"
    return Figure(name, median(took["old"]), "s", limit=2.0, p99=max(took["old"]), floor=floor, note="floor: no rows")


def _start(chips: remote.Virtual, data: Path) -> float:
    plain = configuration(data, chips.udp_path, "jiaxing")
    terminal, face = replace(plain.terminal, number=IDENTITY.terminal), replace(plain.face, console=True)
    (data / "identity.json").write_text(json.dumps(IDENTITY._asdict()), "utf-8")
    (data / "terminal.toml").write_text(parse.build(replace(plain, terminal=terminal, face=face)), "utf-8")
    command = [str(Path(sys.executable).with_name("smk")), "run", "--plain", "--quiet", str(data / "terminal.toml")]
    for file in data.glob("journal.db*"):
        _forget(file)
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if "请刷卡" in line)
        took = time.perf_counter() - began
        process.kill()
    return took


def _forget(file: Path) -> None:
    """Have the system drop the file from memory, as at power-on."""
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)
