"""The counter with its centre: nothing is settled twice or lost, every difference is a record and has a name."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sync import settling
from sync.events import BillCorrected, BillDone, BillHeld, BillVoid, HolderChecked
from sync.settling import BadCase
from sync.statement import Why
from terminal.chipcard import NotServed
from terminal.hospital.step import Step
from tests.counters import INSTITUTION, ZHANG, City, claim, insured, policy, scope, short_pauses, town

__all__ = ["short_pauses", "town"]


def test_a_bill_goes_from_card_to_receipt_and_the_centre_books_the_same(town: City) -> None:
    ref = town.insure(ZHANG, insured(10_000))
    desk = town.desk()
    standing = desk.settle(60_000, 40_000)
    assert standing.by == "centre" and not standing.held.provisional
    sums = standing.held.sums
    assert (sums.medfee_sumamt, sums.act_pay_dedc, sums.fund_pay_sumamt) == (100_000, 40_000, 42_000)
    assert (sums.acct_pay, sums.psn_cash_pay) == (10_000, 48_000)
    desk.sync()
    known = town.known(ref)
    assert known.entitlement.accounts == {"account": 0} and scope(known) > 0
    found = desk.counter.reconcile("20261124")
    assert found.stmt_rslt == "0" and not found.differences


def test_the_holder_is_checked_before_anybody_is_looked_up_and_the_bill_is_held_before_it_stands(town: City) -> None:
    town.insure(ZHANG, insured())
    desk = town.desk()
    desk.settle(100_000)
    kinds = [type(desk.journal.row(seq).event) for seq in range(1, desk.journal.last_seq + 1)]  # type: ignore[union-attr]
    assert kinds[1:] == [HolderChecked, BillHeld, BillDone]


def test_nothing_personal_lies_readable_in_journal_lists_or_backend(town: City, tmp_path: Path) -> None:
    town.insure(ZHANG, insured())
    desk = town.desk()
    desk.settle(100_000)
    desk.sync()
    raw = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (ZHANG.id_number.encode(), ZHANG.name.encode(), ZHANG.name.encode("gbk"), b"item 0"):
        assert secret not in raw


def test_the_evidence_names_what_decided_the_bill(town: City) -> None:
    town.insure(ZHANG, insured())
    desk = town.desk(exposure_fen=1_000_000)
    desk.cut.set()
    town.time.set("2026-11-24T15:00:00+08:00")
    held = desk.settle(100_000).held
    evidence = held.evidence
    assert held.provisional and evidence.policy == "test-1" and not evidence.policy_verified
    assert (evidence.insured.version, evidence.insured.age_seconds) == (1, 6 * 3_600)
    assert (evidence.exposure_fen, evidence.exposure_limit_fen) == (42_000, 1_000_000)


def test_a_pin_check_that_no_chip_accepted_is_not_recorded(town: City) -> None:
    town.insure(ZHANG, insured())
    desk = town.desk()
    desk.counter.read_card()
    with pytest.raises(NotServed) as refused:
        desk.counter.check_holder("pin")
    assert refused.value.reason == "pin_not_shown" and desk.counter.step is Step.CARD
    desk.counter.read_card("123456")
    desk.counter.check_holder("photo+pin")


def test_a_card_without_a_pin_is_told_so_and_its_photo_is_compared(town: City) -> None:
    town.insure(ZHANG, insured())
    desk = town.desk()
    desk.card = replace(ZHANG, kind="old_medical")
    desk.counter.read_card("123456")
    with pytest.raises(NotServed, match="compare the photo"):
        desk.counter.check_holder("pin")
    desk.counter.check_holder("photo")


def test_a_counter_out_of_service_serves_nobody_and_says_why(town: City) -> None:
    town.insure(ZHANG, insured())
    desk = town.desk()
    desk.counter.parts = desk.counter.parts._replace(closed=lambda: "retired")
    with pytest.raises(NotServed, match="终端已停用"):
        desk.counter.read_card()
    assert desk.counter.step is Step.READY
    desk.counter.parts = desk.counter.parts._replace(closed=lambda: "")
    assert desk.counter.read_card()


def test_the_his_says_what_was_done_and_neither_who_the_patient_nor_what_the_hospital_is(town: City) -> None:
    town.insure(ZHANG, insured())
    desk = town.desk()
    desk.price(100)
    told = {
        "id": "HIS-1",
        "date": "2026-11-24",
        "facts": {"care": "11", "level": "3", "person": "12", "institution": "another"},
        "lines": [{"pric": "250.00", "cnt": "4", "chrgitm_lv": "01"}],
    }
    case = desk.counter.price(desk.counter.claim_of(json.dumps(told).encode()))
    assert case.sums.medfee_sumamt == 100_000
    facts = case.claim.facts
    assert (facts["level"], facts["person"], facts["institution"]) == ("2", "11", INSTITUTION)
    with pytest.raises(BadCase, match="lines"):
        desk.counter.claim_of(json.dumps(told | {"lines": []}).encode())


def test_a_bill_of_five_hundred_lines_is_held_and_one_that_does_not_fit_is_told_to_be_split(town: City) -> None:
    town.insure(ZHANG, insured())
    desk = town.desk()
    desk.settle(*range(1, 501))
    desk.price(100)
    with pytest.raises(BadCase, match="as two"):
        desk.counter.price(claim(*(999_983 * place % 99_991 for place in range(1, 6_000))))


# Offline


def test_two_counters_offline_take_the_whole_deductible_each_and_the_centre_gives_one_back(town: City) -> None:
    ref = town.insure(ZHANG, insured())
    first, second = town.desk(), town.desk()
    for desk in (first, second):
        desk.cut.set()
    bills = [desk.settle(100_000).held.sums for desk in (first, second)]
    assert [sums.act_pay_dedc for sums in bills] == [40_000, 40_000], "each took the whole deductible"
    second.sync()
    first.sync()
    assert second.counter.take_corrections() == []
    (correction,) = first.counter.take_corrections()
    assert correction.why == "accumulators"
    assert correction.sums.act_pay_dedc == -40_000
    assert correction.sums.fund_pay_sumamt == 28_000 and correction.sums.psn_cash_pay == -28_000
    assert correction.sums.medfee_sumamt == 0
    for desk in (first, second):
        assert not desk.counter.reconcile("20261124").differences
    alone = settling.settle(insured(), claim(200_000), policy())
    assert scope(town.known(ref)) == sum(alone.effect.counted.values()), "as if one counter had settled both"


def test_a_correction_that_is_not_booked_yet_is_named_and_then_gone(town: City) -> None:
    town.insure(ZHANG, insured())
    first, second = town.desk(), town.desk()
    for desk in (first, second):
        desk.cut.set()
        desk.settle(100_000)
    second.sync()
    first.sync()
    found = first.counter.reconcile("20261124")
    assert [difference.why for difference in found.differences] == [Why.CORRECTION_NOT_TAKEN] and found.balanced
    first.counter.take_corrections()
    assert first.counter.take_corrections() == [], "each is booked once"
    assert not first.counter.reconcile("20261124").differences
    assert sum(isinstance(row.event, BillCorrected) for row in first.journal.bills()) == 1


def test_the_same_patient_twice_at_one_counter_offline_pays_the_deductible_once(town: City) -> None:
    town.insure(ZHANG, insured(10_000))
    desk = town.desk()
    desk.cut.set()
    first, second = desk.settle(100_000).held.sums, desk.settle(100_000).held.sums
    assert (first.act_pay_dedc, second.act_pay_dedc) == (40_000, 0)
    assert (first.acct_pay, second.acct_pay) == (10_000, 0), "and the account is spent once"
    desk.sync()
    assert desk.counter.take_corrections() == []


def test_the_exposure_limit_stops_provisional_bills_until_the_centre_has_booked(town: City) -> None:
    town.insure(ZHANG, insured())
    desk = town.desk(exposure_fen=50_000)
    desk.cut.set()
    desk.settle(100_000)
    desk.price(100_000)
    with pytest.raises(NotServed) as refused:
        desk.counter.confirm()
    assert refused.value.reason == "exposed" and desk.counter.step is Step.PRICED
    desk.counter.give_up()
    desk.sync()
    desk.cut.set()
    assert desk.counter.ledger.exposure_fen(desk.journal.acknowledged) == 0
    desk.price(70_000)
    assert desk.counter.confirm() is not None


def test_a_refund_of_a_booked_bill_makes_no_room_for_provisional_ones(town: City) -> None:
    town.insure(ZHANG, insured())
    desk = town.desk(exposure_fen=50_000)
    booked = desk.settle(100_000)
    desk.sync()
    desk.cut.set()
    desk.counter.cancel(booked.held.operation)
    assert desk.counter.confirm() is None
    desk.counter.settle_offline()
    desk.counter.done()
    assert desk.counter.ledger.exposure_fen(desk.journal.acknowledged) == 0
    undone = desk.settle(60_000)
    assert desk.counter.ledger.exposure_fen(desk.journal.acknowledged) == undone.held.sums.fund_pay_sumamt == 14_000
    desk.counter.cancel(undone.held.operation)
    assert desk.counter.confirm() is not None
    desk.counter.done()
    assert desk.counter.ledger.exposure_fen(desk.journal.acknowledged) == 0, "a cancelled bill owes nothing"


def test_a_late_bill_across_the_new_year_counts_in_its_own_year_by_its_own_policy(town: City) -> None:
    ref = town.insure(ZHANG, insured())
    desk = town.desk()
    desk.cut.set()
    town.time.set("2025-12-31T23:50:00+08:00")
    late = desk.settle(100_000, day="2025-12-31")
    assert late.held.sums.act_pay_dedc == 30_000, "the deductible of 2025"
    town.time.set("2026-01-01T08:00:00+08:00")
    desk.sync()
    desk.settle(100_000, day="2026-01-01")
    desk.sync()
    assert desk.counter.take_corrections() == []
    known = town.known(ref)
    assert scope(known, "2025") > 0 and scope(known, "2026") > 0
    days = {line.setl_id: line.day for line in desk.counter.parts.centre.statement("20251231")}  # type: ignore[union-attr]
    assert days[late.held.operation] == "20260101", "the centre's day is the day on which it was accepted"
    assert [one.why for one in desk.counter.reconcile("20251231").differences] == [Why.OTHER_DAY]
    assert desk.counter.reconcile("20251231").balanced


# No answer


def test_a_lost_answer_is_asked_for_again_and_nothing_is_settled_twice(town: City) -> None:
    ref = town.insure(ZHANG, insured())
    desk = town.desk()
    desk.price(100_000)
    desk.line.lose_answers = 1
    assert desk.counter.confirm() is None and desk.counter.step is Step.UNKNOWN
    standing = desk.counter.ask_again()
    assert standing is not None and standing.by == "asked"
    desk.counter.done()
    desk.sync()
    alone = settling.settle(insured(), claim(100_000), policy())
    assert scope(town.known(ref)) == sum(alone.effect.counted.values())
    assert sum(isinstance(row.event, BillHeld) for row in desk.journal.bills()) == 1


def test_a_bill_without_an_answer_may_stand_offline_and_is_booked_once_when_it_arrives(town: City) -> None:
    ref = town.insure(ZHANG, insured())
    desk = town.desk()
    desk.price(100_000)
    desk.cut.set()
    assert desk.counter.confirm() is None
    assert desk.counter.ask_again() is None and desk.counter.step is Step.UNKNOWN
    assert desk.counter.settle_offline().by == "offline"
    desk.counter.done()
    desk.sync()
    alone = settling.settle(insured(), claim(100_000), policy())
    assert scope(town.known(ref)) == sum(alone.effect.counted.values())


def test_a_bill_that_the_patient_leaves_is_void_on_both_sides(town: City) -> None:
    ref = town.insure(ZHANG, insured())
    desk = town.desk()
    desk.price(100_000)
    desk.cut.set()
    assert desk.counter.confirm() is None
    desk.counter.nothing_moved()
    assert desk.counter.step is Step.READY
    desk.sync()
    assert scope(town.known(ref)) == 0 and not desk.counter.reconcile("20261124").differences


def test_the_centre_that_knows_better_voids_the_bill_and_the_next_one_is_right(town: City) -> None:
    town.insure(ZHANG, insured())
    first, second = town.desk(), town.desk()
    first.price(100_000)
    second.settle(100_000)
    second.sync()
    assert first.counter.confirm() is None and first.counter.step is Step.ENTITLED
    void = [row.event for row in first.journal.bills() if isinstance(row.event, BillVoid)]
    assert [event.why for event in void] == ["centre_differs"]
    again = first.counter.price(claim(100_000))
    assert again.sums.act_pay_dedc == 0
    assert first.counter.confirm() is not None
    first.counter.done()
    first.sync()
    assert first.counter.take_corrections() == []


def test_a_program_that_ends_between_held_and_done_asks_after_its_restart(town: City) -> None:
    town.insure(ZHANG, insured())
    desk = town.desk()
    desk.price(100_000)
    desk.cut.set()
    assert desk.counter.confirm() is None
    counter = desk.restart()
    (left,) = counter.sign_in("0018")
    counter.take_up(left)
    assert counter.step is Step.UNKNOWN
    desk.cut.clear()
    desk.sync()
    standing = counter.ask_again()
    assert standing is not None and standing.held.operation == left.held.operation
    counter.done()
    desk.sync()
    assert not counter.reconcile("20261124").differences
