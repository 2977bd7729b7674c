"""Taps: the product against the bare script, exchanges counted by the chips, and the profile of estimates."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import apsw

from apdu.virtual import remote
from apdu.virtual.timing import ESTIMATES
from tests.bench.figures import Figure, median, p99
from tests.bench.stage import Stage, card, stage

TAPS = 500
BACK_AFTER = 200
"""A card comes back after so many others: beyond the seconds in which it would be shown its last outcome again."""

IDLE_EACH = 50
"""The loop's housekeeping, which runs when nobody is in the field, after so many taps."""

RATIO_MAX, DIFFERENCE_MS_MAX = 1.3, 0.5

SLOW_TAPS = 30
SYNC_MS = 10


def against_the_floor(chips: remote.Virtual, folder: Path, pack: str, what: str) -> Iterator[Figure]:
    """TAPS taps of new cards, TAPS of cards that the journal knows, and a bare tap after each, in turn.

    Both begin when the card has answered RATS, and end when two rows are durable and the product's face has returned.
    """
    names = [chips.remote.add(card(10_000 + number), f"rider-{number}") for number in range(TAPS + BACK_AFTER)]
    new: list[float] = []
    known: list[float] = []
    floor: list[float] = []
    with stage(folder / pack, chips, pack) as on:
        bare = on.bare(folder / f"bare-{pack}.db")
        script = on.scripted(chips.remote.add(card(20_000), "bare"))
        for number, name in enumerate(names):
            new.append(on.paid(name))
            if number < BACK_AFTER:
                continue
            floor.append(on.bare_tap(bare, "bare", script))
            known.append(on.paid(names[number - BACK_AFTER]))
            floor.append(on.bare_tap(bare, "bare", script))
            if number % IDLE_EACH == 0:
                on.device.desk.journal.idle()
                bare.idle()
        bare.close()
    yield from compared(f"{what}, new card", new[BACK_AFTER:], floor)
    yield from compared(f"{what}, known card", known, floor)


def compared(what: str, ours: Sequence[float], floor: Sequence[float]) -> Iterator[Figure]:
    """Taps in ms beside those of the bare script: the ratio of the medians and their difference have limits."""
    here, there = median(ours), median(floor)
    note = f"{len(ours)} taps; the floor's p99 is {p99(floor):.2f} ms"
    yield Figure(f"tap, {what}", here, "ms", p99=p99(ours), floor=there, note=note)
    yield Figure("  ratio to the bare script", here / there, "x", limit=RATIO_MAX, floor=1.0)
    yield Figure("  difference", here - there, "ms", limit=DIFFERENCE_MS_MAX, floor=0.0)


def exchanges(chips: remote.Virtual, folder: Path) -> Iterator[Figure]:
    """What the chips counted, for one tap of each kind; the PSAM's GET RESPONSE counts as an exchange."""
    add = chips.remote.add
    with stage(folder / "flat", chips, "jiaxing-flat") as on:
        on.tap(add(card(30_001)))
        yield from _counted(on, add(card(30_002)), "simple", 3, 3)
    with stage(folder / "full", chips, "jiaxing") as on:
        on.tap(add(card(30_003)))
        yield from _counted(on, add(card(30_004)), "composite (1 file, 1 cache)", 5, 3)
        # the Jiaxing application is asked for first; the scheme changes, and the PSAM's DF with it
        yield from _counted(on, add(card(30_005, "tunion")), "T-Union (2 files, 2 caches)", 8, 4)
        yield from _counted(on, add(card(30_006, "tunion")), "T-Union again", 8, 3)


def _counted(on: Stage, name: str, what: str, with_card: int, with_psam: int) -> Iterator[Figure]:
    on.chips.counts(reset=True)
    on.paid(name)
    yield from counted(what, on.chips.counts(), with_card, with_psam)


def counted(what: str, counts: dict[str, dict[str, int]], with_card: int, with_psam: int) -> Iterator[Figure]:
    """The chips' own counts of one tap; each is exact."""
    for chip, wanted in (("card", with_card), ("psam", with_psam)):
        name = f"exchanges with the {'PSAM' if chip == 'psam' else chip}, {what}"
        yield Figure(name, sum(counts[chip].values()), "", limit=wanted, floor=wanted, exact=True)


class SlowFile(apsw.VFSFile):
    """A file whose fdatasync takes SYNC_MS more."""

    def xSync(self, flags: int) -> None:
        """Sync, slowly."""
        time.sleep(SYNC_MS / 1000)
        super().xSync(flags)


class SlowDisk(apsw.VFS):
    """The disk of an eMMC device: each fdatasync takes SYNC_MS. SQLite's default as long as it is registered."""

    def __init__(self) -> None:
        super().__init__("slow", "unix", makedefault=True)

    def xOpen(self, name: "str | apsw.URIFilename | None", flags: list[int]) -> apsw.VFSFile:
        """A slow file."""
        return SlowFile("unix", name, flags)


def with_estimates(chips: remote.Virtual, folder: Path) -> Iterator[Figure]:
    """Taps on chips, wires, reader and disk as slow as they are estimated to be; nobody has measured them."""
    yield from _slow(chips, folder / "simple", "simple 06", "jiaxing-flat", "jiaxing", 250)
    yield from _slow(chips, folder / "composite", "composite 09", "jiaxing", "jiaxing", 400)
    yield from _slow(chips, folder / "tunion", "T-Union 09", "jiaxing", "tunion", 400)


def _slow(chips: remote.Virtual, folder: Path, what: str, pack: str, kind: str, limit_ms: int) -> Iterator[Figure]:
    """SLOW_TAPS of the product and of the bare script; T-Union with the PSAM's SELECT of its DF in each tap."""
    names = [chips.remote.add(card(40_000 + number, kind), f"{what} {number}") for number in range(SLOW_TAPS)]
    bare_name = chips.remote.add(card(20_001, kind), f"{what} bare")
    ours: list[float] = []
    floor: list[float] = []
    disk = SlowDisk()
    try:
        with stage(folder, chips, pack) as on:
            bare = on.bare(folder / "bare.db")
            script = on.scripted(bare_name)
            desk = on.device.desk
            if kind == "tunion":
                script = replace(script, psam_select="00A40000028011")
            chips.remote.timing(ESTIMATES)
            for name in names:
                if kind == "tunion":
                    desk.psam.df = b""  # as after a card of the other scheme
                ours.append(on.paid(name))
                floor.append(on.bare_tap(bare, bare_name, script))
            bare.close()
    finally:
        chips.remote.timing(None)
        disk.unregister()
    note = f"timings are estimates; {SLOW_TAPS} taps, p99: the slowest"
    yield Figure(
        f"tap with estimated timings, {what}", median(ours), "ms", limit_ms, max(ours), median(floor), note=note
    )
