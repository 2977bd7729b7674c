"""Hospital counters in one process: simulated chips, real journals and stores, a real backend over HTTP, one clock."""

import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from apdu.script import Wire
from apdu.social.profile import Profile, parse_profiles
from apdu.virtual.social import SocialSpec, make_social
from apdu.virtual.t0 import T0
from config.model import Hospital as HospitalSection
from sync import settling
from sync.backend.app import create_app
from sync.backend.hospital import Hospital, delta, newest, read_insured, take_persons
from sync.backend.service import Backend
from sync.chain import Identity
from sync.entitlements import Entitlements, Listed, ListName, Person, build_delta, place
from sync.journal import Journal
from sync.link import HttpAnswer, Link, LinkDown
from sync.settling import Case, Insured
from sync.vault import Vault
from sync.worker import Worker, enrol
from tariffs.copay.claim import Claim, Entitlement, Line
from tariffs.copay.load import parse_policy
from tariffs.copay.policy import Policy
from terminal.hospital.centre import Centre
from terminal.hospital.counter import Counter, Standing
from terminal.hospital.lookup import Parts
from terminal.ports import ClockTrust, Moment
from terminal.precedence import Precedence
from tests.chips import ChipWire
from tests.serving import KEYS, wait_until

VAULT = Vault({"k1": bytes(range(32))})
INSTITUTION = "H33040000001"
ZHANG = SocialSpec("A00000001", "330411197001010016", "张三丰")
LI = SocialSpec("A00000002", "330411198002020026", "李四")
BLOCKED: tuple[ListName, ...] = ("person", "topup", "employer")
START = "2026-11-24T09:00:00+08:00"


def chip_profiles() -> tuple[Profile, ...]:
    """The shipped profiles of contact chips."""
    folder = files("apdu") / "profiles"
    names = ("social_jiaxing", "social_old_medical")
    return parse_profiles([(folder / f"{name}.toml").read_text("utf-8") for name in names])


class Time:
    """One clock for counters and centre; it stands still until it is set."""

    def __init__(self) -> None:
        self.at = datetime.fromisoformat(START)
        self.mono_ms = 0

    def read(self) -> Moment:
        """Fits terminal.ports.Clock."""
        self.mono_ms += 1
        return Moment(self.at, ClockTrust.SYNCED, self.mono_ms)

    def set(self, text: str) -> None:
        """Go to a moment (ISO 8601 with offset)."""
        self.at = datetime.fromisoformat(text)


class LooseLine:
    """A link that can be cut, and that can lose its next answers after the message arrived."""

    def __init__(self, address: str, cut: threading.Event) -> None:
        self._link = Link(address)
        self._cut = cut
        self.lose_answers = 0

    def post(self, path: str, body: bytes, encoding: str = "") -> HttpAnswer:
        """As Link.post."""
        if self._cut.is_set():
            raise LinkDown("cut")
        answer = self._link.post(path, body, encoding)
        if self.lose_answers:
            self.lose_answers -= 1
            raise LinkDown("the answer was lost")
        return answer

    def close(self) -> None:
        """Hang up."""
        self._link.close()


class SlotWire:
    """A slot with one chip in it; fits terminal.ports.ContactSlot."""

    name = "simulated"

    def __init__(self, spec: SocialSpec) -> None:
        self.wire: Wire = ChipWire(T0(make_social(spec)).transmit, t0=True)

    def close(self) -> None:
        """Nothing to give back."""


