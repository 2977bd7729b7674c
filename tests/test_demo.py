"""The main job as a newcomer sees it: `smk demo` on the real stacks, and books that find one altered fen."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from sync.closed import read_closed
from sync.events import Done, Held
from sync.record import chain, decode, encode
from tests.pcscd_fixture import real_pcscd

__all__ = ["real_pcscd"]

SMK = Path(sys.executable).parent / "smk"


def demo(folder: Path, seed: int) -> dict[str, Any]:
    """Run `smk demo --json` and keep its books."""
    command = [str(SMK), "demo", "--json", "--seed", str(seed), "--riders", "4", "--folder", str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    result: dict[str, Any] = json.loads(ran.stdout)
    return result


def reconcile(stage: Path) -> "subprocess.CompletedProcess[str]":
    """`smk reconcile` on the three books of a demo."""
    command = [str(SMK), "reconcile", "--chips", str(stage / "chips.json")]
    for bus in ("bus-1", "bus-2"):
        command += ["--journal", str(stage / bus / "journal.db")]
    command += ["--backend", str(stage / "backend" / "backend.db")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def played(real_pcscd: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], Path]]:
    """One demo for the tests of this module."""
    folder = tmp_path_factory.mktemp("demo") / "kept"
    yield demo(folder, 11), folder / "stage"


@pytest.fixture
def stage(played: tuple[dict[str, Any], Path], tmp_path: Path) -> Path:
    """A copy of its books."""
    return Path(shutil.copytree(played[1], tmp_path / "stage"))


def test_the_demo_ends_as_it_must_and_its_books_agree(played: tuple[dict[str, Any], Path]) -> None:
    result = played[0]
    assert result["balanced"] and not result["unexpected"] and not result["faults"]
    assert result["taps"] >= 35
    first, second = result["shifts"]
    assert (first["line"], second["line"]) == ("1", "3")
    for reason in ("fare", "concession", "free_class", "interop", "group", "repeat_full_fare"):
        assert first["taken"][reason][0] > 0, reason
    for reason in ("poor", "expired", "foreign_city", "foreign_issuer", "not_a_purse", "hot_listed", "locked"):
        assert first["refused"][reason] == 1, reason
    assert first["totals"]["grey"] == 1 and first["totals"]["void"] == 2 and first["totals"]["admitted"] == 1


def test_the_listed_card_is_locked_in_the_chip_and_in_the_lock_report(stage: Path) -> None:
    chip = json.loads((stage / "chips.json").read_text("utf-8"))["cards"]["listed"]
    assert chip["locked"] == 1
    with sqlite3.connect(f"file:{stage / 'backend' / 'backend.db'}?mode=ro", uri=True) as database:
        assert database.execute("SELECT card FROM lock").fetchall() == [(chip["number20"],)]


def test_the_books_agree_when_they_are_read_again(stage: Path) -> None:
    again = reconcile(stage)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "the three books agree to the fen" in again.stdout


def chip_altered(stage: Path) -> None:
    file = stage / "chips.json"
    image = json.loads(file.read_text("utf-8"))
    image["cards"]["ordinary"]["balance_fen"] += 1
    file.write_text(json.dumps(image), "utf-8")


def _held(stage: Path) -> tuple[int, Held]:
    """A debit that is DONE, in the first bus's journal."""
    rows = [decode(row.raw) for row in read_closed(stage / "bus-1" / "journal.db")[1]]
    done = next(row.event.held for row in rows if isinstance(row.event, Done))
    event = rows[done - 1].event
    assert isinstance(event, Held)
    return done, event


def journal_altered(stage: Path) -> None:
    """One fen more in a row, and the chain left as it was."""
    path = stage / "bus-1" / "journal.db"
    seq, held = _held(stage)
    with apsw.Connection(str(path)) as journal:
        journal.execute("DROP TRIGGER row_never_changes")
        old, new = f'"amount":{held.amount},', f'"amount":{held.amount + 1},'
        journal.execute("UPDATE row SET raw = CAST(replace(raw, ?, ?) AS BLOB) WHERE seq = ?", (old, new, seq))


def journal_altered_with_its_chain(stage: Path) -> None:
    """One fen more, and every head after it computed anew: only the other books can tell."""
    path = stage / "bus-1" / "journal.db"
    seq, held = _held(stage)
    rows = read_closed(path)[1]
    with apsw.Connection(str(path)) as journal:
        journal.execute("DROP TRIGGER row_never_changes")
        head = rows[seq - 2].head if seq > 1 else bytes(32)
        for stored in rows[seq - 1 :]:
            row = decode(stored.raw)
            raw = stored.raw
            if stored.seq == seq:
                raw = encode(row).replace(b'"amount":%d,' % held.amount, b'"amount":%d,' % (held.amount + 1))
            head = chain(head, raw)
            journal.execute("UPDATE row SET raw = ?, head = ? WHERE seq = ?", (raw, head, stored.seq))


def charge_altered(stage: Path) -> None:
    with sqlite3.connect(stage / "backend" / "backend.db") as database:
        database.execute("UPDATE charge SET paid_fen = paid_fen + 1 WHERE rowid = (SELECT min(rowid) FROM charge)")


def backend_row_altered(stage: Path) -> None:
    with sqlite3.connect(stage / "backend" / "backend.db") as database:
        query = "SELECT rowid, raw FROM row WHERE kind = 'HELD' LIMIT 1"
        rowid, raw = database.execute(query).fetchone()
        amount = json.loads(raw)["event"]["amount"]
        altered = raw.replace(b'"amount":%d,' % amount, b'"amount":%d,' % (amount + 1))
        database.execute("UPDATE row SET raw = ? WHERE rowid = ?", (altered, rowid))


@pytest.mark.parametrize(
    "alter", [chip_altered, journal_altered, journal_altered_with_its_chain, charge_altered, backend_row_altered]
)
def test_one_altered_fen_in_any_book_is_found_and_named(stage: Path, alter: Callable[[Path], None]) -> None:
    alter(stage)
    result = reconcile(stage)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "NOT BALANCED" in result.stdout


def test_without_a_virtual_reader_the_demo_says_what_to_do_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from apdu.virtual import remote
    from terminal.commands.virtual import demo as command

    started = remote.start

    def elsewhere(**given: Any) -> remote.Virtual:
        return started(**{**given, "vpcd_port": 9, "vpcd_wait": 0.2})

    monkeypatch.setattr(remote, "start", elsewhere)
    result = CliRunner().invoke(command, ["--folder", str(tmp_path / "none")])
    assert result.exit_code == 3
    assert ".ci/pcscd start" in result.output


@pytest.mark.drill
@pytest.mark.parametrize("seed", range(2, 10))
def test_the_books_agree_for_any_seed(real_pcscd: None, tmp_path: Path, seed: int) -> None:
    result = demo(tmp_path / "kept", seed)
    assert result["balanced"] and not result["unexpected"]
