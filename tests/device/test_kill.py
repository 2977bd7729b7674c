"""The power goes at any moment of a tap: `smk run` is killed, started again, and every fen is accounted for."""

from pathlib import Path

import pytest

from apdu.virtual import remote
from sync.events import AnyEvent, Done
from tests.device.rig import Backend
from tests.proof.device import Killed


def survives(chips: remote.Virtual, backend: Backend, folder: Path, kills: int, number: int) -> list[AnyEvent]:
    """Kill the device so many times, heal what is left, compare the books; what the journal holds."""
    killed = Killed(chips, backend, folder, number)
    assert len([*killed.kills(kills)]) == kills
    events = killed.settle()
    assert killed.lives(events) > kills * 0.9  # it came to a tap nearly every time
    return events


def test_after_ten_kills_in_taps_the_books_agree(chips: remote.Virtual, backend: Backend, tmp_path: Path) -> None:
    survives(chips, backend, tmp_path, 10, 8_001)


@pytest.mark.drill
def test_after_a_hundred_kills_in_taps_the_books_agree(chips: remote.Virtual, backend: Backend, tmp_path: Path) -> None:
    events = survives(chips, backend, tmp_path, 100, 8_002)
    assert sum(isinstance(event, Done) and event.by == "prove" for event in events) >= 5  # killed in the DEBIT itself
