"""Item lines by what becomes of them: full self-pay, over the limit, first share, in scope.

Source: docs/copay.md, "Parameters of lines"; national interface 2204 and 2301.
"""

from dataclasses import dataclass

from tariffs.copay.bill import Step
from tariffs.copay.catalogue import ItemTerms, terms_of
from tariffs.copay.claim import LINE_ONE, QUANTITY_ONE, RATIO_ONE, BadClaim, Line, Parted
from tariffs.copay.policy import Scene
from tariffs.copay.rounding import Rounding, together
from tariffs.copay.terms import claim_terms


@dataclass(slots=True)
class Split:
    """The lines of a claim, in their order; `whole` is the sum of their parts.

    `direct` is what the pool pays of a line that runs through no deductible and no bands; None for a line that does.
    `away`: each line's away-from-home share, within its scope.
    """

    grades: list[str]
    parted: list[Parted]
    whole: Parted
    direct: list[int | None]
    away: list[int]
    steps: list[Step]

    @property
    def has_direct(self) -> bool:
        """Whether any line is paid directly."""
        return self.direct.count(None) < len(self.direct)


def split(lines: tuple[Line, ...], scene: Scene, minor: int) -> Split:
    """Split each line; `minor` is the count of minor units in a major one. Raises BadClaim."""
    general = claim_terms(scene)
    rounding, limit_first = general.lines_rounding, general.limit_first
    terms = terms_of(lines, scene)
    amounts = _amounts(lines, minor, rounding)
    mosts = [
        (amount if one.limit is None else _most(line, amount, one.limit, minor, rounding)) if one.covered else 0
        for line, amount, one in zip(lines, amounts, terms, strict=True)
    ]
    bases = mosts if limit_first else amounts
    exact = [
        (base * one.first_share if one.only_ratio else _first(line, base, one, rounding)) if one.covered else 0
        for line, base, one in zip(lines, bases, terms, strict=True)
    ]
    if general.per_line:
        rounded = rounding.each(exact, RATIO_ONE)
        firsts = [first if first < base else base for base, first in zip(bases, rounded, strict=True)]
    else:
        firsts = together(exact, RATIO_ONE, rounding, bases)
    parts: list[Parted] = []
    directs: list[int | None] = []
    steps: list[Step] = []
    for number, (line, one, amount, most, first) in enumerate(
        zip(lines, terms, amounts, mosts, firsts, strict=True), 1
    ):
        if line.parted is not None:
            parted = line.parted
        elif not one.covered:
            parted = Parted(amount, 0, 0, 0)
        else:
            over = amount - most if limit_first else max(0, amount - first - most)
            parted = Parted(0, over, first, amount - over - first)
        paid, direct = 0, None
        if one.direct is not None:
            paid = direct = min(parted.scope, rounding.of(parted.scope * one.direct, RATIO_ONE))
        zh = en = line.name or line.item
        if not zh:
            zh, en = f"第 {number} 行", f"line {number}"
        parts.append(parted)
        directs.append(direct)
        steps.append(Step(one.grade, zh, en, amount, paid, amount - paid, "", None, number, one.rows))
    columns = [(part.fulamt, part.overlmt, part.preself, part.scope) for part in parts]
    fulamt, overlmt, preself, scope = map(sum, zip(*columns, strict=True))
    whole = Parted(fulamt, overlmt, preself, scope)
    return Split([one.grade for one in terms], parts, whole, directs, [0] * len(lines), steps)


def _amounts(lines: tuple[Line, ...], minor: int, rounding: Rounding) -> list[int]:
    """What each line comes to in minor units. Raises BadClaim."""
    exact = [
        line.quantity * line.price * minor
        for line in lines
        if line.price is not None and line.amount_fen is None and line.parted is None
    ]
    if len(exact) == len(lines):
        return rounding.each(exact, LINE_ONE)
    return [_amount(line, minor, rounding, number) for number, line in enumerate(lines, 1)]


def _amount(line: Line, minor: int, rounding: Rounding, number: int) -> int:
    """What the line says that it comes to, or quantity × price. They agree where the one is the other, rounded either
    way: how a bill was rounded is the hospital's, not the policy's."""
    parts = None if line.parted is None else line.parted.amount
    told = parts if line.amount_fen is None else line.amount_fen
    if line.price is None:
        if told is None:
            raise BadClaim(f"第 {number} 行没有金额", f"line {number} has neither price nor amount")
        agree, amount = True, told
    else:
        exact = line.quantity * line.price * minor
        amount = rounding.of(exact, LINE_ONE) if told is None else told
        agree = told is None or abs(told * LINE_ONE - exact) < LINE_ONE
    if not agree or parts not in (None, amount):
        raise BadClaim(
            f"第 {number} 行数量乘单价、金额与各部分之和不一致",
            f"line {number}: quantity times price, amount and sum of the parts disagree",
        )
    return amount


def _most(line: Line, amount: int, limit: int, minor: int, rounding: Rounding) -> int:
    """What of a line lies within its price limit (millionths a unit)."""
    return min(amount, rounding.of(line.quantity * limit * minor, LINE_ONE))


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
