"""The backend's book of loads: who asked, what was granted, whether the card has it, what the bank was told.

The states are sync/loading.py's. Everything here runs inside the caller's transaction and talks to no bank: what
the bank is owed stands in the book first, and is carried out after the commit (sync/backend/lender.py).
"""

import re
from typing import Any, NamedTuple

import msgspec

from apdu import crypto
from sync.backend.books import raise_alarm, settle_cards
from sync.backend.charges import Key
from sync.backend.keys import LoadKeys, TacKeys, UnknownScheme
from sync.backend.refunds import claim, unclaim
from sync.backend.store import Database
from sync.events import LoadDone, LoadGrey, LoadHeld, LoadVoid
from sync.limits import REPORT_ALARMS_MAX
from sync.loading import OPEN, Answer, Ask, Cue, State, after, mac1_data, mac2_data, tac_data
from sync.record import Row

_is_moment = re.compile("[0-9]{14}").fullmatch
LOADING = b"\x80\x00"
"""What stands where a purchase has the terminal's sequence (docs/cards.md, Session key)."""


class Rules(NamedTuple):
    """What a load may come to, in fen. Unverified: no official value of Jiaxing's is public."""

    load_min_fen: int = 1_00
    load_max_fen: int = 1_000_00
    card_day_fen: int = 2_000_00
    balance_max_fen: int = 1_000_00


class Conflict(Exception):
    """The operation is known with another body."""


def begin(database: Database, keys: LoadKeys, rules: Rules, ask: Ask, now: str) -> dict[str, Any]:
    """The load as it stands once it was asked for, new or again. `now` ISO 8601. Raises Conflict.

    A load from cash or a refund is set aside here; one from an account is RESERVING: the bank's turn.
    """
    load = find(database, ask.load.operation)
    if load is not None and load["body"] != msgspec.json.encode(ask.load):
        raise Conflict(ask.load.operation)
    if load is None:
        load = _book(database, (ask.terminal, ask.epoch, ask.seq), ask.load, now)
    if State(load["state"]) is not State.HELD:
        return load
    why = _refusal(database, keys, rules, ask, now)
    if why:
        return go(database, load, Cue.DECLINED, now, why=why)
    load = go(database, load, Cue.ASKED, now)
    return load if ask.load.source == "account" else grant(database, keys, load, now)


def grant(database: Database, keys: LoadKeys, load: dict[str, Any], now: str) -> dict[str, Any]:
    """The money is set aside: make MAC2 over the host's time, once; asked again it is the same."""
    held = msgspec.json.decode(load["body"], type=LoadHeld)
    when = now[:19].translate(str.maketrans("", "", "-T:"))
    mac2 = crypto.mac(_session(keys, held), mac2_data(held, when)).hex().upper()
    return go(database, load, Cue.SET_ASIDE, now, mac2=mac2, made=when)


def answer(load: dict[str, Any]) -> Answer:
    """What the counter is told of the load as it stands."""
    state = State(load["state"])
    if state is State.RESERVED:
        return Answer("granted", load["mac2"], load["made"])
    if state in (State.RESERVING, State.UNKNOWN):
        return Answer("unclear", why="bank_silent")
    return Answer("refused", why=load["why"] or "closed")


def report(database: Database) -> dict[str, Any]:
    """Loads by source and state: number and fen; and those that wait for a card or a person, newest first."""
    query = "select source, state, count(*) as count, sum(amount_fen) as fen from topup group by source, state"
    ended = "'captured', 'released', 'refused'"
    waiting = f"""select operation, terminal, card, amount_fen, source, state, made from topup
        where state not in ({ended}) order by made desc, operation limit {REPORT_ALARMS_MAX}"""
    return {"totals": list(database.query(query)), "waiting": list(database.query(waiting))}


def find(database: Database, operation: str) -> dict[str, Any] | None:
    """A load by its operation."""
    return next(database.table("topup").rows_where("operation = ?", (operation,)), None)


def owed(database: Database, also: tuple[State, ...] = ()) -> list[dict[str, Any]]:
    """Loads about which the bank is to be told or asked."""
    states = [state.value for state in (*OPEN, *also) if state is not State.RESERVING or also]
    marks = ", ".join("?" * len(states))
    return list(database.table("topup").rows_where(f"state in ({marks})", states, order_by="operation"))


