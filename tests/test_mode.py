"""The device's modes: every state is reached, none is a dead end, and the picture in ARCHITECTURE.md is the table."""

from pathlib import Path

import pytest

from terminal.mode import TABLE, Cue, Mode, after, picture

ROOT = Path(__file__).resolve().parents[1]


def reached(start: Mode) -> set[Mode]:
    """Every mode that some cues lead to."""
    seen, waiting = {start}, [start]
    while waiting:
        here = waiting.pop()
        for (before, _), then in TABLE.items():
            if before is here and then not in seen:
                seen.add(then)
                waiting.append(then)
    return seen


def test_every_mode_is_reached_from_the_start_and_ready_from_every_mode() -> None:
    assert reached(Mode.STARTING) == set(Mode)
    assert all(Mode.READY in reached(mode) for mode in Mode)


def test_trouble_closes_the_device_in_every_mode() -> None:
    assert {after(mode, Cue.TROUBLE) for mode in Mode} == {Mode.CLOSED}


def test_a_cue_that_has_no_place_is_our_mistake() -> None:
    with pytest.raises(AssertionError):
        after(Mode.READY, Cue.OPENED)


def test_the_picture_in_the_documents_is_made_from_the_table() -> None:
    assert picture() in (ROOT / "ARCHITECTURE.md").read_text("utf-8")
