"""One hospital counter: the product's own counter, look-up and ledger on a station of the world."""

from typing import TYPE_CHECKING

from apdu.script import Wire as AnyWire
from apdu.virtual.social import SocialSpec, make_social
from apdu.virtual.t0 import T0
from config.model import Hospital as Section
from sync.backend.hospital import delta
from sync.entitlements import BadDelta, Entitlements, Listed, build_delta
from terminal.hospital.centre import Centre
from terminal.hospital.counter import Counter
from terminal.hospital.lookup import Parts
from terminal.precedence import Precedence
from tests.counters import BLOCKED, INSTITUTION, VAULT, chip_profiles, policy
from tests.world.field import Fault, Wire
from tests.world.station import Station

if TYPE_CHECKING:
    from tests.world.clinic import Clinic

EXPOSURE_FEN = 250_000
NO_SPEC = SocialSpec("A00000000", "330411197001010016", "nobody")
PROFILES = chip_profiles()
POLICY = policy()


class ChipSlot:
    """A slot with the patient's chip; fits terminal.ports.ContactSlot."""

    name = "simulated"

    def __init__(self, window: "Window") -> None:
        chip = T0(make_social(window.card))
        wire = Wire(window.machine, "social", chip.transmit, chip.reset, t0=True)
        wire.arm(window.card_fault)
        self.wire: AnyWire = wire

    def close(self) -> None:
        """Nothing to give back."""


class Window(Station):
    """A counter with its clerk's chair; the lists lie beside the world's disk, in a file of their own."""

    def __init__(self, clinic: "Clinic", name: str, number: str) -> None:
        super().__init__(clinic, name, number)
        self.clinic = clinic
        self.card = NO_SPEC
        self.card_fault = Fault()
        folder = clinic.folder / name
        folder.mkdir()
        self.store = Entitlements(folder / "entitlements.db", VAULT)

    def _plug(self) -> None:
        assert self.journal is not None and self.identity is not None
        self.counter = Counter(
            Parts(
                hospital=Section(reader="simulated", institution=INSTITUTION, level="2", exposure_fen=EXPOSURE_FEN),
                journal=self.journal,
                store=self.store,
                vault=VAULT,
                policy=POLICY,
                policy_digest="0" * 64,
                centre=Centre(self.link, VAULT, self.number),
                wake=self._woken,
                clock=self.clock,
                open_slot=lambda: ChipSlot(self),
                chips=PROFILES,
                software="world",
                precedence=Precedence(),
            )
        )

    def _woken(self) -> None:
        """The sync thread may be quick, or not."""
        self.worker.wake()
        if self.clinic.chance.random() < 0.5:
            self.exchange()

    def _at_the_end(self) -> None:
        held = self.journal is not None and bool(self.counter.ledger.open())
        self.world.count_end(self.machine, held)

    def _switched_off(self) -> None:
        """The chip in its slot is read anew each time."""

    def idle(self) -> None:
        """See Station."""
        self.world.time.pass_ms(6_000)
        self.alive(lambda: self.counter.rest())

    def close_program(self) -> None:
        """The clerk ends the program and starts it again."""
        self.machine.by, self.machine.ended_at, self.machine.ended = "kill", "restart", True
        self._at_the_end()
        self.machine.disk.end()
        self._restart()

    def deliver(self) -> None:
        """The daily file of the insured, and empty lists of the blocked."""
        now = self.world.time.at().isoformat()
        with self.world.backend.backend.transaction() as database:
            raw = delta(database, self.store.told("insured").version, now)
        try:
            self.store.apply(raw)
        except BadDelta as nothing_new:
            self.world.say(self.name, f"list: {nothing_new}")
        for name in BLOCKED:
            if not self.store.told(name).version:
                self.store.apply(build_delta(name, 0, 1, now, list[Listed]()))
