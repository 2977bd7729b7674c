"""A card that falls silent in the middle of a tap, without a word: how long the loop stalls."""

import time
from collections.abc import Iterator
from pathlib import Path

import nfc.clf
import nfc.tag

from apdu.virtual import remote
from apdu.virtual.timing import Timing
from tests.bench.bare import Bare
from tests.bench.figures import Figure, median
from tests.bench.stage import card, stage

ROUNDS = 5
DELTA_MS = 49152 / 13.56e3
RETURN_MS = 15.0
"""What an exchange and the loop's own work may add to the waiting itself."""


def stalls(chips: remote.Virtual, folder: Path) -> Iterator[Figure]:
    """The stall by frame waiting time, beside nfcpy's own; and a long WTX that is not cut short."""
    with stage(folder / "silent", chips, "jiaxing") as on:
        bare = Bare(on, folder / "bare-silent.db")
        for fwi in (4, 8, 10):
            ats = f"0A7880{fwi:X}0022090000000"
            name = chips.remote.add(card(50_000 + fwi, ats=ats), f"silent-{fwi}")
            ours = []
            for _ in range(ROUNDS):
                chips.remote.tear("before", ins="50")
                outcome, elapsed_ms = on.tap(name)
                assert not outcome.served, outcome
                ours.append(elapsed_ms)
            waiting_ms = 4096 / 13.56e3 * 2**fwi + DELTA_MS
            limit = 300.0 if fwi <= 8 else 2 * waiting_ms + RETURN_MS
            floor = _nfcpys_own(bare, name)
            yield Figure(
                f"stall by a silent card, FWI {fwi}",
                median(ours),
                "ms",
                limit=limit,
                floor=floor,
                note="floor: nfcpy's own stack",
            )
        bare.close()
        yield _long_wait(chips, on.tap)


def _nfcpys_own(bare: Bare, name: str) -> float:
    """The same silence through nfcpy's tag."""
    chips = bare.stage.chips
    chips.tear("before", ins="A4")
    chips.enter(name)
    target = None
    while target is None:
        target = bare.frontend.sense(bare.target, iterations=1)
    tag = nfc.tag.activate(bare.frontend, target)
    started = time.perf_counter()
    try:
        tag.transceive(bytes.fromhex("00A4040009A00000000386980701"))
    except (nfc.tag.TagCommandError, nfc.clf.CommunicationError):
        return (time.perf_counter() - started) * 1000
    raise RuntimeError("a silent card answered")


def _long_wait(chips: remote.Virtual, tap: object) -> Figure:
    """A card that asks for 8 frame waiting times at INIT and takes 500 ms is waited for."""
    assert callable(tap)
    name = chips.remote.add(card(50_100), "patient")
    chips.remote.wtx(8, ins="50")
    chips.remote.timing(Timing(card_ms={0x50: 500}))
    outcome, elapsed_ms = tap(name)
    chips.remote.timing(None)
    assert outcome.served, outcome
    return Figure("a WTX of 8 with 500 ms of work is served", elapsed_ms, "ms", note="not cut short")
