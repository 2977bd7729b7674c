"""A release is tried on a copy, taken while parked, and the one before it starts again."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import chdir, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from config import durable
from config.durable import zipped
from config.errors import ConfigError
from config.model import Configuration
from config.signing import keys
from config.signing.contents import Entry
from config.store import sample
from sync.events import SignOff, SignOn
from sync.journal import Journal
from sync.tables import SCHEMA_VERSION
from terminal import cli, signed
from terminal.appliance import unit
from terminal.offering import offered
from terminal.releases import MANIFEST, Manifest, Releases, packed
from tests.cuts import Cut, cut_at
from tests.journals import hold, keep
from tests.rows import IDENTITY, SERVICE, done
from tests.signing import wheels
from tests.signing.offices import NOW, OfficeRoom

TODAY = NOW.date()
SMK = Path(sys.executable).parent / "smk"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OfficeRoom:
    """An office of today: the releases that are tried here read the machine's own clock."""
    monkeypatch.setattr(keys, "SCRYPT_LOG_N", 10)
    return OfficeRoom(tmp_path / "office", max(NOW, datetime.now(UTC)))


@pytest.fixture
def bench(bus: Configuration, tmp_path: Path) -> Path:
    """A device's folder: its configuration, a journal with a ride, and the present program as its first release."""
    settings = sample().replace('data = "/var/lib/smk"', f'data = "{bus.terminal.data}"')
    (tmp_path / "terminal.toml").write_text(settings, "utf-8")
    journal = Journal.open(Path(bus.terminal.data) / "journal.db", IDENTITY, "boot")
    keep(journal, done(hold(journal)))
    journal.close()
    here = Releases(Path(bus.terminal.data))
    here.switch(here.adopt(Manifest("0.1.0", SCHEMA_VERSION, PYTHON), SMK))
    return tmp_path


def published(office: OfficeRoom, folder: Path, version: str, changes: tuple[tuple[str, str], ...]) -> None:
    found = offered("software", str(wheels.wheel(folder, version, changes)), "", TODAY)
    entry = Entry("software", found.version, TODAY, f"{version}.zip")
    office.office().publish("city", "all", entry, found.raw)


def smk(bench: Path, *words: str, program: Path | None = None, status: int = 0) -> str:
    """What the program says; with `program` as a process of its own."""
    if program is None:
        with chdir(bench):
            result = CliRunner().invoke(cli.main, words)
        assert result.exit_code == status, result.output
        return result.output
    done_ = subprocess.run([str(program), *words], cwd=bench, capture_output=True, text=True, check=False, timeout=120)
    assert done_.returncode == status, done_.stdout + done_.stderr
    return done_.stdout + done_.stderr


def schema(bench: Path) -> int:
    import sqlite3

    with sqlite3.connect(bench / "data" / "journal.db") as journal:
        found: int = journal.execute("PRAGMA user_version").fetchone()[0]
    journal.close()
    return found


@pytest.mark.drill
def test_a_release_takes_its_turn_and_the_one_before_starts_again(office: OfficeRoom, bench: Path) -> None:
    """Two real releases, the second with a journal of another schema; the second brings the journal back itself."""
    published(office, bench, "0.2.0", wheels.NEXT_SCHEMA)
    current = bench / "data" / "releases" / "current" / "bin" / "smk"
    assert "0.2.0" in smk(
        bench, "update", "check", "terminal.toml", str(office.repository), "--clock-right", program=current
    )
    said = smk(bench, "update", "install", "terminal.toml", str(office.repository), "--clock-right", program=current)
    assert "tried on a copy: 2" in said and "switched: 0.2.0 (schema 3)" in said
    assert schema(bench) == SCHEMA_VERSION, "the copy alone was brought to the new schema"

    assert "0.2.0" in smk(bench, "--version", program=current)
    smk(bench, "journal", "migrate", "data/journal.db", program=current)
    assert schema(bench) == 3
    assert "rolled back: 0.1.0" in smk(bench, "update", "rollback", "terminal.toml", program=current)
    assert schema(bench) == SCHEMA_VERSION
    assert "whole: 2 rows" in smk(bench, "journal", "verify", "data/journal.db", program=current)
    assert "switched" not in smk(
        bench, "update", "install", "terminal.toml", str(office.repository), "--clock-right", program=current
    ), "what was undone is not taken again by itself"


def test_a_release_that_cannot_read_the_journal_is_not_taken(office: OfficeRoom, bench: Path) -> None:
    published(office, bench, "0.2.0", wheels.BROKEN_STEP)
    before = (bench / "data" / "journal.db").read_bytes()
    said = smk(bench, "update", "install", "terminal.toml", str(office.repository), "--clock-right", status=1)
    assert "failed its trial" in said and "nowhere" in said
    current = Releases(bench / "data").current()
    assert current is not None and current.manifest.version == "0.1.0"
    assert (bench / "data" / "journal.db").read_bytes() == before
    assert not list((bench / "data").glob(".*")), "no copy stays behind"


