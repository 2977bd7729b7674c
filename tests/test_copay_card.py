"""Accumulators on the chip: evidence beside the centre's, and where the policy says so, what counts."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.virtual.social import SocialSpec
from tariffs.copay.claim import Claim, Entitlement, Line, OnCard
from tariffs.copay.claims import read_claim
from tariffs.copay.load import parse_policy
from tariffs.copay.oncard import beside
from tariffs.copay.policy import Policy
from tariffs.copay.settle import settle
from terminal.hospital.receipt import card_lines
from tests import counters
from tests.counters import POLICY_FILES, city, insured, scope, short_pauses

__all__ = ["short_pauses"]

BY_CARD = "basic.accumulator.source,,card,word,2025-01-01,,2025-01-01,T,,no\n"
CARDED = SocialSpec("A00000001", "330411197001010016", "张三丰", accumulators=(2026, 100_000, 42_000, 1, 0))
DAY = date(2026, 11, 24)


def by_card() -> Policy:
    """The tests' policy, by the card's accumulators."""
    files = POLICY_FILES | {"values.csv": POLICY_FILES["values.csv"] + BY_CARD}
    return parse_policy({name: text.encode() for name, text in files.items()})


def claim(fen: int, day: date = DAY) -> Claim:
    facts = {"care": "11", "area": "330499", "scheme": "310", "person": "11"}
    return Claim("c", day, facts, (Line(item="I", amount_fen=fen, grade="A"),))


def deducted(policy: Policy, entitlement: Entitlement, fen: int = 100_000, day: date = DAY) -> int:
    return settle(claim(fen, day), entitlement, policy).act_pay_dedc


def test_the_cards_accumulators_count_only_where_the_policy_says_so() -> None:
    told = Entitlement(card=OnCard(2026, 100_000, 42_000))
    assert deducted(counters.policy(), told) == 40_000, "the centre knows of nothing"
    assert deducted(by_card(), told) == 0, "the card has the whole deductible behind it"
    assert deducted(by_card(), Entitlement(card=OnCard(2026, 30_000, 0))) == 10_000
    assert deducted(by_card(), Entitlement()) == 40_000, "no card was read"


@pytest.mark.parametrize("year", [2025, 2027])
def test_a_card_of_another_year_tells_nothing_of_the_claims(year: int) -> None:
    assert deducted(by_card(), Entitlement(card=OnCard(year, 100_000, 0))) == 40_000


def test_what_the_card_has_beyond_the_centre_is_adopted_once_and_taken_back_with_the_bill() -> None:
    told = Entitlement(card=OnCard(2026, 30_000, 0))
    first = settle(claim(50_000), told, by_card())
    after = told.after(first.counted, first.accounts)
    assert after.counted["basic.seen", "2026"] == 80_000 and after.counted["basic.dedc", "2026"] == 40_000
    second = settle(claim(50_000), after, by_card())
    assert second.act_pay_dedc == 0 and second.counted["basic.seen", "2026"] == 50_000, "the card is behind by now"
    back = after.after(first.mirror("x").counted, {})
    assert not any(back.counted.values())


def test_the_trace_names_the_rule_by_which_the_card_counts() -> None:
    bill = settle(claim(50_000), Entitlement(card=OnCard(2026, 30_000, 0)), by_card())
    (step,) = [step for step in bill.steps if step.code == "K000"]
    assert step.base_fen == 30_000 and [row.parameter for row in step.rows] == ["basic.accumulator.source"]


@given(st.integers(0, 200_000), st.integers(0, 200_000), st.integers(1, 200_000))
def test_the_higher_of_card_and_centre_counts(card: int, centre: int, fen: int) -> None:
    dedc = min(centre, 40_000)
    known = {("basic.seen", "2026"): centre, ("basic.dedc", "2026"): dedc, ("basic.entered", "2026"): centre - dedc}
    bill = settle(claim(fen), Entitlement(counted=known, card=OnCard(2026, card, 0)), by_card())
    assert bill.act_pay_dedc == min(fen, max(0, 40_000 - max(card, centre)))


def test_the_card_is_shown_beside_what_else_is_known() -> None:
    told = Entitlement(counted={("basic.seen", "2026"): 7}, card=OnCard(2026, 100_000, 42_000))
    for policy, counts in ((counters.policy(), False), (by_card(), True)):
        found = beside(claim(100), told, policy)
        assert found is not None and found.differs and found.counts is counts
        assert (found.inscope_fen, found.pool_fen) == (7, 0)
    assert beside(claim(100), Entitlement(), by_card()) is None


def test_a_claim_in_json_may_tell_the_card() -> None:
    raw: dict[str, Any] = {"id": "1", "date": "2026-11-24", "facts": {"care": "11"}, "lines": [{"pric": "1"}]}
    raw["entitlement"] = {"card": {"year": "2026", "inscope": "1000.00", "pool": "420.00"}}
    policy = counters.policy()
    assert read_claim(json.dumps(raw).encode(), 2, policy.facts)[1].card == OnCard(2026, 100_000, 42_000)


def test_a_counter_offline_that_goes_by_the_card_is_not_corrected(tmp_path: Path) -> None:
    """Another hospital wrote on the card and the list is old: with the card the bill is right at once, and stays so."""
    with city(tmp_path, by_card()) as town:
        ref = town.insure(CARDED, insured())
        desk = town.desk()
        desk.card = CARDED
        desk.cut.set()
        desk.counter.read_card("123456")
        desk.counter.check_holder("photo+pin")
        desk.counter.look_up()
        case = desk.counter.price(counters.claim(50_000))
        assert case.sums.act_pay_dedc == 0 and case.sums.fund_pay_sumamt == 35_000
        told = "\n".join(card_lines(by_card(), case))
        assert "1000.00" in told and "420.00" in told and "2026-11-24T09:00" in told and "the higher counts" in told
        assert desk.counter.confirm() is not None
        desk.counter.done()
        assert desk.settle(50_000, card=CARDED).held.sums.act_pay_dedc == 0, "counted on, though no PIN was shown"
        desk.sync()
        assert desk.counter.take_corrections() == []
        assert town.known(ref).entitlement.card is None, "the centre keeps no copy of the card"
        assert town.known(ref).entitlement.counted["basic.seen", "2026"] == 200_000
        assert scope(town.known(ref)) > 0
