"""Old rows leave the journal for its archive: nothing is lost, nothing that may still be asked for goes."""

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from sync import archive, journal
from sync.chain import first_damage
from sync.closed import read_closed
from sync.errors import JournalError
from sync.events import (
    UNHEALED,
    BillDone,
    BillHeld,
    LoanAsked,
    LoanClosed,
    LoanSent,
    LoanStuck,
    LockTried,
    SignOff,
    SignOn,
)
from sync.events.bill import Evidence, ListState, Sums
from sync.journal import Journal
from tests import journals
from tests.aged import BEGAN, TORN, age, card
from tests.disk import DAMAGES, Disk, PowerCut
from tests.journals import hold, keep, reopened
from tests.rows import AT, HELD, IDENTITY, SERVICE, done, grey, refused

path = journals.path
LATE = BEGAN + timedelta(days=365)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a short journal reaches."""
    monkeypatch.setattr(journal, "RETAINED_ROWS", 100)
    monkeypatch.setattr(journal, "ARCHIVE_STEP_ROWS", 50)
    monkeypatch.setattr(archive, "ARCHIVE_ROWS", 120)


@pytest.fixture
def aged(path: Path) -> Iterator[Journal]:
    """1,000 rows, all acknowledged."""
    opened = age(path, 1_000, acknowledged=1_000)
    yield opened
    opened.close()


def archive_all(aged: Journal) -> int:
    """Move what may go; how many rows that were."""
    moved = 0
    while step := aged.archive(LATE):
        moved += step
    return moved


def in_table(aged: Journal) -> int:
    return int(aged._store.connection.execute("SELECT count(*) FROM row").get)


def test_rows_beyond_the_retained_ones_go_and_are_still_read_as_one(aged: Journal) -> None:
    before = aged.rows(0, 2_000, 10**9)
    assert archive_all(aged) == 900
    assert in_table(aged) == 102, "a hundred, the row at the border, and the open draft"
    found, after = [], 0
    while part := aged.rows(after, 70, 10**9):
        found += part
        after = part[-1].seq
    assert found == before
    assert [aged.head_at(seq) for seq in (0, 1, 119, 120, 899, 900, 901)] == [
        bytes(32), *(before[seq - 1].head for seq in (1, 119, 120, 899, 900, 901)),
    ]
    assert aged.row(5) and aged.verify() is None
    again = reopened(aged)
    assert again.verify() is None and again.rows(899, 1, 10**6) == before[899:900]
    again.close()


@pytest.mark.parametrize("acknowledged", [0, 399, 1_000])
def test_no_row_goes_that_the_backend_has_not_acknowledged(aged: Journal, acknowledged: int) -> None:
    aged.acknowledge(acknowledged)
    assert archive_all(aged) == min(acknowledged, 900)


def test_rows_of_the_last_thirty_days_stay_however_many_they_are(path: Path) -> None:
    aged = age(path, 1_000, acknowledged=1_000)
    assert aged.archive(BEGAN + timedelta(days=29)) == 0
    assert aged.archive(BEGAN + timedelta(days=30, hours=1)) == 50
    aged.close()


def test_open_drafts_with_their_outcomes_locks_and_the_last_duty_stay_until_they_are_closed(path: Path) -> None:
    aged = Journal.open(path, IDENTITY, "boot")
    greyed, final, open_ = (hold(aged, card=card(number), counter=number) for number in range(3))
    outcome = keep(aged, grey(greyed, why=UNHEALED))
    keep(aged, grey(final, why="log_too_short"))
    keep(aged, LockTried(HELD.card, "0A0B0C0D", HELD.aid, 1))
    keep(aged, SignOn("3140" + "1" * 16, SERVICE))
    keep(aged, SignOff("", "driver", 0, 0, 0, 0, 0, 0, 0, 0, 0, SERVICE))
    for _ in range(300):
        keep(aged, refused())
    aged.acknowledge(aged.last_seq)
    assert archive_all(aged) == 208
    again = reopened(aged)
    assert {draft.row.seq for number in range(3) for draft in again.open_drafts(card(number))} == {greyed, open_}
    assert [row.seq for row in again.outcomes_of(greyed)] == [outcome]
    assert again.lock_of("0A0B0C0D") and again.last_duty()
    left = in_table(again)
    keep(again, done(greyed))
    keep(again, done(open_))
    again.acknowledge(again.last_seq)
    archive_all(again)
    assert in_table(again) == left - 3, "the two drafts and the outcome are in the archive alone"
    assert again.unsent() == (0, 0, "") and again.row(greyed)
    again.close()


def bill(seq: int) -> BillHeld:
    """An invented bill."""
    unknown = ListState(0, -1)
    evidence = Evidence("0", "demo", "", False, unknown, unknown, unknown, unknown, 0, 0)
    words = (f"operation-{seq:010}", "", "", "person-1", "H33040200001", "0001", AT, "310", "11")
    return BillHeld(*words, False, evidence, Sums(), "sealed")


def test_an_open_bill_stays_until_it_is_closed(path: Path) -> None:
    aged = Journal.open(path, IDENTITY, "boot")
    paid, open_ = (aged.hold(bill, AT, "rtc", 0).seq for _ in range(2))
    keep(aged, BillDone(paid, f"operation-{paid:010}", "offline"))
    for _ in range(200):
        keep(aged, refused())
    aged.acknowledge(aged.last_seq)
    assert archive_all(aged) == 103
    again = reopened(aged)
    assert [row.seq for row in again.bills()] == [open_]
    assert in_table(again) == 102, "the bill, the row at the border, and a hundred"
    again.close()
    other = apsw.Connection(str(path))
    with pytest.raises(apsw.ConstraintError, match="no row goes"):
        other.execute("DELETE FROM row WHERE seq = ?", (open_,))
    other.close()


def test_a_running_shift_stays_whole(path: Path) -> None:
    aged = Journal.open(path, IDENTITY, "boot")
    for _ in range(60):
        keep(aged, refused())
    keep(aged, SignOn("3140" + "1" * 16, SERVICE))
    for _ in range(300):
        keep(aged, refused())
    aged.acknowledge(aged.last_seq)
    assert archive_all(aged) == 60
    aged.close()


def test_a_backend_that_lost_archived_rows_gets_them_again(aged: Journal) -> None:
    archive_all(aged)
    aged.acknowledge(10)
    assert aged.unsent().rows == 990 and aged.unsent().fen == 495 * HELD.amount
    assert [row.seq for row in aged.rows(10, 5, 10**6)] == [11, 12, 13, 14, 15]
    assert aged.archive(LATE) == 0
    again = reopened(aged)
    assert again.unsent().fen == 495 * HELD.amount
    again.acknowledge(1_000)
    assert again.unsent() == (0, 0, "")
    again.close()


def test_an_archive_that_was_taken_away_is_asked_back_by_name_and_taps_go_on(aged: Journal) -> None:
    archive_all(aged)
    for file in (aged.path.parent / "archive").iterdir():
        file.rename(aged.path.parent / file.name)
    for ask in (lambda: aged.acknowledge(10), lambda: aged.rows(10, 1, 100), lambda: aged.head_at(3)):
        with pytest.raises(JournalError, match=r"epoch-1-from-00000001\.db.*put that file back"):
            ask()
    assert keep(aged, done(hold(aged))) == 1_002


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_power_cut_while_rows_go_loses_none(path: Path, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: None)
    chance = random.Random(damage)
    whole = Disk()
    aged = Journal.open(path, IDENTITY, "boot", whole.name)
    for _ in range(160):
        keep(aged, refused())
    before = aged.rows(0, 1_000, 10**9)
    aged.acknowledge(160)
    aged.close()
    for cut_at in range(1, 200, 2):
        disk = Disk({name: bytes(file.live) for name, file in whole.files.items()})
        aged = Journal.open(path, IDENTITY, "boot", disk.name)
        disk.cut_at = disk.writes + cut_at
        try:
            assert archive_all(aged) == 60
            aged.close()
            disk.close()
            return
        except PowerCut:
            found = disk.after_power_cut(damage, chance)
            again = Journal.open(path, IDENTITY, "boot-2", found.name)
            archive_all(again)
            assert again.verify() is None
            assert [*again.rows(0, 50, 10**9), *again.rows(50, 10, 10**9), *again.rows(60, 200, 10**9)] == before
            again.close()
            found.close()
            disk.close()
    raise AssertionError("the cuts never ended")


def test_a_closed_journal_is_read_with_its_archive_and_each_file_of_that_alone(aged: Journal) -> None:
    before = aged.rows(0, 2_000, 10**9)
    archive_all(aged)
    aged.close()
    assert read_closed(aged.path) == (IDENTITY, before)
    files = sorted((aged.path.parent / "archive").iterdir())
    assert len(files) == 8
    assert read_closed(files[1])[1] == before[120:240] and first_damage(*read_closed(aged.path)) is None


def test_not_even_another_program_can_remove_a_row_that_must_stay(aged: Journal) -> None:
    archive_all(aged)
    aged.close()
    other = apsw.Connection(str(aged.path))
    torn = 2 * TORN - 1
    for seq in (900, 950, *([torn] if torn < 900 else [1])):
        with pytest.raises(apsw.ConstraintError, match="no row goes"):
            other.execute("DELETE FROM row WHERE seq = ?", (seq,))
    other.close()


def test_opening_and_looking_up_read_no_more_pages_of_a_long_journal(path: Path) -> None:
    def pages(rows: int) -> int:
        file = path.with_name(f"{rows}.db")
        age(file, rows, acknowledged=rows // 2).close()
        opened = Journal.open(file, IDENTITY, "boot-2")
        opened.seen(card(1))
        opened.recall(card(2), 8)
        opened.unsent()
        missed = opened._store.connection.status(apsw.SQLITE_DBSTATUS_CACHE_MISS)[0]
        opened.close()
        return int(missed)

    short, long = pages(500), pages(16_000)
    assert long <= short + 20 < 4_000, "one more level of a few trees, and the eight drafts"


def test_the_row_that_a_synchronised_clock_wrote_last_is_known_also_after_a_restart(path: Path) -> None:
    aged = age(path, 10)
    keep(aged, refused())
    last = aged.last_synced
    assert last is not None and last.seq == 10 and last.at != AT
    aged.flush()
    again = reopened(aged)
    assert again.last_synced == last
    again.close()


def test_a_library_act_without_an_end_stays_with_all_that_was_done_about_it(path: Path) -> None:
    aged = age(path, 20, acknowledged=0)
    ended, still = (keep(aged, LoanAsked(f"{n:020}", "lend", "JX/CITY", "rules", "r", "", 0, "k.")) for n in range(2))
    keep(aged, LoanSent(ended, "sip2"))
    about = [keep(aged, LoanSent(still, "sip2")), keep(aged, LoanStuck(still, "refused", ""))]
    keep(aged, LoanClosed(ended, "done", "verified"))
    aged.close()
    aged = age(path, 1_000, acknowledged=1_000)
    assert archive_all(aged) > still
    assert [row.seq for row in aged.open_loans()] == [still, *about]
    stayed = "SELECT seq FROM row WHERE kind LIKE 'LOAN%'"
    assert [seq for (seq,) in aged._store.connection.execute(stayed)] == [still, *about]
    keep(aged, LoanClosed(still, "settled", "clerk"))
    assert aged.open_loans() == [] and aged.verify() is None
    aged.close()
