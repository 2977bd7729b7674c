"""What is measured: a device on the real stacks, driven by hand, one tap at a time; chips in their own process."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apdu.virtual import remote
from apdu.virtual.spec import CardSpec
from config.model import Configuration, Face, Psam, Reader, Service, Sync, Tap, Tariff, Terminal, Web
from sync.events import Held
from sync.record import decode
from terminal import box
from terminal.ports import Card, ContactlessReader, Signal, Status
from terminal.tap import Outcome
from tests.bench.bare import Bare, Database, Script

SHANGHAI = "02002900FFFFFFFF"
PSAM_READER = "00 01"
FOUND_SECONDS = 5.0


class Quiet:
    """A face that shows nothing, and notes when it was given a signal."""

    def __init__(self) -> None:
        self.shown = 0.0

    def show(self, signal: Signal) -> None:
        """Given."""
        self.shown = time.perf_counter()

    def idle(self, status: Status) -> None:
        """Nothing to show."""

    def close(self) -> None:
        """Nothing to give back."""


def card(number: int, kind: str = "jiaxing", ats: str = "") -> CardSpec:
    """A rich card."""
    if kind == "tunion":
        return CardSpec(f"29{number:014d}", kind=kind, city="2900", issuer=SHANGHAI, balance_fen=9_000_000)
    return CardSpec(f"{number:016d}", balance_fen=9_000_000, ats=ats)


class Stage:
    """A device whose reader and PSAM are open; the benchmark is its loop."""

    def __init__(self, chips: remote.Virtual, built: box.Box, face: Quiet) -> None:
        self.chips = chips.remote
        self.built = built
        self._face = face
        self.device = device = built.device
        assert device.reader is not None
        self.reader: ContactlessReader = device.reader

    def bare(self, database: Path) -> Bare:
        """The bare script on this device's open reader and PSAM: each can be held by one program only."""
        reader: Any = self.reader
        wire: Any = self.device.psam_wire
        return Bare(reader._frontend, (wire._handle, wire._header), Database(database))

    def found(self, name: str) -> Card:
        """Put a card into the field and find it."""
        card_: Card = self.look_for(name, self.reader.poll)
        return card_

    def tap(self, name: str) -> tuple[Outcome, float]:
        """Serve a card; the outcome, and the milliseconds from card found to durable and signalled."""
        card_ = self.found(name)
        started = time.perf_counter()
        outcome = self.device.serve(card_)
        elapsed_ms = (self._face.shown - started) * 1000
        assert outcome is not None and elapsed_ms > 0
        self._left()
        return outcome, elapsed_ms

    def paid(self, name: str) -> float:
        """Milliseconds of a tap that takes a fare."""
        outcome, elapsed_ms = self.tap(name)
        assert outcome.served and outcome.amount_fen and outcome.seq, outcome
        return elapsed_ms

    def bare_tap(self, bare: Bare, name: str, script: Script) -> float:
        """The same tap by the bare script: milliseconds from card found (RATS answered) to durable."""
        tag = self.look_for(name, bare.poll)
        started = time.perf_counter()
        bare.serve(tag, script)
        elapsed_ms = (time.perf_counter() - started) * 1000
        self._left()
        return elapsed_ms

    def scripted(self, name: str) -> Script:
        """What the device sent in a tap of this card: a script that the bare script can send again."""
        self.chips.trace(on=True)
        self.paid(name)
        apdus = tuple(text for _, what, text in self.chips.trace(on=False) if what == "apdu")
        held, done = self.device.desk.journal.rows(self.device.desk.journal.last_seq - 2, 2, 100_000)
        event = decode(held.raw).event
        assert isinstance(event, Held)
        return Script(apdus, event.type, event.serial_factor + event.issuer_factor, (len(held.raw), len(done.raw)))

    def look_for(self, name: str, poll: Callable[[], Any]) -> Any:
        """Put a card into the field and call `poll` until it gives something."""
        self.chips.enter(name)
        deadline = time.monotonic() + FOUND_SECONDS
        while time.monotonic() < deadline:
            found = poll()
            if found is not None:
                return found
        raise RuntimeError(f"{name} was not found")

    def _left(self) -> None:
        if self.chips.in_field() is not None:
            self.chips.leave()


def configuration(folder: Path, udp_path: str, pack: str, backend: str = "", port: int = 0) -> Configuration:
    """A bus of the benchmark; `port` of its pages, 0 for none."""
    return Configuration(
        terminal=Terminal("00000001", "330400000000001", str(folder)),
        psam=Psam(PSAM_READER),
        tariff=Tariff(f"builtin:{pack}"),
        reader=Reader(udp_path, 40),
        sync=Sync(backend),
        service=Service("1", 0, "1001"),
        face=Face(console=False),
        tap=Tap(repeat_s=1),
        web=Web(port),
    )


@contextmanager
def stage(folder: Path, chips: remote.Virtual, pack: str, port: int = 0, backend: str = "") -> Iterator[Stage]:
    """A device on `pack`, open and ready, with pages on `port` if there is one, sending to `backend` if there is."""
    folder.mkdir(parents=True)
    face = Quiet()
    built = box.build(configuration(folder, chips.udp_path, pack, backend, port), [face])
    try:
        built.device.mend()
        built.device.calm_collector()
        if built.device.troubles:
            raise RuntimeError(f"the device does not open: {built.device.troubles}")
        yield Stage(chips, built, face)
    finally:
        built.device.shut()
        built.close()
