"""The town: one seed, its terminals, riders, backend and weather, and days in which everything may go wrong."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from types import SimpleNamespace
from unittest.mock import patch

import terminal.loop
from apdu.virtual import elsewhere
from config.hotlist import HotList
from sync.chain import Identity
from tariffs.verdict import Reason
from terminal.faces.table import load_signals
from terminal.ports import ClockTrust
from tests.bus import DRIVER
from tests.world import books
from tests.world.field import NO_FAULT, Fault
from tests.world.machine import FACTORY, START
from tests.world.people import KINDS, Debit, Rider, rider
from tests.world.rides import check_boarding, check_entry, check_stamps
from tests.world.station import Station
from tests.world.validator import Shown, Validator
from tests.world.world import Faults, World

STEPS_A_DAY = 120
STATUSES = (0x6400, 0x6581, 0x6700, 0x6881, 0x6982, 0x6985, 0x6988, 0x6A81, 0x6A82, 0x6A83, 0x6A86, 0x6A88, 0x6D00,
            0x6F00, 0x9302, 0x9303, 0x9401, 0x9402, 0x9403, 0x9406, 0x6C08, 0x6108)  # fmt: skip
OTHER_STATUSES = tuple(status for status in range(0x6100, 0xA000) if status != 0x9000)
BUSES = (("1001", "front"), ("1001", "rear"), ("1002", "front"))
AGAIN = (Reason.PRESENT_AGAIN, Reason.PRESENT_SAME_CARD, Reason.OUT_OF_SERVICE, Reason.UNREADABLE)


class Town(World):
    """Buses and their riders."""

    def __init__(self, seed: int, faults: Faults | None = None) -> None:
        super().__init__(seed, faults)
        self.signals = load_signals()
        self.debits: list[Debit] = []
        self.hot: dict[str, int] = {}
        self.hot_list = HotList(date(2026, 11, 1), ())
        self.validators = [
            Validator(self, f"{vehicle}-{door}", f"0000000{place}", vehicle, f"31400000000{place}")
            for place, (vehicle, door) in enumerate(BUSES, 1)
        ]
        now = lambda: self.time.now_ms  # noqa: E731
        kinds = [self.chance.choice(KINDS) for _ in range(10)]
        self.riders = [rider(place, kind, self.debits.append, now) for place, kind in enumerate(kinds, 1)]
        self.driver = rider(int(DRIVER[4:]), {"main_type": "70"}, self.debits.append, now)
        mistake = self.chance.choice(("", "", "", "", "clone", "duplicate"))
        self.mistake = mistake if self.faults.mistake is None else self.faults.mistake
        if self.mistake == "duplicate":
            twin = Validator(self, "1009-twin", "00000001", "1009", "314000000009")
            twin.identity = Identity("00000001", 1, 1)  # it began with no backend in reach
            self.validators.append(twin)

    @property
    def stations(self) -> list[Validator]:  # type: ignore[override]
        """All of them are validators."""
        return self.validators

    @contextmanager
    def unreal_time(self) -> Iterator[None]:
        """The product's loop waits in the world's time."""
        with ExitStack() as stack:
            stack.enter_context(super().unreal_time())
            stack.enter_context(patch.object(terminal.loop, "time", self.time))
            stack.enter_context(patch.object(terminal.loop, "gc", SimpleNamespace(collect=lambda: 0)))
            yield

    # --- days

    def day(self) -> None:
        """One day: sign-on, STEPS_A_DAY things that happen, and the night."""
        with self.unreal_time():
            for validator in self.validators:
                self._present(validator, self.driver, NO_FAULT, NO_FAULT)
            for _ in range(STEPS_A_DAY):
                self.time.pass_ms(self.chance.choice((4_000, 20_000, 200_000, 900_000)))
                self._step()
            self._night()

    def _step(self) -> None:
        names, weights = zip(*(_WHAT_HAPPENS | self.faults.often).items(), strict=True)
        what = self.chance.choices(names, weights)[0]
        validator = self.chance.choice(self.validators)
        if self.chance.random() < 0.2:
            self.repair(validator)
        getattr(self, f"_{what}")(validator)

    def _night(self) -> None:
        self.evening()
        for validator in self.validators:
            validator.idle()
            validator.sync()
        if self.mistake == "clone" and len(self.validators) == len(BUSES):
            self.say("depot", "a device is made from another's image")
            self.validators.append(self.validators[0].clone("1009-clone", "314000000009"))
        self.morning()

    # --- what happens

    def _tap(self, validator: Validator) -> None:
        self.board(self.chance.choice(self.riders), validator)

    def _rush(self, validator: Validator) -> None:
        """One rider comes back to the same door, or to the other one, within the minute."""
        passenger = self.chance.choice(self.riders)
        for _ in range(3):
            self.board(passenger, self.chance.choice((validator, self._other_door(validator))))
            self.time.pass_ms(self.chance.choice((1_000, 5_000, 30_000)))

    def _torn(self, validator: Validator) -> None:
        """A card is torn at its DEBIT and leaves; it is used elsewhere, or listed, or torn again, before it is back."""
        passenger = self.chance.choice(self.riders)
        for _ in range(self.chance.choice((1, 1, 2))):
            what = self.chance.choice(("before", "after"))
            for seen in self._present(validator, passenger, Fault(1, what, 0, 0x54), NO_FAULT):
                check_entry(passenger, validator, seen)
            self.time.pass_ms(self.chance.choice((4_000, 60_000, 1_800_000)))
        meanwhile = self.chance.choice(("back", "elsewhere", "elsewhere", "elsewhere twice", "listed"))
        if meanwhile == "listed":
            self.hot[passenger.number] = 1
            self.deliver_list()
        for _ in range({"elsewhere": 1, "elsewhere twice": 2}.get(meanwhile, 0)):
            self.board(passenger, self.chance.choice(self.validators), faulty=False)
            self.time.pass_ms(self.chance.choice((10_000, 1_800_000)))
        if self.chance.random() < 0.7:
            self.board(passenger, validator)

    def _other_door(self, validator: Validator) -> Validator:
        vehicle = validator.configuration.service.vehicle
        return self.chance.choice([v for v in self.validators if v.configuration.service.vehicle == vehicle])

    def _idle(self, validator: Validator) -> None:
        self.rest(validator)

    def _migrate(self, validator: Validator) -> None:
        self.migrate(validator)

    def _sync(self, validator: Validator) -> None:
        validator.sync()

    def _driver(self, validator: Validator) -> None:
        self.say(validator.name, "the driver's card")
        self._present(validator, self.driver, NO_FAULT, NO_FAULT)

    def _power_cut(self, validator: Validator) -> None:
        validator.power_cut()

    def _network(self, validator: Validator) -> None:
        self.trouble_network(validator)

    def _disk(self, validator: Validator) -> None:
        self.trouble_disk(validator)

    def _clock(self, validator: Validator) -> None:
        self.trouble_clock(validator)

    def _slot(self, validator: Validator) -> None:
        validator.slot_lost = not validator.slot_lost
        validator.field.lost = self.chance.random() < 0.2

    def _load(self, _validator: Validator) -> None:
        self.load(self.chance.choice(self.riders), self.chance.choice((1_000, 5_000)))

    def load(self, loaded: Rider, amount_fen: int) -> None:
        """A counter loads money; the issuer tells the backend."""
        try:
            deal = elsewhere.load(loaded.card, amount_fen, f"{self.time.at():%Y%m%d%H%M%S}")
        except elsewhere.Refusal:
            return
        self.say("counter", f"card {loaded.number[-4:]}: {amount_fen} fen loaded")
        loaded.loaded_fen += amount_fen
        self.backend.load(loaded.number, deal["load_counter"], amount_fen, deal["moment"])

    def _hot(self, _validator: Validator) -> None:
        listed = self.chance.choice(self.riders)
        if self.hot.pop(listed.number, None) is None:
            self.hot[listed.number] = self.chance.choice((0, 0, 1))
        self.deliver_list()

    def deliver_list(self) -> None:
        """A new hot list goes to every terminal."""
        self.hot_list = HotList(self.hot_list.date + timedelta(days=1), self.hot.items())
        self.say("issuer", f"hot list: {', '.join(f'{card[-4:]} level {level}' for card, level in self.hot.items())}")
        for validator in self.validators:
            validator.take_list(self.hot_list)

    def _backend(self, _validator: Validator) -> None:
        self.trouble_backend(not self.mistake)  # a restore forgets what was only set aside

    # --- a boarding

    def board(self, passenger: Rider, door: Validator, faulty: bool = True) -> bool:
        """One rider boards: holds the card out until it is told something final, or gives up. True: passed."""
        first = len(self.debits)
        passed = False
        for _ in range(6):
            fault, psam_fault = self._fault() if faulty else (NO_FAULT, NO_FAULT)
            if faulty:
                self.arm(door, 90)
            shown = self._present(door, passenger, fault, psam_fault)
            for seen in shown:
                passed = check_entry(passenger, door, seen) or passed
            if passed or (shown and shown[-1].outcome.reason not in AGAIN):
                break
            self.time.pass_ms(self.chance.choice((800, 2_000, 6_000)))
            if self.faults.jump and self.chance.random() < self.faults.jump:
                self.trouble_clock(door) if self.chance.random() < 0.5 else self.set_clock(door, 0, ClockTrust.SYNCED)
            if faulty and self.chance.random() < 0.2:
                break
            if faulty and self.chance.random() < 0.1:
                door = self._other_door(door)
        check_boarding(self, passenger, self.debits[first:])
        return passed

    def _present(self, door: Validator, passenger: Rider, fault: Fault, psam_fault: Fault) -> list[Shown]:
        self.taps += 1
        shown = door.present(passenger, fault, psam_fault, self.chance.choice((0, 1, 5)))
        told = ", ".join(f"{seen.outcome.reason.value}{' again' if seen.outcome.repeated else ''}" for seen in shown)
        self.say(door.name, f"card {passenger.number[-4:]}: {told or 'nothing shown'}  {door.happened}")
        door.machine.die_in = 0
        return shown

    def _fault(self) -> tuple[Fault, Fault]:
        card = psam = NO_FAULT
        if self.chance.random() < self.faults.card:
            what = self.chance.choice(("before", "after", "before", "after", "garbled", "status", "lie"))
            instruction = self.chance.choice((0, 0, 0, 0x54, 0x54, 0x5A, 0xB2))
            frame = 1 if instruction else self.chance.randrange(1, 14)
            status = self.chance.choice((self.chance.choice(STATUSES), self.chance.choice(OTHER_STATUSES)))
            card = Fault(frame, what, status, instruction)
        if self.chance.random() < self.faults.false_ends:
            card = Fault(1, "status", 0x6A83, 0xB2)
        if self.chance.random() < self.faults.psam:
            instruction = self.chance.choice((0x70, 0x72, 0x72, 0xA4))
            psam = Fault(1, self.chance.choice(("reset", "status", "before", "fills", "breaks")), 0x6F00, instruction)
        return card, psam

    def settle(self) -> None:
        """See tests.world.books."""
        books.settle(self)

    def ended_well(self) -> int:
        """Debits."""
        return len(self.debits)

    def check_tap(self, door: Validator, before: int) -> None:
        """A round of the loop is over."""
        check_stamps(door, before)

    def repair(self, station: Station) -> None:
        """Reader and slot are well again too."""
        super().repair(station)
        assert isinstance(station, Validator)
        station.slot_lost = station.field.lost = False

    def mend(self) -> None:
        """Nobody is listed either."""
        super().mend()
        self.hot.clear()
        self.deliver_list()


assert FACTORY < START

_WHAT_HAPPENS = {
    "tap": 50, "rush": 8, "torn": 6, "idle": 6, "sync": 14, "driver": 2, "power_cut": 2, "network": 3, "disk": 4,
    "clock": 2, "slot": 2, "load": 4, "hot": 1, "backend": 2, "migrate": 1,
}  # fmt: skip
"""The things that happen to a day, by weight."""
