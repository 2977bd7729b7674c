"""What differs between places is a row of the policy: each parameter at work."""

from datetime import date

import pytest

from tariffs.copay.claim import BadClaim
from tariffs.copay.periods import period_key
from tariffs.copay.policy import NoRule
from tests.policies import BASIC, LARGE, LAYER, Document, bill, had, policy

HALF = "basic.ratio = 0.5"
TWO_BANDS = ("basic.band.1.from = 0", "basic.band.1.ratio = 0.5", "basic.band.2.from = 1000", "basic.band.2.ratio = 1")
OVER = ("large.base = overcap", "large.ratio = 0.9")


@pytest.mark.parametrize(
    ("mode", "used", "taken"),
    [
        ("visit", "2025 100", "100.00"),
        ("day", "2025-03-10 30", "70.00"),
        ("month", "2025-03 30", "70.00"),
        ("month", "2025-02 30", "100.00"),
        ("quarter", "2025Q1 30", "70.00"),
        ("year", "2025 30", "70.00"),
        ("year", "2024 30", "100.00"),
        ("hospital-year", "2025@H1 30", "70.00"),
        ("hospital-year", "2025@H2 30", "100.00"),
        ("stay", "stay:S1 30", "70.00"),
        ("per-day", "2025 30", "300.00"),
    ],
)
def test_a_deductible_counts_in_its_own_period(mode: str, used: str, taken: str) -> None:
    law = policy(HALF, "basic.deductible = 100", f"basic.deductible.mode = {mode}")
    found = bill(law, ["1000"], stay="S1", days=3, facts={"institution": "H1"}, entitlement=had(basic__dedc=used))
    assert found["act_pay_dedc"] == taken


@pytest.mark.parametrize(("mode", "second"), [("year", "0.00"), ("year-topped-up", "300.00")])
def test_only_a_topped_up_deductible_rises_with_the_hospitals_level(mode: str, second: str) -> None:
    rows = ("basic.deductible level=1 = 200", "basic.deductible level=3 = 500", f"basic.deductible.mode = {mode}")
    law = policy(HALF, *rows)
    first = bill(law, ["1000"], facts={"level": "1"})
    after = {"counted": first["counted"]}
    assert first["act_pay_dedc"] == "200.00"
    assert bill(law, ["1000"], facts={"level": "3"}, entitlement=after)["act_pay_dedc"] == second


@pytest.mark.parametrize(("admission", "taken"), [(1, "800.00"), (2, "400.00"), (3, "0.00"), (7, "0.00")])
def test_the_admission_number_lowers_the_deductible(admission: int, taken: str) -> None:
    law = policy(
        HALF,
        "basic.deductible = 800",
        "basic.deductible.factor admission=2 = 0.5",
        "basic.deductible.factor admission=3.. = 0",
    )
    assert bill(law, ["1000"], facts={"admission": admission})["act_pay_dedc"] == taken


def test_quarters_months_and_years_are_named_by_the_day() -> None:
    names = [period_key("quarter", date(2025, month, 28), "", "", (1, 1)) for month in range(1, 13)]
    assert names == [f"2025Q{quarter}" for quarter in (1, 2, 3, 4) for _ in range(3)]
    assert period_key("month", date(2025, 3, 31), "", "", (1, 1)) == "2025-03"
    years = [period_key("year", day, "", "", (4, 1)) for day in (date(2025, 3, 31), date(2025, 4, 1))]
    assert years == ["2024", "2025"]
    for period in ("stay", "hospital-year"):
        with pytest.raises(BadClaim, match="names no"):
            period_key(period, date(2025, 3, 31), "", "", (1, 1))


