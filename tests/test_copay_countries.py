"""Rules of other places and countries, by writing a policy only.

As generally known, shortened; amounts of one year. They show reach, not current law.
"""

from tests.policies import bill, policy


def test_japan_three_tenths_a_monthly_ceiling_that_grows_and_a_lower_one_after_three_months() -> None:
    law = policy(
        "basic.own = 0.3",
        "basic.own age=75.. = 0.1",
        "rounding.side = person",
        "rounding.unit = 10",
        "ceiling = 80100",
        "ceiling.threshold = 267000",
        "ceiling.rate = 0.01",
        "ceiling.period = month",
        "ceiling.repeated = 44400",
        "ceiling.repeated.after = 3",
        decimals=0,
    )
    assert bill(law, ["1234"])["psn_part_amt"] == "370"
    assert bill(law, ["1235"], birth="1950-03-11")["psn_part_amt"] == "370"
    assert bill(law, ["1230"], birth="1950-03-10")["psn_part_amt"] == "120"
    first = bill(law, ["1000000"])
    # 80,100 + (1,000,000 - 267,000) × 1 %, in steps of ten yen.
    assert first["psn_part_amt"] == "87430"
    assert {"name": "ceiling.reached", "period": "2025-03", "value": "1"} in first["counted"]
    thrice = [{"name": "ceiling.reached", "period": f"2024-{month}", "value": 1} for month in (10, 11, 12)]
    assert bill(law, ["1000000"], entitlement={"counted": thrice})["psn_part_amt"] == "44400"
    long_ago = [{"name": "ceiling.reached", "period": f"2023-{month}", "value": 1} for month in (10, 11, 12)]
    assert bill(law, ["1000000"], entitlement={"counted": long_ago})["psn_part_amt"] == "87430"


def test_germany_a_tenth_a_pack_at_least_five_at_most_ten_never_above_the_price() -> None:
    law = policy("basic.ratio = 1", "item.first class=B = 0.1", "item.first.least class=B = 5",
                 "item.first.most class=B = 10")  # fmt: skip
    packs = [{"pric": price, "chrgitm_lv": "B"} for price in ("3", "20", "70", "300")]
    shares = [line["preselfpay_amt"] for line in bill(law, packs)["lines"]]
    assert shares == ["3.00", "5.00", "7.00", "10.00"]


def test_shanghai_the_account_then_an_own_band_then_ratios_by_age_and_level() -> None:
    law = policy(
        "account.account.parts = scope",
        "account.account.when = first",
        "basic.deductible = 1500",
        "basic.ratio level=3 age=..44 = 0.5",
        "basic.ratio level=3 age=45.. = 0.6",
    )
    young = bill(law, ["5000"], birth="1990-01-01", facts={"level": 3}, entitlement={"accounts": {"account": "1000"}})
    assert (young["acct_pay"], young["act_pay_dedc"], young["hifp_pay"]) == ("1000.00", "1500.00", "1250.00")
    older = bill(law, ["5000"], birth="1980-03-10", facts={"level": 3}, entitlement={"accounts": {"account": "1000"}})
    assert older["hifp_pay"] == "1500.00"


def test_a_visit_fee_is_a_deductible_of_each_visit_with_all_the_rest_paid() -> None:
    law = policy("basic.ratio = 1", "basic.deductible level=1 = 50", "basic.deductible level=3 = 420",
                 "basic.deductible.mode = visit", decimals=0)  # fmt: skip
    assert [bill(law, ["900"], facts={"level": level})["psn_part_amt"] for level in (1, 3)] == ["50", "420"]
