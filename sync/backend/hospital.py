"""The hospital's books at the centre: each bill settled again with the true accumulators, each difference a record.

A bill arrives as a held row: the centre settles it and says what it makes of it, and nothing moves. Its outcome books
it: settled once more with what is true by then, by the policy of the bill's own day and in that day's year. Where the
counter said something else, the difference becomes a correction, a record of its own. A mirror takes back exactly what
was booked, the correction too.
"""

from base64 import b64decode, b64encode
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace as changed

from sync import settling
from sync.backend.books import raise_alarm
from sync.backend.clock import CHINA
from sync.backend.store import Database
from sync.entitlements import Person, build_delta, place
from sync.events import BillDone, BillHeld, BillVoid, Sums
from sync.record import Row, decode
from sync.settling import BadCase, Effect, Insured
from sync.statement import Detail
from sync.vault import Sealed, Unsealable, Vault
from tariffs.copay.load import parse_policy
from tariffs.copay.policy import Policy

Key = tuple[str, int, int]
NOTHING = Sums()


class Hospital(NamedTuple):
    """What the centre settles with: the keys of personal data, and the policy."""

    vault: Vault
    policy: Policy


def read_hospital(personal: Path, policy: Path) -> Hospital:
    """What bills are settled with, by a file of keys and a folder. Raises BadVault, OSError, PackFaults."""
    files = {file.name: file.read_bytes() for file in policy.iterdir() if file.is_file()}
    return Hospital(Vault.read(personal), parse_policy(files))


class Verdict(msgspec.Struct, frozen=True):
    """What the centre says of an operation. `state` "unknown", "held", "done" or "void"; `sums` what it settled it to;
    `agrees`: to the fen as the counter did; `why` in a word where it could not settle at all."""

    state: str
    sums: Sums = NOTHING
    agrees: bool = False
    why: str = ""


def enter(database: Database, hospital: Hospital | None, row: Row, now: str) -> None:
    """Enter a bill, or its outcome."""
    if hospital is None:
        key = (row.terminal, row.epoch, row.seq)
        raise_alarm(database, key, "no_hospital", now, "start it with --personal and --policy")
    elif isinstance(row.event, BillHeld):
        _hold(database, hospital, row, row.event, now)
    elif isinstance(row.event, BillDone | BillVoid):
        _close(database, hospital, row, row.event, now)


def _hold(database: Database, hospital: Hospital, row: Row, held: BillHeld, now: str) -> None:
    """A bill about to be made: settle it with what is true now, and keep the verdict for whoever asks."""
    booked, why = NOTHING, ""
    try:
        booked = _settled(database, hospital, row, held)[0]
    except (BadCase, Unsealable) as wrong:
        why = "unreadable"
        raise_alarm(database, (row.terminal, row.epoch, row.seq), "bill_unreadable", now, str(wrong))
    record = {
        "operation": held.operation,
        "terminal": row.terminal,
        "epoch": row.epoch,
        "seq": row.seq,
        "cancels": held.cancels,
        "person": held.person,
        "insutype": held.insutype,
        "made": _day(row.at),
        "day": "",
        "state": "held",
        "why": why,
        "said": _text(held.sums),
        "booked": _text(booked),
        "effect": b"",
    }
    database.table("bill").insert(record, ignore=True)


def _close(database: Database, hospital: Hospital, row: Row, outcome: BillDone | BillVoid, now: str) -> None:
    """The bill's outcome: book it once, with what is true now; a difference becomes a correction."""
    key = (row.terminal, row.epoch, row.seq)
    bill = next(database.table("bill").rows_where("operation = ?", (outcome.operation,)), None)
    if bill is None or (bill["terminal"], bill["epoch"], bill["seq"]) != (row.terminal, row.epoch, outcome.held):
        raise_alarm(database, key, "outcome_without_bill", now, f"it names row {outcome.held}")
        return
    if bill["state"] != "held":
        raise_alarm(database, key, "second_outcome", now, f"{outcome.operation} is {bill['state']}")
        return
    changes: dict[str, Any] = {"state": "void", "day": _day(now)}
    if isinstance(outcome, BillDone):
        changes |= {"state": "done"} | _booked(database, hospital, bill, row, now)
    database.table("bill").update(outcome.operation, changes)


