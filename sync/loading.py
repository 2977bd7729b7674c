"""A load between counter, backend and bank: what they say to each other, and the drawn states of its money. Pure.

The money of a load is set aside before the card may have it, and taken or given back once it is known whether the card
has it. An answer that is lost moves nothing: the bank is asked what it has before anything is said again.
"""

import re
from enum import Enum
from typing import Literal

import msgspec

from sync.events import LoadHeld
from sync.limits import COUNTER_MAX, MONEY_MAX_FEN


class State(Enum):
    """Where the money of one load stands."""

    HELD = "held"
    RESERVING = "reserving"
    UNKNOWN = "unknown"
    RESERVED = "reserved"
    CAPTURING = "capturing"
    CAPTURED = "captured"
    RELEASING = "releasing"
    RELEASED = "released"
    REFUSED = "refused"


class Cue(Enum):
    """What happened to it."""

    ASKED = "the counter asks, MAC1 and limits are good"
    DECLINED = "a limit, MAC1 or the bank says no"
    SET_ASIDE = "the bank has set it aside, cash and refunds at once"
    NO_ANSWER = "the bank's answer is lost"
    NOTHING_THERE = "the bank says that it has nothing, and is told to keep it so"
    LOADED = "the card has it, by load TAC or counter"
    NOT_LOADED = "the card has it not, or CREDIT was never sent"
    TAKEN = "the bank has taken it"
    GIVEN_BACK = "the bank has given it back"


TABLE: dict[tuple[State, Cue], State] = {
    (State.HELD, Cue.ASKED): State.RESERVING,
    (State.HELD, Cue.DECLINED): State.REFUSED,
    (State.HELD, Cue.LOADED): State.CAPTURING,
    (State.HELD, Cue.NOT_LOADED): State.RELEASING,
    (State.RESERVING, Cue.SET_ASIDE): State.RESERVED,
    (State.RESERVING, Cue.DECLINED): State.REFUSED,
    (State.RESERVING, Cue.NO_ANSWER): State.UNKNOWN,
    (State.RESERVING, Cue.NOT_LOADED): State.RELEASING,
    (State.UNKNOWN, Cue.SET_ASIDE): State.RESERVED,
    (State.UNKNOWN, Cue.NOTHING_THERE): State.RELEASING,
    (State.UNKNOWN, Cue.NO_ANSWER): State.UNKNOWN,
    (State.UNKNOWN, Cue.NOT_LOADED): State.RELEASING,
    (State.RESERVED, Cue.LOADED): State.CAPTURING,
    (State.RESERVED, Cue.NOT_LOADED): State.RELEASING,
    (State.CAPTURING, Cue.TAKEN): State.CAPTURED,
    (State.CAPTURING, Cue.NO_ANSWER): State.CAPTURING,
    (State.RELEASING, Cue.GIVEN_BACK): State.RELEASED,
    (State.RELEASING, Cue.NO_ANSWER): State.RELEASING,
    (State.REFUSED, Cue.NOT_LOADED): State.REFUSED,
}
"""The issuer's MAC2 leaves in RESERVED only: no card has money that is not set aside. A book that was restored from a
copy may have forgotten that it left: what HELD then learns from the card, the bank is told as ever."""

WAITING = (State.HELD, State.RESERVING, State.UNKNOWN, State.RESERVED)
"""The card may have it, or may still get it: nobody has said."""

OPEN = (State.RESERVING, State.UNKNOWN, State.CAPTURING, State.RELEASING)
"""The bank is owed a word, or owes one."""


def after(state: State, cue: Cue) -> State | None:
    """The next state; None where the cue does not fit: nothing moves, and a person must look."""
    return TABLE.get((state, cue))


def picture() -> str:
    """The table as a Mermaid state diagram."""
    lines = [f"    {before.value} --> {then.value} : {cue.value}" for (before, cue), then in TABLE.items()]
    ends = [f"    {state.value} --> [*]" for state in (State.CAPTURED, State.RELEASED, State.REFUSED)]
    return "\n".join(["stateDiagram-v2", "    [*] --> held", *lines, *ends])


class Ask(msgspec.Struct, frozen=True):
    """A counter asks for MAC2 for the load of its row `seq`. Asked again with the same body it gets the same answer."""

    terminal: str
    epoch: int
    seq: int
    load: LoadHeld


class Answer(msgspec.Struct, frozen=True):
    """`state` "granted" (with `mac2`, 8 hex, over the host's time `when`), "refused" (`why` in a word), or "unclear":
    the bank has not said yet; nothing goes onto the card."""

    state: Literal["granted", "refused", "unclear"]
    mac2: str = ""
    when: str = ""
    why: str = ""


class RefundsOf(msgspec.Struct, frozen=True):
    """Ask what is to be given back to a card (20 digits)."""

    card: str


class Due(msgspec.Struct, frozen=True):
    """One refund that a load may pay: its operation and fen; `of` names the sale's receipt."""

    operation: str
    amount_fen: int
    of: str


class Dues(msgspec.Struct, frozen=True):
    """A card's refunds."""

    refunds: list[Due]


_DIGITS = {"card": 20, "terminal": 12}
_HEX = {
    "operation": 20, "order": 20, "key_version": 2, "algorithm": 2, "random": 8, "mac1": 8,
    "serial_factor": 16, "issuer_factor": 16,
}  # fmt: skip


def unfit(held: LoadHeld) -> str:
    """What in a held load no honest counter writes; "" when all is in range."""
    for name, size in _DIGITS.items():
        if not re.fullmatch(f"[0-9]{{{size}}}", getattr(held, name), re.ASCII):
            return f"{name} is not {size} digits"
    for name, size in _HEX.items():
        if not re.fullmatch(f"[0-9A-Fa-f]{{{size}}}", getattr(held, name), re.ASCII):
            return f"{name} is not {size} hex digits"
    if not 0 < held.amount <= MONEY_MAX_FEN or not 0 <= held.balance <= MONEY_MAX_FEN:
        return f"the load's money is out of range: {held.amount}, balance {held.balance}"
    if not 0 <= held.counter <= COUNTER_MAX:
        return f"the load's counter {held.counter} is out of range"
    if held.serial_factor != held.card[-16:]:  # or one card's MAC would speak for another
        return "the serial factor is not the card's own"
    return "" if (held.source == "refund") == bool(held.refund) else "source and refund do not fit"


def mac1_data(held: LoadHeld) -> bytes:
    """The 15 bytes under MAC1: balance 4, amount 4, type 1, terminal 6 (docs/cards.md, "Input order")."""
    return held.balance.to_bytes(4, "big") + _deal(held)


def mac2_data(held: LoadHeld, when: str) -> bytes:
    """The 18 bytes under MAC2: amount 4, type 1, terminal 6, date 4, time 3."""
    return _deal(held) + bytes.fromhex(when)


def tac_data(held: LoadHeld, when: str) -> bytes:
    """The 24 bytes under a load's TAC: the new balance 4, online sequence before the load 2, then as under MAC2."""
    after_fen = held.balance + held.amount
    return after_fen.to_bytes(4, "big") + held.counter.to_bytes(2, "big") + mac2_data(held, when)


def _deal(held: LoadHeld) -> bytes:
    return held.amount.to_bytes(4, "big") + b"\x02" + bytes.fromhex(held.terminal)