ROWS_AND_RESULTS: list[tuple[str, list[str], Document, Document]] = [
    (
        "a family doctor takes 300 off the deductible",
        [HALF, "basic.deductible = 600", "basic.deductible.reduction doctor=contracted = 300"],
        {"lines": ["1000"], "facts": {"doctor": "contracted"}},
        {"act_pay_dedc": "300.00"},
    ),
    (
        "what was in scope before counts, not only what the deductible took",
        [HALF, "basic.deductible = 600", "basic.deductible.counts = base"],
        {"lines": ["1000"], "entitlement": had(basic__seen="2025 500")},
        {"act_pay_dedc": "100.00"},
    ),
    (
        "a franchise takes nothing once it is passed",
        [HALF, "basic.deductible = 600", "basic.deductible.kind = franchise"],
        {"lines": ["1000"]},
        {"act_pay_dedc": "0.00", "hifp_pay": "500.00"},
    ),
    (
        "bands on what is left after the deductible",
        [*TWO_BANDS, "basic.deductible = 600", "basic.axis = after-deductible"],
        {"lines": ["2000"]},
        {"hifp_pay": "900.00"},
    ),
    (
        "bands on the position in scope",
        [*TWO_BANDS, "basic.deductible = 600", "basic.axis = with-deductible"],
        {"lines": ["2000"]},
        {"hifp_pay": "1200.00"},
    ),
    (
        "bands that go on from the year's sum",
        [*TWO_BANDS],
        {"lines": ["500"], "entitlement": had(basic__entered="2025 800")},
        {"hifp_pay": "400.00"},
    ),
    (
        "bands that count what deductibles took before",
        [*TWO_BANDS, "basic.deductible = 600"],
        {"lines": ["500"], "entitlement": had(basic__dedc="2025 600", basic__entered="2025 200")},
        {"hifp_pay": "400.00"},
    ),
    (
        "bands that begin anew with each stay",
        [*TWO_BANDS, "basic.period = stay"],
        {"lines": ["500"], "stay": "S", "entitlement": had(basic__entered="2025 800")},
        {"hifp_pay": "250.00"},
    ),
    (
        "a cap on what the pool pays, computed backwards, the rest to the large-amount fund",
        ["basic.ratio = 0.8", "basic.cap = 400", *OVER],
        {"lines": ["1000"]},
        {"hifp_pay": "400.00", "hifob_pay": "450.00", "psn_part_amt": "150.00"},
    ),
    (
        "a cap on payment that leaves the own share as it was",
        ["basic.ratio = 0.8", "basic.cap = 400", "basic.cap.kind = payment-cut", *OVER],
        {"lines": ["1000"]},
        {"hifp_pay": "400.00", "hifob_pay": "360.00", "psn_part_amt": "240.00"},
    ),
    (
        "a cap on the amount in scope",
        ["basic.ratio = 0.8", "basic.cap = 400", "basic.cap.kind = base", *OVER],
        {"lines": ["1000"]},
        {"hifp_pay": "320.00", "hifob_pay": "540.00"},
    ),
    (
        "a cap on each visit beside that of the year",
        ["basic.ratio = 0.8", "basic.cap = 4000", "basic.cap.visit = 100"],
        {"lines": ["1000"]},
        {"hifp_pay": "100.00"},
    ),
    (
        "class B: over the limit first, then the first share of what is left",
        ["basic.ratio = 1"],
        {
            "lines": [
                {"cnt": "2", "pric": "100", "chrgitm_lv": "02", "selfpay_prop": "0.1", "pric_uplmt_amt": "80"},
            ]
        },
        {"overlmt_selfpay": "40.00", "preselfpay_amt": "16.00", "inscp_scp_amt": "144.00", "hifp_pay": "144.00"},
    ),
    (
        "class B: the first share of the whole price, then the limit",
        ["basic.ratio = 1", "lines.order = share-first"],
        {
            "lines": [
                {"cnt": "2", "pric": "100", "chrgitm_lv": "02", "selfpay_prop": "0.1", "pric_uplmt_amt": "80"},
            ]
        },
        {"overlmt_selfpay": "20.00", "preselfpay_amt": "20.00", "inscp_scp_amt": "160.00"},
    ),
    (
        "no limit is written 999999",
        ["basic.ratio = 1"],
        {"lines": [{"pric": "1000000", "chrgitm_lv": "A", "pric_uplmt_amt": "999999"}]},
        {"overlmt_selfpay": "0.00"},
    ),
    (
        "a limit that holds for inpatients only",
        ["basic.ratio = 1", "item.limit item=D1 care=21* = 5"],
        {"lines": [{"med_list_codg": "D1", "pric": "8", "chrgitm_lv": "A"}], "facts": {"care": "11"}},
        {"overlmt_selfpay": "0.00"},
    ),
    (
        "the first share of class B is reimbursed as well where the pool is full",
        ["basic.ratio = 0.9", "basic.base = scope preself"],
        {"lines": [{"pric": "100", "chrgitm_lv": "02", "selfpay_prop": "0.1"}]},
        {"preselfpay_amt": "10.00", "inscp_scp_amt": "90.00", "hifp_pay": "90.00", "psn_part_amt": "10.00"},
    ),
    (
        "first shares summed first and rounded after",
        ["basic.ratio = 1", "lines.rounding.place = claim"],
        {"lines": [{"pric": "0.09", "chrgitm_lv": "02", "selfpay_prop": "0.05"}] * 10},
        {"preselfpay_amt": "0.05"},
    ),
    (
        "first shares rounded a line",
        ["basic.ratio = 1", "lines.rounding.place = line"],
        {"lines": [{"pric": "0.09", "chrgitm_lv": "02", "selfpay_prop": "0.05"}] * 10},
        {"preselfpay_amt": "0.00"},
    ),
    (
        "the pool pays in steps of 0.1 yuan, the account too",
        ["basic.ratio = 0.5", "rounding.unit = 10", "account.account.parts = own", "account.account.unit = 10"],
        {"lines": ["10.33"], "entitlement": {"accounts": {"account": "3.37"}}},
        {"hifp_pay": "5.20", "acct_pay": "3.30", "psn_cash_pay": "1.83"},
    ),
    (
        "the fund's side rounded down",
        ["basic.ratio = 0.8", "rounding.mode = down"],
        {"lines": ["2554.76"]},
        {"hifp_pay": "2043.80"},
    ),
    (
        "the account pays before the pool, and only then the deductible begins",
        [HALF, "basic.deductible = 100", "account.account.parts = scope", "account.account.when = first"],
        {"lines": ["1000"], "entitlement": {"accounts": {"account": "300"}}},
        {"acct_pay": "300.00", "act_pay_dedc": "100.00", "hifp_pay": "300.00", "psn_cash_pay": "400.00"},
    ),
    (
        "away from home: a share first",
        [HALF, "scope.first away=transfer = 0.1", "scope.first away=other = 0.2"],
        {"lines": ["1000"], "facts": {"away": "transfer"}},
        {"preselfpay_amt": "100.00", "inscp_scp_amt": "900.00", "hifp_pay": "450.00"},
    ),
    (
        "away from home: the ratio is multiplied",
        ["basic.ratio = 0.8", "basic.multiplier away=other = 0.7"],
        {"lines": ["1000"], "facts": {"away": "other"}},
        {"hifp_pay": "560.00"},
    ),
    (
        "retired persons get five points more",
        ["basic.ratio = 0.8", "basic.addition person=12* = 0.05"],
        {"lines": ["1000"], "facts": {"person": "1202"}},
        {"hifp_pay": "850.00"},
    ),
    (
        "a fixed amount a day is paid, whatever the ratio",
        ["basic.fixed = 30", "basic.fixed.per = day"],
        {"lines": ["1000"], "days": 4},
        {"hifp_pay": "120.00"},
    ),
    (
        "a fixed amount a visit is kept back, up to a sum a year",
        ["basic.ratio = 0.7", "basic.withheld = 2", "basic.withheld.most = 50"],
        {"lines": ["100"], "entitlement": had(basic__withheld="2025 49")},
        {"hifp_pay": "69.00"},
    ),
    (
        "what the hospital carries makes the person's part smaller",
        [HALF],
        {"lines": ["1000"], "hosp_part_amt": "120"},
        {"hosp_part_amt": "120.00", "psn_part_amt": "380.00"},
    ),
    (
        "a ceiling on the own share in a year",
        [HALF, "ceiling = 600"],
        {"lines": ["1000"], "entitlement": had(ceiling__own="2025 400")},
        {"psn_part_amt": "200.00", "hifp_pay": "800.00"},
    ),
    (
        "a yearly burden of two per cent of the income",
        [HALF, "ceiling.income = 0.02", "ceiling.income chronic=yes = 0.01"],
        {"lines": ["1000"], "facts": {"chronic": "yes"}, "entitlement": {"income": "20000"}},
        {"psn_part_amt": "200.00"},
    ),
    (
        "first shares, fixed ones too, are those of class B alone",
        ["basic.ratio = 1", "item.first = 0.1", "item.first.fixed = 2", "item.first.least = 5"],
        {"lines": [{"pric": "100", "chrgitm_lv": "A"}, {"pric": "100", "chrgitm_lv": "B"}]},
        {"preselfpay_amt": "12.00"},
    ),
    (
        "an approval that is missing makes a restricted item self-paid",
        ["basic.ratio = 1"],
        {
            "lines": [
                {"pric": "10", "chrgitm_lv": "A", "restricted": True, "hosp_appr_flag": "0"},
                {"pric": "10", "chrgitm_lv": "A", "restricted": True, "hosp_appr_flag": "1"},
                {"pric": "10", "chrgitm_lv": "A", "restricted": False, "hosp_appr_flag": "2"},
                {"pric": "10", "med_list_codg": "unknown"},
            ]
        },
        {"fulamt_ownpay_amt": "30.00", "hifp_pay": "10.00"},
    ),
    (
        "the insured year begins in April",
        [HALF, "basic.deductible = 100", "year.start = 04-01"],
        {"lines": ["1000"], "entitlement": had(basic__dedc="2024 100")},
        {"act_pay_dedc": "0.00"},
    ),
    (
        "civil servants' layer over the own share, aid over what is left",
        [
            HALF,
            "basic.deductible = 100",
            "civil.base person=13* = dedc own",
            "civil.ratio person=13* = 0.8",
            "aid.base = dedc own",
            "aid.ratio poverty=yes = 0.5",
        ],
        {"lines": ["1100"], "facts": {"person": "13", "poverty": "yes"}},
        {"hifp_pay": "500.00", "cvlserv_pay": "480.00", "maf_pay": "60.00", "psn_part_amt": "60.00"},
    ),
]
LAYERS = (
    BASIC
    + LARGE
    + LAYER.format(name="civil", field="cvlserv_pay", code="GB")
    + LAYER.format(name="aid", field="maf_pay", code="A")
)


