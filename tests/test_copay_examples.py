"""Worked settlements from real systems and tables, by policies written for them, through the machine interface."""

import json
from typing import Any

import pytest

from tariffs.copay.claims import read_claim
from tariffs.copay.documents import bill_document
from tariffs.copay.settle import settle
from tests import policies

CASES = [json.loads(line) for line in (policies.HERE / "cases.jsonl").read_text(encoding="utf-8").splitlines()]


def settled(case: dict[str, Any]) -> dict[str, Any]:
    policy = policies.load(case["policy"])
    claim, entitlement = read_claim(json.dumps(case["claim"]).encode(), policy.decimals, policy.facts)
    return bill_document(settle(claim, entitlement, policy), policy)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_worked_settlement_comes_out_as_published(case: dict[str, Any]) -> None:
    bill = settled(case)
    assert {name: bill[name] for name in case["expected"]} == case["expected"]


def test_the_own_share_of_each_band_is_that_of_the_published_case() -> None:
    [case] = [case for case in CASES if case["id"] == "BJ-01"]
    steps = {step["code"]: step["own"] for step in settled(case)["steps"]}
    assert [steps[code] for code in ("S001", "C001", "C002", "C003")] == ["650.00", "2641.50", "600.00", "1721.17"]
