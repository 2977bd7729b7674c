"""Two buses, their riders' purses and the backend as one machine: whatever happens, every fen is in the books once.

Everything is real but wire and network: the chips' scripts, tap, desk, journal files, batches, the backend with its
TAC keys. A card torn on one bus rides on the other, which pays by another script; then it comes back, or never does.
"""

from collections import defaultdict
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from apdu.virtual import elsewhere, issuer
from apdu.virtual.cards import Card
from sync.backend.keys import KeyFile
from sync.backend.service import Backend
from sync.batch import Batch, pack, unpack
from sync.chain import Stored
from sync.events import Done, Grey, Held, Void
from sync.limits import BATCH_BYTES_MAX
from sync.reconcile import CardBook, JournalBook, reconcile
from sync.record import decode
from terminal.books import backend_book
from tests import memory
from tests.bus import Bus, card, driver
from tests.chips import ISSUER_SHANGHAI, OTHER_PSAM_NUMBER, PSAM_NUMBER, ChipWire
from tests.serving import NOW

KEYS = KeyFile({"mohurd": issuer.MOHURD.tac, "tunion": issuer.TUNION.tac})
RIDERS: tuple[dict[str, object], ...] = (
    {},
    {"main_type": "20"},
    {"kind": "tunion", "city": "2900", "issuer": ISSUER_SHANGHAI},
    {"balance_fen": 150},
)
TEARS = st.none() | st.tuples(st.integers(1, 8), st.booleans())
BUSES, CARDS = st.sampled_from((0, 1)), st.integers(0, len(RIDERS) - 1)


class Ends(ChipWire):
    """A wire on which one command is answered with a status of the chip's trouble, after it ran it or instead."""

    def __init__(self, chip: Card, ins: int, status: bytes, executed: bool) -> None:
        assert chip.chip is not None
        super().__init__(chip.chip.transmit)
        self.ins, self.status, self.executed = ins, status, executed

    def transmit(self, raw: bytes) -> bytes:
        if raw[1] != self.ins:
            return super().transmit(raw)
        if self.executed:
            super().transmit(raw)
        return self.status


