"""Settle a torn draft of the card that lies in the field (docs/healing.md). Repeatable at any point; never debits.

n is the counter that INIT gave the draft. PROVE(n + 1) shows that *some* debit took n, perhaps on another bus: only the
composite record or the purse log tells whose it was.
"""

from dataclasses import dataclass

from apdu.errors import StatusError
from apdu.profile import LOG
from apdu.psam import Psam
from apdu.purse.debit import COMPOSITE, Opened, init, prove
from apdu.purse.log import PURCHASES, Reach, read_log
from apdu.purse.read import Purse, read_file
from apdu.script import Script


@dataclass(frozen=True, slots=True)
class Open:
    """An open draft as the journal holds it. `psam` 12 digits; `cached` in the order of the profile's caches, of which
    the optional ones stand last."""

    type: str
    counter: int
    amount_fen: int
    when: str
    psam: str
    cached: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Healing:
    """The outcome: "DONE" with its TAC, "VOID", or "GREY" with the TAC (4 bytes) or without. `why` in a word.

    `mac2` of a proved debit (4 bytes): the PSAM can check it while it still holds the session of that debit.
    """

    kind: str
    tac: bytes
    why: str
    mac2: bytes = b""


def heal(purse: Purse, psam: Psam, draft: Open) -> Script[Healing]:
    """Find out whether the debit of `draft` happened. Raises LinkLost, StatusError, Malformed: the draft stays open."""
    proof = yield from prove(draft.type, draft.counter)
    if proof is not None:
        mac2, tac = proof
        ours = yield from _is_ours(purse, draft)
        if ours is None:
            return Healing("GREY", tac, "proof_without_evidence")
        return Healing("DONE", tac, "proved", mac2) if ours else Healing("VOID", b"", "not_ours")
    if purse.profile.psam_df not in psam.key_index:
        return Healing("GREY", b"", "no_key")  # this PSAM cannot even ask
    try:
        opened = yield from init(purse, psam, 0, draft.type)  # the fare itself would answer 9401 on an emptied card
    except StatusError:
        return (yield from _by_log(purse, draft, None))
    assert isinstance(opened, Opened)
    if opened.counter == draft.counter:
        return Healing("VOID", b"", "counter_unmoved")
    debits = (opened.counter - draft.counter) & 0xFFFF
    if debits >= 0x8000:
        return Healing("GREY", b"", "counter_went_back")
    return (yield from _by_log(purse, draft, debits))


def _is_ours(purse: Purse, draft: Open) -> Script[bool | None]:
    """Whether the last debit of this counter is ours; None when the evidence cannot be read."""
    if draft.type == COMPOSITE:
        for cache, record in zip(purse.profile.caches, draft.cached, strict=False):
            if cache.proof:
                try:
                    found = yield from read_file(purse.profile.file(cache.proof))
                except StatusError:
                    return None
                return None if found is None else found == record
        return None
    entries, _ = (yield from read_log(PURCHASES, draft.counter)) or ([], Reach.FULL)
    if any(_bears(entry, draft) for entry in entries):
        return True
    expected = draft.counter + purse.profile.log_offset
    return False if any(int.from_bytes(entry[:2], "big") == expected for entry in entries) else None


def _by_log(purse: Purse, draft: Open, debits: int | None) -> Script[Healing]:
    """The counter has moved on and the proof is gone: the purse log decides as far as it reaches.

    `debits`: how many there were since INIT gave the draft its counter, by the counter; None when it is not known. Each
    left a record: a log that ends before so many was not told whole.
    """
    found = yield from read_log(PURCHASES, draft.counter)
    if found is None:
        return Healing("GREY", b"", "log_unreadable")
    entries, reach = found
    if any(_bears(entry, draft) for entry in entries):
        return Healing("GREY", b"", "log_ours_without_tac")
    if reach is Reach.FULL:
        return Healing("GREY", b"", "log_too_short")
    if reach is Reach.ENDED and (debits is None or len(entries) < debits):
        return Healing("GREY", b"", "log_unreadable")
    return Healing("VOID", b"", "log_without_ours")


def _bears(entry: bytes, draft: Open) -> bool:
    values = LOG.parse(entry)
    return bool(
        values["terminal"] == draft.psam
        and values["amount"] == draft.amount_fen
        and values["when"] == draft.when
        and values["type"] == draft.type
    )
