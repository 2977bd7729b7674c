"""The journal under power cuts, full and failing disks: what it called durable is there. Kills: tests/proof."""

import errno
import os
import random
from pathlib import Path

import pytest

from sync.closed import read_closed
from sync.errors import JournalBroken, JournalFull, JournalInUse
from sync.journal import Journal
from sync.limits import RESERVE_BYTES
from sync.record import encode
from tests import journals
from tests.disk import DAMAGES, Disk, PowerCut
from tests.journals import hold, keep
from tests.rows import AT, IDENTITY, done, held, refused

path, disk = journals.path, journals.disk


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


def test_a_journal_that_was_not_closed_is_not_read_without_what_lies_beside_it(path: Path) -> None:
    journal = Journal.open(path, IDENTITY, "boot")
    keep(journal, done(hold(journal)))
    left = {file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    journal.close()
    assert len(read_closed(path)[1]) == 2
    for name, content in left.items():
        path.with_name(name).write_bytes(content)
    with pytest.raises(JournalInUse, match="was not closed"):
        read_closed(path)
