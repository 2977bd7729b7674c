"""The network's list of issuers: 30 days after an addition, 7 after a deletion, then a terminal is overdue."""

from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tariffs.dated import Dated
from tariffs.faults import PackFaults
from tariffs.issuers import Change, differing, parse_issuers
from tariffs.rules import Scheme

TODAY = date(2026, 11, 25)
CODES = ["3140", "0400", "02003310FFFFFFFF"]


def accepting(*codes: str) -> Mapping[str, Scheme]:
    return {"any": Scheme(False, {code: Dated([(date(2017, 1, 1), "local")]) for code in codes})}


def test_an_added_issuer_is_to_be_accepted_within_30_days_and_a_deleted_one_refused_within_7() -> None:
    changes = parse_issuers(b"issuer,change,day\n0400,added,2026-11-01\n3140,deleted,2026-11-20\n")
    assert [(one.issuer, one.by) for one in differing(changes, accepting("3140"), TODAY)] == [
        ("3140", date(2026, 11, 27)),
        ("0400", date(2026, 12, 1)),
    ]
    assert list(differing(changes, accepting("0400"), TODAY)) == []


def test_an_entry_that_has_ended_in_the_pack_is_refused_already() -> None:
    ended = {"any": Scheme(False, {"3140": Dated([(date(2017, 1, 1), "local"), (TODAY, "")])})}
    assert not list(differing((Change("3140", "deleted", TODAY),), ended, TODAY))
    assert list(differing((Change("3140", "added", TODAY),), ended, TODAY))


def test_a_change_of_a_later_day_is_not_wanted_yet() -> None:
    assert not list(differing((Change("0400", "added", TODAY + timedelta(days=1)),), accepting(), TODAY))


@given(
    st.lists(st.builds(Change, st.sampled_from(CODES), st.sampled_from(["added", "deleted"]), st.dates())),
    st.sets(st.sampled_from(CODES)),
)
def test_what_is_wanted_is_the_last_word_on_each_issuer(changes: list[Change], codes: set[str]) -> None:
    wanted = list(differing(tuple(changes), accepting(*codes), date.max))
    for one in wanted:
        assert [other for other in changes if other.issuer == one.issuer][-1] == one
        assert (one.change == "added") == (one.issuer not in codes)
    assert len({one.issuer for one in wanted}) == len(wanted)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"issuer,day\n",
        b"issuer,change,day\n0400,moved,2026-11-01\n",
        b"issuer,change,day\n04x0,added,2026-11-01\n",
        b"issuer,change,day\n0400,added,2026-11-31\n",
        b"issuer,change,day\n0400,added\n",
        b"issuer,change,day\n\xff\n",
        b"issuer,change,day\n" + b"0400,added,2026-11-01\n" * 100_000,
    ],
)
def test_what_is_no_list_is_refused(raw: bytes) -> None:
    with pytest.raises(PackFaults):
        parse_issuers(raw)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_list_or_faults(raw: bytes) -> None:
    try:
        parse_issuers(b"issuer,change,day\n" + raw)
    except PackFaults as wrong:
        assert wrong.faults