@pytest.mark.parametrize(("rows", "claim", "expected"), [pytest.param(*rest, id=id) for id, *rest in ROWS_AND_RESULTS])
def test_a_parameter_does_what_it_says(rows: list[str], claim: Document, expected: Document) -> None:
    found = bill(policy(*rows, layers=LAYERS), **claim)
    assert {name: found[name] for name in expected} == expected


def test_what_counts_into_the_catastrophic_layer_is_a_list_of_parts() -> None:
    line = {"pric": "100", "cnt": "10", "chrgitm_lv": "02", "selfpay_prop": "0.1", "pric_uplmt_amt": "90"}
    rows = [HALF, "large.ratio = 1"]
    narrow = bill(policy(*rows, "large.base = dedc own", layers=LAYERS), [line])
    wide = bill(policy(*rows, "large.base = dedc own preself overlmt", layers=LAYERS), [line])
    assert (narrow["hifob_pay"], wide["hifob_pay"]) == ("405.00", "595.00")


def test_a_band_appears_moves_and_ends_on_its_own_days() -> None:
    law = policy(
        "basic.band.1.from = 0",
        "basic.band.1.ratio = 0.5",
        "basic.band.2.from = 1000 @ 2023-01-01",
        "basic.band.2.ratio = 1 @ 2023-01-01",
        "basic.band.2.from = 2000 @ 2024-01-01",
        "basic.band.2.from = end @ 2025-01-01",
    )
    paid = [bill(law, ["3000"], date=f"{year}-06-01")["hifp_pay"] for year in (2022, 2023, 2024, 2025)]
    assert paid == ["1500.00", "2500.00", "2000.00", "1500.00"]


