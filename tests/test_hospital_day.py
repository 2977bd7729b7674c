"""Undoing bills, who is not served, and the shift: nothing is given back twice, and everybody is told why."""

import pytest

from sync import settling
from sync.entitlements import Listed, ListName, build_delta
from sync.events import CounterOff
from terminal.chipcard import NotServed
from terminal.hospital.step import Step
from tests.counters import LI, VAULT, ZHANG, City, Desk, claim, insured, policy, scope, short_pauses, town

__all__ = ["short_pauses", "town"]


# Cancelling


def test_a_cancellation_is_the_mirror_and_leaves_the_person_as_before(town: City) -> None:
    ref = town.insure(ZHANG, insured(10_000))
    desk = town.desk()
    before = town.known(ref).entitlement
    bill = desk.settle(100_000).held
    desk.sync()
    desk.counter.cancel(bill.operation)
    mirror = desk.counter.confirm()
    assert mirror is not None
    desk.counter.done()
    assert mirror.held.sums == bill.sums.negative() and mirror.held.cancels == bill.operation
    desk.sync()
    after = town.known(ref).entitlement
    assert after.accounts == before.accounts and not any(after.counted.values())
    found = desk.counter.reconcile("20261124")
    assert not found.differences and {line.refd_setl_flag for line in found.ours} == {"0", "1"}
    assert sum(line.medfee_sumamt for line in found.ours) == 0


def test_a_bill_is_cancelled_once_and_a_mirror_never(town: City) -> None:
    town.insure(ZHANG, insured())
    desk = town.desk()
    bill = desk.settle(100_000).held
    desk.sync()
    desk.counter.cancel(bill.operation)
    mirror = desk.counter.confirm()
    assert mirror is not None
    desk.counter.done()
    for operation in (bill.operation, mirror.held.operation, "0" * 20):
        with pytest.raises(NotServed):
            desk.counter.cancel(operation)
    assert desk.counter.step is Step.READY


def cancelled_for_a_rest(desk: Desk) -> str:
    """A bill of 1,000 yuan that the centre knows as cancelled, its patient back for 600 of them; its operation."""
    whole = desk.settle(60_000, 40_000).held
    desk.sync()
    desk.counter.cancel(whole.operation)
    assert desk.counter.confirm() is not None
    desk.counter.done()
    desk.sync()
    desk.price(60_000)
    return whole.operation


def test_a_partial_refund_cancels_all_and_settles_the_rest(town: City) -> None:
    ref = town.insure(ZHANG, insured())
    desk = town.desk()
    whole = cancelled_for_a_rest(desk)
    assert desk.counter.patient is not None
    rest = desk.counter.price(claim(60_000), replaces=whole)
    standing = desk.counter.confirm()
    assert standing is not None and standing.held.replaces == whole
    desk.sync()
    alone = settling.settle(insured(), claim(60_000), policy())
    assert rest.sums == alone.sums and scope(town.known(ref)) == sum(alone.effect.counted.values())


def test_cancelling_a_corrected_bill_takes_the_correction_back_too(town: City) -> None:
    ref = town.insure(ZHANG, insured())
    first, second = town.desk(), town.desk()
    for desk in (first, second):
        desk.cut.set()
    kept, undone = second.settle(100_000).held, first.settle(100_000).held
    second.sync()
    first.sync()
    first.counter.take_corrections()
    first.counter.cancel(undone.operation)
    assert first.counter.confirm() is not None
    first.counter.done()
    first.sync()
    first.counter.take_corrections()
    assert sum(one.sums.psn_cash_pay for one in first.counter.ledger.corrections) == 0
    assert not first.counter.reconcile("20261124").differences
    alone = settling.settle(insured(), claim(100_000), policy())
    assert scope(town.known(ref)) == sum(alone.effect.counted.values()) and kept.sums == alone.sums


def test_a_bill_that_the_centre_corrected_is_cancelled_while_the_centre_listens(town: City) -> None:
    ref = town.insure(ZHANG, insured())
    first, second = town.desk(), town.desk()
    first.price(100_000)
    first.cut.set()
    assert first.counter.confirm() is None
    undone = first.counter.settle_offline().held
    first.counter.done()
    second.settle(100_000)
    second.sync()
    first.sync()
    assert not undone.provisional
    first.counter.cancel(undone.operation)
    mirror = first.counter.confirm()
    assert mirror is not None and mirror.by == "centre" and mirror.held.sums == undone.sums.negative()
    first.counter.done()
    first.sync()
    first.counter.take_corrections()
    assert sum(one.sums.psn_cash_pay for one in first.counter.ledger.corrections) == 0
    assert not first.counter.reconcile("20261124").differences
    alone = settling.settle(insured(), claim(100_000), policy())
    assert scope(town.known(ref)) == sum(alone.effect.counted.values())


