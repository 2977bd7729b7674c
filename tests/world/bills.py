"""The end of the clinic's days: trouble ceases, everything is sent, and counters, centre and patients are compared.

What each bill must come to is worked out here a second time, in a few lines that know only the test policy: the centre
books bills one after another, so each takes what those before it have left.
"""

from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from sync.backend.hospital import read_insured
from sync.events import BillCorrected, BillDone, BillHeld, BillVoid, CounterOff, Sums
from sync.record import decode
from tests.counters import VAULT
from tests.world.books import check_rows, query, send_all
from tests.world.violation import check

if TYPE_CHECKING:
    from tests.world.clinic import Clinic, Patient
    from tests.world.window import Window

STATEMENTS = timedelta(hours=36)
"""Rows stay for a day longer: clocks are wrong by a day."""

DEDUCTIBLES_FEN = {2025: 30_000, 2026: 40_000}


class Made(NamedTuple):
    """One bill as its counter's rows tell it."""

    held: BillHeld
    outcome: BillDone | BillVoid
    corrections: tuple[BillCorrected, ...]

    @property
    def stands(self) -> bool:
        """Money moved."""
        return isinstance(self.outcome, BillDone)

    @property
    def total(self) -> Sums:
        """What it comes to here: as said, and every correction."""
        total = self.held.sums
        for correction in self.corrections:
            total = total.plus(correction.sums)
        return total


def settle(clinic: "Clinic") -> None:
    """Bring everything in order and compare. Raises Violation."""
    with clinic.unreal_time():
        clinic.mend()
        for window in clinic.windows:
            window.idle()
            check(window.journal is not None, "ready", f"{window.name} does not start on a good disk")
            clinic.clerks[window.name].do(lambda: None)  # what is open is brought to an end
            send_all(window)
        for window in clinic.windows:
            clinic.clerks[window.name].take_corrections()
            clinic.clerks[window.name].change_shift()
            if window.counter.ledger.on is not None:  # a journal that had failed said so only now: started anew
                clinic.clerks[window.name].change_shift()
            send_all(window)
        clinic.backend.restart()
        made: dict[str, Made] = {}
        for window in clinic.windows:
            check_rows(window)
            made |= _made(window)
        _check_receipts(clinic, made)
        _check_shifts(clinic, made)
        _check_centre(clinic, made)
        for window in clinic.windows:
            _check_statements(clinic, window)


def _made(window: "Window") -> dict[str, Made]:
    """Each bill with its one outcome and its corrections."""
    events = [decode(raw).event for raw in window.told]
    outcomes: dict[str, BillDone | BillVoid] = {}
    corrections: dict[str, tuple[BillCorrected, ...]] = defaultdict(tuple)
    for event in events:
        if isinstance(event, BillDone | BillVoid):
            check(event.operation not in outcomes, "one outcome", f"{event.operation} has two")
            outcomes[event.operation] = event
        elif isinstance(event, BillCorrected):
            corrections[event.operation] += (event,)
    held = {event.operation: event for event in events if isinstance(event, BillHeld)}
    check(held.keys() == outcomes.keys(), "every bill ends", f"{window.name}: {held.keys() ^ outcomes.keys()}")
    return {name: Made(held[name], outcomes[name], corrections[name]) for name in held}


def _check_receipts(clinic: "Clinic", made: dict[str, Made]) -> None:
    """Each bill that stands was paid once, for one treatment, and no other."""
    standing = {name for name, bill in made.items() if bill.stands}
    check(standing == clinic.receipts.keys(), "a receipt for each", f"{standing ^ clinic.receipts.keys()}")
    for name in standing:
        check(clinic.receipts[name][1] == made[name].held.sums, "a receipt for each", f"{name}: other money")


def _check_shifts(clinic: "Clinic", made: dict[str, Made]) -> None:
    """What all shifts together took is what stands."""
    total = Sums()
    for window in clinic.windows:
        for event in (decode(raw).event for raw in window.told):
            total = total.plus(event.sums) if isinstance(event, CounterOff) else total
    stands = Sums()
    for bill in made.values():
        stands = stands.plus(bill.held.sums) if bill.stands else stands
    check(total == stands, "shifts", f"the shifts say {total}, their bills {stands}")


