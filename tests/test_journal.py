"""The journal: durable when it returns, honest when it cannot, quick to find a card's rows."""

import errno
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from sync import schema
from sync.chain import Identity
from sync.errors import (
    DamagedJournal,
    JournalBroken,
    JournalError,
    JournalFull,
    JournalInUse,
    UnusableSqlite,
    WrongJournal,
)
from sync.journal import Journal
from sync.limits import CHECKPOINT_PAGES, RESERVE_BYTES, ROW_BYTES_MAX
from sync.record import GENESIS, UNHEALED, Admitted, Alarm, Locked, LockTried, SignOff, SignOn, encode
from sync.schema import read_closed, stored_identity
from tests.disk import DAMAGES, Disk, PowerCut
from tests.rows import AT, HELD, IDENTITY, SERVICE, done, grey, held, refused, void


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


# Rows


def test_rows_are_numbered_without_gaps_and_serials_go_on_from_the_epoch_before(path: Path) -> None:
    journal = Journal.open(path, Identity("00330401", 2, 5_001), "boot")
    first = journal.hold(held(), AT, "rtc", 7)
    second = journal.keep(done(first.seq), AT, "synced", 8)
    journal.close()
    assert [(row.seq, row.serial, row.epoch) for row in (first, second)] == [(1, 5_001, 2), (2, 5_002, 2)]
    assert second.clock == "synced" and second.boot == "boot" and second.mono_ms == 8


def test_what_was_kept_is_there_after_closing_and_opening(journal: Journal) -> None:
    seq = hold(journal)
    keep(journal, done(seq))
    again = reopened(journal)
    assert (again.last_seq, again.head) == (2, journal.head) and again.head != GENESIS
    found = again.row(1)
    assert found and found.event == HELD and again.row(3) is None
    again.close()


def test_rows_are_handed_out_within_both_limits_but_one_at_least(journal: Journal) -> None:
    for _ in range(5):
        hold(journal)
    size = len(journal.rows(0, 1, 1)[0].raw)
    assert [row.seq for row in journal.rows(1, 2, 100_000)] == [2, 3]
    assert [row.seq for row in journal.rows(0, 10, 3 * size)] == [1, 2, 3]
    assert [row.seq for row in journal.rows(3, 10, 1)] == [4]
    assert journal.rows(5, 10, 100_000) == []


def test_a_row_past_its_bound_is_our_mistake(journal: Journal) -> None:
    with pytest.raises(AssertionError):
        keep(journal, Alarm("what", "x" * ROW_BYTES_MAX))
    assert journal.last_seq == 0


def test_each_row_costs_one_sync(disk: Disk, path: Path) -> None:
    journal = Journal.open(path, IDENTITY, "boot", disk.name)
    hold(journal)  # the first write after opening also syncs the log's header
    counted = []
    for number in range(10):
        before = disk.syncs
        seq = hold(journal, counter=number)
        keep(journal, done(seq))
        journal.mark_signalled(seq + 1)
        journal.acknowledge(seq)
        counted.append(disk.syncs - before)
    assert counted == [2] * 10
    journal.close()


# Drafts and outcomes


def test_a_draft_is_open_until_its_outcome_also_after_a_restart(journal: Journal) -> None:
    first, second, other = hold(journal), hold(journal, counter=18), hold(journal, card="3140" + "9" * 16)
    keep(journal, void(first))
    again = reopened(journal)
    assert [draft.row.seq for draft in again.open_drafts(HELD.card)] == [second]
    assert [draft.row.seq for draft in again.open_drafts_all()] == [second, other]
    assert [draft.row.seq for draft in again.open_drafts_all(before=other)] == [second]
    keep(again, done(second))
    assert again.open_drafts(HELD.card) == []
    again.close()


def test_a_draft_closed_unhealed_can_still_be_healed_and_another_grey_one_cannot(journal: Journal) -> None:
    unhealed, unreadable = hold(journal), hold(journal, counter=18)
    keep(journal, grey(unhealed, why=UNHEALED))
    keep(journal, grey(unreadable))
    again = reopened(journal)
    assert [(draft.row.seq, draft.greyed) for draft in again.open_drafts(HELD.card)] == [(unhealed, True)]
    assert again.open_drafts_all() == []
    keep(again, done(unhealed))
    assert again.open_drafts(HELD.card) == []
    assert [type(row.event).__name__ for row in again.outcomes_of(unhealed)] == ["Grey", "Done"]
    again.close()


def test_an_outcome_must_name_a_held_row(journal: Journal) -> None:
    seq = keep(journal, refused())
    for wrong in (seq, 99):
        with pytest.raises(AssertionError):
            keep(journal, done(wrong))
    assert journal.last_seq == 1


# What is remembered of a card


