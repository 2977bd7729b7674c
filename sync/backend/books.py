"""The books: each held debit once, its TAC checked, grey ones settled anew whenever their card shows up."""

from typing import Any

from sync.backend.keys import TacKeys, UnknownScheme, verifies
from sync.backend.store import Database
from sync.events import Adjusted, Alarm, Done, Grey, Held, Locked, Void
from sync.impossible import impossible
from sync.issuer_files import BadFile, build_xf_line, xf_line
from sync.record import BadRow, Row, decode
from sync.settlement import PAID, Ground, Load, Record, State, settle

Key = tuple[str, int, int]
_WHERE_KEY = "terminal = ? and epoch = ? and seq = ?"


def raise_alarm(database: Database, key: Key, what: str, at: str, detail: str = "") -> None:
    """Note an alarm about a row, once."""
    alarm = {"terminal": key[0], "epoch": key[1], "seq": key[2], "what": what, "at": at, "detail": detail}
    database.table("alarm").insert(alarm, ignore=True)


def enter(database: Database, keys: TacKeys, row: Row, now: str) -> str | None:
    """Enter one row; the card whose grey records it may settle, None for none."""
    key = (row.terminal, row.epoch, row.seq)
    match row.event:
        case Held() as held:
            _open_charge(database, key, row.serial, held)
            try:
                build_xf_line(xf_line(row.terminal, row.serial, held, "", False))
            except BadFile as wrong:
                raise_alarm(database, key, "not_for_the_issuer", now, str(wrong))
            return held.card
        case Done() | Void() | Grey() as outcome:
            return _close_charge(database, keys, key, outcome, now)
        case Adjusted() as adjusted:
            _adjust(database, key, adjusted, row.at, now)
        case Locked() as locked:
            database.table("lock").insert({"card": locked.card, "terminal": row.terminal, "at": row.at}, ignore=True)
        case Alarm() as alarm:
            raise_alarm(database, key, alarm.what, now, alarm.detail)
        case _:
            pass
    return None


def _open_charge(database: Database, key: Key, serial: int, held: Held) -> None:
    charge = {
        "terminal": key[0],
        "epoch": key[1],
        "seq": key[2],
        "card": held.card,
        "counter": held.counter,
        "balance_fen": held.balance,
        "amount_fen": held.amount,
        "at": held.when,
        "said": "",
        "state": State.OPEN.value,
        "tac": "",
        "proven": 0,
        "ground": "",
        "paid_fen": 0,
        "merchant": held.service.merchant,
        "serial": serial,
        "to_book": 1,
        "booked_day": "",
        "booked_fen": 0,
        "file": "",
    }
    database.table("charge").insert(charge)


def _close_charge(database: Database, keys: TacKeys, key: Key, outcome: Done | Void | Grey, now: str) -> str | None:
    of = (key[0], key[1], outcome.held)
    charge = next(database.table("charge").rows_where(_WHERE_KEY, of), None)
    held = _held(database, of)
    if charge is None or held is None:
        raise_alarm(database, key, "outcome_without_draft", now, f"it names row {outcome.held}")
        return None
    said = type(outcome).__name__.upper()
    if charge["proven"]:
        if isinstance(outcome, Void):
            raise_alarm(database, key, "void_of_a_proven_debit", now, f"it names row {outcome.held}")
        elif isinstance(outcome, Done):
            _change(database, of, said=said, state=State.DONE.value)
        return held.card
    changes: dict[str, Any] = {"said": said}
    if isinstance(outcome, Void):
        changes["state"] = State.VOID.value
    elif isinstance(outcome, Done) or charge["state"] != State.VOID.value:
        proven = bool(outcome.tac) and _is_proven(database, keys, key, held, outcome, now)
        state = State.DONE if proven and isinstance(outcome, Done) else State.GREY
        changes |= {"state": state.value, "tac": outcome.tac, "proven": int(proven)}
        if proven:
            _look_at_counters(database, of, charge, now)
    _change(database, of, **changes)
    return held.card


def _adjust(database: Database, key: Key, adjusted: Adjusted, at: str, now: str) -> None:
    """Owe a rider what two people agreed on, never more than was taken; else it is an alarm and no debt."""
    of = (key[0], key[1], adjusted.debit)
    charge = next(database.table("charge").rows_where(_WHERE_KEY, of), None)
    if charge is None or charge["state"] == State.VOID.value:
        raise_alarm(database, key, "adjustment_without_debit", now, f"it names row {adjusted.debit}")
        return
    where = "terminal = ? and epoch = ? and debit = ?"
    before = sum(one["amount_fen"] for one in database.table("adjustment").rows_where(where, of))
    if before + adjusted.amount_fen > charge["amount_fen"]:
        raise_alarm(database, key, "adjusted_too_much", now, f"row {adjusted.debit} took {charge['amount_fen']} fen")
        return
    if adjusted.asked_by == adjusted.confirmed_by:
        raise_alarm(database, key, "adjusted_by_one", now, f"by {adjusted.asked_by}")
        return
    record = {
        "terminal": key[0],
        "epoch": key[1],
        "seq": key[2],
        "debit": adjusted.debit,
        "amount_fen": adjusted.amount_fen,
        "why": adjusted.why,
        "asked_by": adjusted.asked_by,
        "confirmed_by": adjusted.confirmed_by,
        "at": at,
    }
    database.table("adjustment").insert(record)


