"""An office that has published, and a bus that trusts it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.model import Configuration
from config.signing import keys
from terminal import signed
from tests.signing.offices import DECEMBER, NOW, OfficeRoom, device


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An office that has published a pack for December, and its stick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "SCRYPT_LOG_N", 10)
        room = OfficeRoom(tmp_path_factory.mktemp("office"))
        room.publish("jiaxing-2026.12", DECEMBER)
        room.stick()
        yield room.folder


@pytest.fixture
def office(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OfficeRoom:
    """A copy of it, to be changed."""
    monkeypatch.setattr(keys, "SCRYPT_LOG_N", 10)
    shutil.copytree(made, tmp_path / "office")
    room = object.__new__(OfficeRoom)
    room.folder, room.repository, room.now = tmp_path / "office", tmp_path / "office" / "repo", NOW
    return room


@pytest.fixture
def bus(office: OfficeRoom, tmp_path: Path) -> Configuration:
    """A bus that trusts the office."""
    configuration = device(tmp_path)
    signed.trust_of(configuration).enrol(office.root)
    return configuration
