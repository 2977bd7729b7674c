"""`smk journal salvage`: what can be read is read and is true, what cannot is named by its number."""

import json
import random
import shutil
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from sync import archive, journal, salvage
from sync.carve import rows_in
from sync.chain import Stored
from sync.errors import JournalError, WrongJournal
from sync.events import Alarm
from sync.journal import Journal
from terminal.cli import main
from tests import journals
from tests.aged import BEGAN, TAP, age
from tests.journals import hold, keep
from tests.rows import HELD, IDENTITY, done, held

path = journals.path
PAGE = 4_096


def smk(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["journal", *map(str, arguments)])


def read(place: Path) -> salvage.Salvage:
    """What the command finds."""
    parts = [salvage.read_source(part) for part in salvage.sources(place)]
    found = (stored for part in parts for stored in salvage.found_in(part))
    return salvage.salvaged(found, salvage.acknowledged_in(parts[-1]), sum(part.unread for part in parts))


def written(path: Path, rows: int = 400, acknowledged: int = 0) -> list[Stored]:
    """A closed journal of so many rows."""
    aged = age(path, rows, acknowledged)
    found = aged.rows(0, rows, 10**9)
    aged.close()
    return found


def numbers(gaps: list[tuple[int, int]]) -> set[int]:
    return {seq for first, last in gaps for seq in range(first, last + 1)}


def test_the_disk_of_a_device_that_lost_its_power_gives_a_journal_that_another_goes_on_with(
    path: Path, tmp_path: Path
) -> None:
    living = age(path, 300, acknowledged=120)
    seq = hold(living)
    before, unsent = living.rows(0, 1_000, 10**9), living.unsent()
    removed, target = tmp_path / "removed", tmp_path / "new" / "journal.db"
    removed.mkdir()
    target.parent.mkdir()
    for name in ("journal.db", "journal.db-wal"):  # with its WAL, as the power cut left it
        shutil.copy(path.with_name(name), removed / name)
    living.close()
    told = smk("salvage", removed, "--to", target)
    assert told.exit_code == 0 and "完整" in told.output
    again = Journal.open(target, IDENTITY, "boot-2")
    assert again.rows(0, 1_000, 10**9) == before and again.verify() is None
    assert (again.acknowledged, again.unsent()) == (120, unsent)
    assert seq in [draft.row.seq for draft in again.open_drafts_all()]
    keep(again, done(seq))
    again.close()


def test_the_source_is_not_changed_and_the_target_never_overwritten(path: Path) -> None:
    written(path)
    before = path.read_bytes()
    assert smk("salvage", path, "--to", path).exit_code == 1
    assert path.read_bytes() == before and sorted(path.parent.iterdir())[0] == path


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_of_a_damaged_file_every_row_that_is_found_is_true_and_every_other_is_named(path: Path, share: float) -> None:
    before = {row.seq: row for row in written(path)}
    whole, chance = path.read_bytes(), random.Random(share)
    for _ in range(5):
        damaged = bytearray(whole)
        for place in range(0, len(damaged), PAGE):
            if chance.random() < share:
                damaged[place : place + PAGE] = chance.choice([bytes(PAGE), chance.randbytes(PAGE)])
        path.write_bytes(damaged)
        try:
            found = read(path)
        except JournalError:
            assert share == 0.9
            continue
        assert all(before[row.seq] == row for row in found.rows)
        there = {row.seq for row in found.rows}
        assert there | numbers(found.missing) == set(range(1, max(there) + 1)) and there.isdisjoint(
            numbers(found.missing)
        )
        assert share > 0.5 or len(there) > 400 * (1 - share) * 0.6


def test_the_loss_of_every_page_but_the_leaves_costs_no_row(path: Path) -> None:
    before = written(path)
    content = bytearray(path.read_bytes())
    for place in range(0, len(content), PAGE):
        if content[place] != 0x0D:
            content[place : place + PAGE] = bytes(PAGE)
    path.write_bytes(content)
    found = read(path)
    assert found.rows == before and found.whole and found.acknowledged is None


def test_a_damaged_cell_costs_its_own_row(path: Path) -> None:
    before = written(path, rows=40)
    content = path.read_bytes()
    place = content.index(before[20].raw)
    path.write_bytes(content[: place + 50] + b"\0" + content[place + 51 :])
    found = read(path)
    assert found.missing == [(21, 21)] and not found.alone
    told = smk("salvage", path, "--json")
    assert told.exit_code == 1 and json.loads(told.stdout)["missing"] == [[21, 21]]


