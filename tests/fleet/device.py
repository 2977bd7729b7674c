"""One terminal of the fleet: the product's journal, session, link, verdicts and hot list; only chips are computed."""

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

import apsw
from msgspec.structs import replace

from config import hotfile
from sync.chain import Identity
from sync.events import Done, Refused
from sync.journal import Journal
from sync.link import HttpAnswer, Link, LinkDown
from sync.session import State
from sync.worker import Worker, enrol
from tariffs.asks import Ride
from tariffs.decide import decide
from tariffs.pack import Pack
from tariffs.verdict import Charge
from terminal.translate import when
from tests.rows import HELD, SERVICE
from tests.serving import tac_of
from tests.test_transfers import CARD

CARDS = 40
"""Riders of one terminal; a card keeps to it, so that its counter rises without a word between processes."""

Stamp = tuple[str, Literal["synced"], int]

ASKS_MAX = 5_000
"""Exchanges of one hour: a session that spins is a fault."""


class Releases(NamedTuple):
    """What the office gives out: packs by version, the first list, the delta and the version that it leads to."""

    packs: dict[str, Pack]
    hot_list: bytes
    delta: Path
    list_after: str


class _File(apsw.VFSFile):
    def xSync(self, flags: int) -> None:
        """Left to the system."""


class Unsynced(apsw.VFS):
    """Real files whose syncs are left out: one disk cannot stand in for two thousand. What a power cut takes is tried
    elsewhere (tests/world, tests/proof)."""

    NAME = "unsynced"

    def __init__(self) -> None:
        super().__init__(self.NAME, "unix")

    def xOpen(self, name: "str | apsw.URIFilename | None", flags: list[int]) -> apsw.VFSFile:
        """A file that is not synced."""
        return _File("unix", name, flags)


class CountedLink(Link):
    """The product's link, whose network comes and goes; what went and came, in bytes of body."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.up = True
        self.sent = self.received = 0

    def post(self, path: str, body: bytes, encoding: str = "") -> HttpAnswer:
        """As the product's; LinkDown while there is no network."""
        if not self.up:
            self.close()
            raise LinkDown("no network")
        self.sent += len(body)
        answer = super().post(path, body, encoding)
        self.received += len(answer.body)
        return answer


class Device:
    """A validator: an hour of taps, then as much talk with the backend as its session wants."""

    def __init__(self, folder: Path, name: str, address: str, releases: Releases) -> None:
        folder.mkdir()
        self.name = name
        self.link = CountedLink(address)
        identity = enrol(self.link, name)
        assert isinstance(identity, Identity), identity
        self.journal = Journal.open(folder / "journal.db", identity, "boot", Unsynced.NAME)
        self.releases = releases
        self.list_path = folder / "hot.map"
        self.list_path.write_bytes(releases.hot_list)
        self.hot_list = hotfile.open_list(self.list_path)
        self.pack = next(iter(releases.packs.values()))
        self.chance = random.Random(f"device {name}")
        self.worker = Worker(self.journal, self.link, self._news, self._alarm, self.chance.random)
        self.cards = [f"3140{int(name):08d}{place:08d}" for place in range(CARDS)]
        self.counters = dict.fromkeys(self.cards, 0)
        self.alarms: list[str] = []
        self.debits = self.fen = self.refused = 0

    def hour(self, at: datetime, taps: int) -> None:
        """So many taps, spread over the hour from `at` on."""
        for place in range(taps):
            moment = at + timedelta(seconds=3600 * place // taps + self.chance.randrange(10))
            self._tap(self.chance.choice(self.cards), moment)
        self.journal.idle()

    def _tap(self, card: str, at: datetime) -> None:
        vehicle, mono_ms = f"B{self.name}", int(at.timestamp() * 1000)
        wallet = replace(CARD, number=card, hot_level=self.hot_list.level(card))
        verdict = decide(wallet, Ride("1", 0, vehicle, "T1"), at, self.pack)
        service = replace(SERVICE, vehicle=vehicle, pack=self.pack.version, hot_list=self.hot_list.version)
        stamp: Stamp = at.isoformat(), "synced", mono_ms
        if not isinstance(verdict, Charge):
            self.journal.keep(Refused(card, "04A1B2C3", verdict.reason.value, "", service), *stamp)
            self.refused += 1
            return
        counter = self.counters[card]
        self.counters[card] += 1
        debit = replace(
            HELD,
            card=card,
            serial_factor=card[-16:],
            counter=counter,
            psam_counter=self.journal.last_seq,
            balance=100_000 - counter,
            amount=verdict.amount_fen,
            when=when(at),
            random=f"{self.chance.getrandbits(32):08X}",
            service=service,
        )
        row = self.journal.hold(debit, *stamp)
        self.journal.keep(Done(row.seq, tac_of(debit), "debit", "checked"), *stamp)
        self.debits, self.fen = self.debits + 1, self.fen + verdict.amount_fen

    def sync(self) -> None:
        """Ask until the session rests; an hour is longer than any of its pauses, so that the next begins at once."""
        session = self.worker.session
        if session.state is State.CALM:
            session.woken()
        elif session.state is not State.ASKING:
            session.due()
        for _ in range(ASKS_MAX):
            if session.state is not State.ASKING:
                return
            self.worker.ask()
        raise AssertionError(f"{self.name} never rests")

    @property
    def unsent(self) -> int:
        """Rows that the backend has not acknowledged."""
        return self.journal.unsent().rows

    def close(self) -> None:
        """Give the file and the connection back."""
        self.journal.close()
        self.link.close()

    def _news(self, versions: dict[str, str]) -> None:
        """The backend tells of another pack or list: taken between two taps."""
        self.pack = self.releases.packs.get(versions.get("pack", ""), self.pack)
        if versions.get("hot_list") == self.releases.list_after and self.hot_list.version != self.releases.list_after:
            self.hot_list = hotfile.apply(self.list_path, self.releases.delta)

    def _alarm(self, what: str, detail: str) -> None:
        self.alarms.append(f"{what}: {detail}")
