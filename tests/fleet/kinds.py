"""Devices of every kind on in-memory wires, each with its own journal and sync thread, against a city's backend."""

import random
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

from apdu.virtual.cards import Card
from config.store import load_pack_files
from sync.chain import Identity
from sync.journal import Journal
from sync.link import Link
from sync.vault import Vault
from sync.worker import Worker, enrol
from tariffs.library import parse_lending
from terminal.drivers.clock import CHINA, SystemClock
from terminal.hospital.step import Step
from terminal.library.counter import Counter as Library
from terminal.library.counter import Rules
from terminal.precedence import Precedence
from terminal.till import issuer as till_issuer
from tests import counters, tills
from tests.bus import Bus, card, paid_fen
from tests.libraries import connected

READERS = ("31400000000012345678", "31400000000012345679")
BOOKS = tuple(f"B{number:04}" for number in range(1, 7))
FAMILY = "jiaxing"


class Living(Protocol):
    """A device that works by itself. `journal` goes to the backend by a thread of its own."""

    kind: str
    journal: Journal

    def act(self) -> None:
        """One customer."""
        ...

    def finish(self) -> None:
        """The day ends: what is open is settled; the last rows go to the backend."""
        ...

    def taken_fen(self) -> int:
        """What has left the cards of this device, less what was loaded, by the chips' own memory."""
        ...

    def close(self) -> None:
        """The thread ends, the journal is closed."""
        ...


def identity_of(address: str, number: str) -> Identity:
    """A new epoch of this terminal."""
    link = Link(address)
    found = enrol(link, number)
    link.close()
    assert isinstance(found, Identity), found
    return found


class _Sending:
    """The sync thread of a journal."""

    def __init__(self, journal: Journal, address: str) -> None:
        self.link = Link(address)
        self.worker = Worker(journal, self.link, lambda versions: None, lambda what, detail: None)
        self.worker.start()

    def end(self) -> None:
        """Give it back."""
        self.worker.stop(10)
        self.link.close()


class Validator:
    """A bus with riders of its own."""

    kind = "bus 公交"

    def __init__(self, folder: Path, number: str, address: str, chance: random.Random) -> None:
        identity = identity_of(address, number)
        assert (identity.epoch, identity.first_serial) == (1, 1), "a new city"
        self.bus = Bus(folder, number=number, vehicle=f"V{number[-4:]}", psam=f"3140000{int(number):05d}")
        self.journal = self.bus.journal
        self.cards: list[Card] = [card(int(number) * 1_000 + place) for place in range(30)]
        self.chance = chance
        self._sending = _Sending(self.journal, address)

    def act(self) -> None:
        """A rider; now and then one whose card leaves in the middle."""
        self.bus.at = datetime.now(CHINA)
        self.bus.mono_ms += 4_000
        rider = self.chance.choice(self.cards)
        if self.chance.random() < 0.05:
            self.bus.tap_torn_at_debit(rider, self.chance.random() < 0.5)
        self.bus.tap(rider)
        self._sending.worker.wake()

    def finish(self) -> None:
        """Whoever left in the middle comes once more."""
        for rider in self.cards:
            if self.journal.open_drafts(rider.spec.number20):
                self.bus.tap(rider)
        self._sending.worker.wake()

    def taken_fen(self) -> int:
        """See Living."""
        return sum(map(paid_fen, self.cards))

    def close(self) -> None:
        """See Living."""
        self._sending.end()
        self.journal.close()


class TillDevice(tills.Counter):
    """A till whose issuer is asked over HTTP."""

    def __init__(self, folder: Path, number: str, address: str, chance: random.Random, topup: bool) -> None:
        self.kind = "top-up 充值" if topup else "market 市场"
        self.address, self.chance, self.tops_up = address, chance, topup
        self.cards = [card(int(number) * 1_000 + place, balance_fen=5_000) for place in range(12)]
        self.orders = 0
        city: Any = SimpleNamespace(
            time=SystemClock(), backend=SimpleNamespace(enrol=lambda name: identity_of(address, name))
        )
        super().__init__(city, folder, int(number))
        self._sending = _Sending(self.journal, address)

    def start(self) -> None:
        """Power on."""
        self.line: Any = till_issuer.Backend(Link(self.address), self.number, self.identity.epoch)
        super().start()

    def act(self) -> None:
        """A customer: a sale, or a load paid in cash."""
        self.orders += 1
        order = f"{int(self.number):08x}{self.orders:012x}"
        if self.tops_up:
            self.till.top_up(order, 1_000, "cash")
        else:
            self.till.sell(order, [("菜 greens", self.chance.randrange(100, 900))])
        self.put(self.chance.choice(self.cards))
        self._sending.worker.wake()

    def finish(self) -> None:
        """The shift is closed."""
        self.till.z()
        self._sending.worker.wake()

    def taken_fen(self) -> int:
        """See Living."""
        return sum(map(paid_fen, self.cards))

    def close(self) -> None:
        """See Living."""
        self._sending.end()
        self.journal.close()


class Ward:
    """A hospital's counter: one patient after the other."""

    kind = "hospital 医院"

    def __init__(self, city: counters.City, chance: random.Random) -> None:
        self.desk, self.chance = city.desk(), chance
        self.journal = self.desk.journal

    def act(self) -> None:
        """A patient, from the chip to the receipt."""
        day, fen = f"{datetime.now(CHINA):%Y-%m-%d}", self.chance.randrange(1_000, 60_000)
        self.desk.price(fen, day=day)
        while self.desk.counter.confirm() is None:  # the other ward's bill was settled between: its sums are new
            assert self.desk.counter.step is Step.ENTITLED, self.desk.counter.step
            self.desk.counter.price(counters.claim(fen, day=day))
        self.desk.counter.done()

    def finish(self) -> None:
        """Nothing is open."""

    def taken_fen(self) -> int:
        """No purse is touched here."""
        return 0

    def close(self) -> None:
        """See Living."""
        self.desk.close()


class Shelf:
    """A library's counter at the simulated library system."""

    kind = "library 图书馆"

    def __init__(
        self, folder: Path, number: str, address: str, chance: random.Random, vault: Vault, ils_port: int
    ) -> None:
        folder.mkdir()
        self.journal = Journal.open(folder / "journal.db", identity_of(address, number), "boot")
        rules = Rules(parse_lending(load_pack_files("builtin:jiaxing", "library")), frozenset())
        self.counter = Library(self.journal, vault, SystemClock(), connected(ils_port), rules, Precedence())
        self.chance = chance
        self._sending = _Sending(self.journal, address)

    def act(self) -> None:
        """A reader borrows, or brings back."""
        book = self.chance.choice(BOOKS)
        if self.chance.random() < 0.5:
            self.counter.lend(self.chance.choice(READERS), FAMILY, book)
        else:
            self.counter.give_back(book)
        self._sending.worker.wake()

    def finish(self) -> None:
        """Nothing is open."""

    def taken_fen(self) -> int:
        """No purse is touched here."""
        return 0

    def close(self) -> None:
        """See Living."""
        self.counter.client.close()
        self._sending.end()
        self.journal.close()
