"""Commands that run a device: run, enrol."""

import faulthandler
import logging
import os
import pwd
import signal
import threading
from pathlib import Path
from typing import Any

import click

from config.errors import ConfigError
from config.lastgood import LastGood
from config.model import Configuration
from config.store import load_configuration
from sync.chain import Identity
from sync.errors import JournalError, JournalInUse
from sync.journal import Journal
from sync.link import LinkDown
from sync.schema import stored_identity
from terminal.commands.say import answer, as_json, configuration_file, fail, speaking

PID = "smk.pid"
SNAPSHOT = "snapshot.db"
GOOD = ".smk-good"
"""Beside the configuration: the last one that was good, which stays in force when a new one is damaged."""


@click.command(short_help="Run the device.")
@configuration_file
@click.option("--plain", is_flag=True, help="One line an event instead of the full-screen view.")
@click.option("--seconds", type=float, help="Stop after this time (for tests).")
@click.option("--quiet", is_flag=True, help="No log on stderr but errors.")
@speaking
def run(configuration: str, plain: bool, seconds: float | None, quiet: bool) -> None:
    """Run the device on the readers that CONFIGURATION names, until Ctrl-C or SIGTERM.

    SIGHUP loads pack and hot list anew between two taps; SIGUSR1 writes a snapshot of the journal; SIGUSR2 takes the
    answers that smk sync import left. Packs that a technician loads (smk pack --help) take their turn without a signal.
    """
    from terminal import box

    faulthandler.enable()  # what a watchdog ends tells where it hung
    level = logging.ERROR if quiet else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    file = Path(configuration)
    _take_what_is_due(file)
    loaded = load_configuration(file, LastGood(kept_copies(file)))
    if loaded.alarm:
        log = logging.getLogger(__name__)
        log.error("%s: %s", loaded.alarm, loaded.trouble)
        log.error("用上次有效的配置继续 · going on with the last good copy of %s, in %s", file.name, kept_copies(file))
    data = Path(loaded.value.terminal.data)
    as_the_owner(data)
    built = box.build(loaded.value, plain=plain, environment=os.environ)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: _reload(built, configuration))
    signal.signal(signal.SIGUSR1, lambda *_: _snapshot(built, data))
    signal.signal(signal.SIGUSR2, lambda *_: _take_answers(built, data, loaded.value.sync.stick_key))
    if seconds is not None:
        threading.Timer(seconds, stop.set).start()
    (data / PID).write_text(str(os.getpid()))
    try:
        built.device.run(stop)
    finally:
        (data / PID).unlink(missing_ok=True)
        built.close()


def _take_what_is_due(file: Path) -> None:
    """Signed settings and profiles take force at a start. What cannot be taken leaves the old in force."""
    from terminal.drivers.clock import SystemClock
    from terminal.packs import AT_A_START, take_due

    try:
        take_due(load_configuration(file).value, AT_A_START, SystemClock().read().at.date())
    except ConfigError as trouble:
        logging.getLogger(__name__).error("%s", trouble)


def kept_copies(file: Path) -> Path:
    """Where the configuration's last good copies lie: in the service's own directory, else beside the configuration.

    systemd names that directory; the configuration may lie on a file system that is read-only.
    """
    own = os.environ.get("STATE_DIRECTORY")
    return Path(own, "good", "configuration") if own else file.absolute().parent / GOOD / file.name


def _reload(built: Any, configuration: str) -> None:
    """Load pack and hot list; damaged ones leave the old in force. In a thread: a tap may be running."""

    def load() -> None:
        try:
            built.reload(load_configuration(Path(configuration)).value)
        except Exception as trouble:
            logging.getLogger(__name__).error("not loaded, the old tables stay in force: %s", trouble)
            built.alarm("tables_not_taken", str(trouble))

    threading.Thread(target=load, daemon=True).start()


