"""Rules of other countries, by writing a policy only; the expected numbers were worked out by hand.

As generally known, shortened; amounts of one year. They show reach, not current law.
"""

from typing import Any

from tests.policies import BASIC, LAYER, TOML, Document, after, bill, policy


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


def test_a_visit_fee_is_a_deductible_of_each_visit_with_all_the_rest_paid() -> None:
    law = policy("basic.ratio = 1", "basic.deductible level=1 = 50", "basic.deductible level=3 = 420",
                 "basic.deductible.mode = visit", decimals=0)  # fmt: skip
    assert [bill(law, ["900"], facts={"level": level})["psn_part_amt"] for level in (1, 3)] == ["50", "420"]


GERMANY = policy(
    "basic.ratio = 1",
    "item.class = A",
    "item.class category=drug = B",
    "item.class category=nursing = B",
    "item.first category=drug = 0.1",
    "item.first.least category=drug = 5",
    "item.first.most category=drug = 10",
    "item.first category=nursing = 0.1",
    "item.first.fixed category=nursing = 10",
    "basic.withheld care=21* = 10",
    "basic.withheld.per = day",
    "basic.withheld.most = 280",
    "ceiling.income = 0.02",
    "ceiling.income chronic=yes = 0.01",
    "ceiling.counts = preself own withheld",
)


def test_germany_drugs_below_the_reference_price_two_packs_and_nursing_on_prescription() -> None:
    lines: list[Document | str] = [
        {"med_chrgitm_type": "drug", "pric": "30", "pric_uplmt_amt": "20"},
        {"med_chrgitm_type": "drug", "pric": "20", "cnt": "2"},
        {"med_chrgitm_type": "nursing", "pric": "250"},
        {"med_chrgitm_type": "visit", "pric": "80"},
    ]
    found = bill(GERMANY, lines)
    assert [line["preselfpay_amt"] for line in found["lines"]] == ["5.00", "10.00", "35.00", "0.00"]
    assert (found["overlmt_selfpay"], found["psn_part_amt"]) == ("10.00", "60.00")


def test_germany_ten_euro_a_day_in_hospital_for_at_most_28_days_a_year() -> None:
    stay: dict[str, Any] = {"facts": {"care": "21"}}
    first = bill(GERMANY, ["8000"], days=20, **stay)
    second = bill(GERMANY, ["6000"], days=15, **stay, entitlement=after(first))
    third = bill(GERMANY, ["6000"], days=15, **stay, entitlement=after(first, second))
    assert [one["psn_part_amt"] for one in (first, second, third)] == ["200.00", "80.00", "0.00"]


def test_germany_a_ceiling_by_income_holds_only_for_an_income_that_is_told() -> None:
    stay: dict[str, Any] = {"facts": {"care": "21", "chronic": "yes"}, "days": 20}
    assert bill(GERMANY, ["8000"], **stay)["psn_part_amt"] == "200.00"
    told = bill(GERMANY, ["8000"], **stay, entitlement={"income": "15000"})
    assert (told["psn_part_amt"], told["hifp_pay"]) == ("150.00", "7850.00")
    assert bill(GERMANY, ["8000"], **stay, entitlement={"income": "0"})["psn_part_amt"] == "0.00"
    # What was paid before the income was known counts.
    before = after(bill(GERMANY, ["8000"], facts={"care": "21"}, days=14))
    late = bill(GERMANY, ["8000"], **stay, entitlement={**before, "income": "15000"})
    assert late["psn_part_amt"] == "10.00"


SWITZERLAND = policy(
    "basic.deductible = 300",
    "basic.deductible age=..18 = 0",
    "basic.own = 0.1",
    "rounding.side = person",
    "rounding.unit = 5",
    "ceiling = 700",
    "ceiling age=..18 = 350",
    "ceiling.counts = own",
    "basic.withheld care=21* = 15",
    "basic.withheld.per = day",
)


