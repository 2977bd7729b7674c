"""The clinic: patients, counters that are offline at once, clerks, and the centre that settles all again."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from unittest.mock import patch

from apdu.virtual.social import SocialSpec
from sync.backend.hospital import Hospital, write_insured
from sync.events import Sums
from tariffs.copay.claim import Claim, Line
from terminal.hospital.counter import Standing
from tests.counters import VAULT, insured
from tests.world import bills
from tests.world.clerk import Clerk
from tests.world.machine import Time
from tests.world.violation import check
from tests.world.window import POLICY, Window
from tests.world.world import Faults, World

STEPS_A_DAY = 40
WINDOWS = 2
PATIENTS = (("A00000001", "330411197001010016", "张三丰"), ("A00000002", "330411198002020026", "李四"),
            ("A00000003", "330411196505050033", "王五"), ("A00000004", "330411199007070043", "赵六"))  # fmt: skip
LAST_YEAR = date(2025, 12, 30)


@dataclass
class Patient:
    """One insured person and what the account held at the start. `home`: the only counter it goes to; None: any."""

    spec: SocialSpec
    ref: str
    account_fen: int
    home: Window | None = None


@dataclass
class Visit:
    """One treatment of one patient: what it costs, and the receipts that the patient has of it, by operation."""

    number: int
    patient: Patient
    day: date
    fen: tuple[int, ...]
    window: Window
    paid: str = ""
    refunded: str = ""

    @property
    def claim(self) -> Claim:
        """What the hospital's own system tells: a visit is known again by its first item."""
        lines = tuple(Line(item=f"V{self.number}", name="item", amount_fen=one, grade="A") for one in self.fen)
        return Claim("", self.day, {"care": "11"}, lines)


