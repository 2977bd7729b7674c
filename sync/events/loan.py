"""A library counter's day: what a reader was granted, when it went to the library system, and what came of it.

Who reads what is nobody else's business: card and item are sealed with the device's keys of personal data; a row shows
a reference of the reader only.
"""

from typing import Literal

from sync.events.event import Event

Act = Literal["lend", "return", "renew", "fee"]
Grant = Literal["ils", "rules"]
Why = Literal["refused", "unclear", "not_as_told", "no_answer", "bad_value"]


class LoanAsked(Event, frozen=True, tag="LOAN_ASKED"):
    """An act at the counter, before it is told to anybody.

    `granted` by the library's own system ("ils": it is about to be asked) or by local "rules" while that is away.
    `operation` 20 hex digits; `reader` a reference, "" for a return; `due` ISO date, "" where there is none; `sealed`
    card and item, bound to "loan|OPERATION".
    """

    operation: str
    act: Act
    library: str
    granted: Grant
    reader: str
    due: str
    fee_fen: int
    sealed: str


class LoanSent(Event, frozen=True, tag="LOAN_SENT"):
    """The act of row `held` is about to go out by `way`: "sip2", or the name of a .koc file. It never goes out twice
    before it was made sure that it did not arrive."""

    held: int
    way: str


class LoanStuck(Event, frozen=True, tag="LOAN_STUCK"):
    """The clerk must look at the act of row `held`. `why` in a word; `words` the library system's, sealed, or ""."""

    held: int
    why: Why
    words: str


class LoanClosed(Event, frozen=True, tag="LOAN_CLOSED"):
    """Nothing is left to do about the act of row `held`.

    `outcome` "done" (the library system has it), "refused" (nobody got anything), "exported" (it stands in a .koc file)
    or "settled" (a clerk saw to it by hand). `by` "answer", "verified", "koc", "clerk" or "restart".
    """

    held: int
    outcome: Literal["done", "refused", "exported", "settled"]
    by: Literal["answer", "verified", "koc", "clerk", "restart"]