def test_a_correction_that_became_known_later_holds_from_then_on_only() -> None:
    law = policy("basic.ratio = 0.5 @ 2024-01-01 2023-12-01", "basic.ratio = 0.6 @ 2024-01-01 2024-05-01")
    claim: Document = {"lines": ["100"], "date": "2024-03-01"}
    assert bill(law, **claim)["hifp_pay"] == "60.00"
    assert bill(law.as_known(date(2024, 4, 30)), **claim)["hifp_pay"] == "50.00"


def test_a_value_with_a_last_day_ends_with_it_and_nothing_older_comes_back() -> None:
    law = policy("basic.ratio = 0.5 @ 2020-01-01", "basic.ratio = 0.9 @ 2024-01-01..2024-12-31")
    assert bill(law, ["100"], date="2024-12-31")["hifp_pay"] == "90.00"
    assert bill(law, ["100"], date="2025-01-01")["hifp_pay"] == "0.00"


def test_a_needed_ratio_that_no_row_gives_refuses_the_claim() -> None:
    law = policy("basic.ratio person=11 = 0.5", layers=BASIC + "needed = true\n")
    with pytest.raises(NoRule, match="person=12"):
        bill(law, ["100"], facts={"person": "12"})


def test_a_ratio_and_an_own_share_at_once_refuse_the_claim() -> None:
    with pytest.raises(NoRule, match="both"):
        bill(policy(HALF, "basic.own = 0.5"), ["100"])


def test_a_hospital_that_would_carry_more_than_the_patient_owes_is_refused() -> None:
    with pytest.raises(BadClaim, match="more than the person"):
        bill(policy(HALF), ["100"], hosp_part_amt="50.01")


def test_a_fixed_payment_cut_by_its_cap_leaves_the_own_share_as_it_was() -> None:
    law = policy("basic.fixed = 50", "basic.cap = 30", "large.base = overcap", "large.ratio = 1", layers=BASIC + LARGE)
    found = bill(law, ["200"])
    assert (found["hifp_pay"], found["hifob_pay"], found["psn_part_amt"]) == ("30.00", "20.00", "150.00")
