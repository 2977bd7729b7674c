"""A bus validator in one process: real tap, desk, pack and journal over in-process chips; the test moves the clock."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from apdu.psam import open_psam
from apdu.script import Slot, run
from apdu.virtual import elsewhere, issuer
from apdu.virtual.cards import Card, personalise
from apdu.virtual.chance import Chance
from apdu.virtual.spec import CardSpec
from apdu.virtual.t0 import T0
from config.hotlist import HotList
from config.model import Configuration, Duty, Psam, Service, Tariff, Terminal
from config.store import load_pack_files
from sync.chain import Identity
from sync.events import AnyEvent, Held
from sync.journal import Journal
from sync.record import decode
from tariffs.pack import parse_pack
from terminal.desk import Desk
from terminal.drivers.clock import CHINA
from terminal.ports import ClockTrust, Medium, Moment
from terminal.tap import Outcome, Situation, Tap
from tests.chips import OTHER_PSAM_NUMBER, PSAM_NUMBER, ChipWire, profiles

MORNING = datetime(2026, 11, 23, 8, 0, 0, 400_000, tzinfo=CHINA)
DRIVER = "31400000000000000900"
OTHER_DRIVER = "31400000000000000901"
PACKS = {name: parse_pack(load_pack_files(f"builtin:{name}")) for name in ("jiaxing", "jiaxing-flat")}


def configuration(data: Path, number: str = "00000001", vehicle: str = "1001") -> Configuration:
    """A bus with two drivers; the first has two duties."""
    return Configuration(
        terminal=Terminal(number, "000000000000001", str(data)),
        psam=Psam("Virtual PCD"),
        tariff=Tariff("builtin:jiaxing"),
        service=Service("1", 0, vehicle),
        duties=(Duty(DRIVER, "1", 0, "", 1), Duty(DRIVER, "3", 1, "", 2), Duty(OTHER_DRIVER, "3", 0, "", 1)),
    )


class TornAtDebit(ChipWire):
    """A wire whose card leaves as DEBIT goes out."""

    def __init__(self, chip: Callable[[bytes], bytes], executed: bool) -> None:
        super().__init__(chip)
        self.executed = executed

    def transmit(self, raw: bytes) -> bytes:
        if raw[1] == 0x54:
            self.cut = (1, self.executed)
        return super().transmit(raw)


class Bus:
    """One validator. `tap` serves a card and returns its outcome; time passes by `later`."""

    def __init__(
        self,
        data: Path,
        *,
        number: str = "00000001",
        vehicle: str = "1001",
        psam: str = PSAM_NUMBER,
        pack: str = "jiaxing",
        hot: Iterable[tuple[str, int]] = (),
    ) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.configuration = configuration(data, number, vehicle)
        self.path = data / "journal.db"
        self.pack = PACKS[pack]
        self.hot_list = HotList(date(2026, 11, 1), hot)
        self.profiles = profiles()
        self.at = MORNING
        self.trust = ClockTrust.SYNCED
        self.stop = ""
        self.mono_ms = 1_000_000
        self.psam_chip = T0(issuer.make_psam(bytes.fromhex(psam), 16, Chance(f"psam {psam}")))
        self.psam_wire = ChipWire(self.psam_chip.transmit, t0=True)
        self.wire = ChipWire(lambda raw: b"\x6f\x00")
        self._start()

    def moment(self) -> Moment:
        return Moment(self.at, self.trust, self.mono_ms)

    def restart(self) -> None:
        """Power off and on: a new process finds the journal."""
        self.journal.close()
        self._start()

    def _start(self) -> None:
        identity = Identity(self.configuration.terminal.number, 1, 1)
        self.journal = Journal.open(self.path, identity, f"boot {self.mono_ms}")
        self.desk = Desk(self.journal, self.configuration, self.hot_list, self.moment())
        self.psam_chip.reset()
        psam = run(open_psam(self.profiles), {Slot.PSAM: self.psam_wire}, lambda draft: None)
        self.desk.plug_psam(psam, self.psam_wire)

    def later(self, **duration: float) -> None:
        """Time passes."""
        self.at += timedelta(**duration)
        self.mono_ms += int(timedelta(**duration).total_seconds() * 1000)

    def tap(self, card: Card, medium: Medium = Medium.ISO_DEP, tear: tuple[int, bool] | None = None) -> Outcome:
        """The card comes, is served and goes; `tear`: its n-th command is lost, before or after the card ran it."""
        if card.chip is not None:
            card.chip.reset()
            self.wire = ChipWire(card.chip.transmit)
        self.wire.cut = tear
        return self.serve(card, medium)

    def serve(self, card: Card, medium: Medium = Medium.ISO_DEP) -> Outcome:
        """Serve the card on the wire as it is."""
        self.desk.begin(self.moment(), self.wire)
        situation = Situation(
            self.at,
            medium,
            card.uid,
            self.profiles,
            self.pack,
            self.desk.service(self.pack.version, self.hot_list.version, self.stop),
            self.desk.duty.began_at,
        )
        outcome = Tap(self.desk, situation).serve()
        self.desk.remember(outcome, self.mono_ms)
        return outcome

    def tap_torn_at_debit(self, card: Card, executed: bool) -> Outcome:
        """The card leaves as DEBIT goes out, before or after it ran it."""
        assert card.chip is not None
        card.chip.reset()
        self.wire = TornAtDebit(card.chip.transmit, executed)
        return self.serve(card)

    def events(self) -> list[AnyEvent]:
        """What the journal holds."""
        return [decode(stored.raw).event for stored in self.journal.rows(0, 10_000, 10_000_000)]

    def kinds(self) -> list[str]:
        """The kinds of its rows."""
        return [str(type(event).__struct_config__.tag) for event in self.events()]

    def held(self) -> list[Held]:
        """Its drafts."""
        return [event for event in self.events() if isinstance(event, Held)]


def card(serial: int, **values: object) -> Card:
    """A Jiaxing card, 100 yuan on it unless told otherwise."""
    return personalise(replace(CardSpec(f"{serial:016d}", balance_fen=10_000), **values))  # type: ignore[arg-type]


def driver(number: str = DRIVER) -> Card:
    """A driver's card."""
    return card(int(number[4:]), main_type="70")


def paid_fen(served: Card) -> int:
    """What has left the card, by the chip's own memory."""
    assert served.purse is not None
    return served.spec.balance_fen - served.purse.memory.balance_fen


def pay_on_another_bus(paying: Card, amount_fen: int, kind: str, when: str, records: list[str]) -> None:
    """A fare taken by a PSAM that this validator never sees."""
    other = issuer.make_psam(bytes.fromhex(OTHER_PSAM_NUMBER), 900, Chance("another bus"))
    elsewhere.purchase(paying, other, amount_fen, kind, when, records)
