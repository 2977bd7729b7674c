"""Load money into the purse: INIT FOR LOAD, hold, the issuer's MAC2, CREDIT FOR LOAD, the load TAC kept.

The terminal holds no load key: the backend checks MAC1 and makes MAC2 (docs/cards.md, Commands and Input order). A
load is held before anybody is asked for money, like a debit before its DEBIT; a torn one is settled at the card's next
visit.
"""

from collections.abc import Callable
from dataclasses import dataclass

from msgspec import Struct

from apdu.command import Command
from apdu.errors import Malformed, StatusError
from apdu.limits import AMOUNT_MAX_FEN, MONEY_MAX_FEN
from apdu.profile import LOG
from apdu.purse.debit import prove
from apdu.purse.log import LOADS, Reach, read_log
from apdu.purse.read import Purse
from apdu.script import Script, Slot, hold, send

LOAD = "02"
KEY_INDEX = 0x01
"""Which load key INIT names; not known for Jiaxing, 01 on every card seen."""


class LoadOpened(Struct, frozen=True):
    """INIT FOR LOAD's answer. `counter` is the online sequence n before the load; balance in fen; MAC1 4 bytes."""

    balance_fen: int
    counter: int
    key_version: bytes
    algorithm: bytes
    random: bytes
    mac1: bytes


class LoadOrder(Struct, frozen=True):
    """What to load. `terminal` 12 digits, as under MAC1, MAC2 and TAC."""

    purse: Purse
    terminal: str
    amount_fen: int


class LoadDraft(Struct, frozen=True):
    """A load that is about to be asked for: what the chip said, for the durable row and for the backend."""

    order: LoadOrder
    opened: LoadOpened


class Granted(Struct, frozen=True):
    """The issuer's yes: MAC2 (4 bytes) over the host's time `when` (YYYYMMDDhhmmss)."""

    mac2: bytes
    when: str


class Loaded(Struct, frozen=True):
    """The money is on the card. `tac` 4 bytes, over the new balance."""

    draft: LoadDraft
    granted: Granted
    tac: bytes


class Unsent(Struct, frozen=True):
    """Held, but CREDIT never went out: nothing moved. `why` as `authorise` said."""

    draft: LoadDraft
    why: str


Authorise = Callable[[LoadDraft], Granted | str]
"""Asks the backend about a held draft: its yes, or in a word why there is none."""


def init_load(terminal: str, amount_fen: int) -> Script[LoadOpened]:
    """INIT FOR LOAD: moves nothing. Raises StatusError, Malformed, LinkLost."""
    assert 0 <= amount_fen <= AMOUNT_MAX_FEN and len(terminal) == 12
    data = bytes((KEY_INDEX,)) + amount_fen.to_bytes(4, "big") + bytes.fromhex(terminal)
    answer = yield from send(Slot.CARD, Command(0x80, 0x50, 0x00, 0x02, data, 16, name="INIT FOR LOAD"))
    raw = answer.data
    if len(raw) != 16:
        raise Malformed("INIT FOR LOAD answers 16 bytes", raw)
    balance = int.from_bytes(raw[:4], "big")
    if balance > MONEY_MAX_FEN:
        raise Malformed("balance is beyond any purse", raw)
    return LoadOpened(balance, int.from_bytes(raw[4:6], "big"), raw[6:7], raw[7:8], raw[8:12], raw[12:])


