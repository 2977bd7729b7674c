"""The books of tills: what chips, journals, backend and bank must say of each other at the end."""

from collections import Counter as Counted
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from apdu.virtual.cards import Card
from sync.backend.bank import SimulatedBank
from sync.backend.service import Service
from sync.events import AnyEvent, DealLeft, Done, Held, LoadHeld, Refund, SaleAsked, ShiftOff
from terminal.till.counter import Till
from terminal.till.deal import RUNNING, Step
from tests.tills import balance

ACCOUNT_FEN = 50_000
UNSETTLED = ("pending", "difference")


class Books(NamedTuple):
    """The two books that no till writes."""

    backend: Service
    bank: SimulatedBank


class AnyTill(Protocol):
    """What the books ask of a till."""

    number: str
    till: Till

    def events(self) -> list[AnyEvent]:
        """What its journal holds."""
        ...


def count_the_money(
    books: Books, cards: Sequence[Card], tills: Sequence[AnyTill], expected: Collection[str] = ()
) -> None:
    """Chips, journals, backend and bank agree to the fen, once everything is settled. Raises AssertionError.

    `expected`: alarms that the world's own faults explain. "load_without_grant" is one of a backend that was restored:
    the load that it names is left to a person, its money is on the card or not, set aside at the bank or not.
    """
    with books.backend.transaction() as database:
        loads = list(database.query("select * from topup"))
        charges = list(database.query("select * from charge"))
        refunds = list(database.query("select * from refund"))
        alarms = list(database.query("select what, detail from alarm"))
    assert not [alarm for alarm in alarms if alarm["what"] not in expected], alarms
    named = {alarm["detail"].removeprefix("operation ") for alarm in alarms if alarm["what"] == "load_without_grant"}
    doubtful = [load for load in loads if load["operation"] in named and load["state"] == "held"]
    assert {load["state"] for load in loads if load not in doubtful} <= {"captured", "released", "refused"}, loads
    assert not [charge for charge in charges if charge["state"] == "open" or charge["ground"] in UNSETTLED]
    for one in cards:
        number = one.spec.number20
        taken = sum(charge["paid_fen"] for charge in charges if charge["card"] == number)
        mine = [load for load in loads if load["card"] == number and load["state"] == "captured"]
        loaded = sum(load["amount_fen"] for load in mine)
        open_loads = [load for load in doubtful if load["card"] == number]
        assert balance(one) - (one.spec.balance_fen - taken + loaded) in _sums(open_loads)
        from_account = sum(load["amount_fen"] for load in mine if load["source"] == "account")
        held_back = [load for load in open_loads if load["source"] == "account"]
        assert ACCOUNT_FEN - from_account - books.bank.accounts[number] in _sums(held_back)
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
    for each in tills:
        deals_are_kept(each, charges)


def _sums(loads: Sequence[dict[str, Any]]) -> set[int]:
    """What any of these loads come to."""
    sums = {0}
    for load in loads:
        sums |= {one + load["amount_fen"] for one in sums}
    return sums


def deals_are_kept(till: AnyTill, charges: list[dict[str, Any]]) -> None:
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
