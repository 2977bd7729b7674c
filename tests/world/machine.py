"""What is outside of one terminal's program: supply, disk, clock, and the count of every touch of the outside."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from terminal.ports import ClockTrust
from tests.disk import Disk, PowerCut

START = datetime.fromisoformat("2026-11-23T06:00:00+08:00")
FACTORY = datetime.fromisoformat("2020-01-01T00:00:00+08:00")
"""What a machine without a battery clock believes when the power comes back."""

SYNC_MS, SLOW_SYNC_MS = 1, 700


class Killed(BaseException):
    """The process was killed; the machine goes on."""


class Time:
    """True time of the whole world in milliseconds since its begin. Nothing else moves it."""

    def __init__(self) -> None:
        self.now_ms = 0

    def monotonic(self) -> float:
        """As the module `time` has it, for the device's loop."""
        return self.now_ms / 1000

    def pass_ms(self, duration_ms: int) -> None:
        """Time passes."""
        self.now_ms += duration_ms

    def at(self) -> datetime:
        """The true time of day."""
        return START + timedelta(milliseconds=self.now_ms)


class Stop:
    """Stands for the loop's stop event: waiting lets the world's time pass."""

    def __init__(self, time: Time) -> None:
        self._time = time

    def is_set(self) -> bool:
        """Nobody stops a device here but by the supply."""
        return False

    def wait(self, seconds: float) -> bool:
        """Wait as told."""
        self._time.pass_ms(round(seconds * 1000))
        return False


class Machine:
    """One terminal's hardware. `die_in`: the n-th touch from now ends the process, by a kill or a power cut."""

    def __init__(self, time: Time) -> None:
        self.time = time
        self.disk = Disk()
        self.disk.touched = self._disk_touched
        self.off_by_ms = 0  # wall clock less true time
        self.trust = ClockTrust.SYNCED
        self.reserved = 0  # bytes of the journal's reserve
        self.slow_disk = False
        self.die_in = 0
        self.by = "power"
        self.ended = False
        self.ended_at = ""
        self.touches: Counter[str] = Counter()
        self.on_end: Callable[[], None] = lambda: None
        self._booted_ms = 0

    def touch(self, point: str, duration_ms: int = 0) -> None:
        """The program touches the outside at `point`. Raises PowerCut or Killed when it ends there."""
        if self.ended:
            raise PowerCut if self.by == "power" else Killed
        self.time.pass_ms(duration_ms)
        self.touches[point] += 1
        self.die_in -= 1
        if self.die_in == 0:
            self.ended, self.ended_at = True, point
            self.on_end()
            self.disk.end()
            raise PowerCut if self.by == "power" else Killed

    def _disk_touched(self, operation: str) -> None:
        if self.ended:
            return  # SQLite tidies up after the end; it goes nowhere
        duration_ms = (SLOW_SYNC_MS if self.slow_disk else SYNC_MS) if operation == "sync" else 0
        self.touch(f"disk {operation}", duration_ms)

    def start(self, disk: Disk) -> None:
        """Power, or a new process, on the disk as it is."""
        self.disk.close()
        self.disk = disk
        self.disk.touched = self._disk_touched
        self.ended = False
        self.die_in = 0
        if self.by == "power":
            self._booted_ms = self.time.now_ms

    def wall_s(self) -> float:
        """What the system says the time is, seconds since 1970."""
        return (self.time.at() + timedelta(milliseconds=self.off_by_ms)).timestamp()

    @property
    def boot_id(self) -> str:
        """Since when its monotonic time runs."""
        return f"boot {self._booted_ms}"

    def mono_ms(self) -> int:
        """Milliseconds since the machine was switched on."""
        return self.time.now_ms - self._booted_ms

    def without_battery(self) -> None:
        """The power came back and no battery clock kept the time."""
        self.off_by_ms = round((FACTORY - self.time.at()).total_seconds() * 1000)
        self.trust = ClockTrust.UNKNOWN
