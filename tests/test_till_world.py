"""Two tills, three cards, a backend and a bank with every fault at once: torn cards, restarts, lines and answers lost,
deals given up in the middle, full disks, the other till in between, refunds. No fen ends in no book or in two."""

import contextlib
from collections import Counter as Counted
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apdu.virtual.cards import Card
from sync.errors import JournalFull
from sync.events import DealLeft, Done, Held, LoadHeld, Refund, SaleAsked, ShiftOff
from terminal.till.deal import RUNNING, Step
from terminal.till.words import Refused
from tests import memory
from tests.bus import card
from tests.tills import City, Counter, balance, order

ACCOUNT_FEN = 50_000
UNSETTLED = ("pending", "difference")
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
            count_the_money(world)
        finally:
            for each in world.tills:
                each.journal.close()
            world.city.backend.close()


def count_the_money(world: World) -> None:
    """Chips, journals, backend and bank."""
    with world.city.backend.transaction() as database:
        loads = list(database.query("select * from topup"))
        charges = list(database.query("select * from charge"))
        refunds = list(database.query("select * from refund"))
        alarms = list(database.query("select what, detail from alarm"))
    assert not alarms, alarms
    assert {load["state"] for load in loads} <= {"captured", "released", "refused"}, loads
    assert not [charge for charge in charges if charge["state"] == "open" or charge["ground"] in UNSETTLED]
    for one in world.cards:
        number = one.spec.number20
        taken = sum(charge["paid_fen"] for charge in charges if charge["card"] == number)
        mine = [load for load in loads if load["card"] == number and load["state"] == "captured"]
        loaded = sum(load["amount_fen"] for load in mine)
        assert balance(one) == one.spec.balance_fen - taken + loaded
        from_account = sum(load["amount_fen"] for load in mine if load["source"] == "account")
        assert world.city.bank.accounts[number] == ACCOUNT_FEN - from_account
    paid_by = {load["operation"]: load for load in loads if load["source"] == "refund"}
    for refund in refunds:
        load = paid_by.get(refund["paid_by"])
        is_paid = load is not None and (load["state"], load["refund"]) == ("captured", refund["operation"])
        assert is_paid or refund["paid_by"] == ""
    for charge in charges:
        key = charge["terminal"], charge["epoch"], charge["seq"]
        given = [r["amount_fen"] for r in refunds if (r["terminal"], r["epoch"], r["held"]) == key and r["paid_by"]]
        noted = [r["amount_fen"] for r in refunds if (r["terminal"], r["epoch"], r["held"]) == key]
        assert sum(given) == (sum(noted) if charge["paid_fen"] else 0), "what was taken is given back, and no more"
    came = Counted(
        (load["terminal"], msgspec.json.decode(load["body"], type=LoadHeld).order)
        for load in loads
        if load["state"] == "captured"
    )
    assert set(came.values()) <= {1}, "a top-up is loaded once"
    for each in world.tills:
        deals_are_kept(each, charges)


def deals_are_kept(till: Counter, charges: list[dict[str, Any]]) -> None:
    """Each sale was paid once or not at all; one that was paid and given up is owed; the shifts add up."""
    events = dict(enumerate(till.events(), 1))
    paid = {charge["seq"]: charge["paid_fen"] for charge in charges if charge["terminal"] == till.number}
    done = {event.held for event in events.values() if isinstance(event, Done)}
    left = {event.held for event in events.values() if isinstance(event, DealLeft)}
    owed = {event.held: event.amount for event in events.values() if isinstance(event, Refund) and event.why == "left"}
    for seq, event in events.items():
        if isinstance(event, SaleAsked):
            tries = [at for at, held in events.items() if isinstance(held, Held) and held.product == str(seq)]
            took = [at for at in tries if paid[at]]
            assert len(took) <= 1, "a sale is paid once"
            if seq in left and took:
                assert owed.get(took[0]) == event.amount, "what was taken for a sale that was given up is owed"
    amounts = {seq: event.amount for seq, event in events.items() if isinstance(event, Held)}
    shifts = [event for event in events.values() if isinstance(event, ShiftOff)]
    assert sum(shift.sales_fen for shift in shifts) == sum(amounts[seq] for seq in done) == shifts[-1].grand_fen
    assert all(deal.step not in RUNNING or deal.what == "load" for deal in till.till.ledger.deals.values())
    assert all(deal.held in done for deal in till.till.ledger.deals.values() if deal.step is Step.DONE and deal.asked)