def sign(bench: Path, event: SignOn | SignOff) -> None:
    journal = Journal.open(bench / "data" / "journal.db", IDENTITY, "boot")
    keep(journal, event)
    journal.close()


def laid_out(here: Releases, version: str) -> None:
    """A release that is laid out: the present program under another version."""
    folder = here.folder / version
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "smk").write_text(f'#!/bin/sh\nexec {SMK} "$@"\n')
    (folder / "bin" / "smk").chmod(0o755)
    (folder / MANIFEST).write_text(f'{{"version":"{version}","schema":{SCHEMA_VERSION},"python":"{PYTHON}"}}')


def test_no_release_is_taken_while_a_driver_is_signed_on(office: OfficeRoom, bench: Path) -> None:
    here = Releases(bench / "data")
    offer(office, bench, "0.2.0")
    sign(bench, SignOn("3140" + "1" * 16, SERVICE))
    assert "sign off first" in smk(
        bench, "update", "install", "terminal.toml", str(office.repository), "--clock-right", status=1
    )
    current = here.current()
    assert current is not None and current.manifest.version == "0.1.0"
    sign(bench, SignOff("", "driver", 0, 0, 0, 0, 0, 0, 0, 0, 0, SERVICE))
    assert "switched: 0.2.0" in smk(
        bench, "update", "install", "terminal.toml", str(office.repository), "--clock-right"
    )