def go(database: Database, load: dict[str, Any], cue: Cue, now: str, **changes: Any) -> dict[str, Any]:
    """Bring a load to its next state, by what it is in the store now; one that the cue does not fit stays as it is."""
    load = find(database, load["operation"]) or load
    then = after(State(load["state"]), cue)
    if then is None:
        return load
    changed = {"state": then.value, **changes}
    database.table("topup").update((load["operation"],), changed)
    if then in (State.RELEASED, State.REFUSED):
        unclaim(database, load["operation"])
    if then in (State.RELEASING, State.REFUSED):
        settle_cards(database, [load["card"]], now)  # a grey debit may have waited for what becomes of this load
    return {**load, **changed}


def enter(database: Database, keys: TacKeys, row: Row, now: str) -> None:
    """Enter one row of a counter's journal."""
    key = (row.terminal, row.epoch, row.seq)
    match row.event:
        case LoadHeld() as held:
            known = find(database, held.operation)
            if known is None:
                _book(database, key, held, now)
            elif (known["body"], known["seq"]) != (msgspec.json.encode(held), row.seq):
                raise_alarm(database, key, "other_load", now, f"operation {held.operation}")
        case LoadDone() | LoadVoid() | LoadGrey() as outcome:
            load = find(database, outcome.operation)
            if load is None or (load["terminal"], load["epoch"], load["seq"]) != (*key[:2], outcome.held):
                raise_alarm(database, key, "outcome_without_load", now, f"operation {outcome.operation}")
            else:
                _close(database, keys, key, load, outcome, now)
        case _:
            pass


def settle_by_card(database: Database, card: str, counter: int, key: Key, now: str) -> None:
    """The card itself (under MAC1) shows its online counter: every load of it that waits is decided by that."""
    for load in database.table("topup").rows_where("card = ?", (card,), order_by="made"):
        state = State(load["state"])
        if state in (State.RESERVING, State.UNKNOWN) or (state is State.RESERVED and counter == load["counter"]):
            settled = go(database, load, Cue.NOT_LOADED, now, ground="card")
            assert settled["state"] == State.RELEASING.value
        elif state is State.RESERVED:
            _moved_on(database, load, counter, key, now)


def _moved_on(database: Database, load: dict[str, Any], counter: int, key: Key, now: str) -> None:
    """The online counter has left n behind: our load took it, unless another is known to have."""
    if counter < load["counter"]:
        raise_alarm(database, key, "load_counter_went_back", now, f"operation {load['operation']}")
        return
    if _known(database, load) is not None:
        go(database, load, Cue.NOT_LOADED, now, ground="other_load")
    elif State(load["state"]) is State.HELD:  # granted by a book that was lost, or never: only a TAC would tell
        raise_alarm(database, key, "load_without_grant", now, f"operation {load['operation']}")
    else:
        _has_it(database, load, "counter", now)


def _close(
    database: Database, keys: TacKeys, key: Key, load: dict[str, Any], said: LoadDone | LoadVoid | LoadGrey, now: str
) -> None:
    if isinstance(said, LoadVoid):
        if load["proven"]:
            raise_alarm(database, key, "void_of_a_proven_load", now, f"operation {load['operation']}")
        elif State(load["state"]) in (State.CAPTURING, State.CAPTURED):  # another visit's word stands against it
            raise_alarm(database, key, "load_in_doubt", now, f"operation {load['operation']}: {said.why}")
        else:
            go(database, load, Cue.NOT_LOADED, now, ground="void", why=load["why"] or said.why)
        return
    made = load["made"] or _moment_of(said)
    if said.tac and made and _verifies(database, keys, key, load, made, said.tac, now):
        load = {**load, "made": made}
        database.table("topup").update((load["operation"],), {"proven": 1, "made": made})
        if load["state"] in (State.RELEASING.value, State.RELEASED.value):
            raise_alarm(database, key, "released_load_is_on_the_card", now, f"operation {load['operation']}")
        elif load["ground"] == "" and _is_first(database, load, key, now):
            _has_it(database, load, "tac", now)
        return
    if isinstance(said, LoadGrey):
        if said.counter > load["counter"] and State(load["state"]) in (State.HELD, State.RESERVED):
            _moved_on(database, load, said.counter, key, now)
    elif said.tac and load["made"]:
        raise_alarm(database, key, "wrong_load_tac", now, f"operation {load['operation']}")
    elif State(load["state"]) is State.HELD:
        raise_alarm(database, key, "load_without_grant", now, f"operation {load['operation']}")


def _moment_of(said: LoadDone | LoadGrey) -> str:
    """The time under the load's TAC as the counter heard it from us; "" where it does not say."""
    return said.when if isinstance(said, LoadDone) and _is_moment(said.when) else ""


