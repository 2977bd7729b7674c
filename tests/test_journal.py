"""The journal: durable when it returns, honest when it cannot, quick to find a card's rows."""

import random
import sqlite3
import threading
from pathlib import Path

import pytest

from sync.chain import Identity
from sync.errors import JournalError
from sync.events import UNHEALED, Admitted, Alarm, Locked, LockTried, SignOff, SignOn
from sync.journal import Journal
from sync.limits import CHECKPOINT_PAGES, ROW_BYTES_MAX
from sync.record import GENESIS
from tests import journals
from tests.disk import Disk
from tests.journals import hold, keep, reopened
from tests.rows import AT, HELD, IDENTITY, SERVICE, done, grey, held, refused, void

path, journal, disk = journals.path, journals.journal, journals.disk


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


def test_drafts_are_found_after_a_power_cut_wherever_the_last_flush_was(disk: Disk, path: Path) -> None:
    journal = Journal.open(path, IDENTITY, "boot", disk.name)
    closed, greyed, written = (hold(journal, counter=number) for number in (17, 18, 19))
    journal.flush()
    keep(journal, done(closed))
    keep(journal, grey(greyed, why=UNHEALED))
    later = hold(journal, counter=20)
    for _ in range(2):  # after the rows alone, then after a flush of what they changed
        found = disk.after_power_cut("none", random.Random(0))
        again = Journal.open(path, IDENTITY, "boot-2", found.name)
        drafts = [(draft.row.seq, draft.greyed) for draft in again.open_drafts(HELD.card)]
        assert drafts == [(greyed, True), (written, False), (later, False)]
        again.close()
        found.close()
        journal.flush()
    journal.close()


def test_a_draft_closed_unhealed_can_still_be_healed_and_a_finally_grey_one_cannot(journal: Journal) -> None:
    unhealed, final = hold(journal), hold(journal, counter=18)
    keep(journal, grey(unhealed, why=UNHEALED))
    keep(journal, grey(final, why="log_too_short"))
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


# Threads


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


def test_an_oldest_unsent_row_that_cannot_be_read_has_no_time_and_stops_nobody(path: Path) -> None:
    journal = Journal.open(path, IDENTITY, "boot")
    keep(journal, refused())
    keep(journal, refused())
    journal.close()
    with sqlite3.connect(path) as spoilt:
        spoilt.execute("DROP TRIGGER row_never_changes")
        spoilt.execute("UPDATE row SET raw = x'00' WHERE seq = 1")
    spoilt.close()
    again = Journal.open(path, IDENTITY, "boot")
    assert again.unsent() == (2, 0, "")
    again.close()
