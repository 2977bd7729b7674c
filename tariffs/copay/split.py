"""Item lines by what becomes of them: full self-pay, over the limit, first share, in scope.

Source: docs/copay.md, "Lines"; national interface 2204 and 2301.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tariffs.copay.bill import Step
from tariffs.copay.claim import PRICE_ONE, QUANTITY_ONE, RATIO_ONE, BadClaim, Line, Parted
from tariffs.copay.policy import Scene
from tariffs.copay.rounding import Rounding, together
from tariffs.copay.row import Row

NO_LIMIT = 999_999 * PRICE_ONE
"""How the national catalogue writes "no limit"."""


@dataclass(slots=True)
class Split:
    """The lines of a claim, in their order. `direct` is what the pool pays of a line that runs through
    no deductible and no bands; None for a line that does. `away`: each line's away-from-home share, within its scope.
    """

    grades: list[str]
    parted: list[Parted]
    direct: list[int | None]
    away: list[int]
    steps: list[Step]


@dataclass(frozen=True, slots=True)
class _Terms:
    """What the policy says of one line; `covered`: not kept out by class or by a restriction without approval."""

    grade: str
    first_share: int
    limit: int | None
    covered: bool
    facts: dict[str, str]
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class _First:
    """A line before rounding: its first share is `exact` millionths of a fen, at most `base`; `most` is its limit."""

    amount: int
    exact: int
    base: int
    most: int
    parted: Parted | None


def split(lines: tuple[Line, ...], scene: Scene, minor: int) -> Split:
    """Split each line; `minor` is the count of minor units in a major one. Raises BadClaim."""
    rounding = Rounding(
        scene.word("lines.rounding.mode", scene.word("rounding.mode", "half-up")),
        scene.number("lines.rounding.unit", 1),
    )
    firsts: list[_First] = []
    terms_of: list[_Terms] = []
    limit_first = scene.word("lines.order", "limit-first") == "limit-first"
    for number, line in enumerate(lines, 1):
        amount = _amount(line, minor, rounding, number)
        terms = _terms(line, scene)
        terms_of.append(terms)
        firsts.append(_first(line, number, amount, terms, scene, minor, rounding, limit_first))
    if scene.word("lines.rounding.place", "line") == "line":
        shares = [min(first.base, rounding.of(first.exact, RATIO_ONE)) for first in firsts]
    else:
        shares = together([one.exact for one in firsts], RATIO_ONE, rounding, [one.base for one in firsts])
    parted = [_parted(first, share, limit_first) for first, share in zip(firsts, shares, strict=True)]
    result = Split([terms.grade for terms in terms_of], parted, [], [0] * len(lines), [])
    for number, (line, terms, parts) in enumerate(zip(lines, terms_of, parted, strict=True), 1):
        direct = scene.item_row("item.direct", terms.facts)
        paid = 0
        if direct is not None and isinstance(direct.value, int):
            terms.rows.append(direct)
            paid = min(parts.scope, rounding.of(parts.scope * direct.value, RATIO_ONE))
        result.direct.append(None if direct is None else paid)
        zh, en = (line.name or line.item or word for word in (f"第 {number} 行", f"line {number}"))
        own = parts.amount - paid
        result.steps.append(Step(terms.grade, zh, en, parts.amount, paid, own, line=number, rows=tuple(terms.rows)))
    return result


def _amount(line: Line, minor: int, rounding: Rounding, number: int) -> int:
    if line.price is None:
        if line.amount_fen is None and line.parted is None:
            raise BadClaim(f"第 {number} 行没有金额", f"line {number} has neither price nor amount")
        amount = line.amount_fen if line.amount_fen is not None else 0
        return line.parted.amount if line.amount_fen is None and line.parted is not None else amount
    found = rounding.of(line.quantity * line.price * minor, QUANTITY_ONE * PRICE_ONE)
    if line.amount_fen is not None and line.amount_fen != found:
        raise BadClaim(f"第 {number} 行数量乘单价不等于金额", f"line {number}: quantity times price is not the amount")
    return found


def _terms(line: Line, scene: Scene) -> _Terms:
    """The catalogue's row that names the item goes before the line's own value, this before a general row."""
    facts = {**scene.facts, "item": line.item, "category": line.category}
    rows: list[Row] = []

    def told(parameter: str, own: int | str | bool | None) -> int | str | bool | None:
        row = scene.item_row(parameter, facts)
        if row is not None and (own in (None, "") or row.names_item):
            rows.append(row)
            assert not isinstance(row.value, tuple)
            return row.value
        return own

    grade = str(told("item.class", line.grade) or "C")
    facts["class"] = grade
    if grade == "C":
        return _Terms(grade, 0, None, False, facts, rows)
    first = told("item.first", line.first_share) if grade == "B" else 0
    limit = told("item.limit", line.limit)
    restricted = told("item.restricted", line.restricted)
    covered = line.approval == "1" if restricted else line.approval != "2"
    return _Terms(grade, int(first or 0), None if limit is None else int(limit), covered, facts, rows)


def _first(
    line: Line,
    number: int,
    amount: int,
    terms: _Terms,
    scene: Scene,
    minor: int,
    rounding: Rounding,
    limit_first: bool,
) -> _First:
    """What of a line is over its limit, and its first share before it is rounded."""
    if line.parted is not None:
        if line.parted.amount != amount:
            raise BadClaim(f"第 {number} 行各部分之和不等于金额", f"the parts of line {number} are not its amount")
        return _First(amount, 0, amount, 0, line.parted)
    if not terms.covered:
        return _First(amount, 0, amount, 0, Parted(amount, 0, 0, 0))
    most = amount
    if terms.limit is not None and terms.limit < NO_LIMIT:
        most = min(amount, rounding.of(line.quantity * terms.limit * minor, QUANTITY_ONE * PRICE_ONE))
    base = most if limit_first else amount
    exact = base * terms.first_share
    for parameter, change in _BOUNDS:
        row = scene.item_row(parameter, terms.facts)
        if row is not None and isinstance(row.value, int):
            terms.rows.append(row)
            exact = change(exact, rounding.of(row.value * line.quantity, QUANTITY_ONE) * RATIO_ONE)
    return _First(amount, min(exact, base * RATIO_ONE), base, most, None)


def _parted(first: _First, share: int, limit_first: bool) -> Parted:
    if first.parted is not None:
        return first.parted
    over = first.amount - first.most if limit_first else max(0, first.amount - share - first.most)
    return Parted(0, over, share, first.amount - over - share)


_BOUNDS: tuple[tuple[str, Callable[[int, int], int]], ...] = (
    ("item.first.fixed", lambda first, each: first + each),
    ("item.first.least", max),
    ("item.first.most", min),
)
"""A fixed amount and the bounds of a first share, each for a whole unit of the quantity, in this order."""
