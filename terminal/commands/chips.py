"""Commands that look at a device's chips without taking money: card, psam."""

import json
import time
from pathlib import Path
from typing import Any

import click

from apdu.psam import open_psam
from apdu.purse.debit import balance
from apdu.purse.read import Purse, read, select
from apdu.script import Slot, Wire
from apdu.script import run as run_script
from config.model import Configuration
from config.store import load_configuration
from terminal import box
from terminal.commands.say import answer, as_json, configuration_file, fail, speaking
from terminal.ports import Card, ContactlessReader

FACTS = ("main_type", "sub_type", "city", "issuer", "start", "end")


class Recording:
    """A wire that notes each exchange, as tests/dumps keeps them."""

    def __init__(self, wire: Wire) -> None:
        self.t0 = wire.t0
        self.steps: list[dict[str, str]] = []
        self._wire = wire

    def transmit(self, raw: bytes) -> bytes:
        """Exchange and note."""
        step = {"to": "card", "c": raw.hex().upper(), "r": "lost"}
        self.steps.append(step)
        data = self._wire.transmit(raw)
        step["r"] = data.hex().upper()
        return data


@click.command(short_help="Read a card; takes no money.")
@configuration_file
@click.option("--seconds", type=float, default=30.0, show_default=True, help="How long to wait for a card.")
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), help="Write the conversation to this file.")
@as_json
@speaking
def card(configuration: str, seconds: float, record: Path | None, as_json: bool) -> None:
    """Read the card in the field and show what the terminal makes of it. Takes no money, writes nothing on the card.

    A recording holds the card's number and its travel records: keep it as you would keep the card.
    """
    loaded = load_configuration(Path(configuration)).value
    reader = box.open_reader(loaded)
    try:
        found = _wait_for_card(reader, loaded, seconds)
        wire = Recording(found.wire)
        try:
            shown = _inspect(found, wire, loaded)
        finally:
            if record is not None:
                about = f"medium {found.medium.value}, recorded by smk card"
                record.write_text(json.dumps({"about": about, "steps": wire.steps}, indent=1), "utf-8")
        answer(shown, as_json, lambda: [f"{name:12} {value}" for name, value in shown.items()])
    finally:
        reader.close()


def _wait_for_card(reader: ContactlessReader, loaded: Configuration, seconds: float) -> Card:
    click.echo("请放卡 · put a card on the reader", err=True)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = reader.poll()
        if found is not None:
            return found
        time.sleep(loaded.reader.poll_ms / 1000)
    fail("没有卡 · no card in the field")


def _inspect(found: Card, wire: Recording, loaded: Configuration) -> dict[str, Any]:
    """What the profiles make of the card. Raises ApduError."""
    wires = {Slot.CARD: wire}
    purse: Purse | None = run_script(select(box.profiles_of(loaded)), wires, lambda draft: None)
    if purse is None:
        fail(f"无可用钱包应用 · no purse that the profiles know ({found.medium.value})")
    if not purse.locked:
        purse = run_script(read(purse), wires, lambda draft: None)
    facts = {name: str(purse.fact(name)) for name in FACTS} if not purse.locked else {}
    return {
        "profile": purse.profile.name,
        "verified": purse.profile.verified,
        "number": f"{purse.number[:4]}…{purse.number[-4:]}" if purse.number else "",
        "locked": purse.locked,
        "class": purse.profile.classes.get(facts.get("main_type", ""), ""),
        "balance_fen": run_script(balance(), wires, lambda draft: None),
        "facts": facts,
        "files": {name: raw.hex().upper() for name, raw in purse.raw.items()},
    }


@click.command(short_help="Open the PSAM and show it.")
@configuration_file
@as_json
@speaking
def psam(configuration: str, as_json: bool) -> None:
    """Open the PSAM and show its terminal number and applications."""
    loaded = load_configuration(Path(configuration)).value
    slot = box.open_slot(loaded)
    try:
        script = open_psam(box.profiles_of(loaded))
        opened = run_script(script, {Slot.PSAM: slot.wire}, lambda draft: None)
        indexes = {df.hex().upper(): index for df, index in opened.key_index.items()}
        shown = {"reader": slot.name, "number": opened.number, "key_index": indexes}
        answer(shown, as_json, lambda: [f"{name:10} {value}" for name, value in shown.items()])
    finally:
        slot.close()