def test_switzerland_a_tenth_up_to_700_beside_the_franchise_and_the_hospitals_fifteen_a_day() -> None:
    adult: dict[str, Any] = {"birth": "1980-01-01"}
    first = bill(SWITZERLAND, ["423.40"], **adult)
    # 123.40 × 10 % = 12.34, in steps of 0.05.
    assert (first["act_pay_dedc"], first["psn_part_amt"], first["hifp_pay"]) == ("300.00", "312.35", "111.05")
    stay: dict[str, Any] = {"facts": {"care": "21"}, "days": 10}
    assert bill(SWITZERLAND, ["12000"], **adult, **stay)["psn_part_amt"] == "1150.00"
    assert bill(SWITZERLAND, ["12000"], **adult, **stay, entitlement=after(first))["psn_part_amt"] == "837.65"
    child = bill(SWITZERLAND, ["5000.10"], birth="2015-01-01")
    assert (child["act_pay_dedc"], child["psn_part_amt"]) == ("0.00", "350.00")


def test_france_the_supplement_pays_the_share_but_not_the_two_euro_of_a_visit() -> None:
    law = policy(
        "basic.ratio = 0.7",
        "basic.withheld care=11 = 2",
        "basic.withheld.most = 50",
        "item.direct category=full = 0.65",
        "item.direct category=minor = 0.15",
        "supplement.base = dedc own",
        "supplement.ratio = 1",
        layers=BASIC + LAYER.format(name="supplement", field="oth_pay", code="M"),
    )
    found = bill(law, ["30"], facts={"care": "11"})
    assert (found["hifp_pay"], found["oth_pay"], found["psn_part_amt"]) == ("19.00", "9.00", "2.00")
    pharmacy: list[Document | str] = [
        {"pric": price, "chrgitm_lv": "A", "med_chrgitm_type": kind}
        for price, kind in (("10", "full"), ("20", "minor"))
    ]
    # 10 × 65 % and 20 × 15 %, the rest from the supplement.
    found = bill(law, pharmacy)
    assert (found["hifp_pay"], found["oth_pay"], found["psn_part_amt"]) == ("9.50", "20.50", "0.00")


def test_estonia_a_fee_a_day_for_at_most_ten_days_of_each_stay() -> None:
    law = policy("basic.ratio = 1", "basic.withheld = 2.50", "basic.withheld.per = day", "basic.withheld.most = 25",
                 "basic.withheld.period = stay", toml=TOML.replace("CNY", "EUR"))  # fmt: skip
    first = bill(law, ["900"], days=8, stay="S1")
    second = bill(law, ["900"], days=8, stay="S1", entitlement=after(first))
    other = bill(law, ["900"], days=12, stay="S2", entitlement=after(first, second))
    assert [one["psn_part_amt"] for one in (first, second, other)] == ["20.00", "5.00", "25.00"]


def test_kuwait_counts_in_thousandths() -> None:
    law = policy("basic.own = 0.15", "basic.cap = 20.125", toml=TOML.replace("CNY", "KWD"), decimals=3)
    found = [bill(law, [amount]) for amount in ("10.005", "30")]
    assert [(one["hifp_pay"], one["psn_part_amt"]) for one in found] == [("8.504", "1.501"), ("20.125", "9.875")]


def test_america_a_deductible_coinsurance_an_out_of_pocket_most_and_office_visits_beside_them() -> None:
    law = policy(
        "basic.ratio = 0.8",
        "basic.deductible = 1500",
        "basic.accumulator care=11 = office",
        "basic.ratio care=11 = 1",
        "basic.deductible care=11 = 30",
        "basic.deductible.mode care=11 = visit",
        "basic.accumulator care=21* network=out = outside",
        "basic.ratio care=21* network=out = 0.5",
        "basic.deductible care=21* network=out = 3000",
        "ceiling = 5000",
        "ceiling network=out = 10000",
        "ceiling.accumulator network=out = outside",
        toml=TOML.replace("CNY", "USD") + 'facts = ["network"]\n',
    )
    inside, office = {"care": "21", "network": "in"}, {"care": "11", "network": "in"}
    bills = [bill(law, ["200"], facts=office)]
    for amount, facts in (
        ("10000", inside),
        ("40000", inside),
        ("200", office),
        ("4000", {"care": "21", "network": "out"}),
    ):
        bills.append(bill(law, [amount], facts=facts, entitlement=after(*bills)))
    # 30; 1,500 + 8,500 × 20 %; what 5,000 leave; nothing more; elsewhere a deductible and a ceiling of their own.
    assert [one["psn_part_amt"] for one in bills] == ["30.00", "3200.00", "1770.00", "0.00", "3500.00"]
    assert bill(law, ["20"], facts=office)["psn_part_amt"] == "20.00"


