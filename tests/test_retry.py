"""Pauses: longer each time, spread, bounded, never shorter than asked."""

from hypothesis import given
from hypothesis import strategies as st

from sync.limits import RETRY_AFTER_SECONDS_MAX, RETRY_SECONDS_MAX, RETRY_SECONDS_MIN
from sync.retry import pause_seconds

chances = st.floats(0, 1, exclude_max=True)
tries = st.integers(1, 10_000)


@given(tries, chances)
def test_a_pause_lies_between_half_a_step_and_the_longest(number: int, chance: float) -> None:
    assert RETRY_SECONDS_MIN / 2 <= pause_seconds(number, chance) <= RETRY_SECONDS_MAX


@given(tries, chances)
def test_pauses_grow_with_each_failure(number: int, chance: float) -> None:
    assert pause_seconds(number, chance) <= pause_seconds(number + 1, chance)


def test_two_terminals_do_not_come_back_together() -> None:
    assert pause_seconds(5, 0.1) != pause_seconds(5, 0.9)
    assert pause_seconds(1, 0.1, 60) != pause_seconds(1, 0.9, 60)


@given(tries, chances, st.integers(-5, 10**9))
def test_the_server_is_heard_within_reason(number: int, chance: float, asked: int) -> None:
    pause = pause_seconds(number, chance, asked)
    assert pause >= min(asked, RETRY_AFTER_SECONDS_MAX)
    assert pause <= 1.1 * RETRY_AFTER_SECONDS_MAX
