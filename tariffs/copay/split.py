"""Item lines by what becomes of them: full self-pay, over the limit, first share, in scope.

Source: docs/copay.md, "Parameters of lines"; national interface 2204 and 2301.
"""

from operator import add, sub

from msgspec import Struct
from msgspec.structs import astuple

from tariffs.copay.bill import Step
from tariffs.copay.catalogue import ItemTerms, terms_of
from tariffs.copay.claim import LINE_ONE, QUANTITY_ONE, RATIO_ONE, BadClaim, Line
from tariffs.copay.policy import Scene
from tariffs.copay.rounding import Rounding, together
from tariffs.copay.terms import ClaimTerms, claim_terms


class Split(Struct):
    """The lines of a claim, in their order: `amounts` in fen, `columns` what each brings into each part.

    `firsts`: each line's first share as the bill tells it, that away from home included. `direct` is what the pool
    pays of a line that runs through no deductible and no bands; None for a line that does.
    """

    grades: list[str]
    amounts: list[int]
    columns: dict[str, list[int]]
    firsts: list[int]
    direct: list[int | None]
    has_direct: bool
    steps: list[Step]

    def carve(self, away: list[int]) -> None:
        """Take each line's away-from-home share out of its scope."""
        self.columns["away"] = away
        self.firsts = list(map(add, self.firsts, away))
        self.columns["scope"] = list(map(sub, self.columns["scope"], away))


def split(lines: tuple[Line, ...], scene: Scene, minor: int) -> Split:
    """Split each line; `minor` is the count of minor units in a major one. Raises BadClaim."""
    general = claim_terms(scene)
    rounding = general.lines_rounding
    terms = terms_of(lines, scene)
    # Quantity times price counts so many to the minor unit: reduced once, the divisions stay short.
    one_minor = LINE_ONE // minor
    amounts = _amounts(lines, one_minor, rounding)
    mosts = [
        amount if one.limit is None else _most(line, amount, one.limit, one_minor, rounding)
        for line, amount, one in zip(lines, amounts, terms, strict=True)
    ]
    firsts = _firsts(lines, mosts if general.limit_first else amounts, terms, general)
    overs = list(map(sub, amounts, mosts))
    if not general.limit_first:
        overs = [max(0, over - first) for over, first in zip(overs, firsts, strict=True)]
        mosts = list(map(sub, amounts, overs))
    fulamts = [0 if one.covered else amount for amount, one in zip(amounts, terms, strict=True)]
    scopes = [most - first if one.covered else 0 for most, first, one in zip(mosts, firsts, terms, strict=True)]
    for place, line in enumerate(lines):
        if line.parted is not None:
            fulamts[place], overs[place], firsts[place], scopes[place] = astuple(line.parted)
    direct: list[int | None] = [None] * len(lines)
    if "item.direct" in scene.policy.item_parameters:
        direct = [
            None if one.direct is None else min(scope, rounding.of(scope * one.direct, RATIO_ONE))
            for scope, one in zip(scopes, terms, strict=True)
        ]
    has_direct = direct.count(None) < len(direct)
    numbers = range(1, len(lines) + 1)
    steps = [
        Step(one.grade, (name := line.name or line.item) or f"第 {number} 行", name or f"line {number}",
             amount, paid or 0, amount - paid if paid else amount, "", None, number, one.rows)
        for number, line, one, amount, paid in zip(numbers, lines, terms, amounts, direct, strict=True)
    ]  # fmt: skip
    columns = {"fulamt": fulamts, "overlmt": overs, "preself": firsts, "away": [0] * len(lines), "scope": scopes}
    return Split([one.grade for one in terms], amounts, columns, firsts, direct, has_direct, steps)


def _amounts(lines: tuple[Line, ...], one_minor: int, rounding: Rounding) -> list[int]:
    """What each line comes to in minor units. Raises BadClaim."""
    exact = [
        line.quantity * line.price
        for line in lines
        if line.price is not None and line.amount_fen is None and line.parted is None
    ]
    if len(exact) == len(lines):
        return rounding.each(exact, one_minor)
    return [_amount(line, one_minor, rounding, number) for number, line in enumerate(lines, 1)]


def _amount(line: Line, one_minor: int, rounding: Rounding, number: int) -> int:
    """What the line says that it comes to, or quantity × price. They agree where the one is the other, rounded either
    way: how a bill was rounded is the hospital's, not the policy's."""
    parts = None if line.parted is None else line.parted.amount
    told = parts if line.amount_fen is None else line.amount_fen
    if line.price is None:
        if told is None:
            raise BadClaim(f"第 {number} 行没有金额", f"line {number} has neither price nor amount")
        agree, amount = True, told
    else:
        exact = line.quantity * line.price
        amount = rounding.of(exact, one_minor) if told is None else told
        agree = told is None or abs(told * one_minor - exact) < one_minor
    if not agree or parts not in (None, amount):
        raise BadClaim(
            f"第 {number} 行数量乘单价、金额与各部分之和不一致",
            f"line {number}: quantity times price, amount and sum of the parts disagree",
        )
    return amount


def _most(line: Line, amount: int, limit: int, one_minor: int, rounding: Rounding) -> int:
    """What of a line lies within its price limit (millionths a unit)."""
    most = rounding.of(line.quantity * limit, one_minor)
    return most if most < amount else amount


def _firsts(lines: tuple[Line, ...], bases: list[int], terms: list[ItemTerms], general: ClaimTerms) -> list[int]:
    """The first share of each line, of its base and not above it; rounded a line, or all together."""
    exact = [
        base * one.first_share if one.only_ratio else _first(line, base, one, general.lines_rounding)
        for line, base, one in zip(lines, bases, terms, strict=True)
    ]
    if not general.per_line:
        # A line outside the catalogue takes nothing of what is rounded up.
        most = [base if one.covered else 0 for base, one in zip(bases, terms, strict=True)]
        return together(exact, RATIO_ONE, general.lines_rounding, most)
    rounded = general.lines_rounding.each(exact, RATIO_ONE)
    if general.lines_rounding.unit == 1:
        return rounded  # a share of a whole amount: only a larger unit rounds above the amount
    return [first if first < base else base for base, first in zip(bases, rounded, strict=True)]


def _first(line: Line, base: int, terms: ItemTerms, rounding: Rounding) -> int:
    """The first share of `base` in millionths of a fen: the ratio, a fixed amount, its least and its most."""
    exact = base * terms.first_share
    if terms.fixed:
        exact += _each(line, terms.fixed, rounding)
    if terms.least is not None:
        exact = max(exact, _each(line, terms.least, rounding))
    if terms.most is not None:
        exact = min(exact, _each(line, terms.most, rounding))
    return min(exact, base * RATIO_ONE)


def _each(line: Line, fen: int, rounding: Rounding) -> int:
    return rounding.of(fen * line.quantity, QUANTITY_ONE) * RATIO_ONE
