"""The technician's page: parts and self-test, packs, sync, log, and a diagnostic bundle without personal data."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from config.editions import State
from terminal import packs
from terminal.faces.web.bundle import made
from terminal.faces.web.page import Act, Ask, House, Nothing, Page, Role, Who, day_of

if TYPE_CHECKING:
    from terminal.kinds import Shelved

Kind = Literal["tariff", "policy", "profiles", "settings", "issuers"]
ONLY = frozenset({Role.TECHNICIAN})


class Part(msgspec.Struct, frozen=True):
    """A part of the self-test. `how` "ok", "warning", "failed" or "in use"."""

    zh: str
    en: str
    how: str
    detail: str


class Device(msgspec.Struct, frozen=True):
    """What the device is made of now. `troubles` by part, with what to do."""

    software: str
    mode: str
    reader: str
    psam: str
    clock: str
    troubles: dict[str, str]


class Link(msgspec.Struct, frozen=True):
    """How the rows get out. `backend` "" for none; `acknowledged` the backend has the rows up to there."""

    backend: str
    online: bool | None
    last_contact: str
    server_time: str
    trouble: str
    stranded: bool
    last_row: int
    acknowledged: int
    unsent: int
    unsent_fen: int
    oldest_unsent_at: str


class Edition(msgspec.Struct, frozen=True):
    """A pack on the shelf. `state` "in_force", "previous" or "waiting"; `ordered_for` ISO date or ""."""

    kind: str
    version: str
    state: str
    in_force_from: str
    ordered_for: str
    signed: str


class OfKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Packs of that kind."""

    kind: Kind = "tariff"


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That pack, into force from day `on` (ISO), or with "" from today, not before its own first day."""

    version: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    kind: Kind = "tariff"
    on: Annotated[str, msgspec.Meta(pattern=r"\A([0-9]{4}-[0-9]{2}-[0-9]{2})?\Z")] = ""


class Ordered(msgspec.Struct, frozen=True):
    """What came of it: the version, and the day from which it holds."""

    version: str
    holds_from: str


class Technician:
    """The questions and acts."""

    def __init__(self, house: House) -> None:
        self._house = house

    def device(self, _who: Who | None, _asked: Nothing) -> Device:
        """Readers, PSAM, clock, troubles."""
        device, clock = self._house.device, self._house.clock.read()
        at = f"{clock.at.isoformat(timespec='seconds')} ({clock.trust.value})"
        mode = self._house.status().mode
        if device is None:
            return Device(self._house.software, mode, "", "", at, {})
        return Device(self._house.software, mode, device.reader_name, device.psam_name, at, dict(device.troubles))

    def selftest(self, _who: Who | None, _asked: Nothing) -> list[Part]:
        """Every part that can be tried while the device runs."""
        from terminal.commands.selftest import parts, tried

        return [Part(*tried(part, running=True)) for part in parts(self._house.configuration)]

    def link(self, _who: Who | None, _asked: Nothing) -> Link:
        """How sending stands."""
        journal, worker = self._house.journal, self._house.worker
        rows = journal.last_seq, journal.acknowledged, *journal.unsent()
        if worker is None:
            return Link("", None, "", "", "", False, *rows)
        told = worker.standing()
        said = told.online, told.last_contact, told.server_time, told.trouble, told.stranded
        return Link(self._house.configuration.sync.backend, *said, *rows)

    def packs(self, _who: Who | None, asked: OfKind) -> list[Edition]:
        """What is in force, what was, what waits. Raises ConfigError."""
        state = packs.shelf_of(self._house.configuration, asked.kind).state()
        configured = _shelved()[asked.kind].place(self._house.configuration)
        found = []
        for name, edition in (("in_force", state.active), ("previous", state.previous)):
            if edition is not None:
                day = edition.in_force_from.isoformat()
                found.append(Edition(asked.kind, edition.version, name, day, "", edition.signed))
            elif name == "in_force" or state.active is not None:
                found.append(Edition(asked.kind, configured, name, "", "", ""))
        for one in state.waiting:
            day, order = one.edition.in_force_from.isoformat(), one.ordered_for.isoformat() if one.ordered_for else ""
            found.append(Edition(asked.kind, one.edition.version, "waiting", day, order, one.edition.signed))
        return found

    def order(self, _who: Who, _operation: str, asked: Order) -> Ordered:
        """A waiting pack gets its day; the device takes it between two trips. Raises ConfigError, Refused."""
        shelf = packs.shelf_of(self._house.configuration, asked.kind)
        edition = shelf.state().find(asked.version).edition
        _shelved()[asked.kind].check(self._house.configuration, shelf.files(edition), asked.version)
        today = self._house.clock.read().at.date()
        day = day_of(asked.on) if asked.on else max(today, edition.in_force_from)
        shelf.change(lambda state: state.ordered(asked.version, day))
        return Ordered(asked.version, day.isoformat())

    def drop(self, _who: Who, _operation: str, asked: Order) -> Ordered:
        """A waiting pack goes, and its order with it. Raises ConfigError."""
        packs.shelf_of(self._house.configuration, asked.kind).change(lambda state: state.dropped(asked.version))
        return Ordered(asked.version, "")

    def rollback(self, _who: Who, _operation: str, asked: OfKind) -> Ordered:
        """The pack before holds again, between two taps. Raises ConfigError."""
        configuration = self._house.configuration
        shelf, shelved = packs.shelf_of(configuration, asked.kind), _shelved()[asked.kind]
        after = State.rolled_back(shelf.state()).active
        if after is not None:
            shelved.check(configuration, shelf.files(after), after.version)
        active = shelf.change(State.rolled_back).active
        today = self._house.clock.read().at.date().isoformat()
        return Ordered(active.version if active else shelved.place(configuration), today)

    def log(self, _who: Who | None, _asked: Nothing) -> list[str]:
        """The last lines."""
        return self._house.log()

    def bundle(self, who: Who | None, asked: Nothing) -> bytes:
        """A zip for whoever mends the program."""
        told: dict[str, Any] = {
            "device": self.device(who, asked),
            "link": self.link(who, asked),
            "selftest": self.selftest(who, asked),
            "packs": self.packs(who, OfKind()),
            "state": {"terminal": "", **msgspec.to_builtins(self._house.status())},
        }
        told["state"]["driver"] = bool(told["state"]["driver"])
        return made(self._house, told, self._house.log())


def _shelved() -> "dict[str, Shelved]":
    """The kinds of packs; loaded when somebody asks: pages open sooner without."""
    from terminal.kinds import SHELVED

    return SHELVED


def page(house: House) -> Page | None:
    """On every device."""
    tech = Technician(house)
    return Page(
        "technician",
        "技术员",
        "Technician",
        roles=ONLY,
        asks=(
            Ask("device", "设备组成", "what the device is made of", Nothing, Device, tech.device, ONLY),
            Ask("selftest", "自检", "try every part", Nothing, list[Part], tech.selftest, ONLY),
            Ask("link", "上传状态", "how sending stands", Nothing, Link, tech.link, ONLY),
            Ask("packs", "票价包等", "packs on the shelf", OfKind, list[Edition], tech.packs, ONLY),
            Ask("log", "日志", "the log's last lines", Nothing, list[str], tech.log, ONLY),
            Ask("bundle", "诊断包", "a diagnostic bundle (zip)", Nothing, bytes, tech.bundle, ONLY),
        ),
        acts=(
            Act("pack_order", "定日生效", "order a pack into force", Order, Ordered, tech.order, ONLY),
            Act("pack_drop", "删去待用", "drop a waiting pack", Order, Ordered, tech.drop, ONLY),
            Act("pack_rollback", "回退", "go back to the one before", OfKind, Ordered, tech.rollback, ONLY),
        ),
    )
