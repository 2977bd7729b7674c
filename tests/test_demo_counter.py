"""A day at the counters as a newcomer sees it, on the real reader stacks; one altered fen in a book is found."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from terminal.books import reconciled
from terminal.demo.counter import play as module
from terminal.demo.counter.hands import Hands
from terminal.demo.counter.play import Result, play
from tests.pcscd_fixture import real_pcscd

__all__ = ["real_pcscd"]


@pytest.fixture(scope="module")
def played(real_pcscd: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Result, Path]]:
    """One day over the API, as where there is no browser; the pages' own tests drive them in one."""
    folder = tmp_path_factory.mktemp("counter") / "stage"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "hands", lambda port, pictures: Hands(port))
        yield play(folder, 1, None, quiet=True), folder


def test_the_day_goes_as_it_has_to_and_the_books_agree_to_the_fen(played: tuple[Result, Path]) -> None:
    result, _ = played
    assert [line.text for line in result.lines if line.good is False] == []
    assert result.books.balanced and result.good
    assert result.books.loaded == (4, 17_300)
    assert sum(line.spent_fen for line in result.books.cards) == 3_180


def test_one_fen_that_is_altered_is_found(played: tuple[Result, Path]) -> None:
    _, folder = played
    database = folder / "backend" / "backend.db"
    with sqlite3.connect(database) as altered:
        altered.execute("UPDATE topup SET amount_fen = amount_fen + 1 WHERE amount_fen = 5000")
    books, _ = reconciled(folder / "chips.json", [folder / "counter" / "journal.db"], database)
    assert not books.balanced
