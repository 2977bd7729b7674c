"""Every way to tear a tap: each frame, then what may happen until the next visit; what must come of it, and what does.

`expected` is the rule of docs/healing.md written a second time, in a few lines that know nothing of the product;
`tried` runs the product's whole tap, desk and journal against the simulated chips, cell by cell.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import count, product
from pathlib import Path
from typing import NamedTuple

from apdu.purse.read import read, select
from apdu.script import Slot, run
from apdu.virtual.cards import Card
from sync.events import AnyEvent, Done, Grey, Held, Void
from sync.record import decode
from tariffs.verdict import Reason
from terminal.tap import Outcome as Served
from tests import memory
from tests.bus import Bus, card, driver, paid_fen, pay_on_another_bus
from tests.chips import ISSUER_SHANGHAI, ChipWire, profiles

ELSEWHERE = (0, 1, 2)
"""Fares that other buses take before the card comes back."""
OTHER_FEN = 100
READ_LOG = (0xB2, 0xC4)
"""INS and P2."""


class Script(NamedTuple):
    """One of the purse's ways to pay: a pack and a kind of card that take it, and its transaction type."""

    name: str
    pack: str
    values: tuple[tuple[str, str], ...]
    type: str


SCRIPTS = (
    Script("06", "jiaxing-flat", (), "06"),
    Script("09", "jiaxing", (), "09"),
    Script("T-Union", "jiaxing", (("kind", "tunion"), ("city", "2900"), ("issuer", ISSUER_SHANGHAI)), "09"),
)


class Cell(NamedTuple):
    """One way: the card leaves before or after it ran command `nth` (from 1, `frame` its name) of the tap."""

    script: Script
    nth: int
    frame: str
    executed: bool
    restart: bool
    other_first: bool
    elsewhere: int
    log_readable: bool


class Outcome(NamedTuple):
    """What became of the torn tap: its draft's outcome ("" without a draft), whether with a TAC, and whether the next
    visit is that ride, paid already."""

    draft: str
    tac: bool
    healed: bool


def expected(cell: Cell) -> Outcome:
    """docs/healing.md, "Healing a torn draft", for a next visit in the same trip and within ten minutes."""
    if cell.frame != "DEBIT":
        return Outcome("", tac=False, healed=False)  # nothing was held, so nothing moved
    evidence = cell.log_readable or (cell.script.type == "09" and cell.elsewhere < 2)
    if cell.executed and cell.elsewhere == 0:  # proved, and ours by the record (09) or by the log (06)
        return Outcome("DONE", tac=True, healed=True) if evidence else Outcome("GREY", tac=True, healed=False)
    if cell.executed:  # the proof is gone; the log shows our record, but not its TAC
        return Outcome("GREY", tac=False, healed=False)
    if cell.elsewhere == 0:  # the counter has not moved
        return Outcome("VOID", tac=False, healed=False)
    if evidence:  # another's proof, or a log that reaches back without ours
        return Outcome("VOID", tac=False, healed=False)
    return Outcome("GREY", tac=cell.elsewhere == 1, healed=False)


def frames(script: Script, bus: Bus, rider: Card) -> list[str]:
    """The names of a whole tap's commands, in their order."""
    names = {"A4": "SELECT", "B2": "READ", "B0": "READ", "50": "INIT", "DC": "CACHE", "54": "DEBIT"}
    assert bus.tap(rider).served
    return [names[sent[2:4]] for sent in bus.wire.sent]


def cells(script: Script, names: list[str]) -> Iterator[Cell]:
    """Every cell of one script."""
    ways = product([False, True], [False, True], [False, True], ELSEWHERE, [True, False])
    for nth, way in product(range(1, len(names) + 1), ways):
        yield Cell(script, nth, names[nth - 1], *way)


