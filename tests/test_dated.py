"""A table is in force from its day until the day before the next one's."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tariffs.dated import Dated

OLD, NEW = date(2017, 1, 1), date(2022, 7, 1)


@pytest.mark.parametrize(
    ("day", "edition"),
    [
        (OLD - timedelta(1), None),
        (OLD, "old"),
        (NEW - timedelta(1), "old"),
        (NEW, "new"),
        (date.max, "new"),
    ],
)
def test_an_edition_holds_from_its_own_day_to_the_day_before_the_next(day: date, edition: str | None) -> None:
    assert Dated([(NEW, "new"), (OLD, "old")]).at(day) == edition


def test_nothing_is_ever_in_force_without_editions() -> None:
    assert Dated[str]([]).at(date.max) is None


def test_two_editions_of_one_day_are_refused() -> None:
    with pytest.raises(ValueError, match="same day"):
        Dated([(OLD, "one"), (OLD, "other")])


@given(st.dictionaries(st.dates(), st.integers()), st.dates())
def test_a_look_up_finds_the_latest_edition_not_after_the_day(editions: dict[date, int], day: date) -> None:
    begun = [begin for begin in editions if begin <= day]
    assert Dated(editions.items()).at(day) == (editions[max(begun)] if begun else None)
