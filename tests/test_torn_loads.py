"""Every way to tear a load: each frame, then what may happen until the next visit; what the till says of it, and that
chip, journal, backend and bank agree to the fen once the card was seen again."""

from collections.abc import Iterator
from itertools import count, product
from pathlib import Path
from typing import NamedTuple

import pytest

from apdu.virtual import elsewhere
from apdu.virtual.cards import Card
from sync.events import LoadDone, LoadGrey, LoadHeld, LoadVoid
from tariffs.verdict import Reason
from terminal.till.deal import Step
from tests.bus import card
from tests.chips import ChipWire
from tests.tills import City, Counter, Down, balance, order

FEN, OTHER_FEN = 5_000, 700
READ_LOG = (0xB2, 0xC4)


class Cell(NamedTuple):
    """The card leaves before or after it ran command `nth` of the visit; then loads elsewhere; its log may be dead."""

    nth: int
    frame: str
    executed: bool
    restart: bool
    others: int
    log_readable: bool


def expected(cell: Cell) -> str:
    """What the till writes of the torn try: "" where nothing was held."""
    if cell.frame != "CREDIT":
        return ""
    if not cell.others:
        if not cell.executed:
            return "LOAD_VOID"
        return "LOAD_DONE" if cell.log_readable else "LOAD_GREY"
    return "LOAD_VOID" if cell.log_readable and not cell.executed else "LOAD_GREY"


class Bench:
    """A till and its city; each cell has a card of its own."""

    def __init__(self, folder: Path) -> None:
        self.serials, self.orders = count(1), count(1)
        self.city = City(folder / "backend", {card(serial).spec.number20: 100_000 for serial in range(1, 2_000)})
        self.counter = Counter(self.city, folder / "till")
        names = {"A4": "SELECT", "B2": "READ", "B0": "READ", "50": "INIT", "52": "CREDIT"}
        self.load(self.rider(), "cash")
        self.frames = [names[sent[2:4]] for sent in self.counter.wire.sent]

    def rider(self) -> Card:
        return card(next(self.serials))

    def load(self, rider: Card, source: str, tear: tuple[int, bool] | None = None) -> Step:
        self.counter.till.top_up(order(next(self.orders)), FEN, source)  # type: ignore[arg-type]
        return self.counter.put(rider, tear).step

    def tries(self, cell: Cell) -> str:
        """Tear, let happen what happens, come back, come once more. The outcome of the torn try."""
        rider, before = self.rider(), self.counter.journal.last_seq
        self.city.time.later(minutes=1)
        torn = self.load(rider, "account", (cell.nth, cell.executed))
        assert torn is (Step.UNCLEAR if cell.frame == "CREDIT" else Step.ASKED)
        if cell.restart:
            self.counter.restart()
        loaded = [self.elsewhere(rider) for _ in range(cell.others)]
        self.city.backend.add_loads(loaded)
        if torn is Step.UNCLEAR or not cell.restart:
            self.comes_back(rider, cell.log_readable)
        ours = [
            type(event).__struct_config__.tag
            for event in self.counter.events()[before:]
            if isinstance(event, LoadDone | LoadVoid | LoadGrey)
        ]
        held = sum(isinstance(event, LoadHeld) for event in self.counter.events()[before:])
        assert len(ours) == held, "each held load has one outcome"
        self.balances(rider, cell.others * OTHER_FEN)
        return str(ours[0]) if cell.frame == "CREDIT" else ""

    def elsewhere(self, rider: Card) -> dict[str, object]:
        """Another channel of the issuer loads; its back office tells the backend."""
        deal = elsewhere.load(rider, OTHER_FEN, "20261123090000")
        return {
            "card": deal["number20"], "load_counter": deal["load_counter"], "amount_fen": OTHER_FEN,
            "at": deal["moment"],
        }  # fmt: skip

    def comes_back(self, rider: Card, log_readable: bool) -> None:
        """The same card again, until the deal has ended."""
        assert rider.chip is not None
        rider.chip.reset()
        chip = rider.chip.transmit

        def answer(raw: bytes) -> bytes:
            return b"\x69\x85" if not log_readable and (raw[1], raw[3]) == READ_LOG else chip(raw)

        deal = self.counter.till.serve(Down(rider.uid, ChipWire(answer)))
        assert deal.step in (Step.DONE, Step.DOUBT), deal
        assert (deal.step is Step.DOUBT) == (deal.reason is Reason.IN_DOUBT)

    def balances(self, rider: Card, others_fen: int) -> None:
        """After one more contact nothing waits, and what came onto the card is what bank and backend took for it."""
        self.counter.sync()
        assert self.load(rider, "cash") is Step.DONE
        self.counter.sync()
        number = rider.spec.number20
        with self.city.backend.transaction() as database:
            loads = list(database.query("select * from topup where card = ?", (number,)))
        assert {load["state"] for load in loads} <= {"captured", "released"}, loads
        captured = sum(load["amount_fen"] for load in loads if load["state"] == "captured")
        assert balance(rider) == rider.spec.balance_fen + captured + others_fen
        from_account = sum(
            load["amount_fen"] for load in loads if (load["source"], load["state"]) == ("account", "captured")
        )
        assert self.city.bank.accounts[number] == 100_000 - from_account
        assert self.city.bank.captured_fen(number) == from_account


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("loads"))
    yield made
    made.counter.journal.close()
    made.city.backend.close()


def test_each_cell_ends_as_the_rule_says_and_no_fen_is_lost(bench: Bench) -> None:
    ways = list(product([False, True], [False, True], (0, 1, 2), [True, False]))
    found = {}
    for nth, frame in enumerate(bench.frames, 1):
        for way in ways:
            cell = Cell(nth, frame, *way)
            found[cell] = bench.tries(cell)
    assert len(found) == 24 * len(bench.frames) and bench.frames[-2:] == ["INIT", "CREDIT"]
    assert {cell: outcome for cell, outcome in found.items() if outcome != expected(cell)} == {}
    assert set(found.values()) == {"", "LOAD_DONE", "LOAD_VOID", "LOAD_GREY"}
    assert bench.city.alarms() == []
