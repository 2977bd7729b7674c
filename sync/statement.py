"""The daily statement of a counter and its comparison with the centre's: totals and details (3201 and 3202 shape).

A refund is a line of its own with signs reversed; both the positive and the negative line must be there on both sides.
Whatever differs is in one named class, and the classes add up to the difference of the totals.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from enum import Enum
from typing import Literal

import msgspec


class Detail(msgspec.Struct, frozen=True, order=True):
    """One line of the details (3202): money in fen. `setl_id` our operation; `part` "bill" or "correction".

    `refd_setl_flag`: "1" for a mirror. `mdtrt_id` of a mirror names the operation that it undoes. `day` YYYYMMDD, the
    centre's day of settlement; the counter's own for lines that the centre has not told of. `state`: "held" for a bill
    that has no outcome yet.
    """

    setl_id: str
    part: Literal["bill", "correction"]
    mdtrt_id: str
    psn_no: str
    insutype: str
    medfee_sumamt: int
    fund_pay_sumamt: int
    acct_pay: int
    refd_setl_flag: Literal["0", "1"]
    day: str
    state: Literal["done", "held"] = "done"

    @property
    def money(self) -> tuple[int, int, int]:
        """Total, funds, account; nothing for a bill that is not done."""
        return (self.medfee_sumamt, self.fund_pay_sumamt, self.acct_pay) if self.state == "done" else (0, 0, 0)


class Total(msgspec.Struct, frozen=True):
    """One line of the totals (3201): one scheme's settlements, refunds apart. `fixmedins_setl_cnt` counts bills."""

    insutype: str
    refd_setl_flag: str
    medfee_sumamt: int
    fund_pay_sumamt: int
    acct_pay: int
    fixmedins_setl_cnt: int


class Why(Enum):
    """The class of a difference: what the two sides disagree about, and who must act."""

    NOT_SENT = "not_sent"  # here, and the centre does not know it: it goes with the next contact
    NOT_CLOSED = "not_closed"  # one side has the outcome, the other holds the bill open
    UNKNOWN_HERE = "unknown_here"  # only at the centre: a journal was lost, or another counter used our number
    CORRECTION_NOT_TAKEN = "correction_not_taken"  # the centre corrected, the counter has not booked it yet
    AMOUNT = "amount"  # the same line with other money
    SCHEME = "scheme"  # the same money under another scheme
    TWICE = "twice"  # one side has the line more than once
    REFUND_ALONE = "refund_alone"  # a mirror whose bill is on neither side
    OTHER_DAY = "other_day"  # accepted by the centre on another day: belongs to that day's statement


EXPLAINED = frozenset({Why.NOT_SENT, Why.CORRECTION_NOT_TAKEN, Why.OTHER_DAY})
"""Classes that pass by themselves with the next contact or statement; any other needs a person."""

SAID: dict[Why, tuple[str, str]] = {
    Why.NOT_SENT: ("中心尚未收到，联网后自动上传", "not at the centre yet: it is sent at the next contact"),
    Why.NOT_CLOSED: ("一方已结算，另一方未结", "one side has settled it, the other holds it open"),
    Why.UNKNOWN_HERE: ("仅中心有此笔，本机没有", "only the centre has it: find the journal it came from"),
    Why.CORRECTION_NOT_TAKEN: ("中心已更正，本机未记账", "the centre corrected it, not booked here yet"),
    Why.AMOUNT: ("同一笔金额不同", "the same line with other money"),
    Why.SCHEME: ("同一笔险种不同", "the same line under another scheme"),
    Why.TWICE: ("同一笔重复", "the same line more than once"),
    Why.REFUND_ALONE: ("退费没有对应的原结算", "a refund without the bill that it undoes"),
    Why.OTHER_DAY: ("中心记在另一天", "accepted by the centre on another day"),
}


class Difference(msgspec.Struct, frozen=True):
    """One line that does not agree: ours minus theirs in total, funds, account (fen)."""

    why: Why
    setl_id: str
    part: str
    medfee_sumamt: int
    fund_pay_sumamt: int
    acct_pay: int


class Comparison(msgspec.Struct, frozen=True):
    """Both sides' totals (`stmt_rslt` "0" equal, "1" not), and each difference in its class."""

    ours: tuple[Total, ...]
    theirs: tuple[Total, ...]
    stmt_rslt: Literal["0", "1"]
    differences: tuple[Difference, ...]

    @property
    def balanced(self) -> bool:
        """Nothing differs that would not pass by itself."""
        return all(difference.why in EXPLAINED for difference in self.differences)


def totals(details: Iterable[Detail]) -> tuple[Total, ...]:
    """Add up by scheme, refunds apart; a correction adds money and no count. Bills without an outcome do not count."""
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for detail in details:
        if detail.state == "done":
            line = sums[detail.insutype, detail.refd_setl_flag]
            for place, fen in enumerate(detail.money):
                line[place] += fen
            line[3] += detail.part == "bill"
    return tuple(Total(*key, *line) for key, line in sorted(sums.items()))


def compare(ours: Sequence[Detail], theirs: Sequence[Detail], elsewhere: Container[str] = ()) -> Comparison:
    """Compare both sides line by line. `elsewhere`: operations that stand here on any day, which a refund may undo."""
    mine, twice_here = _by_key(ours)
    its, twice_there = _by_key(theirs)
    differences = [_difference(Why.TWICE, line, None) for line in twice_here]
    differences += [_difference(Why.TWICE, None, line) for line in twice_there]
    here = {operation for operation, part in (*mine, *its) if part == "bill"}
    for key in sorted(mine.keys() | its.keys()):
        line = mine.get(key) or its[key]
        alone = line.refd_setl_flag == "1" and line.mdtrt_id not in here and line.mdtrt_id not in elsewhere
        why = Why.REFUND_ALONE if alone and _stands(line) else _why(mine.get(key), its.get(key))
        if why is not None:
            differences.append(_difference(why, mine.get(key), its.get(key)))
    ours_total, theirs_total = totals(ours), totals(theirs)
    return Comparison(ours_total, theirs_total, "0" if ours_total == theirs_total else "1", tuple(differences))


_Key = tuple[str, str]


def _by_key(details: Iterable[Detail]) -> tuple[dict[_Key, Detail], list[Detail]]:
    """Lines by operation and part, and those that came again."""
    found: dict[_Key, Detail] = {}
    again: list[Detail] = []
    for detail in details:
        if found.setdefault((detail.setl_id, detail.part), detail) is not detail:
            again.append(detail)
    return found, again


def _stands(line: Detail) -> bool:
    return line.part == "bill" and line.state == "done"


def _why(mine: Detail | None, its: Detail | None) -> Why | None:
    if mine is None:
        assert its is not None
        return Why.CORRECTION_NOT_TAKEN if its.part == "correction" else Why.UNKNOWN_HERE
    if its is None:
        return Why.NOT_SENT
    if mine.state != its.state:
        return Why.NOT_CLOSED
    if mine.money != its.money:
        return Why.AMOUNT
    if mine.insutype != its.insutype or mine.refd_setl_flag != its.refd_setl_flag:
        return Why.SCHEME
    return Why.OTHER_DAY if mine.day != its.day else None


def _difference(why: Why, mine: Detail | None, its: Detail | None) -> Difference:
    line = mine or its
    assert line is not None
    ours, theirs = mine.money if mine else (0, 0, 0), its.money if its else (0, 0, 0)
    money = (one - two for one, two in zip(ours, theirs, strict=True))
    return Difference(why, line.setl_id, line.part, *money)
