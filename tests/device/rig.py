"""A device built by `terminal.box` on the real stacks, run by its own loop, and all that a test may break of it."""

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from apdu.virtual import remote
from apdu.virtual.spec import CardSpec
from config.model import Configuration, Face, Psam, Reader, Service, Sync, Tap, Tariff, Terminal
from sync.closed import read_closed
from sync.reconcile import BackendBook, JournalBook, Reconciliation, reconcile
from sync.record import Row, decode
from terminal import box, ports
from terminal.books import backend_book, card_books
from terminal.mode import Mode
from terminal.ports import Signal, Status
from tests.tills import key_file

PATIENCE = 15.0
"""Seconds for what should take well below one: the machine may be busy."""
PSAM_READER = "00 01"
AWAY_MS = 100


def eventually(holds: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Whether it holds within `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


class Recorder:
    """A face that notes what it is told."""

    def __init__(self) -> None:
        self.signals: queue.Queue[Signal] = queue.Queue()
        self.statuses: list[Status] = []

    def show(self, signal: Signal) -> None:
        """Note it."""
        self.signals.put(signal)

    def idle(self, status: Status) -> None:
        """Note it."""
        self.statuses.append(status)

    def close(self) -> None:
        """Nothing to give back."""


class Backend:
    """The reference backend in a process of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        keys = folder / "keys.toml"
        keys.write_text(key_file(), "utf-8")
        self.database = folder / "backend.db"
        command = [sys.executable, "-m", "sync.backend", "--data", str(folder), "--keys", str(keys), "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[-1]

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()


def configuration(folder: Path, number: str, udp_path: str, backend: str = "", **changes: Any) -> Configuration:
    """A bus of line 1 whose times are as short as they may be."""
    made = Configuration(
        terminal=Terminal(number, "330400000000001", str(folder)),
        psam=Psam(PSAM_READER),
        tariff=Tariff("builtin:jiaxing"),
        reader=Reader(udp_path, 10),
        sync=Sync(backend),
        service=Service("1", 0, "1001"),
        face=Face(console=False),
        tap=Tap(repeat_s=1, away_ms=AWAY_MS),
    )
    return replace(made, **changes)


class Rig:
    """One device, its cards and its books."""

    def __init__(self, chips: remote.Virtual, backend: Backend, configuration: Configuration, serial: int) -> None:
        self.chips = chips
        self.remote = chips.remote
        self.backend = backend
        self.configuration = configuration
        self.path = Path(configuration.terminal.data) / box.JOURNAL
        self.recorder = Recorder()
        self.others: list[ports.Face] = []
        self.cards: dict[str, str] = {}
        self._serial = serial
        self.start()

    # the device

    def start(self) -> None:
        """Power on."""
        self._stop = threading.Event()
        self.box = box.build(self.configuration, [*self.others, self.recorder])
        self._thread = threading.Thread(target=self.box.device.run, args=(self._stop,), name="device", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Power off: the loop ends, the journal is closed."""
        if self._thread.is_alive() or not self._stop.is_set():
            self._stop.set()
            self._thread.join(PATIENCE)
            assert not self._thread.is_alive(), "the loop did not end"
            self.box.close()

    def restart(self) -> None:
        """Power off and on."""
        self.stop()
        self.start()

    @property
    def troubles(self) -> dict[str, str]:
        """What the device says is wrong with it."""
        return self.box.device.troubles

    @property
    def alive(self) -> bool:
        """Whether the loop runs."""
        return self._thread.is_alive()

    def ready(self) -> None:
        """Wait until the device is ready for a card."""
        assert eventually(lambda: self.box.device.mode is Mode.READY), (self.box.device.mode, self.troubles)

    def closed(self, what: str) -> str:
        """Wait until the device is closed over `what`; why."""
        assert eventually(lambda: self.box.device.mode is Mode.CLOSED and what in self.troubles), self.troubles
        return self.troubles[what]

    # cards

    def card(self, **values: Any) -> str:
        """Issue a card with 100 yuan on it, unless told otherwise; its name."""
        self._serial += 1
        spec = replace(CardSpec(f"{self._serial:016d}", balance_fen=10_000), **values)
        name = self.remote.add(spec, f"{self.configuration.terminal.number}/{self._serial}")
        self.cards[name] = spec.number20
        return name

    def tap(self, card: str, wait: bool = True) -> Signal:
        """The card comes, is served, and goes. `wait`: until the device is ready again."""
        self.ready()
        self.forget()
        self.remote.enter(card)
        signal = self.heard()
        self.leave()
        if wait:
            self.ready()
        return signal

    def leave(self) -> None:
        """Whatever is in the field leaves it."""
        if self.remote.in_field() is not None:
            self.remote.leave()

    def heard(self) -> Signal:
        """The next signal."""
        return self.recorder.signals.get(timeout=PATIENCE)

    def forget(self) -> None:
        """Drop signals that nobody asked for."""
        while not self.recorder.signals.empty():
            self.recorder.signals.get_nowait()

    def image(self, card: str) -> dict[str, Any]:
        """The chip's own memory."""
        image: dict[str, Any] = self.remote.memory()["cards"][card]
        return image

    def paid_fen(self, card: str) -> int:
        """What left the chip."""
        image = self.image(card)
        return int(image["spec"]["balance_fen"]) - int(image["balance_fen"])

    # books

    def rows(self) -> list[Row]:
        """The journal's rows, of the open device."""
        return [decode(stored.raw) for stored in self.box.journal.rows(0, 100_000, 100_000_000)]

    def kinds(self, *wanted: str) -> list[str]:
        """The kinds of its rows, only the `wanted` ones when named."""
        kinds = [str(type(row.event).__struct_config__.tag) for row in self.rows()]
        return [kind for kind in kinds if not wanted or kind in wanted]

    def drain(self) -> None:
        """Wait until the backend has every row."""
        worker = self.box.worker
        assert worker is not None

        def drained() -> bool:
            worker.wake()
            return self.box.journal.unsent().rows == 0

        assert eventually(drained), worker.standing()

    def books(self) -> Reconciliation:
        """Power off after all rows are sent, and compare chips, journal and backend."""
        self.drain()
        self.stop()
        return books(self.remote, set(self.cards.values()), self.path, self.backend)


def books(chips: remote.Remote, cards: set[str], journal: Path, backend: Backend) -> Reconciliation:
    """The three books of one device and of the cards that it saw, each read from its own place."""
    image = journal.with_name("chips.json")
    image.write_text(json.dumps(chips.memory()), "utf-8")
    book = JournalBook(*read_closed(journal))
    everything, loads = backend_book(backend.database)
    terminal = book.identity.terminal
    kept = BackendBook(
        {key: raw for key, raw in everything.rows.items() if key[0] == terminal},
        {key: charge for key, charge in everything.charges.items() if key[0] == terminal},
        loads={operation: load for operation, load in everything.loads.items() if load.terminal == terminal},
    )
    return reconcile([card for card in card_books(image, loads) if card.card in cards], [book], kept)
