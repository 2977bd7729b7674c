"""What comes after a bill at a counter: a restart, the shift's end, the statement, a restored centre, a wrong clock."""

from pathlib import Path

import pytest

from sync.backend import hospital
from sync.settling import Insured
from tests.counters import ZHANG, City, insured, scope, short_pauses, town

__all__ = ["short_pauses", "town"]


def test_a_bill_that_stood_just_before_the_program_ended_is_found_for_its_receipt(town: City) -> None:
    town.insure(ZHANG, insured())
    desk = town.desk()
    assert desk.counter.receipt_of() is None
    desk.price(100_000)
    made = desk.counter.confirm()  # and the program ends before the receipt
    counter = desk.restart()
    assert made is not None and counter.sign_in("0018") == [], "no bill is open"
    again = counter.receipt_of()
    assert again is not None and again == counter.receipt_of(made.held.operation)
    assert (again.held, again.by, again.case.sums) == (made.held, made.by, made.case.sums)


def test_a_bill_that_an_earlier_shift_left_open_counts_in_the_shift_that_took_its_money(town: City) -> None:
    town.insure(ZHANG, insured())
    desk = town.desk()
    desk.settle(50_000)
    desk.price(100_000)
    desk.cut.set()
    assert desk.counter.confirm() is None
    counter = desk.restart()
    (left,) = counter.sign_in("0018")
    counter.take_up(left)
    counter.settle_offline()
    counter.done()
    shift = counter.sign_out()
    assert (shift.bills, shift.sums.medfee_sumamt) == (1, 100_000)


def test_a_refund_of_another_days_bill_is_no_difference(town: City) -> None:
    town.insure(ZHANG, insured())
    desk = town.desk()
    made = desk.settle(100_000)
    desk.sync()
    town.time.set("2026-11-25T09:00:00+08:00")
    desk.counter.cancel(made.held.operation)
    assert desk.counter.confirm() is not None
    desk.counter.done()
    desk.sync()
    for day in ("20261124", "20261125"):
        assert desk.counter.reconcile(day).differences == ()


def test_a_centre_that_was_restored_and_books_in_another_order_is_believed_anew(town: City, tmp_path: Path) -> None:
    """Its corrections change, under numbers that were used before; what the patient gets back changes with them."""
    ref = town.insure(ZHANG, insured())
    first, second = town.desk(), town.desk()
    for desk in (first, second):
        desk.cut.set()
        desk.settle(100_000)
    with town.backend.transaction() as database:
        before = list(database.query("select * from insured"))
    second.sync()
    first.sync()
    assert [one.sums.act_pay_dedc for one in first.counter.take_corrections()] == [-40_000]
    with town.backend.transaction() as database:  # as if the second counter's bill had come last
        for person in before:
            database.table("insured").upsert(person, pk="ref")
        assert len(list(database.query("delete from correction returning number"))) == 1
        for desk in (first, second):
            bill = next(database.table("bill").rows_where("terminal = ?", (desk.journal.identity.terminal,)))
            database.table("bill").update(bill["operation"], {"state": "held"})
            outcome = desk.journal.row(desk.journal.last_seq - (desk is first))
            assert outcome is not None
            hospital.enter(database, town.backend.hospital, outcome, town.time.at.isoformat())
    assert [one.why for one in first.counter.take_corrections()] == ["withdrawn"]
    assert [one.sums.act_pay_dedc for one in second.counter.take_corrections()] == [-40_000]
    assert first.counter.take_corrections() == second.counter.take_corrections() == []
    for desk in (first, second):
        desk.sync()
        assert not desk.counter.reconcile("20261124").differences
    assert scope(town.known(ref)) > 0


def test_a_bill_that_left_for_the_archive_is_still_on_the_statement_of_its_day(
    town: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.journal.RETAINED_ROWS", 2)
    town.insure(ZHANG, insured())
    desk = town.desk()
    made = desk.settle(100_000)
    desk.counter.cancel(made.held.operation)
    assert desk.counter.confirm() is not None
    desk.counter.done()
    desk.sync()
    town.time.set("2027-01-05T09:00:00+08:00")
    desk.counter.sign_out()
    counter = desk.restart()
    assert made.held.operation not in counter.ledger.made, "its rows are old enough"
    found = counter.reconcile("20261124")
    assert found.differences == () and found.ours == found.theirs != ()


@pytest.mark.parametrize("clock", ["2026-11-20T09:00:00+08:00", "2026-11-30T09:00:00+08:00"])
def test_a_wrong_clock_neither_forgets_nor_doubles_a_bill_beside_the_list(town: City, clock: str) -> None:
    """Whether a bill of this counter is in the list, the list itself says; two clocks need not agree."""
    town.insure(ZHANG, insured(10_000))
    desk = town.desk()
    right = town.time.at.isoformat()
    town.time.set(clock)
    booked = desk.settle(100_000)
    town.time.set(right)
    desk.sync()
    town.deliver(desk)
    desk.cut.set()
    town.time.set(clock)
    unbooked = desk.settle(50_000)
    third = desk.settle(70_000)
    told = [bill.held.sums.act_pay_dedc for bill in (booked, unbooked, third)]
    assert told == [40_000, 0, 0]
    assert [bill.held.sums.acct_pay for bill in (booked, unbooked, third)] == [10_000, 0, 0]
    town.time.set(right)
    desk.sync()
    assert desk.counter.take_corrections() == []


def test_what_the_office_tells_of_a_person_keeps_which_bills_are_in_it(town: City) -> None:
    ref = town.insure(ZHANG, insured(10_000))
    desk = town.desk()
    desk.settle(100_000)
    desk.sync()
    booked = town.known(ref)
    assert booked.booked
    town.insure(ZHANG, Insured(booked.insutype, booked.facts, booked.birth, booked.entitlement, "ab" * 16))
    assert town.known(ref).employer == "ab" * 16 and town.known(ref).booked == booked.booked
    assert desk.settle(100_000).held.sums.act_pay_dedc == 0
