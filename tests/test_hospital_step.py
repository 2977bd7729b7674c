"""The counter's steps: every one is reached, none is a dead end, money moves in one place, the picture is the table."""

from pathlib import Path

import pytest

from terminal.hospital.step import TABLE, Cue, Step, after, picture

ROOT = Path(__file__).resolve().parents[1]


def reached(start: Step, without: Step | None = None) -> set[Step]:
    """Every step that some cues lead to, not passing `without`."""
    seen, waiting = {start}, [start]
    while waiting:
        here = waiting.pop()
        for (before, _), then in TABLE.items():
            if before is here and then not in seen and then is not without:
                seen.add(then)
                waiting.append(then)
    return seen


def test_every_step_is_reached_and_the_next_patient_from_every_step() -> None:
    assert reached(Step.SIGNED_OUT) == set(Step)
    assert all(Step.READY in reached(step) for step in Step)


def test_nothing_is_settled_that_was_not_held() -> None:
    assert Step.SETTLED not in reached(Step.SIGNED_OUT, without=Step.HELD) - reached(Step.UNKNOWN)
    into = {before for (before, _), then in TABLE.items() if then is Step.SETTLED}
    assert into == {Step.HELD, Step.UNKNOWN}


def test_nobody_is_looked_up_before_the_holder_was_checked() -> None:
    assert Step.ENTITLED not in reached(Step.READY, without=Step.CHECKED) - reached(Step.HELD, without=Step.CHECKED)
    assert {before for (before, _), then in TABLE.items() if then is Step.ENTITLED} == {Step.CHECKED, Step.HELD}


def test_a_held_bill_is_never_given_up() -> None:
    assert not any((step, Cue.GIVEN_UP) in TABLE for step in (Step.HELD, Step.UNKNOWN, Step.SETTLED))


def test_a_cue_that_has_no_place_is_our_mistake() -> None:
    with pytest.raises(AssertionError):
        after(Step.READY, Cue.ANSWERED)


def test_the_picture_in_the_documents_is_made_from_the_table() -> None:
    assert picture() in (ROOT / "docs" / "hospital.md").read_text("utf-8")
