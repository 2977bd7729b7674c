"""Tills in one process: simulated chips on wires that break where they are told, real journals, the backend's own book.

The backend is called without HTTP; `away` cuts the line to it, `lose` loses its next answers after it acted.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from apdu.purse.load import Granted
from apdu.script import Wire
from apdu.virtual import issuer
from apdu.virtual.cards import Card
from apdu.virtual.chance import Chance
from apdu.virtual.t0 import T0
from config.hotlist import HotList
from config.model import Market, TopUp
from sync.asking import NoAnswer
from sync.backend.bank import SimulatedBank
from sync.backend.keys import KeyFile
from sync.backend.lender import Lender
from sync.backend.loads import Rules
from sync.backend.service import Backend
from sync.backend.sql import open_sql
from sync.batch import Batch
from sync.chain import Identity
from sync.errors import JournalFull
from sync.events import AnyEvent, LoadHeld
from sync.journal import Journal
from sync.loading import Ask, Due
from sync.record import Row, decode
from terminal.chips import Chips
from terminal.desk import Desk
from terminal.ports import ClockTrust, ContactlessReader, Medium, Moment
from terminal.precedence import Precedence
from terminal.till.counter import Till
from terminal.till.deal import Deal
from terminal.till.parts import Parts
from tests.bus import MORNING, PACKS, configuration
from tests.chips import ChipWire, profiles

MARKET = Market(stall="A-17")
TOPUP = TopUp(place="南湖")
SCHEMES = {"mohurd": issuer.MOHURD, "tunion": issuer.TUNION}
KEYS = KeyFile(
    {name: masters.tac for name, masters in SCHEMES.items()}, {name: masters.load for name, masters in SCHEMES.items()}
)


def key_file() -> str:
    """The text of a key file with KEYS."""
    tac = [f'{name} = "{masters.tac.hex()}"' for name, masters in SCHEMES.items()]
    load = [f'{name} = "{masters.load.hex()}"' for name, masters in SCHEMES.items()]
    return "\n".join(["[tac]", *tac, "[load]", *load, ""])


@dataclass
class Time:
    """One clock for tills and backend; it moves when it is told."""

    at: datetime = MORNING
    mono_ms: int = 0

    def read(self) -> Moment:
        """Fits terminal.ports.Clock."""
        self.mono_ms += 1
        return Moment(self.at, ClockTrust.SYNCED, self.mono_ms)

    def later(self, **duration: float) -> None:
        """Time passes."""
        self.at += timedelta(**duration)

    def now(self) -> str:
        """As the backend wants it."""
        return self.at.isoformat(timespec="seconds")


@dataclass
class City:
    """The backend with its bank, and the clock."""

    folder: Path
    accounts: dict[str, int] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    time: Time = field(default_factory=Time)

    def __post_init__(self) -> None:
        self.bank = SimulatedBank(open_sql(":memory:"), self.accounts)
        self.start()

    def start(self) -> None:
        """The backend's process begins."""
        self.lender = Lender(KEYS, self.bank, self.rules)
        self.backend = Backend(self.folder, KEYS, self.time.now)
        self.backend.lend(self.lender)

    def restart(self) -> None:
        """It ends and begins again; the bank is another's."""
        self.backend.close()
        self.start()

    def loads(self) -> dict[str, tuple[str, str, int]]:
        """Each load: source, state, fen."""
        with self.backend.transaction() as database:
            found = database.query("select * from topup order by made, operation")
            return {load["operation"]: (load["source"], load["state"], load["amount_fen"]) for load in found}

    def alarms(self) -> list[str]:
        """What the backend raised alarms about."""
        with self.backend.transaction() as database:
            return sorted(alarm["what"] for alarm in database.query("select what from alarm"))


@dataclass
class Line:
    """The way to the backend; fits terminal.till.issuer.Issuer."""

    city: City
    identity: Identity
    away: bool = False
    lose: int = 0

    def granted(self, seq: int, held: LoadHeld) -> Granted | str:
        """See Issuer."""
        if self.away:
            return "no_answer"
        question = Ask(self.identity.terminal, self.identity.epoch, seq, held)
        answer = self.city.lender.ask(self.city.backend.transaction, question, self.city.time.now())
        if self.lose:
            self.lose -= 1
            return "no_answer"
        return Granted(bytes.fromhex(answer.mac2), answer.when) if answer.state == "granted" else answer.why

    def refunds(self, card: str) -> list[Due]:
        """See Issuer."""
        if self.away:
            raise NoAnswer("cut")
        return self.city.lender.refunds(self.city.backend.transaction, card)