def test_a_card_is_recalled_newest_first_with_its_outcomes(journal: Journal) -> None:
    seq = hold(journal)
    keep(journal, done(seq))
    hold(journal, card="3140" + "8" * 16, uid="0A0B0C0D")
    keep(journal, Admitted(HELD.card, "repeat", 2, SERVICE))
    keep(journal, refused())
    recalled = journal.recall(HELD.card, 10)
    assert [type(each.row.event).__name__ for each in recalled] == ["Refused", "Admitted", "Held"]
    assert [row.event for row in recalled[2].outcomes] == [done(seq)]
    assert [each.row.seq for each in journal.recall(HELD.card, 1)] == [5]


def test_a_lock_is_found_by_the_chips_uid(journal: Journal) -> None:
    hold(journal)
    assert journal.lock_of(HELD.uid) is None
    keep(journal, LockTried(HELD.card, HELD.uid, HELD.aid, 1))
    tried = journal.lock_of(HELD.uid)
    assert tried is not None and isinstance(tried.event, LockTried)
    keep(journal, Locked("", HELD.uid, "select"))
    locked = journal.lock_of(HELD.uid)
    assert locked is not None and isinstance(locked.event, Locked)


def test_a_card_is_found_by_an_index(journal: Journal, path: Path) -> None:
    hold(journal)
    journal.close()
    with sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True) as reader:
        for index, wanted in (
            ("row_card", "card = ?"),
            ("row_held", "held = ?"),
            ("row_lock", "uid = ? AND kind IN ('LOCK_TRIED', 'LOCKED')"),
        ):
            plan = reader.execute(f"EXPLAIN QUERY PLAN SELECT raw FROM row WHERE {wanted} ORDER BY seq DESC", (1,))
            assert f"USING INDEX {index}" in str(plan.fetchall())


def test_the_last_pairs_and_the_last_paid_counter_are_known(journal: Journal) -> None:
    paid = hold(journal, counter=17, random="AAAAAAAA")
    keep(journal, done(paid))
    torn = hold(journal, counter=18, random="BBBBBBBB")
    keep(journal, void(torn))
    seen = journal.seen(HELD.card)
    assert seen.pairs == {("AAAAAAAA", 17), ("BBBBBBBB", 18)} and seen.last_done_counter == 17
    assert journal.seen("3140" + "7" * 16).last_done_counter is None


def test_a_shift_adds_up_by_outcome_each_debit_once(journal: Journal) -> None:
    since = keep(journal, SignOn("3140" + "1" * 16, SERVICE))
    seqs = [hold(journal, counter=number, amount=100 + number) for number in range(5)]
    keep(journal, done(seqs[0]))
    keep(journal, void(seqs[1]))
    keep(journal, grey(seqs[2]))
    keep(journal, grey(seqs[3], why=UNHEALED))
    keep(journal, done(seqs[3]))
    keep(journal, refused())
    keep(journal, Admitted(HELD.card, "repeat", 3, SERVICE))
    totals = journal.totals(since, SERVICE.shift)
    assert totals == (2, 203, 1, 102, 1, 1, 1, 1, 104)
    assert journal.totals(since, SERVICE.shift, "T2") == (0,) * 9 == journal.totals(since, 8)


def test_the_last_duty_row_says_who_drives(journal: Journal) -> None:
    assert journal.last_duty() is None
    keep(journal, SignOn("3140" + "1" * 16, SERVICE))
    keep(journal, refused())
    found = journal.last_duty()
    assert found and isinstance(found.event, SignOn)
    keep(journal, SignOff("", "driver", 0, 0, 0, 0, 0, 0, 0, 0, 0, SERVICE))
    found = journal.last_duty()
    assert found and isinstance(found.event, SignOff)


# Numbers beside the table


def test_unsent_rows_and_money_follow_the_acknowledgement_both_ways(journal: Journal) -> None:
    assert journal.unsent() == (0, 0, "")
    for number in range(4):
        keep(journal, done(hold(journal, counter=number)))
    keep(journal, grey(hold(journal, counter=9, amount=50)))
    assert journal.unsent() == (10, 450, AT)
    journal.acknowledge(4)
    assert journal.unsent() == (6, 250, AT)
    journal.acknowledge(10)
    assert journal.unsent() == (0, 0, "")
    journal.acknowledge(2)  # the backend was restored
    assert journal.unsent() == (8, 350, AT)
    again = reopened(journal)
    assert (again.acknowledged, again.unsent()) == (2, (8, 350, AT))
    again.close()


def test_a_debit_that_turns_from_grey_to_done_is_unsent_money_once(journal: Journal) -> None:
    seq = hold(journal)
    keep(journal, grey(seq, why=UNHEALED))
    keep(journal, done(seq))
    assert journal.unsent().fen == HELD.amount


