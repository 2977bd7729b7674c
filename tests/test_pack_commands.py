"""The pack commands refuse what must not take force, say why and what to do, and leave the device as it was."""

import json
import sqlite3
import sys
import zipfile
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from config.store import load_configuration
from terminal import cli
from terminal.commands import packs as commands
from terminal.commands.device import PID
from terminal.packs import shelf_of
from tests.bus import Bus, card
from tests.technician import for_trials
from tests.test_pack import edited, pack_files

NUMBER = "31400000000000000001"
TODAY = date(2026, 11, 24)
NEW = edited("pack.toml", '"jiaxing-2022.1"', '"jiaxing-2026.11"')
LATER = {**NEW, "pack.toml": NEW["pack.toml"].replace(b"{ value = 2022-01-01", b"{ value = 2026-12-01")}


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the configuration of a device that does not run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "today", lambda: TODAY)
    Path("terminal.toml").write_text(for_trials(), "utf-8")
    return tmp_path


def put(files: dict[str, bytes], name: str = "new") -> str:
    for file, raw in files.items():
        (Path(name) / file).parent.mkdir(parents=True, exist_ok=True)
        (Path(name) / file).write_bytes(raw)
    return name


def smk(*words: str, status: int = 0) -> str:
    """What a command says; it ends with `status` and never in a traceback."""
    result = CliRunner().invoke(cli.main, words)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == status, result.output
    return result.output


def state() -> tuple[str | None, str | None, list[str]]:
    """What is in force, what was before, what waits."""
    found = shelf_of(load_configuration(Path("terminal.toml")).value).state()
    active, previous = (None if edition is None else edition.version for edition in (found.active, found.previous))
    return active, previous, [one.edition.version for one in found.waiting]


def test_a_pack_with_a_fault_is_not_loaded(device: Path) -> None:
    broken = {**NEW, "fare_products.txt": NEW["fare_products.txt"].replace(b"1.00", b"1,00")}
    said = smk("pack", "load", "terminal.toml", put(broken), status=1)
    assert "fare_products.txt:3" in said and "处" in said and state() == (None, None, [])


def test_faults_come_as_values_for_a_program(device: Path) -> None:
    broken = {**NEW, "fare_products.txt": NEW["fare_products.txt"].replace(b",1.00,", b",l.00,")}
    faults = json.loads(smk("pack", "check", put(broken), "--json", status=1))["faults"]
    assert {(fault["file"], fault["line"], fault["field"], fault["value"]) for fault in faults} >= {
        ("fare_products.txt", 3, "amount", "l.00")
    }


@pytest.mark.parametrize(("language", "has", "lacks"), [("zh", "金额", "exact"), ("en", "exact", "金额")])
def test_faults_are_told_in_the_language_that_is_wanted(device: Path, language: str, has: str, lacks: str) -> None:
    broken = {**NEW, "fare_products.txt": NEW["fare_products.txt"].replace(b",1.00,", b",l.00,")}
    said = smk("pack", "check", put(broken), "--language", language, status=1)
    assert has in said and lacks not in said


def test_a_pack_that_does_not_fit_the_cards_is_not_loaded(device: Path) -> None:
    long = edited("routes.txt", "\n3,", "\nlong-route-3,")
    long["route_networks.txt"] = long["route_networks.txt"].replace(b",3\n", b",long-route-3\n")
    assert "long-route-3" in smk("pack", "load", "terminal.toml", put(long), status=1)
    assert state()[2] == []


def test_other_content_under_the_version_in_force_is_not_loaded(device: Path) -> None:
    dearer = edited("fare_products.txt", "adult,card,1.00", "adult,card,1.20")
    assert "new version" in smk("pack", "load", "terminal.toml", put(dearer), status=1)
    smk("pack", "load", "terminal.toml", put(pack_files("jiaxing"), "same"))


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil"])
def test_a_zip_that_reaches_out_of_itself_is_refused(device: Path, name: str) -> None:
    with zipfile.ZipFile("pack.zip", "w") as archive:
        archive.writestr(name, b"x")
    said = smk("pack", "load", "terminal.toml", "pack.zip", status=1)
    assert "not allowed" in said and not (device.parent / "evil.txt").exists()
    with zipfile.ZipFile("pack.zip", "w") as archive:
        for file, raw in NEW.items():
            archive.writestr(f"folder/{file}", raw)
    Path("damaged.zip").write_bytes(Path("pack.zip").read_bytes()[:-40])
    assert "damaged" in smk("pack", "check", "damaged.zip", status=1)
    smk("pack", "load", "terminal.toml", "pack.zip")
    assert state() == (None, None, ["jiaxing-2026.11"])


def test_without_a_running_device_a_pack_whose_day_has_come_is_in_force_at_once(device: Path) -> None:
    smk("pack", "load", "terminal.toml", put(NEW))
    assert "rollback" in smk("pack", "activate", "terminal.toml")
    assert state() == ("jiaxing-2026.11", None, [])
    assert "jiaxing-2026.11" in smk("check", "terminal.toml")
    smk("pack", "rollback", "terminal.toml")
    assert state() == (None, "jiaxing-2026.11", []) and "jiaxing-2022.1" in smk("check", "terminal.toml")


