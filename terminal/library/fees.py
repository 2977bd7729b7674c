"""A library's fee paid from the purse: the till takes the money, then the library's system is told, once."""

import apsw

from sync.events import LoanAsked
from sync.recall import decoded
from terminal.library.counter import Counter
from terminal.library.results import Result
from terminal.till.counter import Till
from terminal.till.deal import Deal, Step

BY_PURSE = "02"
"""SIP2's payment type of a card (docs/library.md)."""


def ask(till: Till, order: str, fen: int, clerk: str) -> Deal:
    """Ask for the fee at the till; a desk without a shift opens one in the branch's name. Raises Refused."""
    if till.ledger.shift is None:
        till.open_shift(clerk)
    return till.sell(order, [("图书馆费用 library fee", fen)], what="fee")


def tell(counter: Counter, till: Till) -> list[Result]:
    """Tell the library's system of each fee that was paid here and that it has not been told of, also when the power
    went in between. Waits in the queue while that is away."""
    paid = [deal for deal in till.ledger.deals.values() if deal.what == "fee" and deal.step is Step.DONE]
    if not paid:
        return []
    told = _told(counter, min(deal.held for deal in paid))
    return [
        counter.fee(deal.card, deal.amount_fen, BY_PURSE, str(deal.held)) for deal in paid if str(deal.held) not in told
    ]


def _told(counter: Counter, since: int) -> set[str]:
    """The debits that acts of the journal from row `since` on tell of."""
    found = set()
    for raw in counter.journal.read(_asked, since):
        row = decoded(raw)
        if isinstance(row.event, LoanAsked) and row.event.act == "fee":
            found.add(counter.loan_of(row.event).item)
    return found


def _asked(connection: apsw.Connection, since: int) -> list[bytes]:
    query = "SELECT raw FROM row WHERE kind = 'LOAN_ASKED' AND seq >= ?"
    return [raw for (raw,) in connection.execute(query, (since,))]