def test_nothing_is_acknowledged_that_is_not_there(journal: Journal) -> None:
    hold(journal)
    for wrong in (-1, 2):
        with pytest.raises(JournalError):
            journal.acknowledge(wrong)
    assert journal.acknowledged == 0


def test_the_signalled_mark_is_durable_with_the_next_row_or_a_flush(disk: Disk, path: Path) -> None:
    journal = Journal.open(path, IDENTITY, "boot", disk.name)
    seq = keep(journal, done(hold(journal)))
    journal.mark_signalled(seq)
    assert signalled_after_power_cut(disk, path) == 0
    hold(journal, counter=18)
    assert signalled_after_power_cut(disk, path) == seq
    journal.mark_signalled(3)
    journal.flush()
    assert signalled_after_power_cut(disk, path) == 3
    before = disk.syncs
    journal.flush()
    assert disk.syncs == before
    journal.close()


def signalled_after_power_cut(disk: Disk, path: Path) -> int:
    found = disk.after_power_cut("none", random.Random(0))
    journal = Journal.open(path, IDENTITY, "boot-2", found.name)
    signalled = journal.signalled
    journal.close()
    found.close()
    return signalled


def test_an_idle_journal_copies_a_long_log_back(disk: Disk, path: Path) -> None:
    journal = Journal.open(path, IDENTITY, "boot", disk.name)
    database, log = (disk.files[str(path) + suffix] for suffix in ("", "-wal"))
    size = len(database.live)
    while len(log.live) < (CHECKPOINT_PAGES + 10) * 4_096:
        keep(journal, refused())
    assert len(database.live) == size
    journal.idle()
    assert len(database.live) > size
    length = len(log.live)
    hold(journal)
    assert len(log.live) == length, "the log starts over"
    journal.close()


# Power cuts, full and failing disks


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_power_cut_at_any_write_loses_nothing_that_returned(damage: str, path: Path) -> None:
    chance = random.Random(damage)
    for cut_at in range(1, 1_000):
        disk = Disk()
        disk.cut_at = cut_at
        returned: list[bytes] = []
        try:
            three_taps(disk, path, returned)
        except PowerCut:
            found = disk.after_power_cut(damage, chance)
            check_what_is_found(found, path, returned)
            found.close()
        else:
            assert cut_at > 50 and len(returned) == 6
            return
        finally:
            disk.close()


def three_taps(disk: Disk, path: Path, returned: list[bytes]) -> None:
    """Opens a journal; `returned` gets each row that it called durable."""
    journal = Journal.open(path, IDENTITY, "boot", disk.name)
    try:
        for _ in range(3):
            row = journal.hold(held(), AT, "rtc", 0)
            returned.append(encode(row))
            returned.append(encode(journal.keep(done(row.seq), AT, "rtc", 0)))
            journal.mark_signalled(row.seq + 1)
    finally:
        journal.close()


def check_what_is_found(found: Disk, path: Path, returned: list[bytes]) -> None:
    journal = Journal.open(path, IDENTITY, "boot-2", found.name)
    stored = [row.raw for row in journal.rows(0, 1_000, 10**9)]
    assert stored[: len(returned)] == returned
    assert len(stored) - len(returned) <= 1, "at most the row that was being written"
    assert journal.verify() is None
    held_rows = set(range(1, len(stored) + 1, 2))
    closed = set(range(1, len(stored), 2))
    assert {draft.row.seq for draft in journal.open_drafts_all()} == held_rows - closed
    keep(journal, refused())
    journal.close()


def test_with_less_than_full_sync_a_power_cut_would_be_found_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = schema.connect

    def careless(*arguments: Any) -> apsw.Connection:
        connection = original(*arguments)
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    monkeypatch.setattr("sync.journal.connect", careless)
    with pytest.raises(AssertionError):
        test_a_power_cut_at_any_write_loses_nothing_that_returned("none", path)


def test_a_full_disk_at_hold_moves_nothing_and_the_journal_goes_on(disk: Disk, path: Path) -> None:
    journal = Journal.open(path, IDENTITY, "boot", disk.name)
    keep(journal, done(hold(journal)))
    disk.is_full = lambda: True
    with pytest.raises(JournalFull):
        hold(journal, counter=18)
    disk.is_full = lambda: False
    assert hold(journal, counter=18) == 3
    assert journal.verify() is None
    journal.close()