def load(order: LoadOrder, authorise: Authorise) -> Script[Loaded | Unsent]:
    """Load `order.amount_fen`, all or nothing.

    Raises LinkLost, StatusError, Malformed before the hold; after it `run` makes them Torn.
    """
    opened = yield from init_load(order.terminal, order.amount_fen)
    draft = LoadDraft(order, opened)
    yield from hold(draft)
    granted = authorise(draft)
    if isinstance(granted, str):
        return Unsent(draft, granted)
    data = bytes.fromhex(granted.when) + granted.mac2
    credit = Command(0x80, 0x52, 0x00, 0x00, data, 4, name="CREDIT FOR LOAD", repeatable=False)
    answer = yield from send(Slot.CARD, credit)
    tac = answer.data
    if len(tac) != 4:  # it happened, by the status; the chip's own proof has the TAC again
        proof = yield from prove(LOAD, opened.counter)
        if proof is None:
            raise Malformed("CREDIT FOR LOAD answers 4 bytes", answer.data)
        tac = proof[1]
    return Loaded(draft, granted, tac)


@dataclass(frozen=True, slots=True)
class OpenLoad:
    """An open load as the journal holds it. `terminal` 12 digits; `counter` the online sequence before it."""

    counter: int
    amount_fen: int
    terminal: str


@dataclass(frozen=True, slots=True)
class LoadHealing:
    """The outcome: "DONE" with its TAC, "VOID", or "GREY" with the TAC (4 bytes) or without. `why` in a word.

    `balance_fen` and `counter` as the card shows them now, -1 where it was not asked: the backend's evidence.
    """

    kind: str
    tac: bytes
    why: str
    balance_fen: int = -1
    counter: int = -1


def heal_load(purse: Purse, draft: OpenLoad) -> Script[LoadHealing]:
    """Find out whether the load of `draft` happened. Repeatable; never credits.

    PROVE(n + 1) shows that some load took n, perhaps another counter's: the log tells whose. Without a proof the
    online counter and the log decide. Raises LinkLost, StatusError, Malformed: the draft stays open.
    """
    proof = yield from prove(LOAD, draft.counter)
    if proof is not None:
        found = yield from read_log(LOADS, draft.counter)
        entries = found[0] if found else []
        if any(_bears(entry, purse, draft) for entry in entries):
            return LoadHealing("DONE", proof[1], "proved")
        if any(_sequence(entry) == draft.counter + purse.profile.log_offset for entry in entries):
            return LoadHealing("VOID", b"", "not_ours")
    try:
        opened = yield from init_load(draft.terminal, 0)
    except StatusError:
        return LoadHealing("GREY", b"" if proof is None else proof[1], "init_refused")
    seen = opened.balance_fen, opened.counter
    if proof is not None:
        return LoadHealing("GREY", proof[1], "no_evidence", *seen)
    loads = (opened.counter - draft.counter) & 0xFFFF
    if loads == 0:
        return LoadHealing("VOID", b"", "counter_unmoved", *seen)
    if loads >= 0x8000:
        return LoadHealing("GREY", b"", "counter_went_back", *seen)
    return (yield from _by_log(purse, draft, loads, seen))


def _by_log(purse: Purse, draft: OpenLoad, loads: int, seen: tuple[int, int]) -> Script[LoadHealing]:
    """The online counter has moved on `loads` times and the proof is gone: the log decides as far as it reaches."""
    found = yield from read_log(LOADS, draft.counter)
    if found is None:
        return LoadHealing("GREY", b"", "log_unreadable", *seen)
    entries, reach = found
    if any(_bears(entry, purse, draft) for entry in entries):
        return LoadHealing("GREY", b"", "log_ours_without_tac", *seen)
    if reach is Reach.BEFORE or (reach is Reach.ENDED and len(entries) >= loads):
        return LoadHealing("VOID", b"", "log_without_ours", *seen)
    return LoadHealing("GREY", b"", "log_too_short", *seen)


def _bears(entry: bytes, purse: Purse, draft: OpenLoad) -> bool:
    """Whether the record is this load: at most one load takes a counter, and no other counter has our number."""
    values = LOG.parse(entry)
    return bool(
        values["sequence"] == draft.counter + purse.profile.log_offset
        and values["terminal"] == draft.terminal
        and values["amount"] == draft.amount_fen
    )


def _sequence(entry: bytes) -> int:
    return int(LOG.parse(entry)["sequence"])