@dataclass
class Down:
    """A card that lies on the reader; fits terminal.ports.Card."""

    uid: bytes
    wire: Wire
    medium: Medium = Medium.ISO_DEP

    def present(self) -> bool:
        """It lies there."""
        return True


class Slot:
    """The PSAM's slot; fits terminal.ports.ContactSlot."""

    name = "simulated"

    def __init__(self, wire: ChipWire) -> None:
        self.wire: Wire = wire

    def close(self) -> None:
        """Nothing to give back."""


class Counter:
    """One till of the city, with its own journal and PSAM."""

    def __init__(
        self,
        city: City,
        folder: Path,
        number: int = 1,
        market: Market = MARKET,
        topup: TopUp = TOPUP,
        hot: Iterable[tuple[str, int]] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.city, self.market, self.topup = city, market, topup
        self.hot_list = HotList(MORNING.date(), hot)
        self.number = f"{number:08d}"
        self.configuration = configuration(folder, self.number)
        self.path = folder / "journal.db"
        who = city.backend.enrol(self.number)
        self.identity = Identity(who.terminal, who.epoch, who.first_serial)
        psam = T0(issuer.make_psam(bytes.fromhex(f"3140000000{number:02d}"), 16, Chance(f"psam {number}")))
        self.psam = ChipWire(psam.transmit, t0=True)
        self.psam_chip = psam
        self.line = Line(city, self.identity)
        self.start()
        if self.till.ledger.shift is None:
            self.till.open_shift("0017")

    def start(self) -> None:
        """Power on."""
        self.psam_chip.reset()
        self.journal = Journal.open(self.path, self.identity, "boot")
        self.disk_takes = self.disk_fails = 0
        self._break(self.journal)
        self.journal.mark_signalled(self.journal.last_seq)
        time = self.city.time
        desk = Desk(self.journal, self.configuration, self.hot_list, time.read())
        chips = Chips(desk, profiles(), _no_reader, lambda: Slot(self.psam), 0.0, 0.0)
        self.till = Till(
            Parts(
                market=self.market,
                topup=self.topup,
                terminal=self.number,
                desk=desk,
                chips=chips,
                clock=time,
                profiles=profiles(),
                pack=PACKS["jiaxing"],
                issuer=self.line,
                wake=lambda: None,
                precedence=Precedence(),
            )
        )

    def _break(self, journal: Journal) -> None:
        """After `disk_takes` more rows the disk refuses the next `disk_fails`."""
        for name in ("keep", "hold"):
            write = getattr(journal, name)

            def written(*row: object, _write: Callable[..., Row] = write) -> Row:
                self.disk_takes -= bool(self.disk_fails)
                if self.disk_fails and self.disk_takes < 0:
                    self.disk_fails -= 1
                    raise JournalFull("the disk is full")
                return _write(*row)

            setattr(journal, name, written)

    def restart(self) -> None:
        """Power off and on."""
        self.journal.close()
        self.start()

    def put(self, card: Card, tear: tuple[int, bool] | None = None, **answers: Callable[[bytes], bytes]) -> Deal:
        """The card is put down for the running deal; `tear`: its n-th command is lost, before or after it ran."""
        assert card.chip is not None
        card.chip.reset()
        self.wire = ChipWire(card.chip.transmit)
        self.wire.cut = tear
        return self.till.serve(Down(card.uid, self.wire))

    def sync(self) -> None:
        """All rows reach the backend."""
        while rows := self.journal.rows(self.journal.acknowledged, 200, 400_000):
            first, last = rows[0].seq, rows[-1].seq
            before = self.journal.head_at(first - 1)
            raws = tuple(row.raw for row in rows)
            identity = self.identity
            batch = Batch(identity.terminal, identity.epoch, first, raws, before, rows[-1].head)
            answer = self.city.backend.take(batch)
            assert answer is not None and not answer.quarantined, answer
            assert answer.ack_through == last
            self.journal.acknowledge(last)

    def events(self) -> list[AnyEvent]:
        """What the journal holds."""
        return [decode(stored.raw).event for stored in self.journal.rows(0, 100_000, 100_000_000)]

    def kinds(self, *without: str) -> list[str]:
        """The kinds of its rows."""
        kinds = [str(type(event).__struct_config__.tag) for event in self.events()]
        return [kind for kind in kinds if kind not in without]


def order(number: int) -> str:
    """An order as a page would make it."""
    return f"{number:020x}"


def balance(card: Card) -> int:
    """What the chip's own memory says."""
    assert card.purse is not None
    return card.purse.memory.balance_fen


def _no_reader() -> ContactlessReader:
    raise AssertionError("cards are put down by the test")
