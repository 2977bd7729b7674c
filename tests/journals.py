"""Fixtures and short words for the journal's tests: a fresh journal, a disk with faults, rows that are kept."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.journal import Journal
from tests.disk import Disk
from tests.rows import AT, IDENTITY, held


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    opened = Journal.open(path, IDENTITY, "boot")
    yield opened
    opened.close()


@pytest.fixture
def disk() -> Iterator[Disk]:
    made = Disk()
    yield made
    made.close()


def hold(journal: Journal, **changes: Any) -> int:
    return journal.hold(held(**changes), AT, "rtc", 0).seq


def keep(journal: Journal, event: Any) -> int:
    return journal.keep(event, AT, "rtc", 0).seq


def reopened(journal: Journal) -> Journal:
    journal.close()
    return Journal.open(journal.path, journal.identity, "boot-2")
