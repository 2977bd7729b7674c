"""A journal goes from every released schema to the newest and back, open drafts and unsent rows with it."""

import sqlite3
from pathlib import Path

import apsw
import pytest

from sync import archive, journal, tables
from sync.closed import read_closed
from sync.errors import DamagedJournal, JournalError, WrongJournal
from sync.journal import Journal
from sync.migrate import migrate
from tests import journals
from tests.aged import BEGAN, TAP, age
from tests.journals import keep
from tests.rows import HELD, IDENTITY, done

path = journals.path
DUMPS = Path(__file__).parent / "dumps"
GREYED, OPEN = 5, 7
"""The open drafts of the dump; its rows up to 4 are acknowledged, those after 6 were never counted."""


def restored(path: Path) -> list[str]:
    """A journal as program 0.1 left it when its power went, from its dump; the dump's lines."""
    lines = (DUMPS / "journal-schema-1.sql").read_text("utf-8")
    with sqlite3.connect(path) as fresh:
        fresh.executescript(lines)
    fresh.close()
    return lines.splitlines()


def dumped(path: Path) -> list[str]:
    """The file as a dump again."""
    with sqlite3.connect(path) as found:
        lines = "\n".join(found.iterdump()).splitlines()
        pragmas = [f"PRAGMA {name}={found.execute(f'PRAGMA {name}').fetchone()[0]};" for name in
                   ("application_id", "user_version")]
    found.close()
    return [lines[0], *pragmas, *lines[1:]]


def test_a_journal_of_schema_1_opens_with_its_drafts_unsent_rows_and_money(path: Path) -> None:
    restored(path)
    before = read_closed(path)
    opened = Journal.open(path, IDENTITY, "boot")
    assert [draft.row.seq for draft in opened.open_drafts_all()] == [OPEN]
    assert [draft.row.seq for draft in opened.open_drafts("3140" + "2" * 16)] == [GREYED]
    assert (opened.acknowledged, opened.signalled) == (4, 4)
    assert (opened.unsent().rows, opened.unsent().fen) == (8, 300)
    last = opened.last_synced
    assert last is not None and last.seq == OPEN
    assert opened.verify() is None
    keep(opened, done(OPEN))
    assert opened.unsent().fen == 400
    opened.close()
    assert read_closed(path)[1][:-1] == before[1]


def test_a_journal_that_is_only_read_is_not_migrated(path: Path) -> None:
    lines = restored(path)
    assert len(read_closed(path)[1]) == 12
    assert dumped(path) == lines


def test_there_and_back_again_it_is_the_file_that_it_was(path: Path) -> None:
    lines = restored(path)
    assert migrate(path, 2) == (1, 12)
    assert dumped(path) != lines
    assert migrate(path, 1) == (2, 12)
    assert dumped(path) == lines


def test_going_back_keeps_what_happened_meanwhile_and_takes_archived_rows_home(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "RETAINED_ROWS", 100)
    monkeypatch.setattr(archive, "ARCHIVE_ROWS", 500)
    aged = age(path, 1_000, acknowledged=900)
    while aged.archive(BEGAN + TAP * 100_000):
        pass
    drafts = aged.open_drafts_all()
    aged.close()
    before = read_closed(path)[1]
    assert migrate(path, 1) == (2, 1_000)
    folder = path.parent / "archive"
    folder.rename(path.parent / "elsewhere")
    assert read_closed(path)[1] == before, "all in the one file that the older program knows"
    again = Journal.open(path, IDENTITY, "boot-2")
    assert again.open_drafts_all() == drafts and again.verify() is None
    assert (again.unsent().rows, again.unsent().fen) == (100, 50 * HELD.amount)
    again.close()


def test_going_back_changes_nothing_while_a_file_of_the_archive_is_gone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "RETAINED_ROWS", 100)
    aged = age(path, 500, acknowledged=500)
    aged.archive(BEGAN + TAP * 100_000)
    aged.close()
    next((path.parent / "archive").iterdir()).rename(path.parent / "taken")
    before = path.read_bytes()
    with pytest.raises(JournalError, match="put that file back"):
        migrate(path, 1)
    assert path.read_bytes() == before


def test_rows_that_the_older_program_cannot_read_are_not_taken_back_to_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored(path)
    step, kinds = tables.DOWN[2]
    monkeypatch.setitem(tables.DOWN, 2, (step, kinds - {"REFUSED"}))
    migrate(path, 2)
    with pytest.raises(WrongJournal, match="1 REFUSED"):
        migrate(path, 1)
    assert Journal.open(path, IDENTITY, "boot").last_seq == 12


def test_an_unknown_schema_and_an_open_journal_are_refused(path: Path) -> None:
    opened = Journal.open(path, IDENTITY, "boot")
    for to in (0, 3):
        with pytest.raises(WrongJournal, match="1 to 2"):
            migrate(path, to)
    with pytest.raises(JournalError, match="another process"):
        migrate(path, 1)
    opened.close()


def test_a_file_that_does_not_say_what_it_archived_is_left_as_it_is(path: Path) -> None:
    restored(path)
    migrate(path, 2)
    with sqlite3.connect(path) as found:
        found.execute("DELETE FROM number WHERE name = 'archived'")
    found.close()
    with pytest.raises(DamagedJournal, match="what it archived"):
        migrate(path, 1)
    assert "PRAGMA user_version=2;" in dumped(path)


def test_an_archive_that_a_power_cut_left_unfinished_goes_back_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file has a WAL beside it, which holds part of its rows."""
    monkeypatch.setattr(journal, "RETAINED_ROWS", 100)
    aged = age(path, 1_000, acknowledged=900)
    aged.archive(BEGAN + TAP * 100_000)
    aged.close()
    (file,) = (path.parent / "archive").iterdir()
    cut = apsw.Connection(str(file))
    cut.execute("PRAGMA wal_autocheckpoint=0; UPDATE number SET value = value + 1").fetchall()
    left = [(found, found.read_bytes()) for found in file.parent.iterdir()]
    cut.close()
    for found, content in left:
        found.write_bytes(content)
    assert any(found.name.endswith("-wal") and content for found, content in left)
    assert migrate(path, 1) == (2, 1_000)