def is_running(configuration: Configuration) -> bool:
    """Whether a device runs on this configuration's data."""
    try:
        os.kill(int((Path(configuration.terminal.data) / PID).read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


def as_the_owner(data: Path) -> None:
    """Refuse to write as root into a directory that belongs to the terminal's user: it could not go on with the files.

    Ends the command.
    """
    if os.geteuid() != 0 or not data.exists() or (owner := data.stat().st_uid) == 0:
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"#{owner}"
    fail(f"{data} 属于用户 {name} · belongs to {name}: sudo -u {name} smk …")


def _snapshot(built: Any, data: Path) -> None:
    """A copy of the journal beside it, for queries by other programs."""

    def write() -> None:
        fresh = data / (SNAPSHOT + ".new")
        try:
            fresh.unlink(missing_ok=True)
            built.journal.snapshot(fresh, built.device.precedence.give_way)
            fresh.replace(data / SNAPSHOT)
        except (JournalError, OSError) as trouble:
            logging.getLogger(__name__).error("no snapshot: %s", trouble)

    threading.Thread(target=write, daemon=True).start()


def _take_answers(built: Any, data: Path, key: str) -> None:
    """What the backend answered on a stick, in a thread: a tap may be running."""
    from terminal import sticks

    threading.Thread(target=sticks.serve, args=(data, built.journal, key, built.alarm), daemon=True).start()


@click.command(short_help="Enrol this terminal with its backend.")
@configuration_file
@click.option("--code", help="The one-time code from the backend: smk authority code NUMBER.")
@as_json
@speaking
def enrol(configuration: str, code: str | None, as_json: bool) -> None:
    """Enrol this terminal with its backend: a new epoch, serials that go on.

    Needed once for a new device, and whenever its data directory was lost. A journal of another epoch is kept aside.
    A backend with an authority wants a code with the first enrolment; the device's key is made here and never leaves.
    """
    from terminal import box, identity

    loaded = load_configuration(Path(configuration)).value
    if not loaded.sync.backend:
        fail("[sync] backend 未配置 · no backend is configured: set [sync] backend")
    data = Path(loaded.terminal.data)
    as_the_owner(data)
    journal = data / box.JOURNAL
    found = _closed(journal)
    valid = _certified(loaded, code) if code is not None else ""
    try:
        whose = identity.enrolled(data, loaded.terminal.number, loaded.sync.backend, identity.credentials(loaded))
    except LinkDown as away:
        if "CERTIFICATE_VERIFY_FAILED" not in str(away):
            raise
        fail(f"{away}\n后台用自己的根证书时须有编码 · a backend with its own authority wants smk enrol --code")
    (data / identity.STOPPED).unlink(missing_ok=True)
    if journal.exists() and found != whose:  # the same: it was begun while the backend was away, and goes on
        for suffix in ("", "-wal"):
            part = data / (box.JOURNAL + suffix)
            if part.exists():
                part.rename(data / f"journal-before-epoch-{whose.epoch}.db{suffix}")
    lines = [f"终端 {whose.terminal} 已登记 · enrolled: epoch {whose.epoch}, first serial {whose.first_serial}"]
    if valid:
        lines.append(f"证书有效期至 {valid}，过半自动更新 · certificate until {valid}, renews itself")
    answer({**whose._asdict(), "valid_until": valid}, as_json, lambda: lines)


def _certified(configuration: Configuration, code: str) -> str:
    """Get the device's certificate with a technician's code; the day it ends. Ends the command when it is refused."""
    from sync.code import BadCode
    from sync.keystore import KeyTrouble
    from terminal.credential import Credential, NotCertified

    data = Path(configuration.terminal.data)
    try:
        credential = Credential(data, configuration.sync.key, configuration.terminal.number)
        credential.enrol(configuration.sync.backend, code)
        return credential.certificate().not_valid_after_utc.date().isoformat()
    except (BadCode, NotCertified) as wrong:
        fail(f"未登记：请核对编码、终端号和后台地址 · not enrolled: {wrong}")
    except (KeyTrouble, OSError) as wrong:
        fail(f"密钥无法生成或保存 · the key cannot be made or kept: {wrong}")


def _closed(journal: Path) -> Identity | None:
    """Whose journal it is, its rows all in one file, also after a power cut; None for none or a damaged one.

    Raises JournalInUse while the device runs.
    """
    try:
        found = stored_identity(journal)
        if found is not None:
            Journal.open(journal, found, "").close()
        return found
    except JournalInUse:
        raise
    except JournalError:
        return None
