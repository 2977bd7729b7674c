"""Settlements of Chinese cities by writing a policy only; the expected numbers were worked out by hand.

Ratios and deductibles as in published summaries, shortened, ends of bands chosen; they show reach, not current law.
"""

from tests.policies import BASIC, LARGE, LAYER, Document, after, bill, policy

SERIOUS = LAYER.format(name="serious", field="hifmi_pay", code="D")


HANGZHOU = policy(
    "basic.accumulator care=11 = outpatient",
    "basic.deductible care=11 person=11* = 600",
    "basic.deductible care=11 person=12* = 200",
    "basic.deductible.reduction care=11 doctor=contracted = 300",
    "basic.ratio care=11 level=3 person=11* = 0.76",
    "basic.ratio care=11 level=3 person=12* = 0.82",
    "basic.accumulator care=21* = inpatient",
    "basic.deductible care=21* level=3 = 800",
    "basic.deductible.mode care=21* = year-topped-up",
    "basic.ratio care=21* level=3 person=12* = 0.88",
    "basic.cap care=21* = 400000",
    "serious.base = dedc own",
    "serious.band.1.from = 25000",
    "serious.band.1.ratio = 0.7",
    "serious.band.2.from = 50000",
    "serious.band.2.ratio = 0.8",
    layers=BASIC + SERIOUS,
)


def test_hangzhou_a_family_doctor_takes_off_at_most_the_whole_deductible() -> None:
    active = {"care": "11", "level": 3, "person": "11", "doctor": "contracted"}
    assert bill(HANGZHOU, ["1000"], facts=active)["hifp_pay"] == "532.00"
    retired = bill(HANGZHOU, ["1000"], facts={**active, "person": "12"})
    assert (retired["act_pay_dedc"], retired["hifp_pay"]) == ("0.00", "820.00")


def test_hangzhou_serious_illness_goes_on_in_its_bands_at_the_second_admission_while_the_pool_meets_its_cap() -> None:
    facts = {"care": "21", "level": 3, "person": "12"}
    first = bill(HANGZHOU, ["400000"], facts=facts)
    # 399,200 × 88 %; of the 48,704 that are left, what is above 25,000 × 70 %.
    assert (first["hifp_pay"], first["hifmi_pay"], first["psn_part_amt"]) == ("351296.00", "16592.80", "32111.20")
    second = bill(HANGZHOU, ["100000"], facts=facts, entitlement=after(first))
    # The pool has 48,704 left: 55,345.45 enter. Own 6,641.45: 1,296.00 × 70 % and 5,345.45 × 80 %.
    assert (second["act_pay_dedc"], second["hifp_pay"]) == ("0.00", "48704.00")
    assert (second["hifmi_pay"], second["psn_part_amt"]) == ("5183.56", "46112.44")


def test_nanchang_serious_illness_leaves_first_shares_and_the_away_share_out() -> None:
    law = policy(
        "item.first class=B category=09 = 0.1",
        "scope.first away=transfer = 0.1",
        "basic.deductible = 800",
        "basic.ratio = 0.85",
        "basic.cap = 100000",
        "large.base = overcap",
        "large.ratio = 0.9",
        "large.cap = 400000",
        "serious.base = dedc own overcap",
        "serious.deductible = 17000",
        "serious.ratio = 0.6",
        layers=BASIC + LARGE + SERIOUS,
    )
    drugs = {"det_item_fee_sumamt": "20000", "chrgitm_lv": "02", "med_chrgitm_type": "09"}
    found = bill(law, ["180000", drugs], facts={"away": "transfer"})
    # First shares 2,000 + 19,800. 177,400 past the deductible; 100,000 / 85 % = 117,647.06 enter the pool;
    # 59,752.94 × 90 %; of 800 + 17,647.06 + 5,975.29 what is above 17,000 × 60 %.
    assert (found["preselfpay_amt"], found["inscp_scp_amt"]) == ("21800.00", "178200.00")
    assert (found["hifp_pay"], found["hifob_pay"], found["hifmi_pay"]) == ("100000.00", "53777.65", "4453.41")
    assert found["psn_part_amt"] == "41768.94"


