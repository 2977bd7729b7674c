"""The reader at the library's counter is known by the card put down, on nfcpy's own stack; it pays nothing."""

from pathlib import Path

import pytest

from apdu.virtual import remote
from apdu.virtual.spec import CardSpec
from terminal.library import card
from terminal.library.card import contactless_number
from tests.device.rig import configuration


@pytest.fixture
def put_down(chips: remote.Virtual, request: pytest.FixtureRequest) -> remote.Virtual:
    """A card in the field."""
    name = chips.remote.add(CardSpec(f"{77_000_000:016d}"), f"reader/{request.node.name}")
    chips.remote.enter(name)
    request.addfinalizer(chips.remote.leave)
    return chips


def test_the_card_put_down_names_reader_and_family(put_down: remote.Virtual, tmp_path: Path) -> None:
    found = contactless_number(configuration(tmp_path, "00000301", put_down.udp_path))
    assert found is not None
    number, family = found
    assert (number, family) == (CardSpec(f"{77_000_000:016d}").number20, "jiaxing")


def test_without_a_card_the_clerk_is_told_in_time(
    chips: remote.Virtual, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card, "CARD_S_MAX", 0.2)
    assert contactless_number(configuration(tmp_path, "00000301", chips.udp_path)) is None
