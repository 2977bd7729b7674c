"""A validator with its pages, in one process: real taps, journal and server; what a card is told goes to the face."""

import http.client
import json
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from apdu.virtual.cards import Card
from config.model import Web
from terminal import box
from terminal.box import NO_HOT_LIST
from terminal.faces.table import load_signals
from terminal.faces.web.accounts import Accounts
from terminal.faces.web.face import WebFace
from terminal.faces.web.page import House, Role
from terminal.loop import Device, Plugs, Tables
from terminal.mode import Mode
from terminal.ports import Face, Moment, ReaderLost
from terminal.tap import Outcome
from tests.bus import Bus, card

PATIENCE = 15.0
PASSWORDS = {Role.CLERK: "clerk-1-word", Role.SUPERVISOR: "super-1-word", Role.TECHNICIAN: "tech-1-word"}
NAMES = {Role.CLERK: "0101", Role.SUPERVISOR: "0201", Role.TECHNICIAN: "0901"}
SIGNALS = load_signals()


class Answer(NamedTuple):
    """One answer of the server."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.raw)


class Client:
    """A program on this machine: sends what it is told to, and nothing that it is not."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookie = self.token = ""

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request in a connection of its own; `headers` with "_" for "-" stand in for its own."""
        sent = {"Host": f"127.0.0.1:{self.port}"}
        if self.cookie:
            sent |= {"Cookie": self.cookie, "X-SMK-Token": self.token}
        if body is not None:
            sent["Content-Type"] = "application/json"
        for name, value in headers.items():
            sent[name.replace("_", "-")] = value
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.putrequest(method, path, skip_host=True)
            for name, value in sent.items():
                if value:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(raw)))
            connection.endheaders(raw)
            answer = connection.getresponse()
            return Answer(answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        """GET."""
        return self.send("GET", path, **headers)

    def act(self, name: str, body: Any, operation: str = "", **headers: str) -> Answer:
        """One act, under a name of its own unless one is given."""
        return self.send("POST", f"/api/{name}", body, X_SMK_Operation=operation or str(uuid4()), **headers)

    def log_in(self, role: Role) -> "Client":
        """As the one of that role."""
        return self.log_in_as(NAMES[role], PASSWORDS[role])

    def log_in_as(self, name: str, password: str) -> "Client":
        """As anybody."""
        answer = self.send("POST", "/api/log_in", {"name": name, "password": password})
        assert answer.status == 200, answer
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        self.token = answer.json["token"]
        return self


class _BusClock:
    """The bus's own time."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def read(self) -> Moment:
        return self._bus.moment()


class Served:
    """A bus with its pages."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.data = Path(bus.configuration.terminal.data)
        self.accounts = Accounts(self.data)
        self.face = WebFace(0)
        self.device = self._device()
        self.serve()
        self.tell()

    def _device(self) -> Device:
        def nothing() -> Any:
            raise ReaderLost("cards come from the test")

        def status(device: Device) -> Any:
            return box.status(device, None)

        bus = self.bus
        plugs = Plugs(
            open_reader=nothing,
            open_slot=nothing,
            clock=_BusClock(bus),
            face=self.face,
            signal=lambda outcome: box.told(SIGNALS, outcome),
            status=status,
            on_tap=lambda: None,
            on_idle=lambda day: None,
            software="test",
            sqlite="",
        )
        device = Device(bus.configuration, bus.profiles, Tables(bus.pack, bus.hot_list or NO_HOT_LIST), bus.desk, plugs)
        device.mode = Mode.READY
        return device

    def serve(self) -> None:
        """Open the pages."""
        self.face.open(self.house)
        assert self.face.ready.wait(PATIENCE)

    def house(self) -> House:
        """What the pages stand on."""
        device, bus = self.device, self.bus
        configuration = replace(bus.configuration, web=Web(self.face.port))
        clock = _BusClock(bus)
        return House(configuration, bus.journal, clock, lambda: box.status(device, None), "test", device=device)

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.face.port}"

    def client(self, role: Role | None = None) -> Client:
        """A client, logged in where a role is given."""
        made = Client(self.face.port)
        if role is None:
            return made
        if self.accounts.people().account(NAMES[role]) is None:
            self.accounts.add(NAMES[role], role, PASSWORDS[role])
        return made.log_in(role)

    def tap(self, tapped: Card | None = None) -> Outcome:
        """A card is tapped, and told."""
        outcome = self.bus.tap(tapped or card(secrets.randbelow(10**6) + 1))
        self.face.show(box.told(SIGNALS, outcome))
        return outcome

    def tell(self) -> None:
        """The device's state goes to the pages."""
        face: Face = self.face
        face.idle(box.status(self.device, None))

    def restart(self) -> None:
        """The process ends and begins again, on the same port."""
        self.face.close()
        self.bus.restart()
        self.again()
        self.tell()

    def again(self) -> None:
        """The pages on the same port, on the journal as it is; no loop tells them the state."""
        self.face = WebFace(self.face.port)
        self.device = self._device()
        self.serve()

    def close(self) -> None:
        """End."""
        self.face.close()
        self.bus.journal.close()
