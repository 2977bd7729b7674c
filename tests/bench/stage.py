"""What is measured: a device on the real stacks, driven by hand, one tap at a time; chips in their own process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apdu.virtual import remote
from apdu.virtual.spec import CardSpec
from config.model import Configuration, Face, Psam, Reader, Service, Sync, Tap, Tariff, Terminal
from terminal import box
from terminal.loop import Device
from terminal.ports import Card, ContactlessReader, Signal, Status
from terminal.tap import Outcome

SHANGHAI = "02002900FFFFFFFF"
FOUND_SECONDS = 5.0


class Quiet:
    """A face that shows nothing: a signal is given when `show` returns."""

    def show(self, signal: Signal) -> None:
        """Given."""

    def idle(self, status: Status) -> None:
        """Nothing to show."""

    def close(self) -> None:
        """Nothing to give back."""


def card(number: int, kind: str = "jiaxing", ats: str = "") -> CardSpec:
    """A rich card."""
    if kind == "tunion":
        return CardSpec(f"29{number:014d}", kind=kind, city="2900", issuer=SHANGHAI, balance_fen=90_000)
    return CardSpec(f"{number:016d}", balance_fen=90_000, ats=ats)


class Stage:
    """A device whose reader and PSAM are open; the benchmark is its loop."""

    def __init__(self, chips: remote.Virtual, device: Device) -> None:
        self.chips = chips.remote
        self.device = device
        assert device.reader is not None
        self.reader: ContactlessReader = device.reader

    def found(self, name: str) -> Card:
        """Put a card into the field and find it."""
        self.chips.enter(name)
        deadline = time.monotonic() + FOUND_SECONDS
        while time.monotonic() < deadline:
            card_ = self.reader.poll()
            if card_ is not None:
                return card_
        raise RuntimeError(f"{name} was not found")

    def tap(self, name: str) -> tuple[Outcome, float]:
        """Serve a card; the outcome, and the milliseconds from card found to durable and signalled."""
        card_ = self.found(name)
        started = time.perf_counter()
        outcome = self.device.serve(card_)
        elapsed_ms = (time.perf_counter() - started) * 1000
        assert outcome is not None
        if self.chips.in_field() is not None:
            self.chips.leave()
        return outcome, elapsed_ms


def configuration(folder: Path, udp_path: str, pack: str, backend: str = "") -> Configuration:
    """A bus of the benchmark."""
    return Configuration(
        terminal=Terminal("00000001", "330400000000001", str(folder)),
        psam=Psam("00 01"),
        tariff=Tariff(f"builtin:{pack}"),
        reader=Reader(udp_path, 40),
        sync=Sync(backend),
        service=Service("1", 0, "1001"),
        face=Face(console=False),
        tap=Tap(repeat_s=1),
    )


@contextmanager
def stage(folder: Path, chips: remote.Virtual, pack: str) -> Iterator[Stage]:
    """A device on `pack`, open and ready."""
    folder.mkdir(parents=True)
    built = box.build(configuration(folder, chips.udp_path, pack), [Quiet()])
    try:
        built.device.mend()
        built.device.calm_collector()
        if built.device.troubles:
            raise RuntimeError(f"the device does not open: {built.device.troubles}")
        yield Stage(chips, built.device)
    finally:
        built.device.shut()
        built.close()
