"""`smk install` and `smk uninstall`, into the root of an image; the unit as systemd itself reads it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from terminal.appliance.plan import MARK, OUT_OF_REACH, Command, after_install, under
from terminal.cli import main
from terminal.commands import appliance
from terminal.drivers.contactless import usb_readers

UNIT = "etc/systemd/system/smk.service"
PACKS, TIMER = "etc/systemd/system/smk-packs.service", "etc/systemd/system/smk-packs.timer"
INSTALLED = {
    "etc/modprobe.d/smk.conf",
    "etc/polkit-1/rules.d/60-smk.rules",
    "etc/smk/terminal.toml.sample",
    "etc/systemd/journald@smk.conf",
    "etc/systemd/system/multi-user.target.wants/smk.service",
    UNIT,
    PACKS,
    TIMER,
    "etc/systemd/system/timers.target.wants/smk-packs.timer",
    "etc/sysusers.d/smk.conf",
    "etc/tmpfiles.d/smk.conf",
    "etc/udev/rules.d/60-smk.rules",
}


def smk(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def found(root: Path) -> set[str]:
    """Every file and link below the root."""
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_symlink() or not path.is_dir()}


def test_it_puts_everything_in_place_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    assert smk("install", "--root", tmp_path).exit_code == 0
    assert found(tmp_path) == INSTALLED
    assert (tmp_path / "var/lib/smk").stat().st_mode & 0o777 == 0o700
    before = {name: (tmp_path / name).lstat().st_mtime_ns for name in INSTALLED}
    again = smk("install", "--root", tmp_path)
    assert again.exit_code == 0 and "write" not in again.output and "update" not in again.output
    assert {name: (tmp_path / name).lstat().st_mtime_ns for name in INSTALLED} == before


def test_a_dry_run_says_each_step_and_changes_nothing(tmp_path: Path) -> None:
    said = smk("install", "--root", tmp_path, "--dry-run")
    assert said.exit_code == 0 and found(tmp_path) == set()
    assert all(f"/{name}" in said.output for name in INSTALLED)
    smk("install", "--root", tmp_path)
    said = smk("uninstall", "--root", tmp_path, "--dry-run")
    assert said.exit_code == 0 and found(tmp_path) == INSTALLED
    assert all(f"/{name}" in said.output for name in INSTALLED)


def test_taking_it_off_keeps_data_and_configuration_and_can_be_repeated(tmp_path: Path) -> None:
    smk("install", "--root", tmp_path)
    kept = {"etc/smk/terminal.toml": "mine", "var/lib/smk/journal.db": "money"}
    for name, text in kept.items():
        (tmp_path / name).write_text(text)
    for _ in range(2):
        assert smk("uninstall", "--root", tmp_path).exit_code == 0
        assert found(tmp_path) == set(kept)
    smk("install", "--root", tmp_path)
    assert {name: (tmp_path / name).read_text() for name in kept} == kept


def test_an_older_file_of_ours_is_renewed_and_a_foreign_one_stops_it_before_anything_changed(tmp_path: Path) -> None:
    rules = tmp_path / "etc/udev/rules.d/60-smk.rules"
    rules.parent.mkdir(parents=True)
    rules.write_text(f"# {MARK}\nolder\n")
    smk("install", "--root", tmp_path)
    assert "older" not in rules.read_text()
    smk("uninstall", "--root", tmp_path)
    rules.write_text("somebody else's\n")
    refused = smk("install", "--root", tmp_path)
    assert refused.exit_code == 1 and "/etc/udev/rules.d/60-smk.rules" in refused.output
    assert found(tmp_path) == {"etc/udev/rules.d/60-smk.rules"}
    smk("uninstall", "--root", tmp_path)
    assert rules.read_text() == "somebody else's\n"


def test_a_given_configuration_is_checked_and_never_overwrites_the_devices_own(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(smk("config", "sample").output)
    bad.write_text("[terminal]\n")
    assert smk("install", "--root", root, "--config", bad).exit_code == 1 and found(root) == set()
    assert smk("install", "--root", root, "--config", good).exit_code == 0
    own = root / "etc/smk/terminal.toml"
    assert own.read_text() == good.read_text()
    own.write_text("mine")
    smk("install", "--root", root, "--config", good)
    assert own.read_text() == "mine"


def test_a_link_in_the_image_does_not_lead_out_of_it(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "etc").mkdir(parents=True)
    outside.mkdir()
    (root / "etc/udev").symlink_to(outside)
    with pytest.raises(OSError, match="leads out"):
        under(root, "/etc/udev/60-smk.rules")
    refused = smk("install", "--root", root)
    assert refused.exit_code == 1 and "leads out" in refused.output
    assert found(outside) == set() and found(root) == {"etc/udev"}


def test_every_reader_that_nfcpy_drives_has_its_rule(tmp_path: Path) -> None:
    smk("install", "--root", tmp_path)
    rules = (tmp_path / "etc/udev/rules.d/60-smk.rules").read_text()
    assert len(usb_readers()) > 5
    for vendor, product in usb_readers():
        assert f'ATTR{{idVendor}}=="{vendor:04x}", ATTR{{idProduct}}=="{product:04x}"' in rules
    assert "blacklist pn533_usb\n" in (tmp_path / "etc/modprobe.d/smk.conf").read_text()


def test_what_cannot_be_removed_is_told_before_the_terminal_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smk("install", "--root", tmp_path)
    monkeypatch.setattr(appliance, "BEFORE_UNINSTALL", (Command(("touch", str(tmp_path / "stopped")), "stop it"),))
    monkeypatch.setattr(appliance, "AFTER_UNINSTALL", ())
    monkeypatch.setattr(appliance, "is_running_system", lambda root: True)
    with monkeypatch.context() as read_only:
        read_only.setattr(os, "access", lambda place, mode, **_: mode != os.W_OK)
        refused = smk("uninstall", "--root", tmp_path)
    assert refused.exit_code == 1 and "remount,rw" in refused.output
    assert found(tmp_path) == INSTALLED, "nothing was removed, and nothing stopped"
    assert smk("uninstall", "--root", tmp_path).exit_code == 0 and found(tmp_path) == {"stopped"}


def test_a_program_that_the_terminals_user_cannot_start_is_told_before_the_unit_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real commands meet a real system in the drill; here each of them only leaves its name."""
    words = [" ".join(command.words) for command in after_install("/root/smk")]
    usable = words.index("runuser -u smk -- /root/smk --version")
    assert words.index("systemd-sysusers smk.conf") < usable < words.index("systemctl daemon-reload")
    refusing = (Command(("false",), "whether it can start it", remedy=OUT_OF_REACH), Command(("true",), "the unit"))
    monkeypatch.setattr(appliance, "after_install", lambda program: refusing)
    monkeypatch.setattr(appliance, "is_running_system", lambda root: True)
    refused = smk("install", "--root", tmp_path)
    assert refused.exit_code == 1 and OUT_OF_REACH in refused.output


def test_the_units_are_ones_that_systemd_accepts(tmp_path: Path) -> None:
    smk("install", "--root", tmp_path)
    analyze = shutil.which("systemd-analyze")
    assert analyze, "systemd is part of Debian; apt-get install systemd"
    checked = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", *(tmp_path / unit for unit in (UNIT, PACKS, TIMER))],
        capture_output=True, text=True, check=False, env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
    )
    complaints = [line for line in checked.stderr.splitlines() if "smk" in line]
    assert (checked.returncode, complaints) == (0, []), checked.stderr


def test_the_unit_lets_the_terminal_write_its_data_directory_and_nothing_else(tmp_path: Path) -> None:
    smk("install", "--root", tmp_path)
    unit = dict(line.split("=", 1) for line in (tmp_path / UNIT).read_text().splitlines() if "=" in line)
    assert unit["ProtectSystem"] == "strict" and unit["StateDirectory"] == "smk" and "ReadWritePaths" not in unit
    assert unit["LimitCORE"] == "0", "what the watchdog ends leaves no session keys on the disk"
    assert (unit["Type"], unit["Restart"], unit["WatchdogSec"]) == ("notify", "always", "30")
    assert unit["ConditionPathExists"] == "/etc/smk/terminal.toml"
