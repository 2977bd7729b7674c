"""The time that expiry dates are held against: never before what has surely passed, never far ahead unasked."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.limits import CLOCK_AHEAD_DAYS
from config.timefloor import BUILT, ClockQuestion, Floor, believed

AHEAD = timedelta(days=CLOCK_AHEAD_DAYS)
DAY = timedelta(days=1)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))


def test_a_clock_that_lost_its_battery_is_lifted_to_what_has_passed() -> None:
    signed = BUILT + 90 * DAY
    assert believed(datetime(1970, 1, 1, tzinfo=UTC), Floor(metadata=signed)) == (signed, "floor")
    assert believed(datetime(1970, 1, 1, tzinfo=UTC), Floor()) == (BUILT, "floor")


def test_a_clock_within_a_year_of_what_is_known_is_believed() -> None:
    assert believed(BUILT + AHEAD, Floor()) == (BUILT + AHEAD, "clock")


def test_a_clock_far_ahead_is_believed_on_a_persons_word_and_lowered_on_it() -> None:
    far = BUILT + AHEAD + DAY
    with pytest.raises(ClockQuestion) as asked:
        believed(far, Floor())
    assert "--clock-right" in asked.value.text("zh") and "--clock-wrong" in asked.value.text("en")
    assert believed(far, Floor(), True) == (far, "clock")
    assert believed(far, Floor(), False) == (BUILT, "denied")


def test_a_wrong_year_in_the_journal_or_from_a_server_does_not_hold_the_device_there() -> None:
    """One record that was written in 2050 must not make every later stick out of date."""
    far = datetime(2050, 1, 1, tzinfo=UTC)
    assert Floor(record=far).latest() == Floor(server=far).latest() == BUILT
    near = BUILT + 100 * DAY
    assert Floor(record=near).latest() == Floor(server=near).latest() == near


@given(MOMENTS, st.builds(Floor, MOMENTS, *[st.none() | MOMENTS] * 3), st.none() | st.booleans())
def test_what_is_believed_lies_between_the_floor_and_a_year_above_it_or_somebody_said_so(
    now: datetime, floor: Floor, said: bool | None
) -> None:
    try:
        time = believed(now, floor, said)
    except ClockQuestion:
        assert said is None and now > floor.latest() + AHEAD
        return
    assert floor.build <= floor.latest() <= time.at
    assert time.at <= floor.latest() + AHEAD or said is True
    assert (time.at == now) == (time.how == "clock" or now == floor.latest())
