"""The daily statement: every difference has a name, and the names add up to the difference of the totals."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.statement import EXPLAINED, SAID, Detail, Why, compare, totals

DAY = "20261124"


def bill(number: int, total: int = 1_000, fund: int = 600, account: int = 100, **changes: Any) -> Detail:
    line = Detail(f"{number:020d}", "bill", "", "person", "310", total, fund, account, "0", DAY)
    return msgspec.structs.replace(line, **changes)


def mirror(number: int, of: Detail) -> Detail:
    money = {name: -getattr(of, name) for name in ("medfee_sumamt", "fund_pay_sumamt", "acct_pay")}
    return msgspec.structs.replace(of, setl_id=f"{number:020d}", mdtrt_id=of.setl_id, refd_setl_flag="1", **money)


def correction(number: int, fund: int) -> Detail:
    return bill(number, 0, fund, 0, part="correction")


def whys(ours: list[Detail], theirs: list[Detail]) -> list[Why]:
    return [difference.why for difference in compare(ours, theirs).differences]


def test_equal_sides_are_equal_and_a_refund_stands_apart() -> None:
    first = bill(1)
    lines = [first, bill(2, insutype="390"), mirror(3, first)]
    found = compare(lines, list(reversed(lines)))
    assert found.stmt_rslt == "0" and found.balanced and not found.differences
    shown = [(line.insutype, line.refd_setl_flag, line.fund_pay_sumamt, line.fixmedins_setl_cnt) for line in found.ours]
    assert shown == [
        ("310", "0", 600, 1),
        ("310", "1", -600, 1),
        ("390", "0", 600, 1),
    ]


@pytest.mark.parametrize(
    ("ours", "theirs", "why"),
    [
        ([bill(1)], [], Why.NOT_SENT),
        ([], [bill(1)], Why.UNKNOWN_HERE),
        ([bill(1)], [bill(1, state="held")], Why.NOT_CLOSED),
        ([bill(1, state="held")], [bill(1)], Why.NOT_CLOSED),
        ([bill(1)], [bill(1), correction(1, -50)], Why.CORRECTION_NOT_TAKEN),
        ([bill(1)], [bill(1, fund=599)], Why.AMOUNT),
        ([bill(1)], [bill(1, insutype="390")], Why.SCHEME),
        ([bill(1), bill(1)], [bill(1)], Why.TWICE),
        ([bill(1)], [bill(1), bill(1)], Why.TWICE),
        ([mirror(2, bill(1))], [mirror(2, bill(1))], Why.REFUND_ALONE),
        ([bill(1)], [bill(1, day="20261125")], Why.OTHER_DAY),
    ],
)
def test_each_difference_has_its_class(ours: list[Detail], theirs: list[Detail], why: Why) -> None:
    assert whys(ours, theirs) == [why]
    assert compare(ours, theirs).balanced is (why in EXPLAINED)


def test_a_bill_without_an_outcome_counts_no_money() -> None:
    assert totals([bill(1, state="held")]) == ()


def test_every_class_is_said_in_two_languages() -> None:
    assert set(SAID) == set(Why) and all(zh and en for zh, en in SAID.values())


lines = st.builds(
    bill,
    st.integers(1, 6),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 3),
    insutype=st.sampled_from(["310", "390"]),
    part=st.sampled_from(["bill", "correction"]),
    refd_setl_flag=st.sampled_from(["0", "1"]),
    day=st.sampled_from([DAY, "20261125"]),
    state=st.sampled_from(["done", "held"]),
)


@given(st.lists(lines, max_size=6), st.lists(lines, max_size=6))
def test_the_differences_add_up_to_the_difference_of_the_totals(ours: list[Detail], theirs: list[Detail]) -> None:
    found = compare(ours, theirs)
    for field in ("medfee_sumamt", "fund_pay_sumamt", "acct_pay"):
        sides = [sum(getattr(line, field) for line in side) for side in (found.ours, found.theirs)]
        assert sum(getattr(difference, field) for difference in found.differences) == sides[0] - sides[1]
    if not found.differences:
        assert found.stmt_rslt == "0"
