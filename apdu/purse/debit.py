"""Take an amount from the purse: INIT, PSAM MAC1, cache, hold, DEBIT, PSAM MAC2 (docs/cards.md, Commands and PSAM)."""

from collections.abc import Callable

from msgspec import Struct

from apdu.command import Command
from apdu.errors import LinkLost, Malformed, PsamError, StatusError
from apdu.limits import AMOUNT_MAX_FEN, MONEY_MAX_FEN
from apdu.psam import Debitable, Psam, check_mac2, enter, mac1
from apdu.purse.read import Purse
from apdu.script import Script, Slot, hold, send

POOR = (0x9401, 0x9301)
"""Both mean that the balance is too small (docs/cards.md, Status words)."""

SIMPLE, COMPOSITE = "06", "09"


class Opened(Struct, frozen=True):
    """INIT's answer. `counter` is the offline sequence n before the debit; balance in fen."""

    balance_fen: int
    counter: int
    overdraft_fen: int
    key_version: bytes
    algorithm: bytes
    random: bytes


class Order(Struct, frozen=True):
    """What to take and what to write. `when` YYYYMMDDhhmmss, local.

    `compose` makes the records to cache, one for each of the purse's caches, once INIT has told the balance.
    `reserve_fen`: the balance must
    cover it as well. `seen`: (random, counter) of earlier INITs of this card here; a repeated pair is a replayed card.
    `counter_floor`: the counter must not be below it (one more than the card's last debit that this device saw).
    """

    purse: Purse
    psam: Psam
    amount_fen: int
    type: str
    when: str
    compose: Callable[[Opened], tuple[bytes, ...]]
    seen: frozenset[tuple[str, int]] = frozenset()
    counter_floor: int = 0
    reserve_fen: int = 0


class Draft(Struct, frozen=True):
    """A debit that is about to be sent: what the chips said, for the durable row."""

    order: Order
    opened: Opened
    psam_counter: int
    mac1: bytes
    records: tuple[bytes, ...]


class Receipt(Struct, frozen=True):
    """The debit happened. `tac` 4 bytes. `mac2`: checked, unchecked (the PSAM failed) or false."""

    draft: Draft
    tac: bytes
    mac2: str


class Declined(Struct, frozen=True):
    """Nothing was held. `why`: poor, replayed, or no_key (the PSAM has no key for this card)."""

    why: str
    balance_fen: int | None = None


def init(purse: Purse, psam: Psam, amount_fen: int, type_: str, *accepted: int) -> Script[Opened | int]:
    """INIT FOR (CAPP) PURCHASE: 15 bytes, or 12 from chips without overdraft; another `accepted` status as a number."""
    assert 0 <= amount_fen <= AMOUNT_MAX_FEN
    index = psam.key_index[purse.profile.psam_df]
    data = bytes((index,)) + amount_fen.to_bytes(4, "big") + bytes.fromhex(psam.number)
    p1 = 0x03 if type_ == COMPOSITE else 0x01
    command = Command(0x80, 0x50, p1, 0x02, data, 15, name="INIT")
    answer = yield from send(Slot.CARD, command, 0x9000, *accepted)
    if answer.sw != 0x9000:
        return answer.sw
    raw = answer.data
    if len(raw) == 12:
        raw = raw[:6] + bytes(3) + raw[6:]
    if len(raw) != 15:
        raise Malformed("INIT answers 15 bytes", answer.data)
    balance = int.from_bytes(raw[:4], "big")
    if balance > MONEY_MAX_FEN:
        raise Malformed("balance is beyond any purse", answer.data)
    overdraft = int.from_bytes(raw[6:9], "big")
    return Opened(balance, int.from_bytes(raw[4:6], "big"), overdraft, raw[9:10], raw[10:11], raw[11:15])