def test_shanghai_the_years_account_then_an_own_band_that_the_old_account_may_pay() -> None:
    law = policy(
        "account.current.parts = scope",
        "account.current.when = first",
        "account.history.parts = dedc own",
        "basic.deductible = 1500",
        "basic.ratio level=3 age=..44 = 0.5",
        "basic.ratio level=3 age=45.. = 0.6",
        toml='name = "test"\nversion = "1"\ncurrency = "CNY"\ndecimals = 2\naccounts = ["current", "history"]\n',
    )
    person: Document = {"birth": "1990-01-01", "facts": {"level": 3}}
    first = bill(law, ["5000"], **person, entitlement={"accounts": {"current": "1000", "history": "800"}})
    assert first["accounts"] == {"current": "1000.00", "history": "800.00"}
    assert (first["act_pay_dedc"], first["hifp_pay"]) == ("1500.00", "1250.00")
    assert (first["psn_part_amt"], first["psn_cash_pay"], first["balc"]) == ("3750.00", "1950.00", "0.00")
    second = bill(law, ["600"], **person, entitlement=after(first))
    assert (second["act_pay_dedc"], second["hifp_pay"], second["psn_cash_pay"]) == ("0.00", "300.00", "300.00")
    assert bill(law, ["600"], birth="1980-03-10", facts={"level": 3}, entitlement=after(first))["hifp_pay"] == "360.00"


def test_beijing_a_retired_inpatient_pays_six_tenths_of_the_bands_and_the_large_fund_follows_the_cap() -> None:
    law = policy(
        "basic.deductible = 1300",
        "basic.deductible admission=2.. = 650",
        "basic.deductible.mode = visit",
        "basic.band.1.from = 0",
        "basic.band.1.own = 0.15",
        "basic.band.2.from = 30000",
        "basic.band.2.own = 0.10",
        "basic.band.3.from = 40000",
        "basic.band.3.own = 0.05",
        "basic.factor person=12* = 0.6",
        "basic.cap = 100000",
        "large.base = overcap",
        "large.ratio = 0.8",
        layers=BASIC + LARGE,
    )
    found = bill(law, ["150000"], facts={"person": "12", "admission": 1})
    # Own 28,700 × 9 %, 10,000 × 6 %; the 64,483 that the pool has left are 97 % of 66,477.32. 43,522.68 over the cap.
    assert [step["own"] for step in found["steps"][1:6]] == ["1300.00", "2583.00", "600.00", "1994.32", "43522.68"]
    assert (found["hifp_pay"], found["hifob_pay"], found["psn_part_amt"]) == ("100000.00", "34818.14", "15181.86")
    again = bill(law, ["10000"], facts={"person": "12", "admission": 2})
    assert (again["act_pay_dedc"], again["hifp_pay"]) == ("650.00", "8508.50")


def test_taizhou_residents_outpatient_to_a_cap_that_a_contract_raises() -> None:
    law = policy(
        "basic.ratio level=1 = 0.5",
        "basic.ratio level=1 kind=reformed = 0.6",
        "basic.ratio level=2 = 0.2",
        "basic.ratio level=3 = 0.1",
        "basic.cap = 900",
        "basic.cap doctor=contracted = 1200",
    )
    reformed = {"level": 1, "kind": "reformed"}
    first = bill(law, ["2000"], facts=reformed)
    assert (first["hifp_pay"], first["psn_part_amt"]) == ("900.00", "1100.00")
    contracted = {"doctor": "contracted", "level": 3}
    assert bill(law, ["2000"], facts={**reformed, "doctor": "contracted"})["hifp_pay"] == "1200.00"
    assert bill(law, ["4000"], facts=contracted, entitlement=after(first))["hifp_pay"] == "300.00"
