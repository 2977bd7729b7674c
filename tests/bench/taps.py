"""Taps: the product against the bare script, exchanges counted by the chips, and the profile of estimates."""

import time
from collections.abc import Iterator
from pathlib import Path

import apsw

from apdu.virtual import remote
from apdu.virtual.timing import ESTIMATES
from tests.bench.bare import Bare
from tests.bench.figures import Figure, median, p99
from tests.bench.stage import Stage, card, stage

TAPS = 500
CARDS = 500
SLOW_TAPS = 30
IDLE_EACH = 50
"""The loop's housekeeping, which runs when nobody is in the field, after so many taps."""
SYNC_MS = 10


def against_the_floor(chips: remote.Virtual, folder: Path, pack: str, composite: bool) -> Iterator[Figure]:
    """TAPS taps of the product and of the bare script, one by one in turn."""
    kind = "composite 09" if composite else "simple 06"
    names = [chips.remote.add(card(10_000 + number), f"{pack}-{number}") for number in range(CARDS)]
    bare_name = chips.remote.add(card(20_000 + composite), f"bare-{pack}")
    bare_serial = f"{20_000 + composite:016d}"
    ours: list[float] = []
    floor: list[float] = []
    with stage(folder / pack, chips, pack) as on:
        bare = Bare(on, folder / f"bare-{pack}.db")
        on.device.desk.psam.df = bytes.fromhex("1001")
        for number in range(TAPS):
            outcome, elapsed_ms = on.tap(names[number % CARDS])
            assert outcome.served and outcome.seq, outcome
            ours.append(elapsed_ms)
            floor.append(bare.tap(bare_name, bare_serial, composite))
            if number % IDLE_EACH == 0:
                on.device.desk.journal.idle()
        bare.close()
    here, there = median(ours), median(floor)
    yield Figure(f"tap, {kind}", here, "ms", p99=p99(ours), floor=there, note=f"p99 of the floor {p99(floor):.2f} ms")
    yield Figure(f"  ratio to the bare script, {kind}", here / there, "x", limit=1.3)
    yield Figure(f"  difference, {kind}", here - there, "ms", limit=0.5)


def exchanges(chips: remote.Virtual, folder: Path) -> Iterator[Figure]:
    """What the chips counted, for one tap of each kind."""
    simple = chips.remote.add(card(30_001), "count-simple")
    local = chips.remote.add(card(30_002), "count-composite")
    union = chips.remote.add(card(30_003, "tunion"), "count-tunion")
    with stage(folder / "count-flat", chips, "jiaxing-flat") as on:
        on.tap(chips.remote.add(card(30_004), "count-first"))
        yield from _counted(on, simple, "simple", card_limit=3, psam_limit=3)
    with stage(folder / "count-full", chips, "jiaxing") as on:
        on.tap(chips.remote.add(card(30_005), "count-first-2"))
        yield from _counted(on, local, "composite (1 file, 1 cache)", card_limit=5, psam_limit=3)
        # the Jiaxing AID is asked first; two files, two caches; the PSAM's DF changes
        yield from _counted(on, union, "T-Union (2 files, 2 caches)", card_limit=8, psam_limit=4)


def _counted(on: Stage, name: str, what: str, card_limit: int, psam_limit: int) -> Iterator[Figure]:
    on.chips.counts(reset=True)
    outcome, _ = on.tap(name)
    assert outcome.served
    counts = on.chips.counts()
    sent = sum(counts["card"].values())
    psam = sum(counts["psam"].values())
    yield Figure(f"exchanges with the card, {what}", sent, "", limit=card_limit, exact=True)
    yield Figure("  with the PSAM, GET RESPONSE and SELECT too", psam, "", limit=psam_limit, exact=True)


class SlowFile(apsw.VFSFile):
    """A file whose fdatasync takes SYNC_MS."""

    def xSync(self, flags: int) -> None:
        """Sync, slowly."""
        time.sleep(SYNC_MS / 1000)
        super().xSync(flags)


class SlowDisk(apsw.VFS):
    """The disk of an eMMC device: each fdatasync takes SYNC_MS. Default VFS while it lives."""

    def __init__(self) -> None:
        super().__init__("slow", "unix", makedefault=True)

    def xOpen(self, name: "str | apsw.URIFilename | None", flags: list[int]) -> apsw.VFSFile:
        """A slow file."""
        return SlowFile("unix", name, flags)


def with_estimates(chips: remote.Virtual, folder: Path) -> Iterator[Figure]:
    """Taps on chips, wires, reader and disk as slow as they are estimated to be; nobody has measured them."""
    kinds = [("simple 06", "jiaxing-flat", "", 250), ("composite 09", "jiaxing", "", 400)]
    kinds.append(("T-Union 09", "jiaxing", "tunion", 400))
    for what, pack, family, limit in kinds:
        names = [
            chips.remote.add(card(40_000 + limit + number, family or "jiaxing"), f"slow-{what}-{number}")
            for number in range(SLOW_TAPS)
        ]
        disk = SlowDisk()
        try:
            with stage(folder / f"slow-{what[:7].strip()}", chips, pack) as on:
                on.tap(chips.remote.add(card(49_000 + limit, family or "jiaxing"), f"slow-first-{what}"))
                chips.remote.timing(ESTIMATES)
                times = [on.tap(name)[1] for name in names]
                chips.remote.timing(None)
        finally:
            chips.remote.timing(None)
            disk.unregister()
        yield Figure(f"tap with estimated timings, {what}", median(times), "ms", limit=limit, p99=max(times))
