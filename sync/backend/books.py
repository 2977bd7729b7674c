"""The books: each held debit once, its TAC checked, grey ones settled anew whenever their card shows up."""

from collections.abc import Iterable
from typing import Any

from sync.backend.charges import Charges, Key, is_settled, key_of
from sync.backend.keys import TacKeys, UnknownScheme, verifies
from sync.backend.store import Database, Record
from sync.events import Adjusted, Alarm, Done, Grey, Held, Locked, Void
from sync.impossible import impossible
from sync.issuer_files import BadFile, build_xf_line, xf_line
from sync.loading import WAITING
from sync.record import Row
from sync.settlement import PAID, Ground, Load, State, Verdict, settle
from sync.settlement import Record as Debit


def raise_alarm(database: Database, key: Key, what: str, at: str, detail: str = "") -> None:
    """Note an alarm about a row, once."""
    alarm = {"terminal": key[0], "epoch": key[1], "seq": key[2], "what": what, "at": at, "detail": detail}
    database.table("alarm").insert(alarm, ignore=True)


def enter(charges: Charges, keys: TacKeys, row: Row, now: str) -> str | None:
    """Enter one row; the card whose grey records it may settle, None for none."""
    key = (row.terminal, row.epoch, row.seq)
    database = charges.database
    match row.event:
        case Held() as held:
            _open_charge(charges, key, row.serial, held)
            try:
                build_xf_line(xf_line(row.terminal, row.serial, held, "", False))
            except BadFile as wrong:
                raise_alarm(database, key, "not_for_the_issuer", now, str(wrong))
            return held.card
        case Done() | Void() | Grey() as outcome:
            return _close_charge(charges, keys, key, outcome, now)
        case Adjusted() as adjusted:
            _adjust(charges, key, adjusted, row.at, now)
        case Locked() as locked:
            database.table("lock").insert({"card": locked.card, "terminal": row.terminal, "at": row.at}, ignore=True)
        case Alarm() as alarm:
            raise_alarm(database, key, alarm.what, now, alarm.detail)
        case _:
            pass
    return None


def _open_charge(charges: Charges, key: Key, serial: int, held: Held) -> None:
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
    charges.open(charge, held)


def _close_charge(charges: Charges, keys: TacKeys, key: Key, outcome: Done | Void | Grey, now: str) -> str | None:
    database = charges.database
    of = (key[0], key[1], outcome.held)
    found = charges.of(of)
    if found is None:
        raise_alarm(database, key, "outcome_without_draft", now, f"it names row {outcome.held}")
        return None
    charge, held = found
    said = type(outcome).__name__.upper()
    if charge["proven"]:
        if isinstance(outcome, Void):
            raise_alarm(database, key, "void_of_a_proven_debit", now, f"it names row {outcome.held}")
        elif isinstance(outcome, Done):
            charges.change(of, said=said, state=State.DONE.value)
        return held.card
    changes: dict[str, Any] = {"said": said}
    if isinstance(outcome, Void):
        changes["state"] = State.VOID.value
    elif isinstance(outcome, Done) or charge["state"] != State.VOID.value:
        proven = bool(outcome.tac) and _is_proven(database, keys, key, held, outcome, now)
        state = State.DONE if proven and isinstance(outcome, Done) else State.GREY
        changes |= {"state": state.value, "tac": outcome.tac, "proven": int(proven)}
        if proven:
            _look_at_counters(charges, of, charge, now)
    charges.change(of, **changes)
    return held.card


def _adjust(charges: Charges, key: Key, adjusted: Adjusted, at: str, now: str) -> None:
    """Owe a rider what two people agreed on, never more than was taken; else it is an alarm and no debt."""
    of = (key[0], key[1], adjusted.debit)
    charge, database = charges.charge(of), charges.database
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