def _booked(
    database: Database, hospital: Hospital, bill: dict[str, Any], outcome: Row, now: str
) -> dict[str, Any]:
    """Settle the bill again and enter it by its outcome's row; what changes in its record."""
    key = (bill["terminal"], bill["epoch"], bill["seq"])
    raw = next(database.table("row").rows_where("terminal = ? and epoch = ? and seq = ?", key))["raw"]
    row = decode(raw)
    assert isinstance(row.event, BillHeld)
    said = row.event.sums
    try:
        booked, effect, why = _settled(database, hospital, row, row.event)
        _enter(database, hospital, row.event.person, effect, outcome, now)
    except (BadCase, Unsealable) as wrong:
        raise_alarm(database, key, "bill_not_settled", now, str(wrong))
        return {"why": "as_said"} | {"booked": _text(said), "effect": msgspec.msgpack.encode(Effect())}
    if booked == said:
        why = ""
    else:
        record = {
            "number": _next_number(database),
            "terminal": bill["terminal"],
            "operation": bill["operation"],
            "at": now,
            "why": why,
            "sums": _text(booked.minus(said)),
        }
        database.table("correction").insert(record, ignore=True)
    return {"booked": _text(booked), "effect": msgspec.msgpack.encode(effect), "why": why}


def _settled(database: Database, hospital: Hospital, row: Row, held: BillHeld) -> tuple[Sums, Effect, str]:
    """What the bill comes to with what is true now, what that changes for the person, and why it may differ.

    Raises BadCase, Unsealable.
    """
    if held.cancels:
        return _mirrored(database, row.terminal, held)
    sealed = hospital.vault.open_text(held.sealed, settling.bound_to(row.terminal, row.epoch, row.seq))
    case = settling.unpack(sealed)
    insured = read_insured(database, hospital.vault, held.person)
    if insured is None:
        raise BadCase("中心没有此人的参保信息", "the person is not insured here")
    insured = settling.with_card(insured, case.insured.entitlement.card)  # the counter's evidence: the card was there
    settled = settling.settle(insured, case.claim, hospital.policy)
    return settled.sums, settled.effect, settling.why_it_differs(case.insured, insured)


def _mirrored(database: Database, terminal: str, held: BillHeld) -> tuple[Sums, Effect, str]:
    """The mirror of what was booked; nothing for a bill that was not, was cancelled already, or is another person's or
    another counter's."""
    original = next(database.table("bill").rows_where("operation = ?", (held.cancels,)), None)
    again = database.table("bill").count_where(
        "cancels = ? and state = 'done' and operation != ?", (held.cancels, held.operation)
    )
    if original is None or (original["terminal"], original["person"]) != (terminal, held.person):
        return NOTHING, Effect(), "cancels_nothing"
    if original["state"] != "done" or original["cancels"] or again:
        return NOTHING, Effect(), "cancels_nothing"
    effect = msgspec.msgpack.decode(original["effect"], type=Effect)
    return _sums(original["booked"]).negative(), effect.negative(), "mirror_of_a_corrected_bill"


def read_insured(database: Database, vault: Vault, ref: str) -> Insured | None:
    """The person as the centre knows it now; None: not insured. Raises Unsealable, BadCase."""
    found = next(database.table("insured").rows_where("ref = ? and length(sealed) > 0", (ref,)), None)
    if found is None:
        return None
    return settling.read_insured(vault.open(Sealed(found["key"], found["sealed"]), place(ref, found["version"])))


def person(database: Database, ref: str) -> Person | None:
    """The person's sealed entry, as a counter opens it; None: not insured."""
    found = next(database.table("insured").rows_where("ref = ? and length(sealed) > 0", (ref,)), None)
    return None if found is None else _person(found)


def _person(found: dict[str, Any]) -> Person:
    return Person(found["ref"], found["version"], found["key"], b64encode(found["sealed"]).decode("ascii"))


