"""A torn tap and a clock that jumps: how long ago it was is told by monotonic time, where anything tells it."""

from datetime import timedelta

import pytest

from tariffs.verdict import Reason
from terminal.ports import ClockTrust
from tests.bus import Bus, card, driver, paid_fen

JUMPS = [timedelta(days=1), timedelta(hours=8), timedelta(minutes=-20), timedelta(days=-1)]
AWAY_TOO_LONG = 11


@pytest.fixture(params=[False, True], ids=["no trip", "on a trip"])
def signed_on(bus: Bus, request: pytest.FixtureRequest) -> Bus:
    """A bus, with and without a driver."""
    if request.param:
        bus.tap(driver())
        bus.later(minutes=1)
    return bus


@pytest.mark.parametrize("jump", JUMPS)
def test_a_clock_that_jumps_after_a_torn_debit_charges_no_ride_twice(signed_on: Bus, jump: timedelta) -> None:
    rider = card(60)
    signed_on.tap_torn_at_debit(rider, executed=True)
    signed_on.at += jump
    signed_on.later(seconds=5)
    assert signed_on.tap(rider).reason is Reason.HEALED
    assert paid_fen(rider) == 100


def test_a_clock_that_goes_back_makes_no_past_ride_free(signed_on: Bus) -> None:
    rider = card(61)
    signed_on.tap_torn_at_debit(rider, executed=True)
    signed_on.later(minutes=AWAY_TOO_LONG)
    signed_on.at -= timedelta(minutes=AWAY_TOO_LONG)
    assert signed_on.tap(rider).reason is not Reason.HEALED
    assert paid_fen(rider) == 200


@pytest.mark.parametrize("away_minutes, is_this_ride", [(2, True), (AWAY_TOO_LONG, False)])
def test_a_synchronised_row_of_the_same_boot_tells_after_a_restart_when_a_wrong_clock_wrote_the_draft(
    bus: Bus, away_minutes: int, is_this_ride: bool
) -> None:
    rider = card(62)
    bus.tap(card(63))  # by a right clock
    bus.at, bus.trust = bus.at - timedelta(hours=9), ClockTrust.RTC
    bus.tap_torn_at_debit(rider, executed=True)
    bus.later(minutes=away_minutes)
    bus.at, bus.trust = bus.at + timedelta(hours=9), ClockTrust.SYNCED
    bus.restart()
    assert (bus.tap(rider).reason is Reason.HEALED) == is_this_ride
    assert paid_fen(rider) == (100 if is_this_ride else 200)


@pytest.mark.parametrize("after_minutes, is_this_ride", [(1, True), (AWAY_TOO_LONG, False)])
def test_a_draft_that_lies_ahead_of_a_right_clock_is_as_old_as_the_restart_at_least(
    bus: Bus, after_minutes: int, is_this_ride: bool
) -> None:
    rider = card(64)
    bus.at, bus.trust = bus.at + timedelta(days=1), ClockTrust.RTC
    bus.tap_torn_at_debit(rider, executed=True)
    bus.later(seconds=40)
    bus.at, bus.trust = bus.at - timedelta(days=1), ClockTrust.SYNCED
    bus.restart()
    bus.later(minutes=after_minutes)
    assert (bus.tap(rider).reason is Reason.HEALED) == is_this_ride
    assert paid_fen(rider) == (100 if is_this_ride else 200)


def test_a_light_that_nobody_saw_before_a_restart_is_shown_also_by_a_clock_that_was_synchronised_meanwhile(
    bus: Bus,
) -> None:
    rider = card(65)
    bus.tap(card(66))
    bus.at, bus.trust = bus.at - timedelta(hours=9), ClockTrust.RTC
    bus.desk.remember = lambda *_seen: None  # type: ignore[method-assign]
    assert bus.tap(rider).reason is Reason.FARE
    bus.at, bus.trust = bus.at + timedelta(hours=9), ClockTrust.SYNCED
    bus.later(seconds=20)
    bus.restart()
    bus.later(seconds=5)
    again = bus.tap(rider)
    assert again.repeated and again.reason is Reason.FARE
    assert paid_fen(rider) == 100
