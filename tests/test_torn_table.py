"""Every way to tear a tap ends as docs/healing.md says: each frame of each script, cell by cell."""

from pathlib import Path

import pytest

from tests.proof.table import SCRIPTS, WORDS, Cell, Outcome, expected, markdown, tried

DOCUMENT = Path(__file__).parents[1] / "docs" / "torn-taps.md"


@pytest.fixture(scope="module")
def found() -> list[tuple[Cell, Outcome]]:
    return [*tried()]


def test_each_cell_ends_as_the_rule_says(found: list[tuple[Cell, Outcome]]) -> None:
    assert [(cell, outcome) for cell, outcome in found if outcome != expected(cell)] == []


def test_no_way_is_left_out(found: list[tuple[Cell, Outcome]]) -> None:
    frames = {script.name: max(cell.nth for cell, _ in found if cell.script == script) for script in SCRIPTS}
    assert frames == {"06": 3, "09": 5, "T-Union": 8}  # exchanges of a whole tap, as the benchmark counts them
    assert len(found) == len({cell for cell, _ in found}) == 48 * sum(frames.values())
    assert {outcome for _, outcome in found} == set(WORDS)


def test_the_printed_table_is_the_tried_one(found: list[tuple[Cell, Outcome]]) -> None:
    assert markdown(found) in DOCUMENT.read_text("utf-8")