class Desk:
    """One counter with its own journal and lists. `online` False: its line is cut."""

    def __init__(self, folder: Path, number: str, address: str, time: Time, policy: Policy, **section: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.cut = threading.Event()
        self.line = LooseLine(address, self.cut)
        asking = Link(address)
        identity = enrol(asking, number)
        asking.close()
        assert isinstance(identity, Identity)
        self.journal = Journal.open(folder / "journal.db", identity, "boot")
        self.store = Entitlements(folder / "entitlements.db", VAULT)
        self._worker_line = LooseLine(address, self.cut)
        precedence = Precedence()
        self.worker = Worker(
            self.journal,
            self._worker_line,  # type: ignore[arg-type]
            lambda _: None,
            lambda *_: None,
            give_way=precedence.give_way,
        )
        self.worker.start()
        self.card = ZHANG
        self.parts = Parts(
            hospital=HospitalSection(reader="simulated", institution=INSTITUTION, level="2", **section),
            journal=self.journal,
            store=self.store,
            vault=VAULT,
            policy=policy,
            policy_digest="0" * 64,
            centre=Centre(self.line, VAULT, number),  # type: ignore[arg-type]
            wake=self.worker.wake,
            clock=time,
            open_slot=lambda: SlotWire(self.card),
            chips=chip_profiles(),
            software="test",
            precedence=precedence,
        )
        self.counter = Counter(self.parts)
        self.counter.sign_in("0017")

    def settle(self, *fen: int, day: str = "2026-11-24", card: SocialSpec | None = None) -> Standing:
        """One patient from card to receipt; it must stand."""
        self.price(*fen, day=day, card=card)
        standing = self.counter.confirm()
        assert standing is not None, self.counter.step
        self.counter.done()
        return standing

    def price(self, *fen: int, day: str = "2026-11-24", card: SocialSpec | None = None) -> Case:
        """One patient up to the pre-settled bill."""
        self.card = card or self.card
        self.counter.read_card()
        self.counter.check_holder("photo")
        self.counter.look_up()
        return self.counter.price(claim(*fen, day=day))

    def sync(self) -> None:
        """The line is up, and all rows are at the centre."""
        self.cut.clear()
        self.worker.wake()
        wait_until(lambda: self.journal.unsent().rows == 0)

    def restart(self) -> Counter:
        """The program ends in between and starts anew on the same files."""
        self.counter = Counter(self.parts)
        return self.counter

    def close(self) -> None:
        """End of the test."""
        self.worker.stop(5)
        self.line.close()
        self.store.close()
        self.journal.close()


def claim(*fen: int, day: str = "2026-11-24") -> Claim:
    """Items in scope of these amounts."""
    items = enumerate(fen)
    lines = tuple(Line(item=f"I{place}", name=f"item {place}", amount_fen=one, grade="A") for place, one in items)
    return Claim("", date.fromisoformat(day), {"care": "11"}, lines)


def insured(account_fen: int = 0, employer: str = "") -> Insured:
    """An employee of the city's own area, active."""
    facts = {"area": "330499", "scheme": "310", "person": "11"}
    return Insured("310", facts, date(1970, 1, 1), Entitlement({"account": account_fen}), employer)


class City:
    """The centre with its backend, and the counters that report to it."""

    def __init__(self, folder: Path, address: str, backend: Backend, time: Time, policy: Policy) -> None:
        self.folder, self.address, self.backend, self.time, self.policy = folder, address, backend, time, policy
        self.desks: list[Desk] = []
        self.first_number = 1

    def desk(self, **section: Any) -> Desk:
        """One more counter, with today's lists."""
        number = f"{self.first_number + len(self.desks):08d}"
        desk = Desk(self.folder / number, number, self.address, self.time, self.policy, **section)
        self.desks.append(desk)
        self.deliver(desk)
        return desk

    def deliver(self, desk: Desk) -> None:
        """The daily file of the insured, and empty lists of the blocked."""
        since = desk.store.told("insured").version
        with self.backend.transaction() as database:
            if newest(database) > since:
                desk.store.apply(delta(database, since, self.time.at.isoformat()))
        for name in BLOCKED:
            if not desk.store.told(name).version:
                desk.store.apply(build_delta(name, 0, 1, self.time.at.isoformat(), list[Listed]()))

    def insure(self, spec: SocialSpec, person: Insured) -> str:
        """The insurance office tells that a person is insured; the reference."""
        ref = VAULT.ref("person", spec.id_number)
        with self.backend.transaction() as database:
            version = newest(database) + 1
            sealed = VAULT.seal(settling.write_insured(person), place(ref, version))
            entry = Person(ref, version, sealed.key, b64encode(sealed.data).decode())
            take_persons(database, VAULT, [entry], self.time.at.isoformat())
        return ref

    def known(self, ref: str) -> Insured:
        """The person as the centre knows it."""
        with self.backend.transaction() as database:
            person = read_insured(database, VAULT, ref)
        assert person is not None
        return person

    def close(self) -> None:
        """End of the test."""
        for desk in self.desks:
            desk.close()


@contextmanager
def city(folder: Path, policy: Policy) -> Iterator[City]:
    """A centre on a free port with no counters yet."""
    time = Time()
    app = create_app(folder / "backend", KEYS, lambda: time.at.isoformat(), None, Hospital(VAULT, policy))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        made = City(folder, f"http://127.0.0.1:{listening.getsockname()[1]}", app.state.backend, time, policy)
        try:
            yield made
        finally:
            made.close()
            server.should_exit = True
            thread.join(10)
            app.state.backend.close()


POLICY_FILES = {
    "policy.toml": """name = "test"
version = "test-1"
currency = "CNY"
decimals = 2
notice_zh = "测试表"
notice_en = "a table for tests"
accounts = ["account"]

[[layer]]
name = "basic"
field = "hifp_pay"
zh = "统筹"
en = "pool"
code = "C"
needed = true
""",
    "sources.csv": """source,document,address,sha256,retrieved
T,tests,,,2026-01-01
""",
    "values.csv": """parameter,when,value,unit,from,to,known,source,article,verified
basic.deductible,,300,CNY,2025-01-01,2025-12-31,2025-01-01,T,,no
basic.deductible,,400,CNY,2026-01-01,,2025-12-01,T,,no
basic.deductible.mode,,year,word,2025-01-01,,2025-01-01,T,,no
basic.ratio,,0.7,ratio,2025-01-01,,2025-01-01,T,,no
basic.period,,year,word,2025-01-01,,2025-01-01,T,,no
account.account.parts,,dedc own,parts,2025-01-01,,2025-01-01,T,,no
""",
}


def policy() -> Policy:
    """A yearly deductible of 400 yuan (300 in 2025), then 70 %; the account pays what is in scope."""
    return parse_policy({name: text.encode() for name, text in POLICY_FILES.items()})


def scope(person: Insured, year: str = "2026") -> int:
    """What the person's year has in scope or deductible, by the policy's own accumulators: all of it added up."""
    return sum(fen for (_, period), fen in person.entitlement.counted.items() if period == year)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that was cut is tried again at once; a busy machine has time to answer."""
    monkeypatch.setattr("terminal.hospital.limits.VERDICT_SECONDS", 30.0)
    monkeypatch.setattr("sync.session.pause_seconds", lambda tries, chance, asked=0: 0.02)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[City]:
    with city(tmp_path, policy()) as made:
        yield made
