"""A wrong charge put right: one person asks, another confirms, and only then is it money.

What left the chip has left it; an adjustment says what the operator owes the rider for it, to be paid out or loaded.
"""

from typing import Literal

from sync.events.event import Event

AdjustWhy = Literal["charged_twice", "wrong_fare", "wrong_concession", "device_fault", "goodwill"]


class AdjustAsked(Event, frozen=True, tag="ADJUST_ASKED"):
    """A clerk asks that `amount_fen` of the debit in HELD row `debit` be given back. `operation` names the act."""

    debit: int
    operation: str
    amount_fen: int
    why: AdjustWhy
    clerk: str


class Adjusted(Event, frozen=True, tag="ADJUSTED"):
    """A second person confirmed what row `held` (ADJUST_ASKED) asked; it says all of it again."""

    held: int
    debit: int
    operation: str
    amount_fen: int
    why: AdjustWhy
    asked_by: str
    confirmed_by: str


class AdjustDropped(Event, frozen=True, tag="ADJUST_DROPPED"):
    """Nothing comes of what row `held` asked. `why`: a second person refused it, or the first withdrew it."""

    held: int
    operation: str
    why: Literal["refused", "withdrawn"]
    clerk: str