class Bench:
    """One validator for all cells of a script; each cell has a card of its own."""

    def __init__(self, script: Script, folder: Path) -> None:
        self.script = script
        self.bus = Bus(folder, pack=script.pack)
        self.bus.tap(driver())
        self.bus.later(minutes=1)
        self._serials = count(1_000)
        self.frames = frames(script, self.bus, self.rider())

    def rider(self) -> Card:
        """A new card."""
        return card(next(self._serials), **dict(self.script.values))

    def tries(self, cell: Cell) -> Outcome:
        """Tear, let happen what happens, tap again. Raises AssertionError when a fen is in no book or in two."""
        rider = self.rider()
        before = self.bus.journal.last_seq
        assert not self.bus.tap(rider, tear=(cell.nth, cell.executed)).served
        taken = paid_fen(rider)
        if cell.restart:
            self.bus.restart()
        for nth in range(cell.elsewhere):
            self.pays_elsewhere(rider, nth)
        if cell.other_first:
            assert self.bus.tap(self.rider()).served
        again = self.comes_back(rider, cell.log_readable)
        events = [(row.seq, decode(row.raw).event) for row in self.bus.journal.rows(before, 100, 1_000_000)]
        fare = paid_fen(rider) - taken - cell.elsewhere * OTHER_FEN
        self._balances(rider, taken, fare, events)
        healed = again.reason is Reason.HEALED
        assert again.served and (fare == 0) == healed, (again, fare)
        if not taken and not cell.elsewhere:
            assert fare > 0, "a tap that moved nothing is charged"
        return self._outcome(rider, events, healed)

    def pays_elsewhere(self, rider: Card, nth: int) -> None:
        """Another bus takes a fare by the same script, with a record of its own where the script writes one."""
        when = f"2026112308{nth + 2:02d}00"
        records = []
        assert rider.chip is not None
        if self.script.type == "09":
            rider.chip.reset()
            wires = {Slot.CARD: ChipWire(rider.chip.transmit)}
            found = run(select(profiles()), wires, lambda draft: None)
            assert found is not None
            raw = run(read(found), wires, lambda draft: None).raw
            cache = found.profile.caches[0]
            record = raw[cache.proof][:-7] + bytes.fromhex(when)
            records = [f"80DC{cache.p1:02X}{cache.p2:02X}{len(record):02X}{record.hex()}"]
        pay_on_another_bus(rider, OTHER_FEN, self.script.type, when, records)

    def comes_back(self, rider: Card, log_readable: bool) -> Served:
        """The next visit, on the same chip; its log may answer 6985."""
        assert rider.chip is not None
        rider.chip.reset()
        chip: Callable[[bytes], bytes] = rider.chip.transmit

        def answer(raw: bytes) -> bytes:
            hidden = not log_readable and (raw[1], raw[3]) == READ_LOG
            return b"\x69\x85" if hidden else chip(raw)

        self.bus.wire = ChipWire(answer)
        return self.bus.serve(rider)

    def _balances(self, rider: Card, taken: int, fare: int, events: list[tuple[int, AnyEvent]]) -> None:
        """What left the card here is in DONE rows, or in one GREY that the backend will judge; never in two."""
        mine = {
            seq: event.amount for seq, event in events if isinstance(event, Held) and event.card == rider.spec.number20
        }
        done = sum(mine[event.held] for _, event in events if isinstance(event, Done) and event.held in mine)
        grey = sum(mine[event.held] for _, event in events if isinstance(event, Grey) and event.held in mine)
        settled = [event.held for _, event in events if isinstance(event, Done | Void | Grey) and event.held in mine]
        assert sorted(settled) == sorted(mine), "each draft has one outcome"
        assert done <= taken + fare <= done + grey, (taken, fare, done, grey)

    def _outcome(self, rider: Card, events: list[tuple[int, AnyEvent]], healed: bool) -> Outcome:
        held = [seq for seq, event in events if isinstance(event, Held) and event.card == rider.spec.number20]
        first = [event for _, event in events if isinstance(event, Done | Void | Grey) and event.held == held[0]]
        if len(held) == (0 if healed else 1) and not healed:
            return Outcome("", tac=False, healed=False)  # the one draft is the second visit's
        [said] = first
        return Outcome(type(said).__name__.upper(), bool(getattr(said, "tac", "")), healed)


def tried() -> Iterator[tuple[Cell, Outcome]]:
    """Every cell with what came of it."""
    for script in SCRIPTS:
        with memory.folder() as folder:
            bench = Bench(script, Path(folder) / "bus")
            for cell in cells(script, bench.frames):
                yield cell, bench.tries(cell)
            bench.bus.journal.close()


WORDS = {
    Outcome("", tac=False, healed=False): "—",
    Outcome("DONE", tac=True, healed=True): "DONE, this ride",
    Outcome("VOID", tac=False, healed=False): "VOID",
    Outcome("GREY", tac=True, healed=False): "GREY with TAC",
    Outcome("GREY", tac=False, healed=False): "GREY",
}
HEAD = """\
| script | the card leaves | no other fare | — log dead | one other fare | — log dead | two other fares | — log dead |
|---|---|---|---|---|---|---|---|
"""


def markdown(found: Iterable[tuple[Cell, Outcome]]) -> str:
    """The table for people. Restart or not and another card first or not stand in one cell: they must not matter.

    Raises AssertionError when they do.
    """
    rows: dict[tuple[str, str], dict[tuple[int, bool], set[Outcome]]] = {}
    for cell, outcome in found:
        leaves = f"{'after' if cell.executed else 'before'} {cell.nth} {cell.frame}"
        row = rows.setdefault((cell.script.name, leaves), {})
        row.setdefault((cell.elsewhere, cell.log_readable), set()).add(outcome)
    lines = []
    for (script, leaves), row in rows.items():
        assert all(len(outcomes) == 1 for outcomes in row.values()), (script, leaves, row)
        said = [WORDS[row[elsewhere, readable].pop()] for elsewhere in ELSEWHERE for readable in (True, False)]
        lines.append(f"| {' | '.join((script, leaves, *said))} |\n")
    return HEAD + "".join(sorted(lines, key=_order))


def _order(line: str) -> tuple[int, int, bool]:
    _, script, leaves, *_ = (part.strip() for part in line.split("|"))
    side, nth, _ = leaves.split()
    return [one.name for one in SCRIPTS].index(script), int(nth), side == "after"
