"""What every simulated place has: one seed, its time, its backend, its stations and their troubles, its story."""

import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from apdu.virtual import issuer
from sync.backend.hospital import Hospital
from sync.backend.keys import KeyFile
from terminal.ports import ClockTrust
from tests import memory
from tests.world.machine import Machine, Stop, Time
from tests.world.network import Headquarters
from tests.world.reserve import ReserveFiles
from tests.world.station import Station

KEYS = KeyFile({"mohurd": issuer.MOHURD.tac, "tunion": issuer.TUNION.tac})
STORY_LINES = 60
DAY_MS = 86_400_000
STEP_ROWS = 12


@dataclass
class Faults:
    """How likely each kind of trouble is, 0 to 1. `mistake`: "clone", "duplicate", "" for none; None: by the seed.

    `often`: other weights for what happens. `batch_rows`: what the network lets through at most. `retained_rows`: what
    stays in a journal at least; the rest may go to its archive.
    `false_ends`: a card whose purse log seems to end at its first record. `jump`: the clock of a terminal at work.
    """

    card: float = 0.25
    psam: float = 0.05
    end: float = 0.12
    no_battery: float = 0.3
    mistake: str | None = None
    batch_rows: int = 200
    retained_rows: int = 60
    false_ends: float = 0.02
    jump: float = 0.0
    often: dict[str, int] = field(default_factory=dict)


class World(ABC):
    """Everything in it follows from `seed`."""

    stations: Sequence[Station]
    retained_days = 0.05

    def __init__(self, seed: int, faults: Faults | None = None, hospital: Hospital | None = None) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.faults = faults or Faults()
        self.time = Time()
        self.stop = Stop(self.time)
        self.files = ReserveFiles()
        self.story: list[str] = []
        self.cuts: Counter[str] = Counter()
        self.taps = 0
        self.days = 0
        self._memory = memory.folder()
        self.folder = Path(self._memory.name)
        self.backend = Headquarters(self.folder, KEYS, self.time, hospital)

    @contextmanager
    def unreal_time(self) -> Iterator[None]:
        """Inside, the product waits in the world's time, its reserve lies on the world's disks, and rows age soon."""
        soon = {
            "journal.RETAINED_ROWS": self.faults.retained_rows,
            "journal.RETAINED_DAYS": self.retained_days,
            "journal.ARCHIVE_STEP_ROWS": STEP_ROWS,
            "archive.ARCHIVE_ROWS": 4 * STEP_ROWS,
        }
        with ExitStack() as stack:
            stack.enter_context(patch("sync.reserve.os", self.files))
            for name, value in soon.items():
                stack.enter_context(patch(f"sync.{name}", value))
            yield

    def close(self) -> None:
        """Give everything back."""
        for station in self.stations:
            station.machine.die_in = 0
            if station.journal is not None:
                station.journal.close()
            station.machine.disk.close()
        self.backend.backend.close()
        self._memory.cleanup()

    # --- what each place does in its own way

    @abstractmethod
    def day(self) -> None:
        """One day and its night."""

    @abstractmethod
    def settle(self) -> None:
        """At the end: trouble ceases, everything is brought in order and compared. Raises Violation."""

    @abstractmethod
    def ended_well(self) -> int:
        """How much came to its end, for counting."""

    # --- the story

    def say(self, who: str, what: str) -> None:
        """One line of the story."""
        self.story.append(f"{self.time.at():%d %H:%M:%S.%f}"[:-3] + f"  {who:12} {what}")
        del self.story[:-STORY_LINES]

    def count_end(self, machine: Machine, held: bool) -> None:
        """A process ended."""
        phase = "between hold and outcome" if held else "no draft open"
        self.cuts[f"{machine.by}, {phase}"] += 1
        self.cuts[f"at {machine.ended_at}"] += 1

    # --- days

    def evening(self) -> None:
        """The day is over but for its last two hours."""
        self.days += 1
        self.time.now_ms = max(self.time.now_ms, self.days * DAY_MS - 7_200_000)

    def morning(self) -> None:
        """The next day begins; perhaps the backend was backed up before."""
        if self.chance.random() < 0.7:
            self.say("backend", "backed up")
            self.backend.back_up()
        self.time.now_ms = max(self.time.now_ms, self.days * DAY_MS)

    # --- what happens to any station

    def rest(self, station: Station) -> None:
        """Nobody is there: its housekeeping, in which it may end as at any time."""
        self.arm(station, 40)
        station.idle()
        station.machine.die_in = 0

    def migrate(self, station: Station) -> None:
        """A technician puts an older program on it, and this one again."""
        self.arm(station, 40)
        station.migrate()
        station.machine.die_in = 0

    def arm(self, station: Station, touches: int) -> None:
        """Perhaps its process ends at one of the next touches of the outside."""
        if self.chance.random() < self.faults.end:
            station.machine.die_in = self.chance.randrange(1, touches)
            station.machine.by = self.chance.choice(("power", "kill"))

    def trouble_network(self, station: Station) -> None:
        """Its network becomes better or worse."""
        station.link.trouble = self.chance.choice((0.0, 0.0, 0.5, 1.0))

    def trouble_disk(self, station: Station) -> None:
        """Its disk becomes full, failing or slow."""
        disk = station.machine.disk
        what = self.chance.choice(("full", "fails", "slow"))
        self.say(station.name, f"disk: {what}")
        disk.fails, disk.room = what == "fails", 0 if what == "full" else None
        station.machine.slow_disk = what == "slow"

    def trouble_clock(self, station: Station) -> None:
        """Its clock jumps, or is trusted otherwise."""
        jumps = (0, 0, 0, 5_000, -5_000, 1_200_000, -1_200_000, 86_400_000, -86_400_000)
        trusts = (ClockTrust.SYNCED, ClockTrust.RTC, ClockTrust.UNKNOWN)
        self.set_clock(station, self.chance.choice(jumps), self.chance.choice(trusts))

    def trouble_backend(self, may_restore: bool) -> None:
        """It is backed up, restarted, or restored from its backup."""
        what = self.chance.choice(("backed up", "restarted", "restored"))
        if what == "backed up":
            self.say("backend", what)
            self.backend.back_up()
        elif what == "restored" and may_restore:
            self.say("backend", "restored from its backup")
            self.backend.restore()
        else:
            self.say("backend", "restarted")
            self.backend.restart()

    def repair(self, station: Station) -> None:
        """A technician was here: the disk is well again, and the clock is set where nobody knew the time."""
        station.machine.disk.fails, station.machine.disk.room = False, None
        station.machine.slow_disk = False
        if station.machine.trust is ClockTrust.UNKNOWN:
            self.set_clock(station, 0, ClockTrust.SYNCED)

    def set_clock(self, station: Station, off_by_ms: int, trust: ClockTrust) -> None:
        """Its wall clock is so much off from now on."""
        station.machine.off_by_ms, station.machine.trust = off_by_ms, trust
        self.say(station.name, f"clock: {off_by_ms} ms off, {trust.value}")

    def mend(self) -> None:
        """All trouble ends: what remains is to be brought in order by the product alone."""
        for station in self.stations:
            self.repair(station)
            self.set_clock(station, 0, ClockTrust.SYNCED)
            station.link.trouble = 0.0