def debit(order: Order) -> Script[Receipt | Declined]:
    """Take `order.amount_fen` from the purse and write its records, all or nothing.

    Raises LinkLost, StatusError, Malformed, PsamError before the hold; after it `run` makes them Torn.
    """
    purse, psam = order.purse, order.psam
    if purse.profile.psam_df not in psam.key_index:
        return Declined("no_key")
    if purse.profile.safe_code:
        yield from _safe_code(psam, purse)
    opened = yield from init(purse, psam, order.amount_fen, order.type, *POOR)
    if isinstance(opened, int):
        return Declined("poor", (yield from balance()))
    if opened.balance_fen < order.amount_fen + order.reserve_fen:  # an overdraft has no place in the issuer's files
        return Declined("poor", opened.balance_fen)
    if (opened.random.hex().upper(), opened.counter) in order.seen or opened.counter < order.counter_floor:
        return Declined("replayed", opened.balance_fen)
    draft = yield from _authorise(order, opened)
    if draft is None:
        return Declined("no_key", opened.balance_fen)
    if order.type == COMPOSITE:
        for cache, record in zip(purse.caches, draft.records, strict=True):
            yield from send(Slot.CARD, Command(0x80, 0xDC, cache.p1, cache.p2, record, name="UPDATE CAPP DATA CACHE"))
    yield from hold(draft)
    answer = yield from send(Slot.CARD, _debit_command(draft))
    tac, mac2 = answer.data[:4], answer.data[4:]
    if len(answer.data) != 8:  # it happened, by the status; a card that cannot prove it is not believed
        proof = yield from prove(order.type, opened.counter)
        if proof is None:
            raise Malformed("DEBIT answers 8 bytes", answer.data)
        mac2, tac = proof
    return Receipt(draft, tac, (yield from check_mac2(mac2)))


def balance() -> Script[int | None]:
    """GET BALANCE in fen, for a screen; None when the chip does not say. The top bit is a flag."""
    command = Command(0x80, 0x5C, 0x00, 0x02, le=4, name="GET BALANCE")
    try:
        answer = yield from send(Slot.CARD, command)
    except (StatusError, Malformed, LinkLost):
        return None
    return int.from_bytes(answer.data, "big") & 0x7FFFFFFF if len(answer.data) == 4 else None


def prove(type_: str, counter: int) -> Script[tuple[bytes, bytes] | None]:
    """GET TRANSACTION PROVE for the debit whose INIT gave `counter`: its MAC2 and TAC (4 bytes each), or None.

    The command carries counter + 1; the answer is MAC, then TAC: the reverse of DEBIT's. Raises StatusError when the
    chip fails inside: that says nothing about the debit.
    """
    data = ((counter + 1) & 0xFFFF).to_bytes(2, "big")
    command = Command(0x80, 0x5A, 0x00, int(type_, 16), data, 8, name="GET TRANSACTION PROVE")
    try:
        answer = yield from send(Slot.CARD, command)
    except StatusError as refused:
        if refused.sw in (0x6400, 0x6581) or refused.sw >> 8 in (0x6F, 0x92):
            raise
        return None
    if len(answer.data) != 8:
        raise Malformed("PROVE answers 8 bytes", answer.data)
    return answer.data[:4], answer.data[4:]


def _authorise(order: Order, opened: Opened) -> Script[Draft | None]:
    """PSAM MAC1; None when the PSAM lacks this card's key."""
    purse, psam = order.purse, order.psam
    purchase = Debitable(
        opened.random,
        opened.counter,
        order.amount_fen,
        order.type,
        order.when,
        opened.key_version,
        opened.algorithm,
        purse.serial,
        purse.issuer_factor,
    )
    try:
        yield from enter(psam, purse.profile.psam_df)
        psam_counter, mac = yield from mac1(purchase)
    except StatusError as refused:
        if refused.sw in (0x6A88, 0x9403):
            return None
        raise PsamError(f"PSAM: {refused}") from refused
    records = order.compose(opened) if order.type == COMPOSITE else ()
    return Draft(order, opened, psam_counter, mac, records)


def _debit_command(draft: Draft) -> Command:
    data = draft.psam_counter.to_bytes(4, "big") + bytes.fromhex(draft.order.when) + draft.mac1
    return Command(0x80, 0x54, 0x01, 0x00, data, 8, name="DEBIT", repeatable=False)


def _safe_code(psam: Psam, purse: Purse) -> Script[None]:
    """80CA: the card's safe authentication code, which the PSAM must accept before a purchase."""
    code = yield from send(Slot.CARD, Command(0x80, 0xCA, 0x00, 0x00, le=9, name="SAFE CODE"))
    if len(code.data) != 9:
        raise Malformed("the safe authentication code has 9 bytes", code.data)
    yield from enter(psam, purse.profile.psam_df)
    yield from send(Slot.PSAM, Command(0x80, 0xCA, 0x00, 0x00, code.data, name="PSAM SAFE CODE"))
