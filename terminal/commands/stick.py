"""Commands that carry records on a stick, for a terminal without a network: `smk sync export`, `smk sync import`."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from terminal.commands.say import answer, as_json, configuration_file, fail, speaking

if TYPE_CHECKING:
    from config.model import Configuration
    from sync.chain import Identity
    from sync.stick import Exported
    from terminal.sticks import Told

the_stick = click.argument("stick", type=click.Path(exists=True, file_okay=False, path_type=Path))


@click.group(short_help="Carry records to the backend on a stick.")
def sync() -> None:
    """Carry records to the backend on a USB stick, and its answers back.

    The round: smk sync export here, smk backend import at the office, smk sync import here. The device may run all the
    while; a stick that was pulled out half-way is simply plugged in again.
    """


@sync.command("export")
@configuration_file
@the_stick
@as_json
@speaking
def sync_export(configuration: str, stick: Path, as_json: bool) -> None:
    """Write what the backend has not acknowledged to STICK, a mounted stick."""
    from config.store import load_configuration
    from sync.closed import closed
    from sync.stick import StickTrouble, export
    from terminal import box
    from terminal.commands.device import as_the_owner, is_running

    device = load_configuration(Path(configuration)).value
    data = Path(device.terminal.data)
    as_the_owner(data)
    source = _fresh_snapshot(data) if is_running(device) else data / box.JOURNAL
    with closed(source) as journal:
        acknowledged = journal.numbers.acknowledged
        head = next(iter(journal.rows(acknowledged - 1))).head if acknowledged else bytes(32)
        try:
            prove, rows = _prover(device, journal.identity.terminal), journal.rows(acknowledged)
            *_, told = _watched(export(stick, journal.identity, acknowledged, head, rows, prove))
        except StickTrouble as wrong:
            fail(f"U 盘写不了 · the stick cannot be written: {wrong}\n请重新插好再试 · plug it in again and repeat")
    lines = [
        f"终端 terminal {journal.identity.terminal}: {told.rows} 条记录，{told.batches} 个文件，{told.size} 字节 · "
        f"{told.rows} rows in {told.batches} files, {told.size} bytes"
    ]
    lines += [f"已删除 {told.removed} 个旧文件 · removed {told.removed} files of earlier trips"] if told.removed else []
    lines.append("下一步：在后台读入 · next, at the office: smk backend import")
    answer(told._asdict(), as_json, lambda: lines)


@sync.command("import")
@configuration_file
@the_stick
@as_json
@speaking
def sync_import(configuration: str, stick: Path, as_json: bool) -> None:
    """Take the backend's answers from STICK: what they acknowledge need not be sent again.

    Exit status 1 when an answer was refused or tells of trouble.
    """
    from config.store import load_configuration
    from sync.stick import StickTrouble
    from terminal import identity, sticks
    from terminal.commands.device import PID, as_the_owner, is_running

    device = load_configuration(Path(configuration)).value
    data = Path(device.terminal.data)
    as_the_owner(data)
    whose = identity.kept(data, device.terminal.number)
    if whose is None:
        fail("本终端尚未登记，没有记录 · this terminal has no journal yet")
    try:
        if is_running(device):
            told = sticks.ask(data, int((data / PID).read_text()), stick, whose.terminal)
        else:
            told = _taken(data, whose, stick, device.sync.stick_key)
    except StickTrouble as wrong:
        fail(f"U 盘读不了 · the stick cannot be read: {wrong}")
    lines = [
        f"已确认至第 {told.after} 条（此前 {told.before}），未上传 {told.unsent} 条 · "
        f"acknowledged up to row {told.after} (before: {told.before}), {told.unsent} unsent"
    ]
    lines += [f"✗ {one}" for one in told.troubles]
    if not told.answers:
        lines.append("U 盘上没有给本终端的答复 · no answer for this terminal on this stick: smk backend import first")
    answer(told._asdict(), as_json, lambda: lines)
    if told.troubles:
        raise SystemExit(1)


def _prover(device: "Configuration", terminal: str) -> "Callable[[bytes], str]":
    """What signs a batch as it would be signed on the wire; nothing while the device has no certificate.

    Ends the command when the device has a key and it cannot be used.
    """
    from sync.batch import path_of
    from sync.proof import HEADER
    from terminal import identity

    credential = identity.credentials(device)()

    def prove(raw: bytes) -> str:
        try:
            return credential.headers(path_of(terminal), raw).get(HEADER, "") if credential is not None else ""
        except OSError as wrong:
            fail(f"设备密钥用不了，批次没有签名 · the device's key cannot be used, the batches are not signed: {wrong}")

    return prove


def _taken(data: Path, whose: "Identity", stick: Path, key: str) -> "Told":
    """The answers, taken into the journal of a device that does not run."""
    from sync.events import Alarm
    from sync.journal import Journal
    from terminal import box, sticks
    from terminal.drivers.clock import SystemClock

    clock = SystemClock()
    with contextlib.closing(Journal.open(data / box.JOURNAL, whose, clock.boot_id)) as journal:

        def alarm(what: str, detail: str) -> None:
            journal.keep(Alarm(what, detail[:200]), *clock.read().stamp())

        return sticks.taken(journal, stick, key, alarm)


def _fresh_snapshot(data: Path) -> Path:
    """A snapshot that the running device writes now. Ends the command when none comes."""
    from terminal.commands.device import PID, SNAPSHOT
    from terminal.sticks import WAIT_SECONDS

    path = data / SNAPSHOT
    before = path.stat().st_mtime_ns if path.exists() else 0
    os.kill(int((data / PID).read_text()), signal.SIGUSR1)
    deadline = time.monotonic() + WAIT_SECONDS
    while not path.exists() or path.stat().st_mtime_ns == before:
        if time.monotonic() > deadline:
            fail(f"设备没有写出快照 · the running device wrote no snapshot within {WAIT_SECONDS} s: see its log")
        time.sleep(0.05)
    return path


def _watched(steps: "Iterator[Exported]") -> "Iterator[Exported]":
    """The steps, with a line on stderr while somebody watches."""
    shown = sys.stderr.isatty()
    for told in steps:
        if shown:
            click.echo(f"\r写出 writing: {told.rows} 条 rows", nl=False, err=True)
        yield told
    if shown:
        click.echo("\r\033[K", nl=False, err=True)
