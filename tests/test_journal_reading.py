"""A journal's file read again: whose it is, whether it was altered, and copies of it."""

import random
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import apsw
import pytest

from sync.chain import Identity, first_damage
from sync.closed import read_closed
from sync.errors import (
    DamagedJournal,
    JournalError,
    JournalFull,
    JournalInUse,
    UnusableSqlite,
    WrongJournal,
)
from sync.journal import Journal
from sync.schema import stored_identity
from tests import journals
from tests.journals import hold, keep
from tests.rows import IDENTITY, done, refused

path, journal = journals.path, journals.journal


# Whose file it is


def test_a_journal_of_another_terminal_or_epoch_is_refused_with_what_to_do(journal: Journal, path: Path) -> None:
    hold(journal)
    journal.close()
    for other in (Identity("00330402", 1, 1), Identity("00330401", 2, 1), Identity("00330401", 1, 2)):
        with pytest.raises(WrongJournal, match="move the file aside"):
            Journal.open(path, other, "boot")
    assert stored_identity(path) == IDENTITY
    assert stored_identity(path.with_name("none.db")) is None


def test_files_that_are_no_journal_are_refused_and_left_as_they_are(path: Path) -> None:
    for content in (b"not a database at all " * 100, foreign_database(path.with_name("foreign.db"))):
        path.write_bytes(content)
        with pytest.raises(WrongJournal, match="aside"):
            Journal.open(path, IDENTITY, "boot")
        with pytest.raises(WrongJournal):
            read_closed(path)
        assert path.read_bytes() == content


def foreign_database(path: Path) -> bytes:
    with sqlite3.connect(path) as foreign:
        foreign.execute("CREATE TABLE notes(text)")
    foreign.close()
    return path.read_bytes()


def test_the_schema_of_a_newer_program_is_refused_with_what_to_do(journal: Journal, path: Path) -> None:
    journal.close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 3")
    other.close()
    with pytest.raises(WrongJournal, match=r"schema 3.*migrate"):
        Journal.open(path, IDENTITY, "boot")


def test_two_processes_cannot_have_one_journal(journal: Journal, path: Path) -> None:
    hold(journal)
    program = (
        "import sys; from pathlib import Path; from sync.errors import JournalInUse; from sync.journal import Journal\n"
        "from tests.rows import IDENTITY\n"
        "try: Journal.open(Path(sys.argv[1]), IDENTITY, 'boot')\n"
        "except JournalInUse as wrong: print(wrong)\n"
    )
    said = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert "another process" in said.stdout
    with pytest.raises(JournalInUse, match="is open"):
        read_closed(path)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="nowhere"):
        Journal.open(tmp_path / "nowhere" / "journal.db", IDENTITY, "boot")


def test_an_sqlite_that_can_lose_a_log_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    with pytest.raises(UnusableSqlite, match=r"3\.51\.3"):
        Journal.open(path, IDENTITY, "boot")
    assert not path.exists()


def test_an_identity_that_the_issuers_files_cannot_carry_is_refused(path: Path) -> None:
    for wrong in (Identity("", 1, 1), Identity("00330401", 0, 1), Identity("00330401", 1, 100_000_000)):
        with pytest.raises(WrongJournal):
            Journal.open(path, wrong, "boot")


def test_serials_end_with_eight_digits(path: Path) -> None:
    journal = Journal.open(path, Identity("00330401", 1, 99_999_999), "boot")
    keep(journal, refused())
    with pytest.raises(JournalFull, match="new terminal number"):
        keep(journal, refused())
    journal.close()


# Damage


@pytest.mark.parametrize(
    ("change", "seq", "what"),
    [
        ("UPDATE row SET raw = cast(replace(cast(raw AS TEXT), ':100,', ':101,') AS BLOB) WHERE seq = 3", 3, "altered"),
        ("UPDATE row SET head = zeroblob(32) WHERE seq = 3", 3, "altered"),
        ("DELETE FROM row WHERE seq = 3", 3, "missing"),
        ("UPDATE row SET card = '31400000000000000000' WHERE seq = 3", 3, "columns"),
        ("UPDATE row SET held = 3 WHERE seq = 2", 2, "columns"),
    ],
)
def test_the_first_damage_is_named(journal: Journal, path: Path, change: str, seq: int, what: str) -> None:
    for number in range(3):
        keep(journal, done(hold(journal, counter=number)))
    assert journal.verify() is None
    journal.close()
    alter(path, change)
    again = Journal.open(path, IDENTITY, "boot-2")
    damage = again.verify()
    assert damage and damage.seq == seq and what in damage.what
    again.close()


