"""Commands about releases of the program: adopt, check, install, list, rollback; trial is called of a new release."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from terminal.commands import signed
from terminal.commands.say import answer, as_json, configuration_file, fail, speaking

if TYPE_CHECKING:
    from config.model import Configuration
    from terminal.appliance.unit import Unit
    from terminal.releases import Release, Releases

TRIAL_S = 300
SNAPSHOT_S = 60
STOP_S = 20
"""As the unit gives it: a running tap ends first."""


@click.group()
def update() -> None:
    """Releases of the program, signed like packs (docs/signing.md): looked at, tried, taken while parked, undone."""


@update.command("adopt", short_help="Once: make the installed program the first release.")
@configuration_file
@speaking
def adopt(configuration: str) -> None:
    """Make the program that was installed otherwise the first release, so that later ones can take its place."""
    from sync.tables import SCHEMA_VERSION
    from terminal import box
    from terminal.releases import Manifest

    here, version = _here(signed.device_of(configuration)), box.software()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    made = here.adopt(
        Manifest(version if version[0].isdigit() else f"0+{version}", SCHEMA_VERSION, python),
        Path(sys.executable).parent / "smk",
    )
    here.switch(made)
    click.echo(f"已登记 · adopted: {made.manifest.version}")
    click.echo(f"下一步 · next: sudo smk install --program {here.program}")


@update.command("list", short_help="Which release runs, which was before.")
@configuration_file
@as_json
@speaking
def listed(configuration: str, as_json: bool) -> None:
    """The release that starts, and the one before it."""
    here = _here(signed.device_of(configuration))
    found = {"current": here.current(), "previous": here.previous()}
    names = {"current": "现行 · current", "previous": "上一版 · previous"}
    lines = [f"{names[name]}: {_named(one)}" for name, one in found.items()]
    answer({name: one and one.manifest.version for name, one in found.items()}, as_json, lambda: lines)


@update.command("check", short_help="What release there is on a stick or the network.")
@configuration_file
@click.argument("place", required=False)
@signed.clock_right
@as_json
@speaking
def check(configuration: str, place: str | None, clock_is_right: bool | None, as_json: bool) -> None:
    """Verify PLACE and tell which releases are on it. Nothing is taken."""
    from terminal import signed as loader

    device = signed.device_of(configuration)
    at = signed.address(device, place)
    found = signed.asking(lambda answered: loader.inspect(device, at, signed.now(), answered), clock_is_right)
    releases = [change for change in found.changes if change.offer.entry.kind == "software"]
    lines = [line for change in releases for line in signed.change_lines(change)]
    if any(change.planned.how == "new" for change in releases):
        lines.append(f"下一步 · next: smk update install {configuration} {at}")
    answer([signed.shown_change(one) for one in releases], as_json, lambda: lines or ["没有程序 · no release there"])


@update.command("install", short_help="Take a release: tried on a copy, switched while parked.")
@configuration_file
@click.argument("place", required=False)
@signed.clock_right
@speaking
def install(configuration: str, place: str | None, clock_is_right: bool | None) -> None:
    """Lay the newest release out, try it on a copy of the journal, and switch to it.

    Only while no driver is signed on; a running device ends between two taps and starts as the new release. Where
    systemd starts it, this waits until it serves, and goes back to the release before when it does not. That one is
    kept: smk update rollback.
    """
    from terminal import signed as loader

    device = signed.device_of(configuration)
    here = _here(device)
    if here.current() is None:
        fail(f"先登记现有程序 · adopt the present program first: smk update adopt {configuration}")
    watched = _watched(device, here)
    at = signed.address(device, place)
    found = signed.asking(lambda answered: loader.release(device, at, signed.now(), answered), clock_is_right)
    if found is None:
        click.echo("没有更新的程序 · there is no newer release")
        return
    change, release = found
    for line in signed.change_lines(change):
        click.echo(line)
    seen = _tried(device, release, configuration)
    _need_parked(seen)
    here.switch(release)
    click.echo(f"已切换 · switched: {_named(release)}; 上一版 · previous: {_named(here.previous())}")
    click.echo(f"撤回 · undo: smk update rollback {configuration}")
    _restart(device)
    if watched is not None:
        _need_proof(device, here, release, watched)


@update.command("rollback", short_help="The release before again.")
@configuration_file
@speaking
def rollback(configuration: str) -> None:
    """The release before again, while parked; with another schema the device must stand: its journal goes back."""
    from sync.migrate import migrate
    from sync.tables import SCHEMA_VERSION
    from terminal import box
    from terminal.commands.device import is_running

    device = signed.device_of(configuration)
    here = _here(device)
    current, previous = here.current(), here.previous()
    if current and current.manifest.schema > SCHEMA_VERSION:  # it alone knows the way back of its journal
        sys.exit(subprocess.run([current.program, "update", "rollback", configuration], check=False).returncode)
    journal = Path(device.terminal.data) / box.JOURNAL
    if current and previous and journal.exists():
        with tempfile.TemporaryDirectory(dir=device.terminal.data, prefix=".trial-") as room:
            copy = _copied(device, Path(room))
            if previous.manifest.schema < current.manifest.schema:
                if is_running(device):
                    fail(
                        "结构不同，须先停机 · the journal's schema differs: stop the device first (systemctl stop smk)"
                    )
                migrate(copy, previous.manifest.schema)
            _need_parked(_trial(previous, copy, configuration))
        if previous.manifest.schema < current.manifest.schema:
            migrate(journal, previous.manifest.schema)
    click.echo(f"已回退 · rolled back: {_named(here.roll_back())}")
    _restart(device)


@update.command("trial", hidden=True)
@click.argument("journal", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@configuration_file
@speaking
def trial(journal: Path, configuration: str) -> None:
    """For the release that is tried: open the copy of a journal, bringing it to this schema, and read the tables."""
    from config.store import load_configuration
    from sync.events import SignOn
    from sync.journal import Journal
    from sync.schema import stored_identity
    from terminal import box

    loaded = load_configuration(Path(configuration)).value
    box.load_tables(loaded, keep=False)
    whose = stored_identity(journal)
    if whose is None:
        fail("空日志 · an empty journal")
    opened = Journal.open(journal, whose, "")
    try:
        duty = opened.last_duty()
        driver = duty.event.service.driver if duty is not None and isinstance(duty.event, SignOn) else ""
        answer({"rows": opened.last_seq, "signed_on": bool(driver)}, True, list)
    finally:
        opened.close()


def _tried(device: "Configuration", release: "Release", configuration: str) -> dict[str, Any]:
    """What the release says of a copy of this device's journal. Ends the command when it cannot read it."""
    from terminal import box

    if not (Path(device.terminal.data) / box.JOURNAL).exists():
        return {"rows": 0, "signed_on": False}
    with tempfile.TemporaryDirectory(dir=device.terminal.data, prefix=".trial-") as room:
        seen = _trial(release, _copied(device, Path(room)), configuration)
    click.echo(f"已在副本上试过 · tried on a copy: {seen['rows']} 条 rows")
    return seen


