"""A policy or a claim that is wrong says all that is wrong, each with its place; whatever the bytes, nothing else."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from tariffs.copay.claim import BadClaim
from tariffs.copay.claims import read_claim
from tariffs.copay.conditions import exclusive, read_conditions
from tariffs.copay.load import FACTS, parse_policy
from tariffs.copay.settle import settle
from tariffs.faults import PackFaults
from terminal.cli import main
from tests.policies import HEAD, bill, files, load, policy

GOOD = files("basic.ratio = 0.5")


def faults(changed: dict[str, bytes]) -> list[str]:
    with pytest.raises(PackFaults) as wrong:
        parse_policy({**GOOD, **changed})
    return [fault.text() for fault in wrong.value.faults]


def table(*rows: str) -> dict[str, bytes]:
    return {"values.csv": HEAD + "".join(row + "\n" for row in rows).encode()}


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("basic.rato,,0.5,ratio,2000-01-01,,2000-01-01,test,,no", "there is no such parameter"),
        ("basic.ratio,,1.5,ratio,2000-01-01,,2000-01-01,test,,no", "must be a ratio from 0 to 1"),
        ("basic.ratio,,0.5,CNY,2000-01-01,,2000-01-01,test,,no", "the unit must be ratio"),
        ("basic.cap,,1.005,CNY,2000-01-01,,2000-01-01,test,,no", "at most 2 decimals"),
        ("basic.cap,,-1,CNY,2000-01-01,,2000-01-01,test,,no", "must be an amount from 0 on"),
        ("basic.cap,,1e3,CNY,2000-01-01,,2000-01-01,test,,no", "must be a number"),
        ("basic.ratio,sex=f,0.5,ratio,2000-01-01,,2000-01-01,test,,no", "the fact sex is not known"),
        ("basic.ratio,age>4,0.5,ratio,2000-01-01,,2000-01-01,test,,no", "is no condition"),
        ("basic.ratio,,0.5,ratio,2000-13-01,,2000-01-01,test,,no", "must be a date"),
        ("basic.ratio,,0.5,ratio,2000-01-02,2000-01-01,2000-01-01,test,,no", "is before from"),
        ("basic.ratio,,0.5,ratio,2000-01-01,,2000-01-01,nobody,,no", "no such id in sources.csv"),
        ("basic.ratio,,0.5,ratio,2000-01-01,,2000-01-01,test,,yes", "a source without a hash verifies nothing"),
        ("basic.ratio,,0.5,ratio,2000-01-01,,2000-01-01,test,,perhaps", "must be yes or no"),
        ("basic.base,,own money,parts,2000-01-01,,2000-01-01,test,,no", "must be some of"),
        ("basic.cap.kind,,soft,word,2000-01-01,,2000-01-01,test,,no", "must be one of payment, payment-cut, base"),
        ("basic.ratio,item=D1,0.5,ratio,2000-01-01,,2000-01-01,test,,no", "is a fact of item parameters only"),
        ("item.first,amount=5..,0.5,ratio,2000-01-01,,2000-01-01,test,,no", "is no fact of line parameters"),
        ("account.purse.parts,,own,parts,2000-01-01,,2000-01-01,test,,no", "there is no such parameter"),
    ],
)
def test_a_wrong_cell_is_told_with_file_line_value_and_rule(row: str, rule: str) -> None:
    [told] = faults(table(row))
    assert told.startswith("values.csv:2 ") and rule in told


def test_all_faults_are_told_at_once() -> None:
    bad = "basic.rato,sex=f,0.5,ratio,2000-01-01,,2000-01-01,nobody,,perhaps"
    assert len(faults({**table(bad, bad), "sources.csv": b"source,document\n"})) == 11


def test_two_rows_that_one_claim_could_take_are_a_fault_with_the_place_of_the_other() -> None:
    rows = [f"basic.ratio,{when},{value},ratio,2000-01-01,,2000-01-01,test,,no"
            for when, value in (("level=2|3", "0.5"), ("person=11*", "0.6"))]  # fmt: skip
    assert faults(table(*rows)) == [
        'values.csv:3 when = "person=11*": may hold together with another row, values.csv:2'
    ]
    apart = [row.replace("person=11*", "level=1") for row in rows]
    assert parse_policy({**GOOD, **table(*apart)})
    narrower = [row.replace("person=11*", "person=11* level=2") for row in rows]
    assert parse_policy({**GOOD, **table(*narrower)})


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("level=2", "level=3", True),
        ("level=2|3", "level=3", False),
        ("person=11*", "person=1101", False),
        ("person=11*", "person=12*", True),
        ("age=..44", "age=45..", True),
        ("age=..45", "age=45..", False),
        ("age=..44", "age=45", True),
        ("away!=yes", "away=yes", True),
        ("away!=yes", "away=no", False),
        ("away!=yes", "level=2", False),
        ("person=1*", "person=10..19", False),
    ],
)
def test_conditions_that_no_claim_satisfies_together_are_known(one: str, other: str, apart: bool) -> None:
    assert exclusive(read_conditions(one), read_conditions(other)) is apart
    assert exclusive(read_conditions(other), read_conditions(one)) is apart


CELLS = st.sampled_from(
    ["basic.ratio", "0.5", "ratio", "2000-01-01", "test", "no", "level=2", "", "end", "x" * 70, "9" * 30]
)


@given(st.lists(st.lists(CELLS, min_size=10, max_size=10), max_size=5), st.binary(max_size=200), st.booleans())
def test_a_policy_of_any_bytes_opens_or_tells_its_faults(rows: list[list[str]], raw: bytes, broken: bool) -> None:
    changed = table(*(",".join(row) for row in rows))
    if broken:
        changed = {"policy.toml": raw, "sources.csv": raw, "values.csv": raw}
    with suppress(PackFaults):
        parse_policy({**GOOD, **changed})


LAW = policy("basic.ratio = 0.5", "basic.deductible = 10")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = ("id", "date", "lines", "facts", "entitlement", "days", "birth", "hosp_part_amt", "stay")
LINE_KEYS = ("cnt", "pric", "det_item_fee_sumamt", "chrgitm_lv", "selfpay_prop", "inscp_scp_amt", "restricted")


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, JSON)),
    st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(LINE_KEYS, JSON)), max_size=2),
    st.binary(max_size=50),
)
def test_a_claim_of_any_bytes_is_settled_or_tells_its_faults(
    claim: dict[str, Any], lines: list[dict[str, Any]], raw: bytes
) -> None:
    good = {"id": "c", "date": "2025-03-01"}
    for text in (json.dumps({**good, **claim}).encode(), json.dumps({**good, "lines": lines}).encode(), raw):
        with suppress(PackFaults, BadClaim):
            settle(*read_claim(text, 2, frozenset(FACTS)), LAW)


def test_a_claims_faults_name_their_places() -> None:
    claim = {
        "id": "c",
        "date": "2025-02-30",
        "facts": {"levle": "2"},
        "lines": [{"pric": "1.0000001", "cnt": "x"}, {"chrgitm_lv": "D"}, {"pric": "1", "grade": "A"}],
    }
    with pytest.raises(PackFaults) as wrong:
        read_claim(json.dumps(claim).encode(), 2, frozenset(FACTS))
    assert {fault.field for fault in wrong.value.faults} == {
        *("lines[1].cnt", "lines[1].pric", "lines[2].chrgitm_lv", "lines[2].", "lines[3].grade"),
        *("date", "facts.levle"),
    }


@pytest.mark.parametrize(
    ("counted", "field", "rule"),
    [
        ([("basic.dedct", "2025")], "entitlement.counted[1].name", "must be an accumulator"),
        ([("basic.dedc", "2025-1")], "entitlement.counted[1].period", "must be a period"),
        ([("basic.dedc", "2025"), ("basic.dedc", "2025")], "entitlement.counted[2].name", "twice"),
    ],
)
def test_an_accumulator_that_would_never_be_found_is_a_fault(
    counted: list[tuple[str, str]], field: str, rule: str
) -> None:
    entries = [{"name": name, "period": period, "value": "1"} for name, period in counted]
    claim = {"id": "c", "date": "2025-03-01", "lines": [{"pric": "1"}], "entitlement": {"counted": entries}}
    with pytest.raises(PackFaults) as wrong:
        read_claim(json.dumps(claim).encode(), 2, frozenset(FACTS))
    [fault] = wrong.value.faults
    assert fault.field == field and rule in fault.en


def test_a_key_that_stands_twice_is_no_claim() -> None:
    with pytest.raises(PackFaults, match="twice"):
        read_claim(b'{"id": "c", "date": "2025-03-01", "lines": [{"pric": "1", "pric": "2"}]}', 2, frozenset(FACTS))


@pytest.mark.parametrize(("price", "told"), [("1.255", "2.52"), ("1.255", "2.50"), ("1.2525", "2.52")])
def test_quantity_times_price_must_be_the_amount_that_is_told(price: str, told: str) -> None:
    line = {"pric": price, "cnt": "2", "det_item_fee_sumamt": told}
    with pytest.raises(BadClaim, match="disagree"):
        settle(*read_claim(json.dumps({"id": "c", "date": "2025-01-01", "lines": [line]}).encode(), 2, LAW.facts), LAW)


@pytest.mark.parametrize("told", ["42.61", "42.62"])
@pytest.mark.parametrize("mode", ["half-up", "down", "up"])
def test_an_amount_rounded_by_the_hospital_either_way_is_what_was_charged(told: str, mode: str) -> None:
    law = policy("basic.ratio = 0.5", f"rounding.mode = {mode}", "lines.rounding.unit = 10")
    line = {"pric": "14.205", "cnt": "3", "det_item_fee_sumamt": told, "chrgitm_lv": "A"}
    assert bill(law, [line])["medfee_sumamt"] == told


def test_a_comparison_tells_the_changed_value_with_its_day_and_who_pays_less(tmp_path: Path) -> None:
    assert run("copy", "builtin:jiaxing-demo", str(tmp_path / "new"))[0] == 0
    values = tmp_path / "new" / "values.csv"
    old = "level=2 person=11*,0.70,ratio"
    text = values.read_text(encoding="utf-8")
    assert text.count(old) == 1
    values.write_text(text.replace(old, "level=2 person=11*,0.75,ratio"), encoding="utf-8")
    claims = tmp_path / "day.jsonl"
    claims.write_text("\n".join(json.dumps(json.loads(line)["claim"]) for line in load_cases() if '"JX-' in line))
    arguments = ("diff", "builtin:jiaxing-demo", str(tmp_path / "new"), str(claims))
    status, output = run(*arguments, "--json", "--plot", str(tmp_path / "change.svg"))
    found = json.loads(output)
    assert status == 0 and (tmp_path / "change.svg").stat().st_size > 1000
    [change] = found["changes"]
    assert (change["first"], change["parameter"], change["old"], change["new"]) == (
        *("2023-01-01", "basic.ratio"),
        *("0.70", "0.75"),
    )
    total = found["groups"][-1]
    # 1,100 and 2,600 yuan over the deductible, five points more; the third case meets the cap under both.
    assert total["fen_old"] - total["fen_new"] == (110_000 + 260_000) // 20
    assert (total["less"], total["more"], total["cases_new"]) == (2, 0, 8)
    assert "0.75" in run(*arguments)[1]


def run(*arguments: str, given: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(main, ["copay", *arguments], input=given)
    return result.exit_code, result.output


def test_the_command_answers_each_line_and_fails_when_one_was_refused() -> None:
    good = {"id": "1", "date": "2025-03-01", "facts": {"scheme": "310", "person": "11", "care": "11", "level": 2},
            "lines": [{"det_item_fee_sumamt": 1500, "chrgitm_lv": "A"}]}  # fmt: skip
    unknown = {**good, "id": "2", "facts": {"scheme": "999"}}
    lines = "\n".join([json.dumps(good), json.dumps(unknown), "{}", ""])
    status, output = run("settle", "--policy", "builtin:jiaxing-demo", given=lines)
    answers = [json.loads(line) for line in output.splitlines()]
    assert status == 1
    assert [answer.get("hifp_pay") for answer in answers] == ["770.00", None, None]
    assert answers[1]["id"] == "2" and "no ratio" in answers[1]["faults"][0]["en"]
    assert run("settle", "--policy", "builtin:jiaxing-demo", given=json.dumps(good))[0] == 0


def test_whatever_a_line_holds_is_answered_in_its_place_and_the_run_goes_on() -> None:
    good = b'{"id": "ok", "date": "2025-12-31", "facts": {"scheme": "310", "person": "11", "care": "11", "level": 3},'
    good += b'"lines": [{"pric": "1", "chrgitm_lv": "A"}]}'
    wrong = [
        b"{no", b"\xff\xfe", b"[]", b"null", b"9" * 5_000, b"[" * 100_000, b'{"id": NaN}', b'{"id": "c", "id": "d"}',
        b'{"id": "c", "date": "2025-02-29", "lines": [7]}', good.replace(b'"1"', b'"-1"'), good.replace(b'"1"', b"1e5"),
        good.replace(b'"ok"', b'"\\ud800"'), good.replace(b'{"pric": "1", "chrgitm_lv": "A"}', b""),
        good.replace(b'"310"', b'"nowhere"'), b'{"id": "' + b"x" * 1_100_000 + b'"}',
    ]  # fmt: skip
    lines = [line for bad in wrong for line in (bad, good)]
    result = CliRunner().invoke(main, ["copay", "settle", "--policy", "builtin:jiaxing-demo"], input=b"\n".join(lines))
    answers = [json.loads(line) for line in result.output.splitlines()]
    assert result.exit_code == 1 and len(answers) == len(lines)
    assert all(answer["medfee_sumamt"] == "1.00" for answer in answers[1::2])
    for number, answer in enumerate(answers[::2]):
        assert answer["claim"] == 2 * number + 1 and all(fault["zh"] and fault["en"] for fault in answer["faults"])


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_explanation_names_every_value_with_its_document_and_says_that_it_is_unverified(language: str) -> None:
    [case] = [json.loads(line) for line in (load_cases()) if '"JX-14"' in line]
    status, bill = run("settle", "--policy", case["policy"], given=json.dumps(case["claim"]))
    told_status, told = run("explain", "--language", language, given=bill)
    assert (status, told_status) == (0, 0)
    for row in json.loads(bill)["rows"]:
        assert f"{row['file']}:{row['line']}" in told and row["document"] in told
    assert ("未经核实" if language == "zh" else "nobody has verified") in told
    assert "8256.00" in told


def load_cases() -> list[str]:
    from tests.policies import HERE

    return (HERE / "cases.jsonl").read_text(encoding="utf-8").splitlines()


def test_what_is_no_bill_is_not_explained() -> None:
    for text in ("{}", "[]", "1", "no", '{"id": 1}'):
        status, told = run("explain", given=text)
        assert status == 1 and "is no bill" in told


def test_the_demonstration_is_unverified_in_every_value() -> None:
    demo = load("builtin:jiaxing-demo")
    assert len(demo.unverified) == len(demo.parsed_rows) > 80
    assert run("check", "builtin:jiaxing-demo")[0] == 0