def test_a_cancellation_that_the_centre_does_not_make_gives_nothing_back_and_says_so(town: City) -> None:
    town.insure(ZHANG, insured())
    first, second = town.desk(), town.desk()
    first.price(100_000)
    first.cut.set()
    assert first.counter.confirm() is None
    undone = first.counter.settle_offline().held
    first.counter.done()
    first.counter.cancel(undone.operation)  # its correction is not known here yet
    second.settle(100_000)
    second.sync()
    first.sync()
    with pytest.raises(NotServed) as refused:
        first.counter.confirm()
    assert refused.value.reason == "not_cancelled" and first.counter.step is Step.READY
    assert undone.operation not in first.counter.ledger.cancelled
    first.counter.cancel(undone.operation)
    assert first.counter.confirm() is not None


def test_a_bill_is_not_cancelled_again_while_it_is_unclear_whether_it_was(town: City) -> None:
    town.insure(ZHANG, insured())
    desk = town.desk()
    bill = desk.settle(100_000).held
    desk.sync()
    desk.cut.set()
    desk.counter.cancel(bill.operation)
    assert desk.counter.confirm() is None
    [left] = desk.restart().sign_in("0017")
    with pytest.raises(NotServed) as refused:
        desk.counter.cancel(bill.operation)
    assert refused.value.reason == "cancel_unclear" and desk.counter.step is Step.READY
    desk.counter.take_up(left)
    desk.counter.nothing_moved()
    desk.counter.cancel(bill.operation)


def test_the_rest_of_a_bill_is_not_settled_again_while_it_is_unclear_whether_it_was(town: City) -> None:
    town.insure(ZHANG, insured())
    desk = town.desk()
    whole = cancelled_for_a_rest(desk)
    desk.counter.price(claim(60_000), replaces=whole)
    desk.cut.set()
    assert desk.counter.confirm() is None
    desk.restart().sign_in("0017")
    desk.price(60_000)
    with pytest.raises(NotServed) as refused:
        desk.counter.price(claim(60_000), replaces=whole)
    assert refused.value.reason == "no_rest"


# Who is not served


@pytest.mark.parametrize("name", ["person", "topup"])
def test_a_listed_person_is_told_why_and_a_level_that_does_not_block_is_served(town: City, name: ListName) -> None:
    ref = town.insure(ZHANG, insured())
    desk = town.desk()
    at = town.time.at.isoformat()
    desk.store.apply(build_delta(name, 1, 2, at, [Listed(ref, 4)]))
    desk.settle(100_000)
    desk.store.apply(build_delta(name, 2, 3, at, [Listed(ref, 1)]))
    with pytest.raises(NotServed) as refused:
        desk.price(100_000)
    assert refused.value.reason == f"{name}_listed"


def test_the_employees_of_a_listed_employer_are_told_why(town: City) -> None:
    factory = VAULT.ref("employer", "91330400X")
    town.insure(ZHANG, insured(employer=factory))
    town.insure(LI, insured())
    desk = town.desk()
    desk.store.apply(build_delta("employer", 1, 2, town.time.at.isoformat(), [Listed(factory, 1)]))
    with pytest.raises(NotServed) as refused:
        desk.price(100_000)
    assert refused.value.reason == "employer_listed"
    desk.counter.give_up()
    desk.settle(100_000, card=LI)


def test_a_person_whom_nobody_insured_is_told_so(town: City) -> None:
    desk = town.desk()
    with pytest.raises(NotServed) as refused:
        desk.price(100_000)
    assert refused.value.reason == "not_insured" and desk.counter.step is Step.CHECKED


# The shift


def test_a_shift_adds_up_and_a_forgotten_one_is_closed_at_the_next_sign_in(town: City) -> None:
    town.insure(ZHANG, insured())
    desk = town.desk()
    bill = desk.settle(100_000).held
    desk.counter.cancel(bill.operation)
    assert desk.counter.confirm() is not None
    desk.counter.done()
    desk.settle(50_000)
    shift = desk.counter.sign_out()
    assert (shift.bills, shift.cancelled, shift.provisional) == (2, 1, 0)
    assert shift.sums.medfee_sumamt == 50_000
    desk.counter.sign_in("0018")
    desk.restart().sign_in("0019")
    ends = [row.event.by for row in desk.journal.bills() if isinstance(row.event, CounterOff)]
    assert ends == ["clerk", "next_sign_in"]