def test_rows_longer_than_a_page_are_put_together_again(path: Path) -> None:
    long = Journal.open(path, IDENTITY, "boot")
    for length in (3_500, 4_000, 5_000, 7_500):
        keep(long, Alarm("long", "详" * (length // 3)))
    before = long.rows(0, 10, 10**6)
    long.close()
    content = bytearray(path.read_bytes())
    content[:PAGE] = bytes(PAGE)
    path.write_bytes(content)
    assert read(path).rows == before


def test_missing_rows_that_were_never_sent_are_named_as_money(path: Path) -> None:
    before = written(path, rows=40, acknowledged=21)
    content = path.read_bytes()
    for row in before[19:23]:
        content = content.replace(row.raw[40:60], bytes(20)) if content.count(row.raw[40:60]) == 1 else content.replace(
            row.raw, bytes(len(row.raw))
        )
    path.write_bytes(content)
    found = read(path)
    assert found.missing == [(20, 23)] and found.missing_unsent == [(22, 23)]
    assert "22-23" in smk("salvage", path).output


def test_the_archive_is_read_with_it_and_what_lay_in_a_lost_file_of_it_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "RETAINED_ROWS", 100)
    monkeypatch.setattr(archive, "ARCHIVE_ROWS", 500)
    aged = age(path, 1_200, acknowledged=1_200)
    before, torn = aged.rows(0, 2_000, 10**9), {draft.row.seq for draft in aged.open_drafts_all()}
    while aged.archive(BEGAN + TAP * 200_000):
        pass
    aged.snapshot(path.with_name("copy.db"))
    aged.close()
    with closing(apsw.Connection(str(path.with_name("copy.db")))) as copy:
        copy.execute("VACUUM")  # without the pages from which rows went
    path.with_name("copy.db").replace(path)
    assert read(path.parent).rows == before
    (path.parent / "archive" / "epoch-1-from-00000501.db").unlink()
    assert numbers(read(path.parent).missing) == set(range(501, 1_001)) - torn


def test_what_has_holes_can_be_read_and_no_device_goes_on_with_it(path: Path, tmp_path: Path) -> None:
    before = written(path, rows=40)
    content = path.read_bytes()
    path.write_bytes(content.replace(before[20].raw, bytes(len(before[20].raw))))
    target = tmp_path / "holes.db"
    assert smk("salvage", path, "--to", target).exit_code == 1
    with pytest.raises(WrongJournal, match="holes"):
        Journal.open(target, IDENTITY, "boot")
    assert smk("show", target, "--last", 100).output.count("\n") == 39
    assert "row 21 is missing" in smk("verify", target).output


def test_blocks_that_the_disk_does_not_give_cost_what_lay_in_them(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path)
    size = path.stat().st_size
    opened = Path.open

    class Failing:
        def __init__(self, path: Path) -> None:
            self.file = opened(path, "rb")
            self.place = 0

        def seek(self, place: int) -> None:
            self.place = place
            self.file.seek(place)

        def read(self, length: int) -> bytes:
            if self.place == size // 2 // PAGE * PAGE:
                raise OSError("bad sector")
            return bytes(self.file.read(length))

        def __enter__(self) -> "Failing":
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

    def open_(path: Path, mode: str = "r", *more: object, **named: object) -> object:
        return Failing(path) if mode == "rb" else opened(path, mode)

    monkeypatch.setattr(Path, "open", open_)
    found = read(path)
    assert found.unread == PAGE and 0 < len(numbers(found.missing)) < 10


def test_of_two_rows_with_one_number_the_chain_tells_which_was_committed(path: Path) -> None:
    rows = written(path, rows=5)
    other = Journal.open(path.with_name("other.db"), IDENTITY, "boot")
    for amount in (1, 2, 3):
        keep(other, done(hold(other, amount=amount)))
    strange = other.rows(2, 1, 10**6)
    other.close()
    for found in ([*rows, *strange], [*strange, *rows]):
        result = salvage.salvaged(found, None, 0)
        assert result.rows == rows and result.whole and result.others == 1


def test_a_place_without_a_journal_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "nothing.db").write_bytes(b"nothing" * 10_000)
    for place in (tmp_path, tmp_path / "nothing.db"):
        with pytest.raises(JournalError, match=r"right file|no journal"):
            read(place)


@given(st.binary(max_size=600), st.integers(0, 3), st.binary(max_size=40))
def test_any_bytes_give_rows_or_none(noise: bytes, number: int, inside: bytes) -> None:
    page = b"\x0d\0\0\0\x02\0\0\0" + noise + b'{"terminal":"' + inside + b"}" + noise
    for raw in (page, noise, bytes(100) + page):
        assert list(rows_in(raw, number, {2: noise, 3: page}, 512)) == []


def test_money_is_summed_as_the_journal_itself_does(path: Path, tmp_path: Path) -> None:
    living = Journal.open(path, IDENTITY, "boot")
    for number in range(20):
        seq = living.hold(held(counter=number, amount=number), BEGAN.isoformat(), "rtc", 0).seq
        keep(living, done(seq))
    unsent = living.unsent()
    living.close()
    assert smk("salvage", path, "--to", tmp_path / "copy.db").exit_code == 0
    again = Journal.open(tmp_path / "copy.db", IDENTITY, "boot-2")
    assert again.unsent() == unsent and unsent.fen == sum(range(20)) and again.row(1) and HELD.card
    again.close()
