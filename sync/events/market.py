"""A market counter's day: who sits there, what was sold, what is to be given back."""

from typing import Literal

import msgspec

from sync.events.event import Event


class Item(msgspec.Struct, frozen=True):
    """One line of a sale: a code or name, and fen."""

    name: str
    amount: int


class ShiftOn(Event, frozen=True, tag="SHIFT_ON"):
    """A clerk opened shift `shift` (1, 2, …, never reset); `clerk` a work number, no name.

    `grand_fen`: all debits of this journal before it.
    """

    clerk: str
    shift: int
    grand_fen: int


class ShiftOff(Event, frozen=True, tag="SHIFT_OFF"):
    """Z: shift `shift` is closed, once. Money in fen.

    `by` "clerk" or "next" (a forgotten one, closed by the next opening). `unclear`: torn debits that no visit has
    settled yet, of earlier shifts too. `refunds` what was noted to be given back. `loads` what was put on cards,
    `loads_cash` the part of it that was paid in cash; `grand` all debits of this journal so far, never reset. `unsent`
    rows at that moment: closing does not wait for them.
    """

    clerk: str
    shift: int
    by: Literal["clerk", "next"]
    sales: int
    sales_fen: int
    refunds: int
    refunds_fen: int
    unclear: int
    unclear_fen: int
    fees: int
    fees_fen: int
    loads: int
    loads_fen: int
    loads_cash_fen: int
    loads_unclear: int
    loads_unclear_fen: int
    grand_fen: int
    unsent: int


class SaleAsked(Event, frozen=True, tag="SALE_ASKED"):
    """A sum that a card is to pay, before any card was seen.

    `operation` 20 hex digits, given by the clerk's page or the POS, or made here: asked twice it is one sale. `what`
    "sale", or "fee" for a library's. The debit that pays it names the operation as its `product`.
    """

    operation: str
    what: Literal["sale", "fee"]
    items: list[Item]
    amount: int
    clerk: str
    shift: int
    source: Literal["keyed", "pos"]


class DealLeft(Event, frozen=True, tag="DEAL_LEFT"):
    """The clerk gave the deal up: a sale (`held` its SALE_ASKED row) or a top-up (its LOAD_HELD row).

    A torn debit of it that proves to have happened is owed back: a REFUND row notes it at once.
    """

    held: int
    operation: str
    why: str


class Refund(Event, frozen=True, tag="REFUND"):
    """Money to be given back for the debit of HELD row `held`: a record, credited by a load at a top-up counter.

    `operation` 20 hex digits; `card` as debited; `why` "clerk" or "left" (the sale had been given up).
    """

    held: int
    operation: str
    sale: str
    card: str
    amount: int
    why: Literal["clerk", "left"]
    clerk: str
    shift: int
