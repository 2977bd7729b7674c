"""Commands that run a device or look at its chips: run, enrol, card, psam."""

import logging
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import click

from config.store import load_configuration
from terminal.commands.say import answer, as_json, configuration_file, fail, speaking

PID = "smk.pid"
SNAPSHOT = "snapshot.db"


@click.command()
@configuration_file
@click.option("--plain", is_flag=True, help="One line an event instead of the full-screen view.")
@click.option("--seconds", type=float, help="Stop after this time (for tests).")
@click.option("--quiet", is_flag=True, help="No log on stderr but errors.")
@speaking
def run(configuration: str, plain: bool, seconds: float | None, quiet: bool) -> None:
    """Run the device on the readers that CONFIGURATION names, until Ctrl-C or SIGTERM.

    SIGHUP loads tariff pack and hot list anew between two taps; SIGUSR1 writes a snapshot of the journal.
    """
    from terminal import box

    level = logging.ERROR if quiet else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if plain:
        os.environ["SMK_PLAIN"] = "1"
    loaded = load_configuration(Path(configuration))
    data = Path(loaded.value.terminal.data)
    built = box.build(loaded.value)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: _reload(built, configuration))
    signal.signal(signal.SIGUSR1, lambda *_: _snapshot(built, data))
    if seconds is not None:
        threading.Timer(seconds, stop.set).start()
    (data / PID).write_text(str(os.getpid()))
    try:
        built.device.run(stop)
    finally:
        (data / PID).unlink(missing_ok=True)
        built.close()


def _reload(built: Any, configuration: str) -> None:
    """Load pack and hot list; damaged ones leave the old in force. In a thread: a tap may be running."""
    from terminal import box

    def load() -> None:
        try:
            pack, hot_list = box.load_tables(load_configuration(Path(configuration)).value)
        except Exception as trouble:
            logging.getLogger(__name__).error("not loaded, the old tables stay in force: %s", trouble)
            return
        built.device.post(lambda tables: type(tables)(pack.value, hot_list.value))

    threading.Thread(target=load, daemon=True).start()


def _snapshot(built: Any, data: Path) -> None:
    """A copy of the journal beside it, for queries by other programs."""

    def write() -> None:
        fresh = data / (SNAPSHOT + ".new")
        fresh.unlink(missing_ok=True)
        built.journal.snapshot(fresh)
        fresh.replace(data / SNAPSHOT)

    threading.Thread(target=write, daemon=True).start()


@click.command()
@configuration_file
@as_json
@speaking
def enrol(configuration: str, as_json: bool) -> None:
    """Enrol this terminal with its backend: a new epoch, serials that go on.

    Needed once for a new device, and whenever its data directory was lost. A journal that is there is kept aside.
    """
    from terminal import box, identity

    loaded = load_configuration(Path(configuration)).value
    if not loaded.sync.backend:
        fail("[sync] backend 未配置 · no backend is configured: set [sync] backend")
    data = Path(loaded.terminal.data)
    if (data / PID).exists():
        fail("设备正在运行，请先停止 · the device is running: stop it first")
    whose = identity.enrolled(data, loaded.terminal.number, loaded.sync.backend)
    journal = data / box.JOURNAL
    if journal.exists():
        journal.rename(data / f"journal-before-epoch-{whose.epoch}.db")
    answer(
        whose._asdict(),
        as_json,
        lambda: [f"终端 {whose.terminal} 已登记 · enrolled: epoch {whose.epoch}, first serial {whose.first_serial}"],
    )


@click.command()
@configuration_file
@click.option("--seconds", type=float, default=30.0, show_default=True, help="How long to wait for a card.")
@as_json
@speaking
def card(configuration: str, seconds: float, as_json: bool) -> None:
    """Read the card in the field and show what the terminal makes of it. Takes no money, writes nothing."""
    from apdu.purse.debit import balance
    from apdu.purse.read import read, select
    from apdu.script import Slot
    from apdu.script import run as run_script
    from terminal import box

    loaded = load_configuration(Path(configuration)).value
    profiles = box.load_profiles(loaded.cards.profiles)
    reader = box.open_reader(loaded)
    try:
        deadline = time.monotonic() + seconds
        found = None
        while found is None and time.monotonic() < deadline:
            found = reader.poll()
            time.sleep(loaded.reader.poll_ms / 1000)
        if found is None:
            fail("没有卡 · no card in the field")
        wires = {Slot.CARD: found.wire}
        purse = run_script(select(profiles), wires, lambda draft: None)
        if purse is None:
            fail(f"无可用钱包应用 · no purse that the profiles know ({found.medium.value})")
        if not purse.locked:
            purse = run_script(read(purse), wires, lambda draft: None)
        fen = run_script(balance(), wires, lambda draft: None)
        facts = {name: str(purse.fact(name)) for name in ("main_type", "sub_type", "city", "issuer", "start", "end")}
        shown = {
            "profile": purse.profile.name,
            "verified": purse.profile.verified,
            "number": f"{purse.number[:4]}…{purse.number[-4:]}",
            "locked": purse.locked,
            "class": purse.profile.classes.get(facts["main_type"], ""),
            "balance_fen": fen,
            "facts": facts,
            "files": {name: raw.hex().upper() for name, raw in purse.raw.items()},
        }
        answer(shown, as_json, lambda: [f"{name:12} {value}" for name, value in shown.items()])
    finally:
        reader.close()


@click.command()
@configuration_file
@as_json
@speaking
def psam(configuration: str, as_json: bool) -> None:
    """Open the PSAM and show its terminal number and applications."""
    from apdu.psam import open_psam
    from apdu.script import Slot
    from apdu.script import run as run_script
    from terminal import box

    loaded = load_configuration(Path(configuration)).value
    profiles = box.load_profiles(loaded.cards.profiles)
    slot = box.open_slot(loaded)
    try:
        opened = run_script(open_psam(profiles), {Slot.PSAM: slot.wire}, lambda draft: None)
        indexes = {df.hex().upper(): index for df, index in opened.key_index.items()}
        shown = {"reader": slot.name, "number": opened.number, "key_index": indexes}
        answer(shown, as_json, lambda: [f"{name:10} {value}" for name, value in shown.items()])
    finally:
        slot.close()