def _is_first(database: Database, load: dict[str, Any], key: Key, now: str) -> bool:
    """Whether a load may go from HELD by its TAC: this book had granted it and was then restored from a copy.

    One proof makes one load, and its refund is paid by it.
    """
    if State(load["state"]) is not State.HELD:
        return True
    if _known(database, load) is not None:
        raise_alarm(database, key, "load_counter_twice", now, f"operation {load['operation']}")
        return False
    held = msgspec.json.decode(load["body"], type=LoadHeld)
    if held.refund and (why := claim(database, held)) in ("refund_paid", "refund_in_doubt"):
        raise_alarm(database, key, "refund_paid_twice", now, f"operation {load['operation']} of {held.refund}: {why}")
    return True


def _has_it(database: Database, load: dict[str, Any], ground: str, now: str) -> None:
    """The money is on the card: into the book of loads, which debits of the card are settled with."""
    if State(go(database, load, Cue.LOADED, now, ground=ground)["state"]) is not State.CAPTURING:
        raise_alarm(database, (load["terminal"], load["epoch"], load["seq"]), "load_without_grant", now)
        return
    booked = {
        "card": load["card"], "load_counter": load["counter"], "amount_fen": load["amount_fen"], "at": load["made"]
    }  # fmt: skip
    other = _known(database, load)
    if other is not None and other["amount_fen"] != load["amount_fen"]:
        key = (load["terminal"], load["epoch"], load["seq"])
        raise_alarm(database, key, "load_counter_twice", now, f"operation {load['operation']}")
    database.table("load").insert(booked, ignore=True)
    settle_cards(database, [load["card"]], now)


def _known(database: Database, load: dict[str, Any]) -> dict[str, Any] | None:
    """The load that is known to have taken this one's counter on the card."""
    where = "card = ? and load_counter = ?"
    return next(database.table("load").rows_where(where, (load["card"], load["counter"])), None)


def _book(database: Database, key: Key, held: LoadHeld, now: str) -> dict[str, Any]:
    load = {
        "operation": held.operation, "terminal": key[0], "epoch": key[1], "seq": key[2],
        "card": held.card, "counter": held.counter, "amount_fen": held.amount,
        "source": held.source, "refund": held.refund, "body": msgspec.json.encode(held),
        "state": State.HELD.value, "why": "", "mac2": "", "made": "", "day": now[:10], "proven": 0, "ground": "",
    }  # fmt: skip
    database.table("topup").insert(load)
    return load


def _refusal(database: Database, keys: LoadKeys, rules: Rules, ask: Ask, now: str) -> str:
    """Why the load may not be, in a word; "" when it may. The card's own evidence settles its earlier loads first."""
    held, key = ask.load, (ask.terminal, ask.epoch, ask.seq)
    try:
        genuine = crypto.mac(_session(keys, held), mac1_data(held)).hex().upper() == held.mac1.upper()
    except UnknownScheme:
        return "no_load_key"
    if not genuine:
        raise_alarm(database, key, "wrong_mac1", now, f"card ending {held.card[-4:]}")
        return "false_card"
    settle_by_card(database, held.card, held.counter, key, now)
    if held.source != "refund" and not rules.load_min_fen <= held.amount <= rules.load_max_fen:
        return "load_limit"
    if held.balance + held.amount > rules.balance_max_fen:
        return "balance_limit"
    gone = "'held', 'refused', 'releasing', 'released'"
    where = f"card = ? and day = ? and operation <> ? and state not in ({gone})"
    today = database.table("topup").rows_where(where, (held.card, now[:10], held.operation))
    if sum(load["amount_fen"] for load in today) + held.amount > rules.card_day_fen:
        return "day_limit"
    return claim(database, held) if held.refund else ""


def _session(keys: LoadKeys, held: LoadHeld) -> bytes:
    issuer, serial = bytes.fromhex(held.issuer_factor), bytes.fromhex(held.serial_factor)
    card_key = keys.dlk(held.scheme, issuer, serial)
    return crypto.session_key(card_key, bytes.fromhex(held.random), held.counter.to_bytes(2, "big"), LOADING)


def _verifies(
    database: Database, keys: TacKeys, key: Key, load: dict[str, Any], made: str, tac: str, now: str
) -> bool:
    held = msgspec.json.decode(load["body"], type=LoadHeld)
    try:
        card_key = keys.dtk(held.scheme, bytes.fromhex(held.issuer_factor), bytes.fromhex(held.serial_factor))
    except UnknownScheme:
        raise_alarm(database, key, "no_tac_key", now, f"scheme {held.scheme}")
        return False
    return crypto.tac(card_key, tac_data(held, made)).hex().upper() == tac.upper()
