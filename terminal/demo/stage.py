"""The demo's stage: chips and backend in processes of their own, the device on the real stacks, a second bus."""

import queue
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import click

from apdu.virtual import issuer, remote
from apdu.virtual.spec import CardSpec
from config import parse
from config.blacklist import build as build_hot_list
from config.hotlist import HotList
from config.model import Configuration, Duty, Face, HotListFile, Psam, Reader, Service, Sync, Tap, Tariff, Terminal
from config.store import load_configuration
from terminal import box
from terminal.demo.cast import DRIVER
from terminal.drivers.clock import SystemClock
from terminal.mode import Mode
from terminal.ports import Signal, Status

TERMINAL, OTHER_TERMINAL, MERCHANT = "00000001", "00000002", "330400000000001"
PSAM_READER = "00 01"  # vpcd's second slot
ANSWER_SECONDS = 10.0


class Recorder:
    """A face that hands signals to the story."""

    def __init__(self) -> None:
        self.signals: queue.Queue[Signal] = queue.Queue()

    def show(self, signal: Signal) -> None:
        """Note it."""
        self.signals.put(signal)

    def idle(self, status: Status) -> None:
        """Nothing to note."""

    def close(self) -> None:
        """Nothing to give back."""


class Stage:
    """Everything that runs. Use as a context; `close_books` ends it and leaves three books on disk."""

    def __init__(
        self, folder: Path, seed: int, cards: dict[str, CardSpec], listed: list[tuple[str, int]], backend_port: int = 0
    ) -> None:
        """`backend_port`: where a backend serves already; 0 starts one."""
        folder.mkdir(parents=True)
        self.folder = folder
        self.cards = cards
        self.port = backend_port or free_port()
        self.recorder = Recorder()
        self._write_keys()
        self.backend: subprocess.Popen[str] | None = None
        self.chips = remote.start(seed=seed, memory=folder / "chips.json")
        if not backend_port:
            self.start_backend()
        for name, spec in cards.items():
            self.chips.remote.add(spec, name)
        self.configuration = self._configure(listed)
        self._stop = threading.Event()
        self.box, self._thread = self._start_device()

    # the device

    def restart_device(self) -> None:
        """Power off and on."""
        self.stop_device()
        self._stop = threading.Event()
        self.box, self._thread = self._start_device()

    def stop_device(self) -> None:
        """The loop ends, the journal is closed."""
        self._stop.set()
        self._thread.join(ANSWER_SECONDS)
        self.box.close()

    def close_day(self) -> None:
        """The service day ends: drafts that nobody healed are closed as grey and sent."""
        self._stop.set()
        self._thread.join(ANSWER_SECONDS)
        moment = SystemClock().read()
        tomorrow = replace(moment, at=moment.at + timedelta(days=1))
        self.box.device.desk.begin(moment, None)
        self.box.device.desk.end_service_day(tomorrow.at)
        self.drain()

    def tap(self, name: str, leave: bool = True) -> Signal:
        """A card comes into the field, is served, and goes. Raises click.ClickException when nobody answers."""
        self.settle()
        while not self.recorder.signals.empty():
            self.recorder.signals.get_nowait()
        self.chips.remote.enter(name)
        try:
            signal = self.recorder.signals.get(timeout=ANSWER_SECONDS)
        except queue.Empty:
            troubles = self.box.device.troubles
            raise click.ClickException(f"the device did not answer to {name}; it says {troubles}") from None
        if leave and self.chips.remote.in_field() is not None:
            self.chips.remote.leave()
        return signal

    def settle(self) -> None:
        """Wait until the device is ready for another card."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while self.box.device.mode is not Mode.READY:
            if time.monotonic() > deadline:
                raise click.ClickException(f"the device is not ready: {self.box.device.troubles}")
            time.sleep(0.01)

    # the backend

    def start_backend(self) -> None:
        """Start the backend, on the same port each time."""
        command = [sys.executable, "-m", "sync.backend", "--data", str(self.folder / "backend")]
        command += ["--keys", str(self.folder / "keys.toml"), "--port", str(self.port)]
        self.backend = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.backend.stdout is not None
        line = self.backend.stdout.readline()
        if "ready" not in line:
            raise click.ClickException(f"the backend did not start: {line}{self.backend.stdout.read()}")

    def stop_backend(self) -> None:
        """The network is gone."""
        if self.backend is not None:
            self.backend.terminate()
            self.backend.wait(ANSWER_SECONDS)
            self.backend = None

    def drain(self, seconds: float = 30.0) -> bool:
        """Wait until the backend has every row."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.box.journal.unsent().rows == 0:
                return True
            assert self.box.worker is not None
            self.box.worker.wake()
            time.sleep(0.05)
        return False

    def close(self) -> None:
        """End every process; the chips' memory, the journals and the backend's database lie on the disk."""
        self.stop_device()
        self.stop_backend()
        self.chips.stop()

    # inside

    def _start_device(self) -> tuple[box.Box, threading.Thread]:
        built = box.build(self.configuration, [self.recorder])
        thread = threading.Thread(target=built.device.run, args=(self._stop,), name="device")
        thread.start()
        return built, thread

    def _write_keys(self) -> None:
        keys = {"mohurd": issuer.MOHURD.tac, "tunion": issuer.TUNION.tac}
        lines = [f'{scheme} = "{key.hex().upper()}"' for scheme, key in keys.items()]
        (self.folder / "keys.toml").write_text("\n".join(["[tac]", *lines, ""]), "utf-8")

    def _configure(self, listed: list[tuple[str, int]]) -> Configuration:
        """Write the configuration as a technician would, and load it as the device does."""
        today = SystemClock().read().at.date()
        black = self.folder / f"{today:%Y%m%d}_Black.txt"
        black.write_bytes(build_hot_list(HotList(today, listed)))
        configuration = Configuration(
            terminal=Terminal(TERMINAL, MERCHANT, str(self.folder / "bus-1")),
            psam=Psam(PSAM_READER),
            tariff=Tariff("builtin:jiaxing"),
            reader=Reader(self.chips.udp_path, 20),
            hot_list=HotListFile(str(black)),
            sync=Sync(f"http://127.0.0.1:{self.port}"),
            service=Service("1", 0, "1001"),
            face=Face(console=False),
            tap=Tap(repeat_s=1),
            duties=(Duty(DRIVER.number20, "1", 0, "", 1, "早1"), Duty(DRIVER.number20, "3", 0, "", 2, "早2")),
        )
        file = self.folder / "terminal.toml"
        file.write_text(parse.build(configuration), "utf-8")
        return load_configuration(file).value


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
