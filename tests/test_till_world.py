"""Two tills, three cards, a backend and a bank with every fault at once: torn cards, restarts, lines and answers lost,
deals given up in the middle, full disks, the other till in between, refunds. No fen ends in no book or in two."""

import contextlib
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apdu.virtual.cards import Card
from sync.errors import JournalFull
from sync.events import Held
from terminal.till.words import Refused
from tests import memory
from tests.bus import card
from tests.till_books import ACCOUNT_FEN, Books, count_the_money
from tests.tills import City, Counter, order

TEARS = st.sampled_from([None, (3, True), (5, True), (5, False), *[(4, True), (4, False)] * 2])
"""None, or the command after which (True) or before which the card is lost: the fourth is CREDIT or DEBIT."""
MONEY = st.sampled_from([1, 250, 1_300, 4_000])
TILLS, CARDS = st.integers(0, 1), st.integers(0, 2)
OPS = st.one_of(
    st.tuples(st.just("sell"), TILLS, CARDS, MONEY, TEARS),
    st.tuples(st.just("load"), TILLS, CARDS, MONEY, TEARS, st.sampled_from(["cash", "account"])),
    st.tuples(st.just("sell"), TILLS, CARDS, MONEY, TEARS),
    st.tuples(st.just("load"), TILLS, CARDS, MONEY, TEARS, st.sampled_from(["cash", "account"])),
    st.tuples(st.just("put"), TILLS, CARDS, TEARS),
    st.tuples(st.just("put"), TILLS, CARDS, st.none()),
    st.tuples(st.just("put"), TILLS, CARDS, st.none()),
    st.tuples(st.just("give_up"), TILLS),
    st.tuples(st.just("restart"), TILLS),
    st.tuples(st.just("sync"), TILLS),
    st.tuples(st.just("refund"), TILLS, st.booleans()),
    st.tuples(st.just("pay_refunds"), TILLS, CARDS, TEARS),
    st.tuples(st.just("shift"), TILLS),
    st.tuples(st.just("line"), TILLS, st.booleans(), st.integers(0, 2)),
    st.tuples(st.just("bank"), st.booleans(), st.integers(0, 2)),
    st.tuples(st.just("backend")),
    st.tuples(st.just("disk"), TILLS, st.integers(0, 2), st.integers(1, 2)),
    st.tuples(st.just("full"), TILLS, CARDS, st.booleans()),
)


class World:
    """All of it. Every operation may be refused by a till; none may raise anything else."""

    def __init__(self, folder: Path) -> None:
        self.cards: list[Card] = [card(serial) for serial in range(1, 4)]
        self.city = City(folder / "backend", {one.spec.number20: ACCOUNT_FEN for one in self.cards})
        self.tills = [Counter(self.city, folder / f"till-{number}", number) for number in (1, 2)]
        self.orders = count(1)

    def do(self, op: tuple[Any, ...]) -> None:
        """One operation; time passes."""
        self.city.time.later(seconds=7)
        name, *rest = op
        with contextlib.suppress(Refused, JournalFull):
            getattr(self, name)(*rest)

    def sell(self, till: int, of: int, fen: int, tear: tuple[int, bool] | None) -> None:
        self.tills[till].till.sell(order(next(self.orders)), [("x", fen)])
        self.tills[till].put(self.cards[of], tear)

    def load(self, till: int, of: int, fen: int, tear: tuple[int, bool] | None, source: Any, refund: str = "") -> None:
        self.tills[till].till.top_up(order(next(self.orders)), max(fen, 100) if not refund else fen, source, refund)
        self.tills[till].put(self.cards[of], tear)

    def put(self, till: int, of: int, tear: tuple[int, bool] | None) -> None:
        self.tills[till].put(self.cards[of], tear)

    def give_up(self, till: int) -> None:
        self.tills[till].till.give_up()

    def restart(self, till: int) -> None:
        self.tills[till].restart()

    def sync(self, till: int) -> None:
        if not self.tills[till].line.away:
            self.tills[till].sync()

    def refund(self, till: int, whole: bool) -> None:
        events = enumerate(self.tills[till].events(), 1)
        if held := [(seq, event.amount) for seq, event in events if isinstance(event, Held)]:
            seq, fen = held[-1]
            self.tills[till].till.refund(order(next(self.orders)), seq, fen if whole else fen // 2)

    def pay_refunds(self, till: int, of: int, tear: tuple[int, bool] | None) -> None:
        self.sync(till)
        for due in self.tills[till].till.refunds(self.cards[of].spec.number20):
            self.load(till, of, due.amount_fen, tear, "refund", due.operation)

    def shift(self, till: int) -> None:
        self.tills[till].till.z()
        self.tills[till].till.open_shift("0018")

    def line(self, till: int, away: bool, lose: int) -> None:
        self.tills[till].line.away, self.tills[till].line.lose = away, lose

    def bank(self, away: bool, lose: int) -> None:
        self.city.bank.away, self.city.bank.lose = away, lose

    def disk(self, till: int, takes: int, fails: int) -> None:
        self.tills[till].disk_takes, self.tills[till].disk_fails = takes, fails

    def full(self, till: int, of: int, loads: bool) -> None:
        """The disk is full just when the outcome is to be written, and the card comes back."""
        self.disk(till, 1 if loads else 2, 1)
        if loads:
            self.load(till, of, 700, None, "cash")
        else:
            self.sell(till, of, 300, None)
        self.put(till, of, None)

    def backend(self) -> None:
        self.city.restart()

    def settle(self) -> None:
        """Everything works again, every deal ends, every card is seen at both tills, every row arrives."""
        self.bank(False, 0)
        for number, each in enumerate(self.tills):
            self.line(number, False, 0)
            each.disk_fails = 0
            each.restart()
            if each.till.ledger.running() is not None:
                each.till.give_up()
            if each.till.ledger.shift is None:
                each.till.open_shift("0019")
        for _ in range(2):
            for number, of in ((number, of) for number in range(2) for of in range(3)):
                self.do(("sell", number, of, 1, None))
                self.do(("load", number, of, 100, None, "cash"))
                for each in self.tills:
                    if each.till.ledger.running() is not None:
                        each.till.give_up()
        for each in self.tills:
            each.sync()
        for of in range(3):  # everybody fetches what is to be given back
            for due in self.tills[0].till.refunds(self.cards[of].spec.number20):
                self.load(0, of, due.amount_fen, None, "refund", due.operation)
        for each in self.tills:
            each.till.z()
            each.sync()


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(OPS, min_size=5, max_size=25))
def test_every_fen_is_in_one_place_whatever_happens(ops: list[tuple[Any, ...]]) -> None:
    played(ops)


@pytest.mark.drill
@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(OPS, min_size=10, max_size=60))
def test_every_fen_is_in_one_place_in_long_days(ops: list[tuple[Any, ...]]) -> None:
    played(ops)


def played(ops: list[tuple[Any, ...]]) -> None:
    """Play the operations, settle, count. Raises AssertionError."""
    with memory.folder() as folder:
        world = World(Path(folder))
        try:
            for op in ops:
                world.do(op)
            world.settle()
            count_the_money(Books(world.city.backend, world.city.bank), world.cards, world.tills)
        finally:
            for each in world.tills:
                each.journal.close()
            world.city.backend.close()