def test_england_a_charge_for_each_item_and_sweden_steps_in_a_year_of_the_persons_own() -> None:
    england = policy("basic.ratio = 1", "item.first.fixed class=B = 9.90")
    assert bill(england, [{"pric": price, "chrgitm_lv": "B"} for price in ("40", "4")])["psn_part_amt"] == "13.90"
    bands = enumerate(((0, "1"), (1425, "0.5"), (2725, "0.25"), (3961, "0.1"), (5279, "0")), 1)
    rows = [
        row for n, (start, own) in bands for row in (f"basic.band.{n}.from = {start}", f"basic.band.{n}.own = {own}")
    ]
    sweden = policy(*rows, "basic.period = stay")
    first = bill(sweden, ["4000"], stay="from-2024-11-02")
    assert first["psn_part_amt"] == "2387.90"
    second = bill(sweden, ["2000"], date="2025-06-01", stay="from-2024-11-02", entitlement=after(first))
    # 1,279 × 10 %, nothing above; and with the next twelve months it begins anew.
    assert second["psn_part_amt"] == "127.90"
    assert bill(sweden, ["100"], stay="from-2025-11-03", entitlement=after(first))["psn_part_amt"] == "100.00"


def test_japan_a_second_claim_of_the_month_goes_on_below_the_same_ceiling_in_whole_yen() -> None:
    law = policy(
        "basic.own = 0.3", "rounding.side = person", "rounding.unit = 10", "ceiling = 80100", "ceiling.rate = 0.01",
        "ceiling.threshold = 267000", "ceiling.period = month", "ceiling.repeated = 44400",
        toml=TOML.replace("CNY", "JPY"), decimals=0,
    )  # fmt: skip
    first = bill(law, ["500000"])
    second = bill(law, ["500000"], entitlement=after(first, decimals=0))
    # 80,100 + 233,000 × 1 %; then 87,430 for both together.
    assert [first["psn_part_amt"], second["psn_part_amt"]] == ["82430", "5000"]
    found = bill(law, [{"pric": "33.4", "cnt": "3", "chrgitm_lv": "A"}])
    assert (found["medfee_sumamt"], found["psn_part_amt"]) == ("100", "30")


def test_korea_a_rate_of_the_whole_amount_by_its_size_and_taiwan_a_fee_by_steps() -> None:
    korea = policy(
        "basic.own = 0.3",
        "basic.own age=65.. amount=15001..20000 = 0.1",
        "basic.own age=65.. amount=20001..25000 = 0.2",
        "basic.own age=65.. amount=..15000 = 0",
        "basic.deductible age=65.. amount=..15000 = 1500",
        "basic.deductible.mode = visit",
        "rounding.side = person",
        "rounding.unit = 100",
        "rounding.mode = down",
        toml=TOML.replace("CNY", "KRW"),
        decimals=0,
    )
    old: dict[str, Any] = {"birth": "1950-01-01"}
    paid = [bill(korea, [amount], **old)["psn_part_amt"] for amount in ("15000", "15001", "20000", "25000", "25010")]
    assert paid == ["1500", "1500", "2000", "5000", "7500"]
    assert bill(korea, ["45670"], birth="1990-01-01")["psn_part_amt"] == "13700"
    taiwan = policy("basic.ratio = 1", "basic.deductible.mode = visit", "basic.deductible amount=101..200 = 20",
                    "basic.deductible amount=201.. = 40", toml=TOML.replace("CNY", "TWD"))  # fmt: skip
    amounts = ("100", "100.01", "200", "200.01")
    assert [bill(taiwan, [amount])["psn_part_amt"] for amount in amounts] == ["0.00", "20.00", "20.00", "40.00"]
