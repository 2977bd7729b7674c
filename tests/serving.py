"""The reference backend with invented keys, on a free loopback port or without, and terminals that feed it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from apdu import crypto
from sync.backend.app import create_app
from sync.backend.keys import KeyFile
from sync.backend.operator import Operator, answered
from sync.backend.report import report
from sync.backend.service import Backend, Service
from sync.batch import Batch, heads
from sync.events import AnyEvent, Held
from sync.record import GENESIS, Row, encode
from sync.session import Answer
from sync.settlement import tac_data
from sync.stick import FOLDER, parcels, read_batch, write
from tests.rows import AT, held

MASTER = bytes(range(0x60, 0x70))
KEYS = KeyFile({"mohurd": MASTER})
NOW = "2024-05-06T08:00:00+08:00"


def tac_of(held: Held) -> str:
    """The TAC that the card would give for this debit."""
    issuer, serial = bytes.fromhex(held.issuer_factor), bytes.fromhex(held.serial_factor)
    card_key = crypto.diversify(crypto.diversify(MASTER, issuer), serial)
    return crypto.tac(card_key, tac_data(held)).hex().upper()


@contextmanager
def serving(data: Path, port: int = 0, versions: dict[str, str] | None = None) -> Iterator[str]:
    """Serve the store in `data`, to its operator too; gives the address."""
    app = create_app(data, KEYS, lambda: NOW, versions, operator=Operator(data))
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
            app.state.backend.close()


class Office:
    """A back office that answers sticks, without HTTP."""

    def __init__(self, data: Path) -> None:
        self.operator = Operator(data)
        self.stick_key = self.operator.stick_key
        self.backend = Backend(data, KEYS, lambda: NOW)

    def answer(self, stick: Path, terminal: str) -> int:
        """Answer the batches of a terminal, which is enrolled with its first; how many there were."""
        found = parcels(stick / FOLDER / terminal)
        for parcel in found:
            raw, batch = read_batch(parcel)
            write(parcel.answer, answered(self.backend, self.operator, raw, batch, True))
        return len(found)


def wait_until(is_so: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


class Terminal:
    """Rows of one terminal's epoch as they would leave its journal."""

    def __init__(self, backend: Service, name: str = "00330401") -> None:
        self.backend = backend
        self.identity = backend.enrol(name)
        self.rows: list[bytes] = []
        self.heads = [GENESIS]

    def add(self, *events: AnyEvent) -> int:
        """Append rows; the number of the last."""
        who = self.identity
        for event in events:
            seq = len(self.rows) + 1
            raw = encode(Row(who.terminal, who.epoch, seq, who.first_serial + seq - 1, AT, "rtc", "boot", 0, event))
            self.add_raw(raw)
        return len(self.rows)

    def add_raw(self, raw: bytes) -> None:
        """Append bytes, whatever they are."""
        self.rows.append(raw)
        self.heads += heads(self.heads[-1], [raw])

    def debit(self, *outcomes: AnyEvent, **changes: Any) -> Held:
        """A held debit and its outcomes; `held` of an outcome is filled in."""
        event = held(**changes)
        seq = self.add(event)
        self.add(*(type(outcome)(**{**members(outcome), "held": seq}) for outcome in outcomes))
        return event

    def batch(self, first: int = 1, last: int | None = None) -> Batch:
        """Rows first..last as a batch."""
        last = len(self.rows) if last is None else last
        rows = tuple(self.rows[first - 1 : last])
        who = self.identity
        return Batch(who.terminal, who.epoch, first, rows, self.heads[first - 1], self.heads[last])

    def send(self, first: int = 1, last: int | None = None) -> Answer:
        """Send rows first..last."""
        answer = self.backend.take(self.batch(first, last))
        assert answer is not None
        return answer


def members(event: AnyEvent) -> dict[str, Any]:
    """An event's members by name."""
    return {name: getattr(event, name) for name in event.__struct_fields__}


def found(backend: Service) -> dict[str, Any]:
    """The backend's report."""
    with backend.transaction() as database:
        return report(database)


def counts(backend: Service) -> dict[str, int]:
    """How many debits of each outcome, where there are any."""
    return {outcome: line["count"] for outcome, line in found(backend)["totals"].items() if line["count"]}


def alarms(backend: Service) -> list[str]:
    """What the backend raised alarms about."""
    return sorted(alarm["what"] for alarm in found(backend)["alarms"])
