"""A top-up: money on its way from a person's cash or account, or from a refund, onto the card."""

from typing import Literal

from sync.events.event import Event

Source = Literal["cash", "account", "refund"]


class LoadHeld(Event, frozen=True, tag="LOAD_HELD"):
    """A load about to be asked for: what the card said, all that MAC1, the TAC check and healing need.

    `operation` (20 hex digits) names this try at the backend and the bank, `order` the top-up that it is a try of.
    `source`: cash at the counter, the card's bound
    bank account, or the `refund` (its operation, "" otherwise). Bytes are upper-case hex. `card` 20 digits; `counter`
    the online sequence n before the load; `terminal` 12 digits as under MAC1; `balance` (before) and `amount` in fen;
    `serial_factor`, `issuer_factor` 8 bytes each; `clerk` a work number.
    """

    operation: str
    order: str
    source: Source
    refund: str
    card: str
    uid: str
    aid: str
    scheme: str
    counter: int
    balance: int
    amount: int
    terminal: str
    key_version: str
    algorithm: str
    random: str
    mac1: str
    serial_factor: str
    issuer_factor: str
    clerk: str


class LoadDone(Event, frozen=True, tag="LOAD_DONE"):
    """The money of row `held` is on the card. `tac` 8 hex; `when` YYYYMMDDhhmmss as under it, "" where it was found
    later; `by` "credit" (its own answer) or "prove"."""

    held: int
    operation: str
    tac: str
    when: str
    by: Literal["credit", "prove"]


class LoadVoid(Event, frozen=True, tag="LOAD_VOID"):
    """The load of row `held` did not happen: nothing moved, and the backend gives the money back. `why` in a word."""

    held: int
    operation: str
    why: str


class LoadGrey(Event, frozen=True, tag="LOAD_GREY"):
    """Nobody here can tell whether the load of row `held` happened; the backend decides. `tac` 8 hex or "".

    `balance` and `counter` as the card showed them then, -1 where it was not asked.
    """

    held: int
    operation: str
    tac: str
    why: str
    balance: int
    counter: int