class Waiting:
    """Stands for the module `time` in the counter: while it waits, its sync thread works."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self.at: Window | None = None

    def monotonic(self) -> float:
        """As the module has it."""
        return self._time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._time.pass_ms(max(1, round(seconds * 1000)))
        if self.at is not None:
            self.at.exchange()


class Clinic(World):
    """Hospital counters and their patients. Rows stay for the days whose statements are compared."""

    retained_days = 2.5

    def __init__(self, seed: int, faults: Faults | None = None) -> None:
        super().__init__(seed, faults, Hospital(VAULT, POLICY))
        self.waiting = Waiting(self.time)
        self.patients = [self._insure(SocialSpec(*who), self.chance.choice((0, 20_000))) for who in PATIENTS]
        self.windows = [Window(self, f"window-{place}", f"0000010{place}") for place in range(1, WINDOWS + 1)]
        self.clerks = {window.name: Clerk(self, window) for window in self.windows}
        self.visits: list[Visit] = []
        self.receipts: dict[str, tuple[Visit, Sums]] = {}
        for window, patient in zip(self.windows, self.patients, strict=False):
            window.deliver()
            patient.home = window

    @property
    def stations(self) -> list[Window]:  # type: ignore[override]
        """All of them are counters."""
        return self.windows

    @contextmanager
    def unreal_time(self) -> Iterator[None]:
        """The counter waits in the world's time."""
        with ExitStack() as stack:
            stack.enter_context(super().unreal_time())
            stack.enter_context(patch("terminal.hospital.counter.time", self.waiting))
            yield

    def close(self) -> None:
        """The lists too."""
        for window in self.windows:
            window.store.close()
        super().close()

    def settle(self) -> None:
        """See tests.world.bills."""
        bills.settle(self)

    def ended_well(self) -> int:
        """Receipts."""
        return len(self.receipts)

    def _insure(self, spec: SocialSpec, account_fen: int) -> Patient:
        ref = VAULT.ref("person", spec.id_number)
        with self.backend.backend.transaction() as database:
            write_insured(database, VAULT, ref, insured(account_fen), self.time.at().isoformat())
        return Patient(spec, ref, account_fen)

    # --- days

    def day(self) -> None:
        """One day: STEPS_A_DAY things that happen, and the night."""
        with self.unreal_time():
            for window in self.windows:  # the first morning they are enrolled, before anything goes wrong
                window.idle()
            if not self.days:
                self.backend.back_up()
            for _ in range(STEPS_A_DAY):
                self.time.pass_ms(self.chance.choice((20_000, 200_000, 900_000)))
                self._step()
            self.evening()
            for window in self.windows:
                window.idle()
                window.sync()
                self.clerks[window.name].close_day()
            self.morning()
            for window in self.windows:
                window.deliver()

    def _step(self) -> None:
        names, weights = zip(*(_WHAT_HAPPENS | self.faults.often).items(), strict=True)
        what = self.chance.choices(names, weights)[0]
        window = self.chance.choice(self.windows)
        if self.chance.random() < 0.2:
            self.repair(window)
        getattr(self, f"_{what}")(window)

    def _visit(self, window: Window) -> None:
        self.serve(self.chance.choice(self.patients), window)

    def _two_offline(self, _window: Window) -> None:
        """No line anywhere, and one patient goes from counter to counter."""
        patient = self.chance.choice(self.patients)
        for window in self.windows:
            window.link.trouble = 1.0
        for window in self.windows:
            self.serve(patient, window)

    def serve(self, patient: Patient, window: Window) -> Visit:
        """One patient comes to a counter."""
        window = patient.home or window
        self.taps += 1
        today = self.time.at().date()
        day = self.chance.choice((today, today, today, today - timedelta(days=1), LAST_YEAR))
        fen = tuple(self.chance.randrange(100, 6_000) * 10 for _ in range(self.chance.choice((1, 2, 4))))
        visit = self.come(patient, day, fen, window)
        self.clerks[window.name].serve(visit)
        return visit

    def come(self, patient: Patient, day: date, fen: tuple[int, ...], window: Window) -> Visit:
        """A treatment to be settled at a counter."""
        self.visits.append(Visit(len(self.visits), patient, day, fen, window))
        return self.visits[-1]

    def hand_out(self, standing: Standing) -> None:
        """A patient pays, or gets back, and has the receipt: one for each treatment, and one for its refund."""
        held = standing.held
        sums = held.sums
        visit = self.visits[int(standing.case.claim.lines[0].item[1:])]
        check(visit.patient.ref == held.person, "whose bill", f"{held.operation} is another person's")
        if held.cancels:
            check(not visit.refunded, "refunded once", f"visit {visit.number}: {visit.refunded}, {held.operation}")
            check(held.cancels == visit.paid, "refunded once", f"visit {visit.number}: {visit.paid} is the bill")
            visit.refunded = held.operation
        else:
            check(not visit.paid, "settled once", f"visit {visit.number}: {visit.paid} and {held.operation}")
            check(sums.medfee_sumamt == sum(visit.fen), "settled whole", f"visit {visit.number}: {sums}")
            visit.paid = held.operation
        self.receipts[held.operation] = (visit, sums)

    def _cancel(self, window: Window) -> None:
        """A patient brings a receipt back."""
        standing = [visit for visit in self.visits if visit.window is window and visit.paid and not visit.refunded]
        if standing:
            self.clerks[window.name].refund(self.chance.choice(standing[-8:]))

    def _sync(self, window: Window) -> None:
        window.sync()

    def _idle(self, window: Window) -> None:
        self.rest(window)

    def _migrate(self, window: Window) -> None:
        self.migrate(window)

    def _corrections(self, window: Window) -> None:
        self.clerks[window.name].take_corrections()

    def _shift(self, window: Window) -> None:
        self.clerks[window.name].change_shift()

    def _lists(self, window: Window) -> None:
        window.deliver()

    def _power_cut(self, window: Window) -> None:
        window.power_cut()

    def _network(self, window: Window) -> None:
        self.trouble_network(window)

    def _disk(self, window: Window) -> None:
        self.trouble_disk(window)

    def _clock(self, window: Window) -> None:
        self.trouble_clock(window)

    def _backend(self, _window: Window) -> None:
        self.trouble_backend(may_restore=True)

    def _restored(self, _window: Window) -> None:
        self.say("backend", "restored from its backup")
        self.backend.restore()


_WHAT_HAPPENS = {
    "visit": 40, "two_offline": 8, "cancel": 8, "sync": 12, "idle": 4, "corrections": 5, "shift": 3, "lists": 4,
    "power_cut": 2, "network": 8, "disk": 3, "clock": 2, "backend": 3, "restored": 0, "migrate": 1,
}  # fmt: skip
"""The things that happen to a day, by weight."""