def take_persons(database: Database, vault: Vault, persons: list[Person], at: str) -> None:
    """Enter what the insurance office tells; a person without a value is no longer insured.

    Its accumulators hold what is booked here: the office has it from these books.
    """
    for one in persons:
        sealed = Sealed(one.key, b64decode(one.sealed))
        with suppress(BadCase, Unsealable):
            before = read_insured(database, vault, one.ref)
            if before is not None and before.booked and sealed.data:
                told = settling.read_insured(vault.open(sealed, place(one.ref, one.version)))
                kept = changed(told, booked=before.booked)
                sealed = vault.seal(settling.write_insured(kept), place(one.ref, one.version))
        record = {"ref": one.ref, "version": one.version, "key": sealed.key, "sealed": sealed.data, "at": at}
        database.table("insured").upsert(record, pk="ref")


def _enter(database: Database, hospital: Hospital, ref: str, effect: Effect, outcome: Row, now: str) -> None:
    insured = read_insured(database, hospital.vault, ref)
    if insured is not None:
        write_insured(database, hospital.vault, ref, settling.booked(insured, effect, outcome), now)


def write_insured(database: Database, vault: Vault, ref: str, insured: Insured, now: str) -> None:
    """Keep the person under a new version; the next delta carries it."""
    version = newest(database) + 1
    sealed = vault.seal(settling.write_insured(insured), place(ref, version))
    record = {"ref": ref, "version": version, "key": sealed.key, "sealed": sealed.data, "at": now}
    database.table("insured").upsert(record, pk="ref")


def newest(database: Database) -> int:
    """The version of the insured, which rises with each change of one of them."""
    return int(next(database.query("select coalesce(max(version), 0) as newest from insured"))["newest"])


def delta(database: Database, since: int, now: str) -> bytes:
    """Who changed since that version, as a counter takes it (sync/entitlements.py); 0: all."""
    found = database.table("insured").rows_where("version > ?", (since,), order_by="version")
    return build_delta("insured", since, newest(database), now, map(_person, found))


def verdict(database: Database, operation: str) -> Verdict:
    """What became of an operation, for a counter that got no answer."""
    bill = next(database.table("bill").rows_where("operation = ?", (operation,)), None)
    if bill is None:
        return Verdict("unknown")
    agrees = bill["said"] == bill["booked"] and bill["why"] != "unreadable"
    return Verdict(bill["state"], _sums(bill["booked"]), agrees, bill["why"])


def details(database: Database, terminal: str, day: str, after: str, limit: int) -> list[Detail]:
    """The centre's lines (3202) of one counter: those made on `day` or accepted on it, corrections too, in order."""
    where = "terminal = ? and (day = ? or made = ?) and state != 'void' and operation > ?"
    found = database.table("bill").rows_where(where, (terminal, day, day, after), order_by="operation", limit=limit)
    lines: list[Detail] = []
    for bill in found:
        lines.append(_detail(bill, "bill", _sums(bill["said"])))
        for one in database.table("correction").rows_where("operation = ?", (bill["operation"],)):
            lines.append(_detail(bill, "correction", _sums(one["sums"])))
    return lines


def _detail(bill: dict[str, Any], part: Any, sums: Sums) -> Detail:
    return Detail(
        setl_id=bill["operation"],
        part=part,
        mdtrt_id=bill["cancels"],
        psn_no=bill["person"],
        insutype=bill["insutype"],
        medfee_sumamt=sums.medfee_sumamt,
        fund_pay_sumamt=sums.fund_pay_sumamt,
        acct_pay=sums.acct_pay,
        refd_setl_flag="1" if bill["cancels"] else "0",
        day=bill["day"] or bill["made"],
        state=bill["state"],
    )


def corrections(database: Database, terminal: str, after: int, limit: int) -> list[dict[str, Any]]:
    """The corrections of one counter's bills past a number, in order."""
    found = database.table("correction").rows_where(
        "terminal = ? and number > ?", (terminal, after), order_by="number", limit=limit
    )
    return [
        {"number": one["number"], "operation": one["operation"], "why": one["why"], "sums": _sums(one["sums"])}
        for one in found
    ]


def _next_number(database: Database) -> int:
    return 1 + int(next(database.query("select coalesce(max(number), 0) as last from correction"))["last"])


def _day(at: str) -> str:
    """The day in China of a moment (ISO 8601 with offset), YYYYMMDD."""
    return datetime.fromisoformat(at).astimezone(CHINA).strftime("%Y%m%d")


def _text(sums: Sums) -> str:
    return msgspec.json.encode(sums).decode()


def _sums(text: str) -> Sums:
    return msgspec.json.decode(text, type=Sums)
