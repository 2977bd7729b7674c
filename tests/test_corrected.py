"""The true time of rows from before the clock was synchronised."""

from typing import Literal

from sync.corrected import true_times
from sync.record import Row
from tests.rows import refused

Clock = Literal["synced", "rtc", "restored", "unknown"]


def row(seq: int, boot: str, at: str, clock: Clock, mono_ms: int) -> Row:
    return Row("00330401", 1, seq, seq, f"{at}+08:00", clock, boot, mono_ms, refused())


ROWS = [
    row(1, "a", "1970-01-01T08:00:10.000", "unknown", 10_000),
    row(2, "a", "2031-01-01T00:00:00.000", "rtc", 20_500),
    row(3, "a", "2026-06-01T12:00:00.000", "synced", 70_000),
    row(4, "a", "2026-06-01T12:00:01.000", "restored", 71_000),
    row(5, "b", "2026-06-01T13:00:00.000", "rtc", 500),
]


def test_one_synchronised_row_tells_the_true_time_of_its_whole_boot_whatever_the_wall_clock_did() -> None:
    assert true_times(ROWS) == {
        1: "2026-06-01T11:59:00.000+08:00",
        2: "2026-06-01T11:59:10.500+08:00",
        4: "2026-06-01T12:00:01.000+08:00",
    }


def test_a_boot_that_was_never_synchronised_tells_nothing_and_no_row_is_changed() -> None:
    before = [repr(each) for each in ROWS]
    assert true_times(ROWS[4:]) == {} == true_times([])
    true_times(ROWS)
    assert [repr(each) for each in ROWS] == before