def alter(path: Path, change: str) -> None:
    """Change a row in a way that the journal itself never would."""
    with sqlite3.connect(path) as other:
        other.execute("DROP TRIGGER row_never_changes")
        other.execute("DROP TRIGGER row_never_goes")
        assert other.execute(change).rowcount == 1
    other.close()


def test_no_row_can_be_changed_by_an_honest_program(journal: Journal, path: Path) -> None:
    hold(journal)
    journal.close()
    with sqlite3.connect(path) as other:
        for change in ("UPDATE row SET fen = 1", "DELETE FROM row"):
            with pytest.raises(sqlite3.IntegrityError, match="no row"):
                other.execute(change)
    other.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE row SET head = zeroblob(32) WHERE seq = 2",
        "UPDATE number SET value = 99 WHERE name = 'acknowledged'",
        "DELETE FROM number WHERE name = 'signalled'",
        "UPDATE draft SET held = 2 WHERE held = 1",
        "DELETE FROM identity",
    ],
)
def test_a_journal_that_does_not_fit_together_is_not_opened(journal: Journal, path: Path, change: str) -> None:
    hold(journal)
    keep(journal, refused())
    journal.close()
    alter(path, change)
    with pytest.raises(DamagedJournal, match=r"keep|verify"):
        Journal.open(path, IDENTITY, "boot-2")


def test_any_damaged_page_gives_the_journals_own_error_or_nothing_wrong(journal: Journal, path: Path) -> None:
    for number in range(30):
        keep(journal, done(hold(journal, counter=number)))
    journal.close()
    whole = path.read_bytes()
    chance = random.Random(1)
    found = 0
    for _ in range(150):
        damaged = bytearray(whole)
        place = chance.randrange(len(damaged))
        damaged[place : place + 64] = chance.randbytes(64)
        path.write_bytes(damaged)
        path.with_name(path.name + "-wal").unlink(missing_ok=True)
        try:
            again = Journal.open(path, IDENTITY, "boot-2")
        except JournalError:
            found += 1
            continue
        try:
            found += again.verify() is not None
        except JournalError:
            found += 1
        finally:
            again.close()
    assert found > 20


# Copies


def test_a_closed_journal_is_read_without_being_changed(journal: Journal, path: Path) -> None:
    keep(journal, done(hold(journal)))
    rows = journal.rows(0, 10, 10**6)
    journal.close()
    before = path.read_bytes()
    assert read_closed(path) == (IDENTITY, rows)
    assert path.read_bytes() == before and sorted(path.parent.iterdir())[0] == path
    with pytest.raises(JournalError, match="no journal at"):
        read_closed(path.with_name("none.db"))


def test_rows_are_written_while_a_snapshot_is_and_are_in_it(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.store.SNAPSHOT_PAGES", 1)
    for _ in range(50):
        keep(journal, done(hold(journal)))
    between: list[int] = []

    def tap() -> None:
        """In another thread: the snapshot holds nothing meanwhile."""
        thread = threading.Thread(target=lambda: between.append(hold(journal)))
        thread.start()
        thread.join(30)
        assert not thread.is_alive()

    copy = path.with_name("copy.db")
    journal.snapshot(copy, tap)
    rows = read_closed(copy)[1]
    assert len(between) > 10 and rows == journal.rows(0, 10_000, 10**9) and first_damage(IDENTITY, rows) is None
    assert sorted(one.name for one in path.parent.glob("copy*")) == ["copy.db"]


def test_a_snapshot_that_fails_leaves_no_file(journal: Journal, path: Path) -> None:
    def fails() -> None:
        raise JournalError("as if the disk were full")

    with pytest.raises(JournalError, match="as if"):
        journal.snapshot(path.with_name("copy.db"), fails)
    with pytest.raises(JournalError):
        journal.snapshot(path.parent / "nowhere" / "copy.db")
    assert not list(path.parent.glob("copy*"))
    keep(journal, done(hold(journal)))


def test_a_snapshot_is_a_whole_journal_beside_the_living_one(journal: Journal, path: Path) -> None:
    seq = hold(journal)
    copy = path.with_name("copy.db")
    journal.snapshot(copy)
    keep(journal, done(seq))
    assert [row.seq for row in read_closed(copy)[1]] == [seq]
    with pytest.raises(JournalError, match="exists"):
        journal.snapshot(copy)
