"""A clerk's day as a newcomer sees it, on the real PC/SC stack; and one altered fen in any book ends it with 1."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.closed import read_closed
from sync.events import BillHeld, HolderChecked, Sums
from sync.record import decode
from sync.statement import Detail, Why, compare
from terminal.demo.hospital.cast import GUESTS
from terminal.demo.hospital.play import Result, play
from terminal.demo.hospital.stage import Stage
from terminal.demo.hospital.story import SCENES
from tests.pcscd_fixture import real_pcscd

__all__ = ["real_pcscd"]

SMK = Path(sys.executable).parent / "smk"


@pytest.fixture(scope="module")
def played(real_pcscd: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], Path]]:
    """One day for the tests of this module."""
    folder = tmp_path_factory.mktemp("hospital") / "kept"
    command = [str(SMK), "demo-hospital", "--json", "--folder", str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    yield json.loads(ran.stdout), folder / "stage"


def held(stage: Path, counter: int = 1) -> list[BillHeld]:
    """The bills of a counter's journal."""
    rows = read_closed(stage / f"counter-{counter}" / "journal.db")[1]
    return [event for row in rows if isinstance(event := decode(row.raw).event, BillHeld)]


def test_the_day_ends_as_it_must_and_both_sides_agree(played: tuple[dict[str, Any], Path]) -> None:
    result = played[0]
    assert result["good"] and not result["unexpected"]
    assert (result["bills"], result["corrections"]) == (9, 1)
    assert all(found["stmt_rslt"] == "0" and not found["differences"] for found in result["statements"])


def test_six_patients_of_different_schemes_one_offline_one_cancelled_one_with_the_old_card(
    played: tuple[dict[str, Any], Path],
) -> None:
    bills = held(played[1])
    assert {bill.insutype for bill in bills} == {"310", "390"} and len({bill.person for bill in bills}) == 6
    assert [bill.provisional for bill in bills].count(True) == 1
    (mirror,) = [bill for bill in bills if bill.cancels]
    (rest,) = [bill for bill in bills if bill.replaces]
    assert mirror.cancels == rest.replaces == bills[0].operation and mirror.sums == bills[0].sums.negative()
    rows = read_closed(played[1] / "counter-1" / "journal.db")[1]
    checked = [event for row in rows if isinstance(event := decode(row.raw).event, HolderChecked)]
    assert {one.chip for one in checked} == {"social_jiaxing", "social_old_medical"}
    assert any(bill.sums.hifob_pay for bill in bills) or max(bill.sums.hifp_pay for bill in bills) > 10_000_000
    assert not any(bill.evidence.policy_verified for bill in bills), "the demo table is never passed off as official"


def test_nothing_personal_lies_readable_in_what_the_day_left(played: tuple[dict[str, Any], Path]) -> None:
    kept = [path for path in played[1].rglob("*") if path.is_file() and path.name != "chips.json"]
    raw = b"".join(path.read_bytes() for path in kept)
    for guest in GUESTS.values():
        for secret in (guest.card.id_number, guest.card.name, guest.card.number):
            assert secret.encode() not in raw, guest.who


def test_the_difference_goes_back_to_the_patient_in_full(played: tuple[dict[str, Any], Path]) -> None:
    with sqlite3.connect(f"file:{played[1] / 'backend' / 'backend.db'}?mode=ro", uri=True) as database:
        (text,) = database.execute("SELECT sums FROM correction").fetchone()
    sums = json.loads(text)
    assert sums["medfee_sumamt"] == 0 and sums["act_pay_dedc"] == -40_000
    assert sums["fund_pay_sumamt"] + sums["psn_part_amt"] == 0
    assert sums["psn_part_amt"] == sums["acct_pay"] + sums["psn_cash_pay"]
    assert set(sums) == set(Sums.__struct_fields__)


def test_one_altered_fen_at_the_centre_is_found_and_the_demo_fails(
    real_pcscd: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last scene closes the day; before the comparison somebody changes one bill in the centre's books."""

    def altered(stage: Stage) -> Iterator[Any]:
        yield from SCENES[0][1](stage)
        yield from SCENES[3][1](stage)
        yield from SCENES[-1][1](stage)
        with sqlite3.connect(tmp_path / "stage" / "backend" / "backend.db") as database:
            database.execute("""UPDATE bill SET said = replace(said, '"acct_pay":15000', '"acct_pay":15001')""")

    monkeypatch.setattr("terminal.demo.hospital.play.SCENES", (("altered", altered),))
    result = play(tmp_path / "stage", 1, quiet=True)
    assert not result.good and not result.unexpected
    assert [one.why for found in result.statements for one in found.differences] == [Why.AMOUNT]


def test_a_day_with_any_difference_is_not_good() -> None:
    line = Detail("1", "bill", "", "p", "310", 100, 60, 10, "0", "20261124")
    assert Result(1, 0, (), (compare([line], [line]),), "").good
    assert not Result(1, 0, (), (compare([line], []),), "").good
    assert not Result(1, 0, ("a scene ended otherwise",), (), "").good


def test_without_a_virtual_reader_the_demo_says_what_to_do_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from apdu.virtual import remote
    from terminal.commands.virtual import demo_hospital

    def nowhere(**given: Any) -> remote.Virtual:
        raise remote.RemoteError("no vpcd")

    monkeypatch.setattr(remote, "start", nowhere)
    result = CliRunner().invoke(demo_hospital, ["--folder", str(tmp_path / "none")])
    assert result.exit_code == 3 and ".ci/pcscd start" in result.output
    shutil.rmtree(tmp_path / "none", ignore_errors=True)
