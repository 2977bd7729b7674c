"""kill -9 of the whole device on the real stacks, in a tap: then healing, and the three books."""

import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

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
START_SECONDS = 60.0
"""From the process to its first APDU: below one second, but for a machine that does much else."""
SHANGHAI = {"kind": "tunion", "city": "2900", "issuer": "02002900FFFFFFFF"}
KINDS: tuple[dict[str, str], ...] = ({}, {"main_type": "11"}, {"main_type": "20"}, SHANGHAI)


class Killed:
    """One device with its journal over many lives, its cards, and the books at the end."""

    def __init__(self, chips: remote.Virtual, backend: Backend, folder: Path, number: int) -> None:
        self.chips = chips
        self.remote = chips.remote
        self.backend = backend
        self.number = number
        self.chance = random.Random(number)
        self.cards: dict[str, str] = {}
        self.journal = folder / "killed" / "journal.db"
        self.told = configuration(folder / "killed", f"{number:08d}", chips.udp_path, backend.address)

    def kills(self, wanted: int) -> Iterator[int]:
        """Kill it so many times, in a tap each time; the number of each kill."""
        self.remote.timing(SLOW)
        try:
            for kill in range(1, wanted + 1):
                old = self.cards and self.chance.random() < 0.3
                card = self.chance.choice(list(self.cards)) if old else self._rider()
                self.remote.counts(reset=True)
                self.remote.enter(card)
                self._kill_in_a_tap(Running(self.told))
                yield kill
        finally:
            self.remote.timing(None)

    def _rider(self) -> str:
        """A new card by name, noted with its number."""
        serial = self.number * 10_000 + len(self.cards)
        kind = KINDS[len(self.cards) % len(KINDS)]
        spec = replace(CardSpec(f"{serial:016d}", balance_fen=50_000), **kind)  # type: ignore[arg-type]
        name = self.remote.add(spec, f"kill/{spec.number20}")
        self.cards[name] = spec.number20
        return name

    def _kill_in_a_tap(self, device: Running) -> None:
        """The card lies in the field already; the kill comes at a random moment after its first APDU."""
        came = eventually(lambda: self.remote.counts()["card"] or device.process.poll() is not None, START_SECONDS)
        assert came and device.process.poll() is None, f"it does not serve a card: {[*device.lines.queue]} {device.log}"
        time.sleep(self.chance.uniform(0, TAP_SECONDS))
        os.kill(device.process.pid, signal.SIGKILL)
        device.wait()
        if self.remote.in_field() is not None:
            self.remote.leave(notice=self.chance.random() < 0.5)

    def settle(self) -> list[AnyEvent]:
        """Every card comes once more, all rows are sent, the books are compared; what the journal holds.

        Raises AssertionError when a draft stays open or the books do not agree to the fen.
        """
        device = Running(self.told)
        device.ready()
        for card in self.cards:
            device.tap(self.remote, card)
        assert device.end() == 0
        send_all(self.journal, self.backend.address)
        events = [decode(row.raw).event for row in read_closed(self.journal)[1]]
        settled = {event.held for event in events if isinstance(event, Done | Void | Grey)}
        assert settled == {seq for seq, event in enumerate(events, 1) if isinstance(event, Held)}
        found = books(self.remote, set(self.cards.values()), self.journal, self.backend)
        assert found.balanced and found.pending == (0, 0), found.lines("en")
        return events

    @staticmethod
    def lives(events: list[AnyEvent]) -> int:
        """How often it came so far as to write that it had started."""
        return sum(isinstance(event, Started) for event in events)
