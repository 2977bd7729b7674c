"""Errors of other engines, each as the promise that this one does not make it (docs/copay.md, "Known errors")."""

from datetime import date

import pytest

from tariffs.copay.bill import Bill
from tariffs.copay.claim import Claim, Entitlement, Line
from tariffs.copay.settle import settle
from tests.policies import BASIC, LARGE, policy

DAY = date(2025, 3, 1)
BANDS = (
    "basic.band.1.from = 0",
    "basic.band.1.ratio = 0.8",
    "basic.band.2.from = 1000",
    "basic.band.2.ratio = 0.9",
    "basic.band.3.from = 5000",
    "basic.band.3.ratio = 1",
)


def claim(*yuan: int, day: date = DAY, **facts: str) -> Claim:
    return Claim("c", day, facts, tuple(Line(amount_fen=100 * each, grade="A") for each in yuan))


def steps(bill: Bill) -> dict[str, tuple[int, int]]:
    """Each claim step's base and fund in yuan."""
    return {step.code: (step.base_fen // 100, step.fund_fen // 100) for step in bill.steps if not step.line}


def test_a_deductible_that_straddles_two_bands_shrinks_the_second_too() -> None:
    by_position = policy(*BANDS, "basic.deductible = 1500", "basic.axis = with-deductible")
    assert steps(settle(claim(6000), Entitlement(), by_position)) == {
        "S001": (6000, 0),
        "C002": (3500, 3150),
        "C003": (1000, 1000),
    }
    after = policy(*BANDS, "basic.deductible = 1500", "basic.axis = after-deductible")
    assert steps(settle(claim(6000), Entitlement(), after)) == {
        "S001": (6000, 0),
        "C001": (1000, 800),
        "C002": (3500, 3150),
    }


@pytest.mark.parametrize("amount", [999, 1000, 1001, 4999, 5000, 5001])
def test_the_deductible_leaves_the_running_remainder_at_exact_band_ends(amount: int) -> None:
    bill = settle(claim(amount), Entitlement(), policy(*BANDS, "basic.deductible = 600"))
    assert sum(base for code, (base, _) in steps(bill).items() if code.startswith("C")) == amount - 600
    assert sum(step.own_fen + step.fund_fen for step in bill.steps if step.code[0] in "SC") == amount * 100


def test_the_account_may_pay_more_than_the_fund_does() -> None:
    rules = policy("basic.deductible = 900", "basic.ratio = 0.5", "account.account.parts = dedc own")
    bill = settle(claim(1000), Entitlement({"account": 200_000}), rules)
    assert (bill.fund_pay_sumamt, bill.acct_pay, bill.psn_cash_pay, bill.balc) == (5_000, 95_000, 0, 105_000)


def test_a_claim_that_comes_late_across_new_year_takes_its_own_years_policy_and_sums() -> None:
    rules = policy("basic.deductible = 400 @ 2020-01-01", "basic.deductible = 600 @ 2026-01-01", "basic.ratio = 0.5")
    used = Entitlement(counted={("basic.dedc", "2025"): 30_000, ("basic.dedc", "2026"): 60_000})
    late = settle(claim(1000, day=date(2025, 12, 31)), used, rules)
    assert late.act_pay_dedc == 10_000
    assert ("basic.dedc", "2025") in late.counted and ("basic.dedc", "2026") not in late.counted
    assert settle(claim(1000, day=date(2026, 1, 1)), used, rules).act_pay_dedc == 0


def test_outpatient_sums_do_not_count_for_inpatients() -> None:
    rules = policy(
        "basic.ratio = 0.5",
        "basic.cap = 1000",
        "basic.accumulator care=11 = outpatient",
        "basic.accumulator care=21 = inpatient",
    )
    used = Entitlement(counted={("outpatient.paid", "2025"): 100_000})
    assert settle(claim(1000, care="11"), used, rules).hifp_pay == 0
    assert settle(claim(1000, care="21"), used, rules).hifp_pay == 50_000


def test_line_shares_add_up_to_the_claim_where_each_would_round_the_same_way() -> None:
    rules = policy("basic.ratio = 0.5")
    lines = tuple(Line(amount_fen=1, grade="A") for _ in range(7))
    bill = settle(Claim("c", DAY, {}, lines), Entitlement(), rules)
    assert bill.hifp_pay == 4 == sum(line.fund_fen for line in bill.lines)
    assert [line.fund_fen for line in bill.lines] == [1, 1, 1, 1, 0, 0, 0]


def test_a_deductible_of_sixteen_million_and_one_fen_is_exact() -> None:
    """Single precision has 24 bits: 16 777 217 would become 16 777 216 and take the wrong branch."""
    rules = policy("basic.deductible = 167772.17", "basic.ratio = 1")
    exact = Claim("c", DAY, {}, (Line(amount_fen=16_777_217, grade="A"),))
    assert settle(exact, Entitlement(), rules).hifp_pay == 0
    more = Claim("c", DAY, {}, (Line(amount_fen=16_777_218, grade="A"),))
    assert settle(more, Entitlement(), rules).hifp_pay == 1


def test_a_further_layer_never_pays_what_an_earlier_one_paid() -> None:
    rules = policy(
        *("basic.ratio = 0.9", "basic.cap = 500", "large.base = overcap", "large.ratio = 1"), layers=BASIC + LARGE
    )
    bill = settle(claim(1000), Entitlement(), rules)
    assert (bill.hifp_pay, bill.hifob_pay) == (50_000, 100_000 - 55_556)
    assert bill.psn_part_amt == 5_556


def test_a_balance_below_zero_is_shown_and_pays_nothing() -> None:
    rules = policy("basic.ratio = 0.5", "account.account.parts = own")
    bill = settle(claim(10), Entitlement({"account": -300}), rules)
    assert (bill.acct_pay, bill.balc) == (0, -300)


def test_a_cap_that_is_met_exactly_cuts_nothing_and_the_next_fen_is_over_it() -> None:
    rules = policy("basic.ratio = 0.5", "basic.cap = 500")
    met = settle(claim(1000), Entitlement(), rules)
    assert met.hifp_pay == 50_000 and "EC01" not in steps(met)
    after = Entitlement().after(met.counted, met.accounts)
    assert steps(settle(claim(10), after, rules))["EC01"] == (10, 0)


def test_a_line_outside_the_catalogue_takes_nothing_of_a_first_share_that_is_rounded_up() -> None:
    rounded = ("lines.rounding.place = claim", "lines.rounding.unit = 10", "lines.rounding.mode = up")
    law = policy("basic.ratio = 0.5", "lines.order = share-first", *rounded)
    found = settle(
        Claim("c", DAY, {}, (Line(amount_fen=1_000, grade="C"), Line(amount_fen=30, grade="B", first_share=100_000))),
        Entitlement(),
        law,
    )
    assert (found.fulamt_ownpay_amt, found.preselfpay_amt, found.inscp_scp_amt) == (1_000, 10, 20)
