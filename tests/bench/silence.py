"""A card that falls silent in the middle of a tap, without a word: how long the loop stalls, and that it waits when
the card asks for time."""

import time
from collections.abc import Iterator
from pathlib import Path

import nfc.clf
import nfc.tag

from apdu.virtual import remote
from apdu.virtual.timing import Timing
from tests.bench.bare import Bare, Script
from tests.bench.figures import Figure, median
from tests.bench.stage import Stage, card, stage

ROUNDS = 5
DELTA_MS = 49152 / 13.56e3
RETURN_MS = 15.0
"""What the exchanges before the silence and the loop's own work may add to the waiting itself, above FWI 8."""

SLOW_MS, LONG_MS = 70, 350
"""Work within one frame waiting time at FWI 8 (77 ms), and within the five that the card asks for."""


def stalls(chips: remote.Virtual, folder: Path) -> Iterator[Figure]:
    """The stall by frame waiting time, beside nfcpy's own; then cards that take their time and are waited for."""
    with stage(folder / "silent", chips, "jiaxing") as on:
        bare = on.bare(folder / "bare-silent.db")
        for fwi in (4, 8, 10):
            name = chips.remote.add(card(50_000 + fwi, ats=f"0A7880{fwi:X}0022090000000"), f"silent-{fwi}")
            script = on.scripted(name)
            time.sleep(on.device.configuration.tap.repeat_s + 0.1)  # a card that just paid would only be shown again
            ours, floor = [], []
            for _ in range(ROUNDS):
                chips.remote.tear("before", ins="50")
                outcome, elapsed_ms = on.tap(name)
                assert not outcome.served, outcome
                ours.append(elapsed_ms)
                floor.append(_nfcpys_own(on, bare, name, script))
            limit = 300.0 if fwi <= 8 else 2 * (4096 / 13.56e3 * 2**fwi + DELTA_MS) + RETURN_MS
            note = "floor: nfcpy's own stack"
            what = f"stall by a silent card, FWI {fwi}"
            yield Figure(what, median(ours), "ms", limit, max(ours), median(floor), note=note)
        bare.close()
        yield _patience(on, "within the frame waiting time", SLOW_MS)
        chips.remote.wtx(5, ins="50")
        yield _patience(on, "within a WTX of 5", LONG_MS)


def _nfcpys_own(on: Stage, bare: Bare, name: str, script: Script) -> float:
    """The same silence in the bare script's tap."""
    on.chips.tear("before", ins="50")
    tag = on.look_for(name, bare.poll)
    started = time.perf_counter()
    try:
        bare.serve(tag, script)
    except (nfc.tag.TagCommandError, nfc.clf.CommunicationError):
        return (time.perf_counter() - started) * 1000
    raise RuntimeError("a silent card answered")


def _patience(on: Stage, what: str, work_ms: int) -> Figure:
    """A card that works so long at INIT: its tap takes at least so long, and 30 ms more at most."""
    name = on.chips.add(card(50_100 + work_ms), f"slow {work_ms}")
    on.chips.timing(Timing(card_ms={0x50: work_ms}))
    elapsed_ms = on.paid(name)
    on.chips.timing(None)
    return Figure(f"a card that answers {what} is served", elapsed_ms, "ms", limit=work_ms + 30, floor=work_ms)