def test_a_running_device_is_left_to_switch_by_itself_unless_told_now(device: Path) -> None:
    smk("pack", "load", "terminal.toml", put(NEW))
    Path("data", PID).write_text("1")
    assert "between two trips" in smk("pack", "activate", "terminal.toml")
    assert state() == (None, None, ["jiaxing-2026.11"])
    smk("pack", "activate", "terminal.toml", "--now")
    assert state()[0] == "jiaxing-2026.11"


def test_a_pack_of_a_later_day_waits_for_it(device: Path) -> None:
    smk("pack", "load", "terminal.toml", put(LATER))
    assert "leave --now out" in smk("pack", "activate", "terminal.toml", "--now", status=1)
    assert "holds from 2026-12-01" in smk("pack", "activate", "terminal.toml", "--on", "2026-11-30", status=1)
    assert "2026-12-24" in smk("pack", "activate", "terminal.toml", "--on", "2026-12-24")
    assert "ordered for 2026-12-24" in smk("pack", "list", "terminal.toml")
    smk("pack", "drop", "terminal.toml", "jiaxing-2026.11")
    assert state() == (None, None, [])


def test_what_there_is_not_is_told_with_what_there_is(device: Path) -> None:
    assert "no edition" in smk("pack", "rollback", "terminal.toml", status=1)
    assert "name the version" in smk("pack", "activate", "terminal.toml", status=1)
    smk("pack", "load", "terminal.toml", put(NEW))
    assert "jiaxing-2026.11" in smk("pack", "activate", "terminal.toml", "jiaxing-2027", status=1)
    assert "exists" in smk("pack", "copy", "builtin:jiaxing", "new", status=1)


def test_a_copy_that_was_damaged_on_the_shelf_does_not_take_force(device: Path) -> None:
    smk("pack", "load", "terminal.toml", put(NEW))
    (copy,) = Path("data/packs/tariff").glob("*.zip")
    copy.write_bytes(copy.read_bytes()[:-9])
    assert "load that version again" in smk("pack", "activate", "terminal.toml", status=1)
    assert state()[0] is None


def test_a_comparison_is_a_value_for_a_program_and_conserves_the_fen(device: Path) -> None:
    dearer = {**LATER, "fare_products.txt": LATER["fare_products.txt"].replace(b"adult,card,1.00", b"adult,card,1.20")}
    found = json.loads(smk("pack", "diff", "builtin:jiaxing", put(dearer), "--riders", "200", "--json"))
    assert [(change["rider"], change["new"]["fen"]) for change in found["changes"]] == [("ordinary", 120)]
    *groups, total = found["replay"]["groups"]
    for name in ("fen_old", "fen_new"):
        assert total[name] == sum(group[name] for group in groups) > 0
    assert total["fen_new"] > total["fen_old"]


def test_a_damaged_journal_is_told_with_its_row(device: Path) -> None:
    bus = Bus(device / "bus")
    bus.tap(card(1))
    bus.journal.snapshot(device / "snapshot.db")
    assert "1 taps" in smk("pack", "diff", "builtin:jiaxing", "builtin:jiaxing", "--journal", "snapshot.db")
    assert "was taken: 1.00" in smk("fare", "explain", "builtin:jiaxing", "--journal", "snapshot.db", "--card", NUMBER)
    with closing(sqlite3.connect("snapshot.db")) as connection, connection:
        connection.execute("DROP TRIGGER row_never_changes")
        connection.execute("UPDATE row SET raw = CAST('{}' AS BLOB) WHERE seq = 1")
    said = smk("pack", "diff", "builtin:jiaxing", "builtin:jiaxing", "--journal", "snapshot.db", status=1)
    assert "snapshot.db, row 1" in said
    assert "needs --card" in smk("fare", "explain", "builtin:jiaxing", "--journal", "snapshot.db", status=1)


def test_without_the_plotting_library_the_command_says_what_to_install(
    device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "terminal.whatif.plot", raising=False)
    said = smk("pack", "diff", "builtin:jiaxing", put(LATER), "--riders", "5", "--plot", "a.png", status=2)
    assert "[plot]" in said


def test_a_picture_that_cannot_be_drawn_is_told(device: Path) -> None:
    put(LATER)
    for path in ("a.xyz", "none/a.png"):
        assert "could not be drawn" in smk("pack", "diff", "new", "new", "--riders", "5", "--plot", path, status=2)


@pytest.mark.parametrize("tap", ["1", "1@", "@8:00", "1@8", "1@8:60", "1@99:00", "1/@8:00", "1 @8:00"])
def test_a_tap_that_nobody_understands_is_told_with_an_example(device: Path, tap: str) -> None:
    said = smk("fare", "explain", "builtin:jiaxing", tap, status=1)
    assert "1@8:00" in said or "no such time" in said


def test_explained_taps_are_values_for_a_program(device: Path) -> None:
    found = json.loads(smk("fare", "explain", "builtin:jiaxing", "--json", "1@23:50", "3@24:10", "boat/b2@30:00"))
    assert [(tap["amount_fen"], tap["reason"]) for tap in found] == [(100, "fare"), (0, "transfer"), (300, "fare")]
    assert found[1]["at"].startswith("2022-01-02T00:10")
    assert "tunion" in smk("fare", "explain", "builtin:jiaxing", "--rider", "nobody", status=1)