def _held(database: Database, key: Key) -> Held | None:
    found = next(database.table("row").rows_where(_WHERE_KEY, key, select="raw"), None)
    if found is None:
        return None
    try:
        event = decode(found["raw"]).event
    except BadRow:
        return None
    return event if isinstance(event, Held) else None


def _is_proven(database: Database, keys: TacKeys, key: Key, held: Held, outcome: Done | Grey, now: str) -> bool:
    try:
        if verifies(keys, held, outcome.tac):
            return True
        if isinstance(outcome, Done):  # beside a grey debit it is a question: another bus may have made it
            raise_alarm(database, key, "wrong_tac", now, f"card ending {held.card[-4:]}, counter {held.counter}")
    except UnknownScheme:
        raise_alarm(database, key, "no_tac_key", now, f"scheme {held.scheme}")
    return False


def _look_at_counters(database: Database, key: Key, charge: dict[str, Any], now: str) -> None:
    """What a card's counter cannot do: serve twice, go back, run away. A chip is cloned, or a clock is wrong."""
    card, counter = charge["card"], charge["counter"]
    around = """select terminal, epoch, seq, counter, at from charge where card = ? and proven = 1 and counter in (
        ?, (select max(counter) from charge where card = ? and proven = 1 and counter < ?),
        (select min(counter) from charge where card = ? and proven = 1 and counter > ?))"""
    for other in database.query(around, (card, counter, card, counter, card, counter)):
        if (other["terminal"], other["epoch"], other["seq"]) == key:
            continue
        what = impossible((counter, charge["at"]), (other["counter"], other["at"]))
        if what:
            detail = f"also row {other['seq']} of {other['terminal']}, epoch {other['epoch']}"
            raise_alarm(database, key, what, now, detail)


def _change(database: Database, key: Key, **changes: Any) -> None:
    """Change a charge; the day's closing looks at it again."""
    database.table("charge").update(key, {**changes, "to_book": 1})


def settle_card(database: Database, card: str, now: str) -> None:
    """Bring every charge of the card to what it comes to with all that is known now."""
    due = "case when state = 'done' then amount_fen else 0 end"
    where = f"card = ? and (state = 'grey' or ground != '' or paid_fen != {due})"
    for charge in list(database.table("charge").rows_where(where, (card,))):
        record = _record(charge)
        if record.state is State.GREY:
            verdict = settle(record, _neighbours(database, record), _loads(database, card))
            ground, paid_fen, missing_fen = verdict
        else:
            ground, paid_fen, missing_fen = None, record.amount_fen if record.state is State.DONE else 0, None
        name = ground.value if ground else ""
        if (charge["ground"], charge["paid_fen"]) == (name, paid_fen):
            continue
        if ground is Ground.DIFFERENCE:
            raise_alarm(database, record.key, "grey_difference", now, f"{missing_fen} fen missing")
        if charge["ground"] in {ground.value for ground in PAID} and record.state is State.GREY and ground not in PAID:
            raise_alarm(database, record.key, "grey_taken_back", now, f"was paid by {charge['ground']}, now {name}")
        _change(database, record.key, ground=name, paid_fen=paid_fen)


def _record(charge: dict[str, Any]) -> Record:
    return Record(
        (charge["terminal"], charge["epoch"], charge["seq"]),
        charge["card"],
        charge["counter"],
        charge["balance_fen"],
        charge["amount_fen"],
        charge["at"],
        State(charge["state"]),
        bool(charge["proven"]),
    )


def _neighbours(database: Database, record: Record) -> list[Record]:
    """The card's records with the same counter and those with the next one known: all that settling looks at."""
    where = "card = ? and (counter = ? or counter = (select min(counter) from charge where card = ? and counter > ?))"
    found = database.table("charge").rows_where(where, (record.card, record.counter) * 2)
    return [_record(charge) for charge in found]


def _loads(database: Database, card: str) -> list[Load]:
    found = database.table("load").rows_where("card = ?", (card,))
    return [Load(card, load["amount_fen"], load["at"]) for load in found]