class City(RuleBasedStateMachine):
    """Two buses of one line."""

    @initialize()
    def begin(self) -> None:
        self.folder = memory.folder()
        place = Path(self.folder.name)
        self.backend = Backend(place / "backend", KEYS, lambda: NOW)
        self.buses = [
            Bus(place / "front", number="00000001", psam=PSAM_NUMBER, pack="jiaxing"),
            Bus(place / "other", number="00000002", vehicle="1002", psam=OTHER_PSAM_NUMBER, pack="jiaxing-flat"),
        ]
        self.riders = [card(100 + nth, **values) for nth, values in enumerate(RIDERS)]
        self.loaded = defaultdict[str, int](int)
        for bus in self.buses:
            self.backend.enrol(bus.configuration.terminal.number)
            bus.tap(driver())

    def teardown(self) -> None:
        if not hasattr(self, "buses"):
            return
        try:
            self.all_is_settled_in_the_end()
        finally:
            for bus in self.buses:
                bus.journal.close()
            self.backend.close()
            self.folder.cleanup()

    # On the bus

    @rule(bus=BUSES, rider=CARDS, tear=TEARS)
    def tap(self, bus: int, rider: int, tear: tuple[int, bool] | None) -> None:
        self.buses[bus].tap(self.riders[rider], tear=tear)

    @rule(bus=BUSES, rider=CARDS, executed=st.booleans())
    def tear_at_the_debit(self, bus: int, rider: int, executed: bool) -> None:
        self.buses[bus].tap_torn_at_debit(self.riders[rider], executed)

    @rule(
        bus=BUSES,
        rider=CARDS,
        ins=st.sampled_from((0x50, 0xDC, 0x54, 0x5A, 0xB2)),
        status=st.sampled_from(("6581", "6F00", "9302", "6985", "9406", "9000")),
        executed=st.booleans(),
    )
    def chip_trouble(self, bus: int, rider: int, ins: int, status: str, executed: bool) -> None:
        chip = self.riders[rider].chip
        assert chip is not None
        chip.reset()
        self.buses[bus].wire = Ends(self.riders[rider], ins, bytes.fromhex(status), executed)
        self.buses[bus].serve(self.riders[rider])

    @rule(bus=BUSES, rider=CARDS, ins=st.sampled_from((0xA4, 0x70, 0x72)))
    def psam_trouble(self, bus: int, rider: int, ins: int) -> None:
        """The PSAM fails at one of its commands, and is opened again."""
        self.buses[bus].psam_wire.answers[ins] = b"\x6f\x00"
        self.buses[bus].tap(self.riders[rider])
        self.buses[bus].psam_wire.answers.clear()
        self.buses[bus].restart()

    @rule(bus=BUSES)
    def power_off_and_on(self, bus: int) -> None:
        self.buses[bus].restart()

    @rule(minutes=st.sampled_from((1, 9, 30, 700)))
    def time_passes(self, minutes: int) -> None:
        self.passes(minutes=minutes)

    def passes(self, **duration: float) -> None:
        for bus in self.buses:
            bus.later(**duration)

    @rule()
    def the_service_day_ends(self) -> None:
        for bus in self.buses:
            bus.later(days=1)
            bus.desk.begin(bus.moment(), None)
            bus.desk.end_service_day(bus.at)

    @rule(rider=CARDS, fen=st.sampled_from((100, 5_000)))
    def top_up(self, rider: int, fen: int) -> None:
        """A counter loads money and tells the backend. Its clock agrees with the buses': loads are placed by time."""
        loaded = self.riders[rider]
        self.passes(seconds=30)
        told = elsewhere.load(loaded, fen, f"{self.buses[0].at:%Y%m%d%H%M%S}")
        self.passes(seconds=30)
        number = loaded.spec.number20
        load = {"load_counter": told["load_counter"], "amount_fen": fen, "at": told["moment"]}
        self.backend.add_loads([{"card": number, **load}])
        self.loaded[number] += fen

    # On the way

    @rule(bus=BUSES, limit=st.integers(1, 9), answered=st.booleans())
    def send(self, bus: int, limit: int, answered: bool) -> None:
        """A batch arrives; its answer may be lost, then the rows come again."""
        journal = self.buses[bus].journal
        first = journal.acknowledged
        rows = journal.rows(first, limit, BATCH_BYTES_MAX)
        raws = tuple(row.raw for row in rows)
        before = journal.head_at(first)
        head = rows[-1].head if rows else before
        answer = self.backend.take(unpack(pack(Batch(*journal.identity[:2], first + 1, raws, before, head))))
        assert answer is not None and not answer.quarantined
        if answered:
            journal.acknowledge(answer.want_from - 1)

    # What always holds

    def stored(self, bus: Bus) -> list[Stored]:
        return bus.journal.rows(0, 100_000, 1_000_000_000)

    @precondition(lambda self: hasattr(self, "buses"))
    @invariant()
    def what_left_a_card_is_between_what_is_known_and_what_is_open(self) -> None:
        done, most = defaultdict[str, int](int), defaultdict[str, int](int)
        for bus in self.buses:
            events = [decode(row.raw).event for row in self.stored(bus)]
            final = [event.held for event in events if isinstance(event, Done | Void)]
            assert len(final) == len(set(final)), "a draft is DONE or VOID once"
            paid = {event.held for event in events if isinstance(event, Done)}
            void = {event.held for event in events if isinstance(event, Void)}
            for seq, event in enumerate(events, 1):
                if isinstance(event, Held):
                    done[event.card] += event.amount * (seq in paid)
                    most[event.card] += event.amount * (seq not in void)
                if isinstance(event, Grey | Done | Void):
                    assert isinstance(events[event.held - 1], Held)
        for rider in self.riders:
            assert rider.purse is not None
            number = rider.spec.number20
            spent = rider.spec.balance_fen + self.loaded[number] - rider.purse.memory.balance_fen
            assert done[number] <= spent <= most[number], (number, done[number], spent, most[number])

    def all_is_settled_in_the_end(self) -> None:
        """Every card comes once more to both buses, all rows arrive, the three books agree."""
        for rider in self.riders:
            for bus in self.buses:
                for _ in range(2):
                    bus.later(minutes=11)
                    bus.tap(rider)
        for bus in self.buses:
            events = [decode(row.raw).event for row in self.stored(bus)]
            held = {seq for seq, event in enumerate(events, 1) if isinstance(event, Held)}
            assert held == {event.held for event in events if isinstance(event, Done | Grey | Void)}
        for nth, bus in enumerate(self.buses):
            while bus.journal.acknowledged < bus.journal.last_seq:
                self.send(nth, 200, answered=True)
        book, loads = backend_book(Path(self.folder.name) / "backend" / "backend.db")
        assert loads == {number: fen for number, fen in self.loaded.items() if fen}
        journals = [JournalBook(bus.journal.identity, self.stored(bus)) for bus in self.buses]
        found = reconcile([self.card_book(rider) for rider in self.riders], journals, book)
        assert found.balanced, found.lines("en")

    def card_book(self, rider: Card) -> CardBook:
        assert rider.purse is not None
        memory_of, spec = rider.purse.memory, rider.spec
        loaded = self.loaded[spec.number20]
        return CardBook(spec.number20, spec.balance_fen, loaded, memory_of.balance_fen, spec.counter, memory_of.counter)


City.TestCase.settings = settings(max_examples=25, stateful_step_count=25)
test_every_fen_is_in_the_books_once_whatever_happens = City.TestCase
