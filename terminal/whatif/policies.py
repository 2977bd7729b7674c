"""What another medical policy would do: which of its values differ, and the same claims under both. Pure."""

from collections.abc import Iterable
from datetime import date

from msgspec import Struct

from tariffs.copay.claim import BadClaim, Claim, Entitlement
from tariffs.copay.policy import Policy
from tariffs.copay.row import Row
from tariffs.copay.settle import settle
from terminal.whatif.pairs import Pair

GROUPED_BY = ("scheme", "person", "care")
"""Facts by which claims are counted together."""

VALUES_HEAD = ("自 · from", "参数 · parameter", "条件 · when", "旧 · old", "新 · new")
SUMS_HEAD = (
    "类别 · class",
    "单数 · claims",
    "个人负担 · person pays",
    "变化 · change",
    "多付 · more",
    "少付 · less",
    "不变 · same",
    "拒绝 · gone",
)


class ValueChange(Struct, frozen=True):
    """One parameter's row that the two policies do not share; "—" where one has none."""

    first: date
    parameter: str
    when: str
    old: str
    new: str


def value_changes(old: Policy, new: Policy) -> list[ValueChange]:
    """Every value that only one of the policies has, or that differs, in the order of days and names."""
    before, after = _values(old), _values(new)
    return sorted(
        (
            ValueChange(first, parameter, when, before.get(key, "—"), after.get(key, "—"))
            for key in before.keys() | after.keys()
            for first, parameter, when in [key]
            if before.get(key) != after.get(key)
        ),
        key=lambda change: (change.first, change.parameter, change.when),
    )


def _values(policy: Policy) -> dict[tuple[date, str, str], str]:
    """Value by day, parameter and conditions; of two that were known one after the other the later one."""
    rows: dict[tuple[date, str, str], Row] = {}
    for row, _ in policy.parsed_rows:
        key = row.first, row.parameter, " ".join(sorted(row.when.split()))
        if key not in rows or rows[key].known < row.known:
            rows[key] = row
    return {key: row.text + (f" –{row.last}" if row.last else "") for key, row in rows.items()}


def paired(claims: Iterable[tuple[Claim, Entitlement]], old: Policy, new: Policy) -> list[Pair]:
    """What the person pays in each claim under both; None where a policy cannot settle it.

    A person is counted by the claim: claims name nobody.
    """
    return [
        Pair(
            " ".join(claim.facts[fact] for fact in GROUPED_BY if claim.facts.get(fact)) or "—",
            str(number),
            _person_pays(claim, entitlement, old),
            _person_pays(claim, entitlement, new),
        )
        for number, (claim, entitlement) in enumerate(claims)
    ]


def _person_pays(claim: Claim, entitlement: Entitlement, policy: Policy) -> int | None:
    try:
        return settle(claim, entitlement, policy).psn_part_amt
    except BadClaim:
        return None