def _trial(release: "Release", copy: Path, configuration: str) -> dict[str, Any]:
    command = [str(release.program), "update", "trial", str(copy), configuration]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TRIAL_S)
        if done.returncode == 0:
            seen = json.loads(done.stdout)
            return {"rows": int(seen["rows"]), "signed_on": bool(seen["signed_on"])}
        said = done.stderr
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as wrong:
        said = str(wrong)
    fail(f"新程序未通过试运行，未切换 · the release failed its trial, nothing was switched:\n{said[-1_000:]}")


def _copied(device: "Configuration", room: Path) -> Path:
    """A copy of the journal: of the running device its snapshot, else made here."""
    from sync.journal import Journal
    from sync.schema import stored_identity
    from terminal import box
    from terminal.commands.device import SNAPSHOT

    data, copy = Path(device.terminal.data), room / box.JOURNAL
    if not (running := _process(device)):
        whose = stored_identity(data / box.JOURNAL)
        assert whose is not None, "there is a journal"
        journal = Journal.open(data / box.JOURNAL, whose, "")
        try:
            journal.snapshot(copy)
        finally:
            journal.close()
        return copy
    snapshot, asked = data / SNAPSHOT, time.time_ns()
    os.kill(running, signal.SIGUSR1)
    deadline = time.monotonic() + SNAPSHOT_S
    while not snapshot.exists() or snapshot.stat().st_mtime_ns < asked:
        if time.monotonic() > deadline:
            fail("设备没有写出快照 · the device wrote no snapshot")
        time.sleep(0.05)
    os.link(snapshot, copy)
    snapshot.unlink()
    return copy


