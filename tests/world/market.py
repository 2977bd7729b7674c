"""The market: tills that sell and load, customers, a bank; a card torn in a load is settled when it is back."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from apdu.script import Wire as AnyWire
from apdu.virtual import issuer
from apdu.virtual.cards import Card
from apdu.virtual.chance import Chance
from apdu.virtual.t0 import T0
from config.hotlist import HotList
from sync.backend.bank import SimulatedBank
from sync.backend.lender import Lender
from sync.backend.loads import Rules
from sync.backend.sql import open_sql
from sync.errors import JournalError
from sync.events import AnyEvent
from sync.events.load import Source
from sync.record import Row, decode
from terminal.chips import Chips
from terminal.desk import Desk
from terminal.ports import ContactlessReader
from terminal.precedence import Precedence
from terminal.till.counter import Till
from terminal.till.deal import Step
from terminal.till.issuer import Backend
from terminal.till.parts import Parts
from terminal.till.words import Refused
from tests import tills
from tests.bus import MORNING, PACKS, card, configuration
from tests.till_books import ACCOUNT_FEN, Books, count_the_money
from tests.world.books import check_rows, send_all
from tests.world.field import NO_FAULT, Fault, Slot, Wire
from tests.world.machine import START
from tests.world.station import Station
from tests.world.validator import PROFILES
from tests.world.violation import check
from tests.world.world import Faults, World

STEPS_A_DAY = 60
HOURS_OLDER_MS = 3 * 3_600_000
"""By so much a counter's time must go back before anybody is told (docs/operator.md)."""

CUSTOMERS, TILLS = 4, 2
TEARS = (0x54, 0x54, 0x52, 0x52, 0)
"""DEBIT, CREDIT FOR LOAD, or any command."""

SOURCES: tuple[Source, ...] = ("cash", "account")
ENDS = (("before", 3), ("after", 3), ("garbled", 1))


class TillStation(Station):
    """A till with its clerk, who tries again and starts the program again."""

    market: "Market"

    def __init__(self, market: "Market", name: str, number: str, psam: str) -> None:
        super().__init__(market, name, number)
        self.market = market
        self.psam_chip = T0(issuer.make_psam(bytes.fromhex(psam), 16, Chance(f"psam {psam}")))
        self.configuration = configuration(Path("/world") / name, number)
        self.till: Till

    def _plug(self) -> None:
        assert self.journal is not None and self.identity is not None
        self.journal.mark_signalled(self.journal.last_seq)
        desk = Desk(self.journal, self.configuration, HotList(MORNING.date(), ()), self.clock.read())
        self.till = Till(
            Parts(
                market=tills.MARKET,
                topup=tills.TOPUP,
                terminal=self.number,
                desk=desk,
                chips=Chips(desk, PROFILES, _no_reader, lambda: Slot(self.machine, self.psam_chip), 0.0, 0.0),
                clock=self.clock,
                profiles=PROFILES,
                pack=PACKS["jiaxing"],
                issuer=Backend(self.link, self.number, self.identity.epoch),
                wake=self.worker.wake,
                precedence=Precedence(),
            )
        )

    def _at_the_end(self) -> None:
        held = self.journal is not None and bool(self.journal.open_drafts_all())
        self.world.count_end(self.machine, held)

    def _switched_off(self) -> None:
        self.psam_chip.reset()

    def idle(self) -> None:
        """See Station."""
        self.world.time.pass_ms(6_000)
        self.do(lambda: None)

    def do(self, action: Any) -> None:
        """A clerk's act: a shift is open first; refusals are shown, trouble with the journal ends the program."""
        try:
            self.alive(lambda: self._in_shift(action))
        except Refused as refused:
            self.world.say(self.name, f"refused: {refused}")
        except JournalError as trouble:
            self.world.say(self.name, f"journal: {trouble}")
            self.power_cut()

    def _in_shift(self, action: Any) -> None:
        if self.till.ledger.shift is None:
            self.till.open_shift("0017")
        action()

    def put(self, customer: Card, fault: Fault = NO_FAULT) -> None:
        """A card is put down for the running deal."""
        assert customer.chip is not None
        customer.chip.reset()
        wire: AnyWire = Wire(self.machine, "card", customer.chip.transmit, customer.chip.reset, t0=False)
        assert isinstance(wire, Wire)
        wire.arm(fault)
        deal = self.till.serve(tills.Down(customer.uid, wire))
        self.market.loads += deal.what == "load" and deal.step is Step.DONE
        self.world.say(self.name, f"{deal.what} {customer.spec.number20[-4:]}: {deal.step.value} {wire.happened}")

    def events(self) -> list[AnyEvent]:
        """What the journal holds."""
        return [decode(stored.raw).event for stored in self.rows()]


