"""Published and documented journeys come to the fares that the GTFS-Fares v2 text gives: tests/data/fares/README.md."""

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tariffs.fares.feed import Feed
from tariffs.fares.gtfs import read_feed
from tariffs.fares.journey import Engine
from tariffs.fares.options import Options
from tariffs.fares.quote import answer
from tariffs.faults import Findings
from terminal.cli import main

DATA = Path(__file__).parent / "data" / "fares"
CASES: list[dict[str, Any]] = json.loads((DATA / "cases.json").read_text())["cases"]


@cache
def feed_files(feed: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (DATA / feed).iterdir()}


def feed_of(case: dict[str, Any]) -> Feed:
    overrides = {name: text.encode() for name, text in case.get("overrides", {}).items()}
    return read_feed(feed_files(case["feed"]) | overrides, Findings())


def told(products: list[dict[str, Any]]) -> set[str]:
    """A set of products; a rule_priority that a case does not state is not compared."""
    return {json.dumps({k: v for k, v in one.items() if k != "rule_priority"}, sort_keys=True) for one in products}


def compare(case: dict[str, Any], found: dict[str, Any]) -> None:
    wanted = case["expected"]
    assert found["effective_legs"] == wanted["effective_legs"]
    assert list(map(told, found["leg_products"])) == list(map(told, wanted["leg_products"]))
    for key in ("transfers", "total"):
        if key in wanted:
            assert found[key] == wanted[key]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_journey_comes_to_what_the_text_of_the_standard_gives(case: dict[str, Any]) -> None:
    compare(case, answer(Engine(feed_of(case), Options()), case))


@pytest.mark.parametrize("feed", sorted({case["feed"] for case in CASES}))
def test_the_command_answers_one_line_for_each_line(feed: str) -> None:
    cases = [case for case in CASES if case["feed"] == feed]
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    ran = CliRunner().invoke(main, ["fare", "quote", "--feed", str(DATA / feed), "--quiet"], input=lines)
    assert ran.exit_code == 0, ran.output
    answers = ran.stdout.splitlines()
    assert len(answers) == len(cases)
    for case, line in zip(cases, answers, strict=True):
        compare(case, json.loads(line))


def test_every_kind_of_case_is_there() -> None:
    assert Counter(str(case["spec_conformant"]) for case in CASES) == {"True": 34, "silent": 21}
