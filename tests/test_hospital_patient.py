"""Who may be served at all, what a receipt shows, and what a counter's own book adds up to."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from apdu.social.profile import Profile
from apdu.social.read import Chip
from sync import settling
from sync.events import BillDone, BillHeld, BillVoid, Sums
from sync.record import Row
from sync.settling import BadCase, Case
from sync.statement import compare
from terminal.chipcard import NotServed
from terminal.hospital.ledger import Ledger
from terminal.hospital.patient import Patient, admitted, is_id_number
from terminal.hospital.receipt import explanation, percent, receipt, sources
from tests.counters import VAULT, ZHANG, chip_profiles, claim, insured, policy
from tests.test_backend_hospital import EVIDENCE

TODAY = date(2026, 11, 24)
POLICY = policy()


def chip(**changes: str) -> Chip:
    profile: Profile = chip_profiles()[0]
    card = {"number": "A00000001", "category": "1", "valid_to": "20321231"} | {
        name: value for name, value in changes.items() if name in ("valid_to",)
    }
    holder = {"id_number": ZHANG.id_number, "name": ZHANG.name} | {
        name: value for name, value in changes.items() if name in ("id_number", "name")
    }
    return Chip(profile, {"card": card, "holder": holder}, ())


def test_a_good_card_is_admitted_by_its_number() -> None:
    assert admitted(chip(), TODAY) == ZHANG.id_number
    assert admitted(chip(valid_to="2026"), TODAY) == ZHANG.id_number, "a year lasts to its end"
    assert admitted(chip(valid_to=""), TODAY) == ZHANG.id_number, "no date, no end"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"valid_to": "20261123"}, "expired"),
        ({"valid_to": "2025"}, "expired"),
        ({"valid_to": "99999999"}, "expired"),
        ({"id_number": ""}, "unreadable"),
        ({"name": ""}, "unreadable"),
        ({"id_number": "330411197001010017"}, "bad_number"),
    ],
)
def test_a_card_that_may_not_be_served_is_told_why(changes: dict[str, str], reason: str) -> None:
    with pytest.raises(NotServed) as refused:
        admitted(chip(**changes), TODAY)
    assert refused.value.reason == reason
    assert ZHANG.id_number not in str(refused.value) and ZHANG.name not in str(refused.value)


def test_an_unfinished_write_sends_the_patient_back_to_the_counter_that_left_it() -> None:
    left = chip().joined(Chip(chip_profiles()[0], {"accumulators": {"unfinished": 7}}, ()))
    with pytest.raises(NotServed, match="unfinished"):
        admitted(left, TODAY)


@given(st.text(alphabet="0123456789Xx", max_size=20))
def test_a_changed_digit_is_never_a_good_number(text: str) -> None:
    if is_id_number(text):
        wrong = ("1" if text[0] != "1" else "2") + text[1:]
        assert not is_id_number(wrong)


def test_an_id_number_has_its_check_character() -> None:
    assert all(is_id_number(text) for text in ("330411197001010016", "11010519491231002X", "11010519491231002x"))
    assert not is_id_number("110105194912310021") and not is_id_number("１１０１０５１９４９１２３１００２X")


def test_what_is_shown_of_a_patient_is_masked_and_its_repr_shows_nothing() -> None:
    patient = Patient(chip(), VAULT.ref("person", ZHANG.id_number))
    assert patient.shown == "张**（社会保障·市民卡 **************0016）"
    assert ZHANG.name not in repr(patient) and ZHANG.id_number not in repr(patient)


def case(*fen: int) -> Case:
    return settling.settle(insured(10_000), claim(*fen), POLICY)


def held(seq: int, made: Case) -> Row:
    operation = settling.operation("00000001", 1, seq)
    event = BillHeld(
        operation=operation,
        cancels="",
        replaces="",
        person="p",
        institution="H",
        clerk="0017",
        visit="2026-11-24",
        insutype="310",
        med_type="11",
        provisional=True,
        evidence=EVIDENCE,
        sums=made.sums,
        sealed="",
    )
    return Row("00000001", 1, seq, seq, "2026-11-24T09:00:00+08:00", "synced", "b", 0, event)


def ended(seq: int, of: Row, void: bool = False) -> Row:
    operation = settling.operation("00000001", 1, of.seq)
    event = BillVoid(of.seq, operation, "abandoned") if void else BillDone(of.seq, operation, "offline")
    return Row("00000001", 1, seq, seq, "2026-11-24T09:00:01+08:00", "synced", "b", 0, event)


def test_a_receipt_shows_the_items_the_sums_and_that_the_policy_is_not_verified() -> None:
    made = case(60_000, 40_000)
    row = held(1, made)
    assert isinstance(row.event, BillHeld)
    text = "\n".join(receipt(row.event, made, "张**", POLICY, "offline"))
    for part in ("1000.00", "420.00", "暂结", "provisional", "not verified", "未经核实", row.event.operation):
        assert part in text, part
    assert "provisional" not in "\n".join(receipt(row.event, made, "张**", POLICY, "centre"))


def test_every_step_and_every_source_is_told() -> None:
    made = case(100_000)
    steps = "\n".join(explanation(made))
    assert "S001" in steps and "70%" in steps
    assert "values.csv" in "\n".join(sources(made, POLICY))


def test_a_ratio_is_written_exactly() -> None:
    assert [percent(ratio) for ratio in (700_000, 1_000_000, 125, 0)] == ["70%", "100%", "0.0125%", "0%"]


def test_a_packed_bill_comes_back_and_a_damaged_one_says_so() -> None:
    made = case(60_000, 40_000)
    again = settling.unpack(settling.pack(made))
    steps = tuple(changed(step, rows=()) for step in made.bill.steps)
    assert again.claim == made.claim and again.bill == changed(made.bill, steps=steps)
    for raw in (b"", b"x", settling.pack(made)[:-4], bytes(50)):
        with pytest.raises(BadCase):
            settling.unpack(raw)
    with pytest.raises(BadCase):
        settling.read_insured(b"\xc1")
    assert settling.read_insured(settling.write_insured(insured(7))) == insured(7)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_case_a_person_or_bad(raw: bytes) -> None:
    for read in (settling.unpack, settling.read_insured):
        try:
            read(raw)
        except BadCase:
            continue


def test_a_claim_that_the_policy_cannot_settle_is_a_bad_case_in_two_languages() -> None:
    stranger = insured()
    early = replace(claim(100), day=date(2019, 1, 1))
    with pytest.raises(BadCase) as wrong:
        settling.settle(stranger, early, POLICY)
    assert wrong.value.zh and wrong.value.en


acts = st.lists(st.tuples(st.integers(100, 500_000), st.sampled_from(["done", "void", "open"])), max_size=8)


@given(acts)
def test_a_ledger_counts_what_stands_and_agrees_with_a_statement_of_itself(told: list[tuple[int, str]]) -> None:
    ledger, expected, seq = Ledger(), Sums(), 0
    for fen, how in told:
        row = held(seq + 1, case(fen))
        ledger.follow(row)
        if how != "open":
            ledger.follow(ended(seq + 2, row, how == "void"))
        if how == "done":
            assert isinstance(row.event, BillHeld)
            expected = expected.plus(row.event.sums)
        seq += 2
    assert ledger.shift(1).sums == expected and len(ledger.open()) == sum(how == "open" for _, how in told)
    assert ledger.exposure_fen(0) == expected.fund_pay_sumamt and ledger.exposure_fen(seq) == 0
    details = ledger.details("20261124")
    assert not compare(details, details).differences
    assert sum(line.medfee_sumamt for line in compare(details, details).ours) == expected.medfee_sumamt