def test_a_full_disk_never_strikes_between_a_debit_and_its_outcome(disk: Disk, path: Path) -> None:
    journal = Journal.open(path, IDENTITY, "boot", disk.name)
    room = journal.path.with_name(journal.path.name + ".reserve")
    seq = hold(journal)
    assert room.stat().st_size == room.stat().st_blocks * 512 == RESERVE_BYTES
    disk.is_full = lambda: room.stat().st_size > 0
    with pytest.raises(JournalFull):
        keep(journal, refused())
    assert room.stat().st_size > 0, "only an outcome takes the reserve"
    assert keep(journal, done(seq)) == 2
    assert room.stat().st_size == 0
    journal.close()


def test_no_debit_is_held_while_the_reserve_cannot_stand(
    disk: Disk, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal.open(path, IDENTITY, "boot", disk.name)
    seq = hold(journal)
    room = path.with_name(path.name + ".reserve")
    disk.is_full = lambda: room.stat().st_size > 0
    keep(journal, done(seq))

    def no_space(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    disk.is_full = lambda: False
    monkeypatch.setattr(os, "posix_fallocate", no_space)
    for ask in (lambda: hold(journal, counter=18), journal.ensure_reserve):
        with pytest.raises(JournalFull, match="free disk space"):
            ask()
    assert journal.last_seq == 2
    monkeypatch.undo()
    assert hold(journal, counter=18) == 3
    journal.close()


def test_a_full_disk_does_not_keep_a_journal_from_opening(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", no_space)
    journal = Journal.open(path, IDENTITY, "boot")
    assert keep(journal, refused()) == 1
    journal.close()


def test_a_failing_disk_stops_the_journal_until_it_is_opened_again(disk: Disk, path: Path) -> None:
    journal = Journal.open(path, IDENTITY, "boot", disk.name)
    hold(journal)
    disk.fails = True
    with pytest.raises(JournalBroken, match="open it again"):
        keep(journal, done(1))
    disk.fails = False
    with pytest.raises(JournalBroken):  # nobody knows what the disk holds now
        keep(journal, done(1))
    journal.close()
    again = Journal.open(path, IDENTITY, "boot-2", disk.name)
    assert again.last_seq in (1, 2) and again.verify() is None
    again.close()


def test_a_killed_writer_leaves_every_row_that_it_reported(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from sync.journal import Journal; from tests.rows import *\n"
        "journal = Journal.open(Path(sys.argv[1]), IDENTITY, 'boot')\n"
        "while True:\n"
        "    row = journal.hold(held(), AT, 'rtc', 0); journal.keep(done(row.seq), AT, 'rtc', 0)\n"
        "    print(row.seq + 1, flush=True)\n"
    )
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout
        reported = [int(writer.stdout.readline()) for _ in range(20)]
        writer.send_signal(signal.SIGKILL)
        reported += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
        writer.wait()
        writer.stdout.close()
        with pytest.raises(JournalInUse, match="was not closed"):
            read_closed(path)
        journal = Journal.open(path, IDENTITY, "boot-2")
        assert journal.last_seq >= reported[-1] and journal.verify() is None
        journal.close()


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


def test_a_schema_of_another_version_is_refused(journal: Journal, path: Path) -> None:
    journal.close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 2")
    other.close()
    with pytest.raises(WrongJournal, match="schema 2"):
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


# Copies, threads


def test_a_closed_journal_is_read_without_being_changed(journal: Journal, path: Path) -> None:
    keep(journal, done(hold(journal)))
    rows = journal.rows(0, 10, 10**6)
    journal.close()
    before = path.read_bytes()
    assert read_closed(path) == (IDENTITY, rows)
    assert path.read_bytes() == before and sorted(path.parent.iterdir())[0] == path
    with pytest.raises(JournalError, match="no journal at"):
        read_closed(path.with_name("none.db"))


def test_a_snapshot_is_a_whole_journal_beside_the_living_one(journal: Journal, path: Path) -> None:
    seq = hold(journal)
    copy = path.with_name("copy.db")
    journal.snapshot(copy)
    keep(journal, done(seq))
    assert [row.seq for row in read_closed(copy)[1]] == [seq]
    with pytest.raises(JournalError, match="exists"):
        journal.snapshot(copy)


def test_threads_share_a_journal_without_gaps(journal: Journal) -> None:
    def taps() -> None:
        for number in range(25):
            keep(journal, done(hold(journal, counter=number)))

    def sends() -> None:
        for _ in range(50):
            rows = journal.rows(journal.acknowledged, 7, 10**6)
            if rows:
                journal.acknowledge(rows[-1].seq)
            journal.unsent()
            journal.recall(HELD.card, 3)

    workers = [threading.Thread(target=work) for work in (taps, taps, sends)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert journal.last_seq == 100 and journal.verify() is None and journal.open_drafts_all() == []
    expected = sum(100 for row in journal.rows(journal.acknowledged, 200, 10**7) if "DONE" in str(row.raw))
    assert journal.unsent().fen == expected