def _need_parked(seen: dict[str, Any]) -> None:
    if seen["signed_on"]:
        fail("司机在班：请收车签退后再试，程序已备好 · a driver is signed on: sign off first; the release is laid out")


def _watched(device: "Configuration", here: "Releases") -> "Unit | None":
    """The unit that runs this device; None when none does, and so none starts it anew. Ends the command when the unit
    would start something else than the release."""
    from terminal.appliance import unit

    found = unit.ask()
    if found is None or not found.pid or _process(device) != found.pid:
        return None
    if Path(found.program) != here.program:
        fail(f"服务启动的不是发布 · the unit starts another program: sudo smk install --program {here.program}")
    return found


def _need_proof(device: "Configuration", here: "Releases", release: "Release", before: "Unit") -> None:
    """Wait until the release serves. When it does not: the one before again, and the journal as that one knows it."""
    from terminal import box
    from terminal.appliance import unit

    click.echo("等待新程序营运 · waiting until it serves …")
    if unit.proven(before):
        click.echo(f"已营运 · it serves: {_named(release)}")
        return
    previous = here.roll_back()
    click.echo(f"未能营运，退回 · it does not serve; back to {_named(previous)}", err=True)
    _gone((unit.ask() or before).pid)  # it may have begun to start before the link was switched
    journal = Path(device.terminal.data) / box.JOURNAL
    if previous.manifest.schema < release.manifest.schema and journal.exists():
        _brought_back(release, journal, previous.manifest.schema)
    restarts = (unit.ask() or before).restarts
    well = unit.proven(before._replace(pid=0, restarts=restarts))
    how = "上一版已营运 · the one before serves again" if well else "上一版也未营运 · nor does the one before"
    fail(f"{how}: journalctl --namespace smk")


def _gone(pid: int) -> None:
    """End the process of a release that does not serve, by force when it does not end."""
    began = time.monotonic()
    with contextlib.suppress(ProcessLookupError, PermissionError):  # another's: not ours any more
        while pid and (waited := time.monotonic() - began) < 2 * STOP_S:
            os.kill(pid, signal.SIGTERM if waited < STOP_S else signal.SIGKILL)
            time.sleep(0.1)


def _brought_back(release: "Release", journal: Path, schema: int) -> None:
    """The release's own program brings the journal back; tried again while a starting device holds it."""
    command = [str(release.program), "journal", "migrate", str(journal), "--to", str(schema)]
    deadline = time.monotonic() + SNAPSHOT_S
    while (done := subprocess.run(command, capture_output=True, text=True, check=False)).returncode:
        if time.monotonic() > deadline:
            click.echo(f"日志结构未能退回 · the journal's schema was not brought back:\n{done.stderr}", err=True)
            return
        time.sleep(0.2)


def _process(device: "Configuration") -> int:
    """The running device's; 0 when none runs."""
    from terminal.commands.device import PID, is_running

    with contextlib.suppress(OSError, ValueError):
        return int((Path(device.terminal.data) / PID).read_text()) if is_running(device) else 0
    return 0


def _end(device: "Configuration") -> bool:
    """Have a running device end between two taps; whether one ran."""
    pid = _process(device)
    with contextlib.suppress(ProcessLookupError):
        if pid:
            os.kill(pid, signal.SIGTERM)
    return pid != 0


def _restart(device: "Configuration") -> None:
    """The running device ends between two taps; its unit starts it again, as the release that is current."""
    if not _end(device):
        click.echo("下次启动即用 · from the next start on")
        return
    click.echo("设备在两次刷卡之间重启 · the device starts anew between two taps")


def _here(device: "Configuration") -> "Releases":
    from terminal.releases import Releases

    return Releases(Path(device.terminal.data))


def _named(release: "Release | None") -> str:
    return f"{release.manifest.version} (schema {release.manifest.schema})" if release else "—"