def _check_centre(clinic: "Clinic", made: dict[str, Made]) -> None:
    """Every bill once at the centre, at what it must come to; corrections explain the rest; each account adds up."""
    path = clinic.backend.folder / "live" / "backend.db"
    bills = {line["operation"]: line for line in query(path, "select * from bill")}
    check(bills.keys() == made.keys(), "once at the centre", f"{bills.keys() ^ made.keys()}")
    corrected: dict[str, Sums] = {}
    for line in query(path, "select operation, sums from correction"):
        check(line["operation"] not in corrected, "corrected once", f"{line['operation']} was corrected twice")
        corrected[line["operation"]] = msgspec.json.decode(line["sums"], type=Sums)
    due = _due(clinic, made)
    for name, bill in made.items():
        line = bills[name]
        check(line["state"] == ("done" if bill.stands else "void"), "same outcome", f"{name} is {line['state']}")
        if not bill.stands:
            check(not bill.corrections and name not in corrected, "nothing corrected", f"{name} is void")
            continue
        booked = msgspec.json.decode(line["booked"], type=Sums)
        check(booked == due[name], "settled right", f"{name}: {booked} booked, {due[name]} due")
        said = bill.held.sums.plus(corrected.get(name, Sums()))
        check(said == booked, "explained by corrections", f"{name}: {said} said and corrected, {booked} booked")
        check(bill.total == booked, "corrections taken", f"{name}: {bill.total} here, {booked} at the centre")
    raised = query(path, "select what, detail from alarm")
    check(not raised, "no alarm", f"{[tuple(alarm) for alarm in raised[:3]]}")
    for patient in clinic.patients:
        _check_account(clinic, patient, made)
        own = [name for name, bill in made.items() if bill.held.person == patient.ref and bill.corrections]
        check(not patient.home or not own, "no needless correction", f"{own} of one counter's own patient")


def _due(clinic: "Clinic", made: dict[str, Made]) -> dict[str, Sums]:
    """What each standing bill comes to, one after another as the centre booked them: 400 yuan a year (300 in 2025),
    then 70 %; the account pays of the rest what it has."""
    path = clinic.backend.folder / "live" / "backend.db"
    left: dict[tuple[str, int], int] = {}
    account = {patient.ref: patient.account_fen for patient in clinic.patients}
    due: dict[str, Sums] = {}
    for line in query(path, "select raw from row where kind = 'BILL_DONE' order by rowid"):
        outcome = decode(line["raw"]).event
        assert isinstance(outcome, BillDone)
        held = made[outcome.operation].held
        key = (held.person, date.fromisoformat(held.visit).year)
        if held.cancels:
            sums = due[held.cancels].negative()
        else:
            total = held.sums.medfee_sumamt
            deducted = min(left.setdefault(key, DEDUCTIBLES_FEN[key[1]]), total)
            fund = (total - deducted) * 7 // 10
            own = total - fund
            paid = min(account[held.person], own)
            sums = Sums(medfee_sumamt=total, inscp_scp_amt=total, act_pay_dedc=deducted, hifp_pay=fund,
                        fund_pay_sumamt=fund, psn_part_amt=own, acct_pay=paid, psn_cash_pay=own - paid)  # fmt: skip
        left[key] -= sums.act_pay_dedc
        account[held.person] -= sums.acct_pay
        due[outcome.operation] = sums
    return due


def _check_account(clinic: "Clinic", patient: "Patient", made: dict[str, Made]) -> None:
    """The patient's account at the centre is what it began with less what its bills took."""
    with clinic.backend.backend.transaction() as database:
        person = read_insured(database, VAULT, patient.ref)
    assert person is not None
    paid = sum(bill.total.acct_pay for bill in made.values() if bill.stands and bill.held.person == patient.ref)
    has = person.entitlement.accounts["account"]
    check(has == patient.account_fen - paid, "account", f"{patient.account_fen} less {paid} is not {has}")
    for bill in made.values():
        sums = bill.total
        parts = sums.fund_pay_sumamt + sums.acct_pay + sums.psn_cash_pay + sums.hosp_part_amt
        check(sums.medfee_sumamt == parts, "conserved", f"{bill.held.operation}: {sums}")


def _check_statements(clinic: "Clinic", window: "Window") -> None:
    """Both sides' statements of each day whose rows stay agree, but for bills that the centre accepted on another."""
    first = (clinic.time.at() - STATEMENTS).date()
    for number in range(5):
        day = f"{first + timedelta(days=number):%Y%m%d}"
        found = window.counter.reconcile(day)
        check(found.balanced, "statement", f"{window.name}, {day}: {found.differences[:3]}")