def _is_proven(database: Database, keys: TacKeys, key: Key, held: Held, outcome: Done | Grey, now: str) -> bool:
    try:
        if verifies(keys, held, outcome.tac):
            return True
        if isinstance(outcome, Done):  # beside a grey debit it is a question: another bus may have made it
            raise_alarm(database, key, "wrong_tac", now, f"card ending {held.card[-4:]}, counter {held.counter}")
    except UnknownScheme:
        raise_alarm(database, key, "no_tac_key", now, f"scheme {held.scheme}")
    return False


def _look_at_counters(charges: Charges, key: Key, charge: Record, now: str) -> None:
    """What a card's counter cannot do: serve twice, go back, run away. A chip is cloned, or a clock is wrong."""
    counter = charge["counter"]
    proven = [other for other in charges.of_card(charge["card"]) if other["proven"] and key_of(other) != key]
    before = max((other["counter"] for other in proven if other["counter"] < counter), default=counter)
    after = min((other["counter"] for other in proven if other["counter"] > counter), default=counter)
    for other in proven:
        if other["counter"] not in (before, counter, after):
            continue
        what = impossible((counter, charge["at"]), (other["counter"], other["at"]))
        if what:
            detail = f"also row {other['seq']} of {other['terminal']}, epoch {other['epoch']}"
            raise_alarm(charges.database, key, what, now, detail)


def settle_cards(database: Database, cards: Iterable[str], now: str) -> None:
    """Bring every charge of the cards to what it comes to with all that is known now."""
    charges = Charges(database, cards=cards)
    for card in set(cards):
        settle_card(charges, card, now)
    charges.store()


def settle_card(charges: Charges, card: str, now: str) -> None:
    """Bring every charge of the card to what it comes to with all that is known now."""
    database = charges.database
    for charge in [charge for charge in charges.of_card(card) if not is_settled(charge)]:
        record = _record(charge)
        if record.state is State.GREY:
            ground, paid_fen, missing_fen = _verdict(charges, record)
        else:
            ground, paid_fen, missing_fen = None, record.amount_fen if record.state is State.DONE else 0, None
        name = ground.value if ground else ""
        if (charge["ground"], charge["paid_fen"]) == (name, paid_fen):
            continue
        if ground is Ground.DIFFERENCE:
            raise_alarm(database, record.key, "grey_difference", now, f"{missing_fen} fen missing")
        if charge["ground"] in {ground.value for ground in PAID} and record.state is State.GREY and ground not in PAID:
            raise_alarm(database, record.key, "grey_taken_back", now, f"was paid by {charge['ground']}, now {name}")
        charges.change(record.key, ground=name, paid_fen=paid_fen)


def _record(charge: Record) -> Debit:
    return Debit(
        key_of(charge),
        charge["card"],
        charge["counter"],
        charge["balance_fen"],
        charge["amount_fen"],
        charge["at"],
        State(charge["state"]),
        bool(charge["proven"]),
    )


def _neighbours(charges: Charges, record: Debit) -> list[Debit]:
    """The card's records with the same counter and those with the next one known: all that settling looks at."""
    later = [one["counter"] for one in charges.of_card(record.card) if one["counter"] > record.counter]
    near = {record.counter, min(later, default=record.counter)}
    return [_record(one) for one in charges.of_card(record.card) if one["counter"] in near]


def _verdict(charges: Charges, record: Debit) -> Verdict:
    """What a grey record comes to; what a load that waits for its outcome would explain is pending, and no alarm."""
    database, near = charges.database, _neighbours(charges, record)
    known = _loads(database.table("load").rows_where("card = ?", (record.card,)), "at")
    verdict = settle(record, near, known)
    if verdict.ground is Ground.DIFFERENCE:
        states = [state.value for state in WAITING]
        where = f"card = ? and state in ({', '.join('?' * len(states))})"
        waiting = _loads(database.table("topup").rows_where(where, [record.card, *states]), "made")
        if waiting and settle(record, near, [*known, *waiting]).ground is not Ground.DIFFERENCE:
            return Verdict(Ground.PENDING, 0, verdict.missing_fen)
    return verdict


def _loads(found: Iterable[Record], when: str) -> list[Load]:
    return [Load(load["card"], load["amount_fen"], load[when]) for load in found]
