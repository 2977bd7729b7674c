"""The clock: China's time, honest about itself, never behind the last record."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.drivers import clock as clock_driver
from terminal.drivers import limits
from terminal.drivers.clock import CHINA, SystemClock, judge_trust
from terminal.ports import ClockTrust

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=CHINA)


class World:
    """Wall and monotonic time as a test sets them."""

    def __init__(self, wall: datetime = NOON, trust: ClockTrust = ClockTrust.SYNCED) -> None:
        self.wall_s = wall.timestamp()
        self.mono_ms = 5_000
        self.trust = trust
        self.asked = 0

    def pass_s(self, seconds: float) -> None:
        self.wall_s += seconds
        self.mono_ms += round(seconds * 1000)

    def judge(self) -> ClockTrust:
        self.asked += 1
        return self.trust

    def clock(self, floor: datetime | None = None, synced_floor: datetime | None = None) -> SystemClock:
        return SystemClock(
            floor, synced_floor, wall=lambda: self.wall_s, mono_ms=lambda: self.mono_ms, trust=self.judge
        )


def test_a_reading_is_the_wall_time_of_china_with_its_trust() -> None:
    moment = World(trust=ClockTrust.RTC).clock().read()
    assert (moment.at, moment.trust, moment.mono_ms) == (NOON, ClockTrust.RTC, 5_000)
    assert moment.at.utcoffset() == timedelta(hours=8)


def test_the_trust_is_looked_up_once_a_second_not_at_each_tap() -> None:
    world = World()
    clock = world.clock()
    for _ in range(10):
        clock.read()
        world.pass_s(0.05)
    assert world.asked == 1
    world.pass_s(limits.CLOCK_JUDGED_MS / 1000)
    world.trust = ClockTrust.UNKNOWN
    assert clock.read().trust is ClockTrust.UNKNOWN


@pytest.mark.parametrize("trust", list(ClockTrust))
def test_a_clock_behind_the_last_record_counts_on_from_it(trust: ClockTrust) -> None:
    world = World(datetime(1970, 1, 1, tzinfo=UTC), trust)
    clock = world.clock(floor=NOON, synced_floor=NOON)
    first = clock.read()
    world.pass_s(90)
    second = clock.read()
    assert (first.at, second.at) == (NOON, NOON + timedelta(seconds=90))
    assert first.trust is second.trust is ClockTrust.RESTORED


def test_a_clock_that_is_synchronised_later_jumps_forward() -> None:
    world = World(datetime(1970, 1, 1, tzinfo=UTC), ClockTrust.UNKNOWN)
    clock = world.clock(floor=NOON)
    clock.read()
    world.pass_s(2)
    world.wall_s, world.trust = NOON.timestamp() + 3600, ClockTrust.SYNCED
    moment = clock.read()
    assert (moment.at, moment.trust) == (NOON + timedelta(hours=1), ClockTrust.SYNCED)


def test_a_step_back_is_not_followed() -> None:
    world = World(trust=ClockTrust.RTC)
    clock = world.clock()
    clock.read()
    world.pass_s(10)
    world.wall_s -= 3600
    moment = clock.read()
    assert (moment.at, moment.trust) == (NOON + timedelta(seconds=10), ClockTrust.RESTORED)


def test_a_clock_wrong_in_the_future_comes_back_when_it_is_synchronised_but_not_behind_a_synchronised_record() -> (
    None
):
    world = World(NOON + timedelta(days=1500), ClockTrust.RTC)
    clock = world.clock(floor=NOON, synced_floor=NOON)
    clock.read()
    world.pass_s(10)
    world.wall_s, world.trust = (NOON + timedelta(days=1)).timestamp(), ClockTrust.SYNCED
    assert clock.read().at == NOON + timedelta(days=1)
    world.pass_s(10)
    world.wall_s = (NOON - timedelta(days=9)).timestamp()
    assert clock.read().at == NOON + timedelta(days=1, seconds=10)


steps = st.tuples(st.integers(0, 10_000), st.floats(-1e6, 1e6), st.sampled_from(ClockTrust))


@given(st.lists(steps, max_size=20))
def test_no_reading_is_behind_the_last_record_nor_a_synchronised_one_behind_a_synchronised_one(
    moves: list[tuple[int, float, ClockTrust]],
) -> None:
    world = World()
    clock = world.clock(floor=NOON, synced_floor=NOON)
    last = synced = clock.read()
    for passed_ms, step_s, trust in moves:
        world.pass_s(passed_ms / 1000)
        world.wall_s += step_s
        world.mono_ms += limits.CLOCK_JUDGED_MS
        world.trust = trust
        moment = clock.read()
        assert moment.at >= NOON
        if moment.trust is ClockTrust.SYNCED:
            assert moment.at >= synced.at
            synced = moment
        else:
            assert moment.at >= last.at
        last = moment


def test_a_clock_that_claims_to_be_synchronised_and_is_behind_what_was_goes_behind_no_record() -> None:
    """Found by the world: a bus whose time server was a day late took a rider's own torn debit for an older ride's."""
    last = NOON + timedelta(hours=10)
    world = World(NOON - timedelta(hours=14))
    clock = world.clock(floor=last, synced_floor=NOON)
    moment = clock.read()
    assert (moment.at, moment.trust) == (last, ClockTrust.RESTORED)
    world.pass_s(10)
    assert clock.read().at == last + timedelta(seconds=10)
    world.wall_s = (NOON + timedelta(minutes=1)).timestamp()
    assert clock.read().at == NOON + timedelta(minutes=1), "and a true one is believed again"


def test_records_that_a_wrong_battery_clock_wrote_years_ahead_do_not_hold_a_synchronised_one() -> None:
    years = NOON + timedelta(days=1500)
    world = World(NOON + timedelta(hours=1))
    moment = world.clock(floor=years, synced_floor=NOON).read()
    assert (moment.at, moment.trust) == (NOON + timedelta(hours=1), ClockTrust.SYNCED)
    world.trust = ClockTrust.RTC
    moment = world.clock(floor=years, synced_floor=NOON).read()
    assert (moment.at, moment.trust) == (years, ClockTrust.RESTORED), "who is not sure stays behind no record"


def test_the_real_clock_reads() -> None:
    clock = SystemClock()
    first, second = clock.read(), clock.read()
    assert second.mono_ms >= first.mono_ms
    assert abs((datetime.now(CHINA) - second.at).total_seconds()) < 3600
    assert judge_trust() in ClockTrust
    assert len(clock.boot_id) == 36


def test_a_folder_that_the_terminals_user_may_not_look_into_is_no_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: object, **_: object) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(path))

    for name in ("SYNCED_SINCE_BOOT", "LAST_SYNCED", "SET_FROM_RTC"):
        monkeypatch.setattr(clock_driver, name, tmp_path / name)
    monkeypatch.setattr(clock_driver, "_disciplined", lambda: False)
    monkeypatch.setattr(os, "stat", refused)
    assert judge_trust() is ClockTrust.UNKNOWN