def test_the_first_release_runs_its_own_packages_whoever_starts_it(tmp_path: Path) -> None:
    """A later release, which starts it to try it on a copy, has its own packages in PYTHONPATH."""
    program = tmp_path / "smk"
    program.write_text('#!/bin/sh\necho "packages: $PYTHONPATH"\n')
    program.chmod(0o755)
    made = Releases(tmp_path / "data").adopt(Manifest("0.1.0", SCHEMA_VERSION, PYTHON), program)
    environment = {**os.environ, "PYTHONPATH": "/of/the/later/release"}
    said = subprocess.run([made.program], env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout == "packages: \n"


def test_a_release_is_laid_out_with_its_modules_compiled(tmp_path: Path) -> None:
    """The unit lets Python write nothing: without that each start would compile the whole program anew."""
    archive = tmp_path / "release.zip"
    archive.write_bytes(packed(wheels.wheel(tmp_path, "0.2.0"))[1])
    made = Releases(tmp_path / "data").unpack(archive)
    modules = {path.stem for path in (made.folder / "lib" / "terminal").glob("*.py")}
    compiled = {path.name.split(".")[0] for path in (made.folder / "lib" / "terminal" / "__pycache__").glob("*.pyc")}
    assert modules == compiled != set()
    said = subprocess.run([made.program, "--version"], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout == "smk, version 0.2.0\n"


def test_an_older_program_leaves_the_way_back_to_the_release_that_wrote_the_journal(bench: Path) -> None:
    here = Releases(bench / "data")
    laid_out(here, "9.0.0")
    newer = here.folder / "9.0.0"
    (newer / "bin" / "smk").write_text('#!/bin/sh\necho "newer: $@" >asked\nexit 7\n')
    (newer / MANIFEST).write_text(f'{{"version":"9.0.0","schema":99,"python":"{PYTHON}"}}')
    release = here._at(newer.resolve())
    assert release is not None
    here.switch(release)
    smk(bench, "update", "rollback", "terminal.toml", status=7)
    assert (bench / "asked").read_text() == "newer: update rollback terminal.toml\n"


class Watched:
    """A device without a journal that a unit starts: a process, and what systemd says of it."""

    def __init__(self, bench: Path, monkeypatch: pytest.MonkeyPatch, program: str = "") -> None:
        data = bench / "data"
        for part in data.glob("journal.db*"):
            part.unlink()
        self.process = subprocess.Popen(["sleep", "60"])
        threading.Thread(target=self.process.wait, daemon=True).start()  # as systemd does: nothing of it stays
        (data / "smk.pid").write_text(str(self.process.pid))
        self.unit = unit.Unit(self.process.pid, program or str(Releases(data).program), 0, "ready")
        monkeypatch.setattr(unit, "ask", lambda: self.unit)


def offer(office: OfficeRoom, bench: Path, version: str) -> None:
    """A release on offer that is laid out here already."""
    here = Releases(bench / "data")
    laid_out(here, version)
    raw = zipped({MANIFEST: (here.folder / version / MANIFEST).read_bytes()})
    office.office().publish("city", "all", Entry("software", version, TODAY, f"{version}.zip"), raw)


@pytest.mark.parametrize(("serves", "current"), [((True,), "0.2.0"), ((False, True), "0.1.0"), ((False,) * 2, "0.1.0")])
def test_a_release_that_does_not_serve_under_its_unit_gives_way_to_the_one_before(
    office: OfficeRoom, bench: Path, monkeypatch: pytest.MonkeyPatch, serves: tuple[bool, ...], current: str
) -> None:
    offer(office, bench, "0.2.0")
    watched, answers = Watched(bench, monkeypatch), iter(serves)
    monkeypatch.setattr(unit, "proven", lambda before: next(answers))
    words = ("update", "install", "terminal.toml", str(office.repository), "--clock-right")
    said = smk(bench, *words, status=0 if serves[0] else 1)
    assert watched.process.wait(60) == -signal.SIGTERM, "the device ends between two taps"
    found = Releases(bench / "data").current()
    assert found is not None and found.manifest.version == current
    assert ("it does not serve; back to 0.1.0" in said) is not serves[0]
    assert ("nor does the one before" in said) is (serves == (False, False))


def test_no_release_is_taken_while_the_unit_would_not_start_it(
    office: OfficeRoom, bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(office, bench, "0.2.0")
    watched = Watched(bench, monkeypatch, "/opt/smk/bin/smk")
    said = smk(bench, "update", "install", "terminal.toml", str(office.repository), "--clock-right", status=1)
    assert f"sudo smk install --program {Releases(bench / 'data').program}" in said
    assert watched.process.poll() is None, "the device goes on"
    watched.process.kill()
    watched.process.wait(60)


def test_a_power_cut_at_any_step_of_a_switch_leaves_a_release_that_starts(
    bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Releases(bench / "data")
    steps = ((Path, "symlink_to"), (Path, "replace"), (durable, "sync_folder"), (os, "fsync"))
    versions, step, finished = set(), 0, False
    while not finished:
        laid_out(here, f"0.2.{step}")
        release = here._at(here.folder.resolve() / f"0.2.{step}")
        assert release is not None
        with monkeypatch.context() as patch:
            left = cut_at(patch, step, steps)
            with suppress(Cut):
                here.switch(release)
            finished = left[0] > 0
        current = here.current()
        assert current is not None and current.program.exists()
        previous = here.previous()
        assert previous is None or previous.program.exists()
        versions.add(current.manifest.version)
        step += 1
    assert step > 4 and len(versions) > 1


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "no release"),
        ({MANIFEST: b"{"}, "no release"),
        ({MANIFEST: b'{"version":"../x","schema":2,"python":"3.11"}'}, "not a version"),
        ({MANIFEST: b'{"version":"current","schema":2,"python":"3.11"}'}, "not a version"),
        ({MANIFEST: b'{"version":"0.2.0","schema":2,"python":"2.7"}', "a.whl": b""}, "wants Python 2.7"),
        ({MANIFEST: f'{{"version":"0.2.0","schema":2,"python":"{PYTHON}"}}'.encode()}, "wheels alone"),
        ({MANIFEST: f'{{"version":"0.2.0","schema":2,"python":"{PYTHON}"}}'.encode(), "setup.py": b""}, "wheels alone"),
        (
            {
                MANIFEST: f'{{"version":"0.2.0","schema":2,"python":"{PYTHON}"}}'.encode(),
                "citizen_card_terminal-0.2.0-py3-none-any.whl": b"no wheel",
            },
            "could not be laid out",
        ),
    ],
)
def test_what_is_no_release_is_not_laid_out(tmp_path: Path, files: dict[str, bytes], why: str) -> None:
    archive = tmp_path / "release.zip"
    archive.write_bytes(zipped(files))
    with pytest.raises(ConfigError, match=why):
        Releases(tmp_path / "data").unpack(archive)
    assert not [path for path in tmp_path.rglob("*") if path.name == MANIFEST]


def test_what_is_no_wheel_of_this_program_is_not_signed(tmp_path: Path) -> None:
    (tmp_path / "other-1.0-py3-none-any.whl").write_bytes(b"")
    with pytest.raises(ConfigError, match="one wheel of this program"):
        packed(tmp_path)


def test_a_release_is_not_taken_with_the_packs(office: OfficeRoom, bus: Configuration) -> None:
    raw = zipped({MANIFEST: b"{}"})
    office.office().publish("city", "all", Entry("software", "0.2.0", TODAY, "0.2.0.zip"), raw)
    found = signed.load(bus, str(office.repository), NOW, True)
    assert not found.refused and not (Path(bus.terminal.data) / "releases").exists()