class Market(World):
    """Tills, customers, the bank. `expected`: the alarms that wrong clocks and a restored backend raise with right."""

    def __init__(self, seed: int, faults: Faults | None = None) -> None:
        faults = faults or Faults()
        super().__init__(seed, faults if faults.often.get("clock") else replace(faults, no_battery=0.0))
        self.expected: set[str] = set()
        self.cards: list[Card] = [card(serial) for serial in range(1, CUSTOMERS + 1)]
        self.bank = SimulatedBank(open_sql(":memory:"), {one.spec.number20: ACCOUNT_FEN for one in self.cards})
        self.backend.lend(Lender(tills.KEYS, self.bank, Rules()))
        self.orders = count(1)
        self.loads = 0
        numbers = [f"0000030{place}" for place in range(1, TILLS + 1)]
        self.tills = [TillStation(self, f"till-{number[-1]}", number, f"3140{number}") for number in numbers]

    @property
    def stations(self) -> list[TillStation]:  # type: ignore[override]
        """All of them are tills."""
        return self.tills

    # --- days

    def day(self) -> None:
        """One day: STEPS_A_DAY things that happen, and the night."""
        with self.unreal_time():
            for till in self.tills:
                till.idle()
            for _ in range(STEPS_A_DAY):
                self.time.pass_ms(self.chance.choice((4_000, 40_000, 400_000)))
                names, weights = zip(*(_WHAT_HAPPENS | self.faults.often).items(), strict=True)
                till = self.chance.choice(self.tills)
                if self.chance.random() < 0.2:
                    self.repair(till)
                self.arm(till, 60)
                getattr(self, f"_{self.chance.choices(names, weights)[0]}")(till)
                till.machine.die_in = 0
            self.evening()
            for till in self.tills:
                till.do(lambda till=till: till.till.z())
                till.sync()
            self.morning()

    def _fault(self) -> Fault:
        if self.chance.random() >= self.faults.card:
            return NO_FAULT
        instruction = self.chance.choice(TEARS)
        what = self.chance.choices([name for name, _ in ENDS], [weight for _, weight in ENDS])[0]
        return Fault(1 if instruction else self.chance.randrange(1, 6), what, 0, instruction)

    def _deal(self, till: TillStation, begin: Any) -> None:
        """A deal from its order to its end, with some patience; the customer may go and be back at any till."""
        customer = self.chance.choice(self.cards)
        self.taps += 1
        till.do(begin)
        for _ in range(self.chance.choice((1, 1, 2, 3))):
            till.do(lambda: till.put(customer, self._fault()))
            self.time.pass_ms(self.chance.choice((1_000, 60_000)))
            if till.journal is None or till.till.ledger.running() is None:
                return
        if self.chance.random() < 0.5:
            till.do(lambda: till.till.give_up())

    def _sell(self, till: TillStation) -> None:
        fen = self.chance.choice((1, 250, 1_300))
        self._deal(till, lambda: till.till.sell(tills.order(next(self.orders)), [("x", fen)]))

    def _load(self, till: TillStation) -> None:
        fen, source = self.chance.choice((250, 1_300, 4_000)), self.chance.choice(SOURCES)
        self._deal(till, lambda: till.till.top_up(tills.order(next(self.orders)), fen, source))

    def _give_up(self, till: TillStation) -> None:
        till.do(lambda: till.till.give_up())

    def _put(self, till: TillStation) -> None:
        till.do(lambda: till.put(self.chance.choice(self.cards), self._fault()))

    def _bank(self, _till: TillStation) -> None:
        self.bank.away, self.bank.lose = self.chance.random() < 0.3, self.chance.choice((0, 0, 1, 2))

    def _sync(self, till: TillStation) -> None:
        till.sync()

    def _idle(self, till: TillStation) -> None:
        self.rest(till)

    def _power_cut(self, till: TillStation) -> None:
        till.power_cut()

    def _network(self, till: TillStation) -> None:
        self.trouble_network(till)

    def _disk(self, till: TillStation) -> None:
        self.trouble_disk(till)

    def _backend(self, _till: TillStation) -> None:
        self.trouble_backend(may_restore=False)

    def _restored(self, _till: TillStation) -> None:
        """From yesterday's backup; the bank is another's and forgets nothing."""
        self.say("backend", "restored from its backup")
        self.backend.restore()
        self.expected.add("load_without_grant")

    def _clock(self, till: TillStation) -> None:
        self.trouble_clock(till)

    # --- the end

    def ended_well(self) -> int:
        """Loads that a customer saw."""
        return self.loads

    def settle(self) -> None:
        """Everything works again, every deal ends, every card is seen at every till, every row arrives."""
        with self.unreal_time():
            self.mend()
            self.bank.away, self.bank.lose = False, 0
            for till in self.tills:
                till.idle()
                check(till.journal is not None, "ready", f"{till.name} does not start on a good disk")
                till.do(lambda till=till: till.till.ledger.running() and till.till.give_up())
            for _ in range(2):
                for till in self.tills:
                    for customer in self.cards:
                        self._last(till, customer)
                    send_all(till)
            for customer in self.cards:
                self._fetch(customer)
            for till in self.tills:
                till.do(lambda till=till: till.till.z())
                send_all(till)
                check_rows(till)
            rows = [decode(raw) for till in self.tills for raw in till.told]
            if any(abs(row.mono_ms + _booted_ms(row) - _wall_ms(row)) > HOURS_OLDER_MS for row in rows):
                self.expected |= {"counter_went_back", "backlog"}  # what is unsent is as old as the clock says
            try:
                count_the_money(Books(self.backend.backend, self.bank), self.cards, self.tills, self.expected)
            except AssertionError as wrong:
                check(False, "balanced to the fen", str(wrong)[:300])

    def _fetch(self, customer: Card) -> None:
        """A customer is given back what is owed."""
        till = self.tills[0]

        def give_back() -> None:
            for due in till.till.refunds(customer.spec.number20):
                till.till.top_up(tills.order(next(self.orders)), due.amount_fen, "refund", due.operation)
                till.put(customer)

        till.do(give_back)

    def _last(self, till: TillStation, customer: Card) -> None:
        """A small sale and a small load, each brought to its end."""
        sale, load = tills.order(next(self.orders)), tills.order(next(self.orders))
        for begin in (lambda: till.till.sell(sale, [("x", 1)]), lambda: till.till.top_up(load, 100, "cash")):
            till.do(begin)
            till.do(lambda: till.put(customer))
            till.do(lambda: till.till.ledger.running() and till.till.give_up())
            self.time.pass_ms(7_000)


def _booted_ms(row: Row) -> int:
    return int(row.boot.split()[1])


def _wall_ms(row: Row) -> float:
    """What its terminal took for the world's time."""
    return (datetime.fromisoformat(row.at) - START) / timedelta(milliseconds=1)


def _no_reader() -> ContactlessReader:
    raise AssertionError("cards are put down by the customer")


_WHAT_HAPPENS = {
    "sell": 20, "load": 30, "put": 10, "give_up": 4, "bank": 4, "sync": 10, "idle": 3, "power_cut": 3, "network": 5,
    "disk": 3, "backend": 2, "clock": 0, "restored": 0,
}  # fmt: skip
"""The things that happen to a day, by weight; the last two where a weather asks for them (docs/world.md, "Limits")."""
