"""Which time a device believes when the age of a signature is at stake. Pure.

A device's clock may have lost its battery (1970), or have been set wrong (2050). The floor is the latest moment that
has surely passed; a clock below it is wrong, and one far above it is not believed without somebody's word.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from config.errors import ConfigError
from config.limits import CLOCK_AHEAD_DAYS

BUILT = datetime.fromisoformat("2026-11-24T00:00:00+00:00")
"""When this program was made: no device can run it earlier."""


class Floor(NamedTuple):
    """Moments that have passed: the program was built, metadata was signed, the server told its time, a row was kept.

    Each with its offset from UTC; None where there is none.
    """

    build: datetime = BUILT
    metadata: datetime | None = None
    server: datetime | None = None
    record: datetime | None = None

    def latest(self) -> datetime:
        """The latest of them. A server's word or a record, which nobody signed, is not believed far ahead."""
        sure = max(self.build, self.metadata or self.build)
        return max([sure, *(told for told in (self.server, self.record) if told and sure < told <= sure + _AHEAD)])


class Believed(NamedTuple):
    """`how`: "clock"; "floor" when the clock lags behind it; "denied" when somebody said that the clock is wrong."""

    at: datetime
    how: str


class ClockQuestion(ConfigError):
    """The clock is far ahead of all that this device knows: somebody has to say whether it is right."""


_AHEAD = timedelta(days=CLOCK_AHEAD_DAYS)


def believed(now: datetime, floor: Floor, clock_is_right: bool | None = None) -> Believed:
    """The time to hold expiry dates against. `clock_is_right`: what somebody answered, None while nobody was asked.

    Raises ClockQuestion.
    """
    latest = floor.latest()
    if now < latest:
        return Believed(latest, "floor")
    if now <= latest + _AHEAD or clock_is_right:
        return Believed(now, "clock")
    if clock_is_right is None:
        zh = f"本机时钟为 {now:%Y-%m-%d}，比已知的最近日期 {latest:%Y-%m-%d} 超前 {(now - latest).days} 天"
        en = f"the clock says {now:%Y-%m-%d}, {(now - latest).days} days beyond the last known day, {latest:%Y-%m-%d}"
        zh_do = "若今天确为该日，加 --clock-right；若不是，加 --clock-wrong 并校准时钟"
        en_do = "is that today? --clock-right; if it is not: --clock-wrong, and set the clock"
        raise ClockQuestion("clock", zh, en, zh_do, en_do)
    return Believed(latest, "denied")
