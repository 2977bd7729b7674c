"""The clock of the device: local wall time with an honest word on how far to trust it, and time that only grows."""

import ctypes
import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from terminal.drivers.limits import CLOCK_JUDGED_MS, CLOCK_STEP_S
from terminal.ports import ClockTrust, Moment

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
"""China keeps one offset and no summer time since 1991: no time zone data that a lean system may lack is needed."""

TIME_ERROR = 5  # what adjtimex(2) returns while the kernel's clock is not disciplined
TIMEX_BYTES = 512  # more than `struct timex` of any Linux; modes 0 at its begin means "only tell"

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SYNCED_SINCE_BOOT = Path("/run/systemd/timesync/synchronized")
SET_FROM_RTC = Path("/sys/class/rtc/rtc0/hctosys")
LAST_SYNCED = Path("/var/lib/systemd/timesync/clock")


def judge_trust() -> ClockTrust:
    """How far this machine's wall time can be trusted now.

    SYNCED: the kernel's clock is disciplined (adjtimex), or systemd-timesyncd has synchronised it since boot. RTC: the
    kernel set it from the battery clock at boot. RESTORED: systemd-timesyncd advanced it to its last stamp.
    """
    if _disciplined() or os.path.exists(SYNCED_SINCE_BOOT):
        return ClockTrust.SYNCED
    if _text(SET_FROM_RTC) == "1":
        return ClockTrust.RTC
    return ClockTrust.RESTORED if os.path.exists(LAST_SYNCED) else ClockTrust.UNKNOWN


class SystemClock:
    """Reads the system's clock; fits `terminal.ports.Clock`. `boot_id` tells whether two `mono_ms` compare."""

    def __init__(
        self,
        floor: datetime | None = None,
        synced_floor: datetime | None = None,
        *,
        wall: Callable[[], float] = time.time,
        mono_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
        trust: Callable[[], ClockTrust] = judge_trust,
    ) -> None:
        """`floor`: the time of the last record (aware), which no reading goes behind but a synchronised one.

        `synced_floor`: that of the last record with a synchronised time, which no reading at all goes behind: records
        that a wrong battery clock wrote years ahead do not hold the device in that year for ever. None: no record.
        """
        self._wall, self._mono_ms, self._judge = wall, mono_ms, trust
        self._synced_s = synced_floor.timestamp() if synced_floor is not None else 0.0
        self._synced_ms = self._last_ms = self._judge_at_ms = mono_ms()
        self._last_s = floor.timestamp() if floor is not None else 0.0
        self._trust = ClockTrust.UNKNOWN
        self.boot_id = _text(BOOT_ID)

    def read(self) -> Moment:
        """One reading. Time that went back is counted on from the last reading, or the floor, and is RESTORED.

        A clock that was wrong in the future and is synchronised at last may step back, but not behind a synchronised
        reading or record.
        """
        mono_ms = self._mono_ms()
        if mono_ms >= self._judge_at_ms:
            self._trust = self._judge()
            self._judge_at_ms = mono_ms + CLOCK_JUDGED_MS
        wall_s, trust = self._wall(), self._trust
        last_s = self._synced_s
        earliest_s = last_s + (mono_ms - self._synced_ms) / 1000
        synced = trust is ClockTrust.SYNCED and wall_s >= earliest_s - CLOCK_STEP_S
        if not synced:  # or it claims to be, and is behind what was: then it goes behind no reading and record at all
            last_s = max(last_s, self._last_s)
            earliest_s = max(earliest_s, self._last_s + (mono_ms - self._last_ms) / 1000)
        if wall_s >= earliest_s - CLOCK_STEP_S:
            at_s = max(wall_s, last_s)
        else:
            at_s, trust = earliest_s, ClockTrust.RESTORED
        self._last_s, self._last_ms = at_s, mono_ms
        if synced:
            self._synced_s, self._synced_ms = at_s, mono_ms
        return Moment(datetime.fromtimestamp(at_s, CHINA), trust, mono_ms)


def _disciplined() -> bool:
    try:
        told: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    except (OSError, AttributeError):
        return False
    return 0 <= told < TIME_ERROR


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
