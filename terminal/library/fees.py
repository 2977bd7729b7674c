"""A library's fee paid from the purse: the till takes the money, then the library's system is told, once."""

from collections.abc import Iterable, Sequence

import apsw

from sync import till_rows
from sync.events import LoanAsked, Refund
from sync.recall import decoded
from terminal.library.counter import Counter
from terminal.library.results import Result
from terminal.till.counter import Till
from terminal.till.deal import Deal, Step
from terminal.till.ledger import Ledger

BY_PURSE = "02"
"""SIP2's payment type of a card (docs/library.md)."""


def ask(till: Till, order: str, fen: int, clerk: str, payer: str = "") -> Deal:
    """Ask for the fee at the till; a desk without a shift opens one in the clerk's or branch's name. Raises Refused.

    `payer`: the card that owes it, "" for whichever is put down.
    """
    if till.ledger.shift is None:
        till.open_shift(clerk)
    return till.sell(order, [("图书馆费用 library fee", fen)], what="fee", payer=payer)


def forget(till: Till) -> None:
    """Give a fee up that waited for its card when the process ended: whose card is forgotten, nothing was taken."""
    running = till.ledger.running()
    if running is not None and running.what == "fee" and running.step is Step.ASKED:
        till.give_up()


def earlier(till: Till) -> list[Deal]:
    """The deals of the shift before: a process that ended may have closed it before all of its fees were told."""
    journal = till.journal
    return list(Ledger(journal.read(till_rows.rows, journal.read(till_rows.before)), journal.row).deals.values())


def untold(counter: Counter, till: Till, before: Iterable[Deal] = ()) -> list[Deal]:
    """Each fee that was paid here and that the library's system has not been told of, also when the power went in
    between; of this shift and of the deals `before` it. What was given up in doubt is owed back, so was not paid."""
    deals = {deal.order: deal for deal in before} | till.ledger.deals
    paid = [deal for deal in deals.values() if deal.what == "fee" and deal.step is Step.DONE]
    if not paid:
        return []
    told = _told(counter, min(deal.held for deal in paid))
    return [deal for deal in paid if str(deal.held) not in told and not _is_owed_back(till, deal)]


def tell(counter: Counter, deals: Sequence[Deal]) -> list[Result]:
    """Tell the library's system of those; waits in the queue while that is away. `Counter.found` knows each by the
    deal's order."""
    return [counter.fee(deal.card, deal.amount_fen, BY_PURSE, str(deal.held), deal.order) for deal in deals]


def _is_owed_back(till: Till, deal: Deal) -> bool:
    return any(isinstance(row.event, Refund) and row.event.why == "left" for row in till.journal.outcomes_of(deal.held))


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
