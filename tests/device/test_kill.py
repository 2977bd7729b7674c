"""The power goes at any moment of a tap: `smk run` is killed, started again, and every fen is accounted for."""

import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from apdu.virtual import remote
from apdu.virtual.spec import CardSpec
from apdu.virtual.timing import Timing
from sync.closed import read_closed
from sync.events import AnyEvent, Done, Grey, Held, Started, Void
from sync.record import decode
from tests.device.process import Running, send_all
from tests.device.rig import Backend, books, configuration, eventually

SLOW = Timing(card_ms={0xA4: 3, 0xB2: 3, 0x50: 5, 0xDC: 5, 0x54: 15}, psam_ms={0x70: 5, 0x72: 5})
"""A tap takes some 60 ms then, so that a kill meets each step of it."""
TAP_SECONDS = 0.075
SHANGHAI = {"kind": "tunion", "city": "2900", "issuer": "02002900FFFFFFFF"}
KINDS: tuple[dict[str, str], ...] = ({}, {"main_type": "11"}, {"main_type": "20"}, SHANGHAI)


def rider(chips: remote.Remote, serial: int, cards: dict[str, str]) -> str:
    """A new card by name, noted with its number."""
    kind = KINDS[serial % len(KINDS)]
    spec = replace(CardSpec(f"{serial:016d}", balance_fen=50_000), **kind)  # type: ignore[arg-type]
    name = chips.add(spec, f"kill/{spec.number20}")
    cards[name] = spec.number20
    return name


def kill_in_a_tap(device: Running, chips: remote.Remote, card: str, chance: random.Random) -> None:
    """The card lies in the field already; the kill comes at a random moment after its first APDU."""
    assert eventually(lambda: chips.counts()["card"])
    time.sleep(chance.uniform(0, TAP_SECONDS))
    os.kill(device.process.pid, signal.SIGKILL)
    device.wait()
    if chips.in_field() is not None:
        chips.leave(notice=chance.random() < 0.5)


def survives(chips: remote.Virtual, backend: Backend, folder: Path, kills: int, number: int) -> list[AnyEvent]:
    """Kill the device so many times, heal what is left, compare the books; what the journal holds."""
    chance = random.Random(number)
    cards: dict[str, str] = {}
    told = configuration(folder / "killed", f"{number:08d}", chips.udp_path, backend.address)
    chips.remote.timing(SLOW)
    for n in range(kills):
        old = cards and chance.random() < 0.3
        card = chance.choice(list(cards)) if old else rider(chips.remote, number * 10_000 + n, cards)
        chips.remote.counts(reset=True)
        chips.remote.enter(card)
        kill_in_a_tap(Running(told), chips.remote, card, chance)
    chips.remote.timing(None)
    device = Running(told)
    device.ready()
    for card in cards:
        device.tap(chips.remote, card)
    assert device.end() == 0
    journal = folder / "killed" / "journal.db"
    send_all(journal, backend.address)
    events = [decode(row.raw).event for row in read_closed(journal)[1]]
    settled = {event.held for event in events if isinstance(event, Done | Void | Grey)}
    assert settled == {seq for seq, event in enumerate(events, 1) if isinstance(event, Held)}
    assert sum(isinstance(event, Started) for event in events) > kills * 0.9  # it came to a tap nearly every time
    found = books(chips.remote, set(cards.values()), journal, backend)
    assert found.balanced and found.pending == (0, 0), found.lines("en")
    return events


def test_after_ten_kills_in_taps_the_books_agree(chips: remote.Virtual, backend: Backend, tmp_path: Path) -> None:
    survives(chips, backend, tmp_path, 10, 8_001)


@pytest.mark.drill
def test_after_a_hundred_kills_in_taps_the_books_agree(chips: remote.Virtual, backend: Backend, tmp_path: Path) -> None:
    events = survives(chips, backend, tmp_path, 100, 8_002)
    assert sum(isinstance(event, Done) and event.by == "prove" for event in events) >= 5  # killed in the DEBIT itself
