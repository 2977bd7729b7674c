"""What the policy says of one item: class, first share, price limit, approval, direct payment."""

from collections.abc import Sequence

from msgspec import Struct

from tariffs.copay.claim import PRICE_ONE, Line
from tariffs.copay.policy import Scene
from tariffs.copay.row import Row

NO_LIMIT = 999_999 * PRICE_ONE
"""How the national catalogue writes "no limit"."""


class ItemTerms(Struct, frozen=True):
    """`first_share` in millionths; `fixed`, `least`, `most` of the first share in fen a unit; `direct` a ratio.

    `covered`: kept out neither by its class nor by a restriction without approval; what is kept out has no first
    share and no limit. `limit` in millionths a unit.
    `only_ratio`: the first share is this ratio of its base and nothing else, or there is none.
    """

    grade: str
    first_share: int = 0
    fixed: int = 0
    least: int | None = None
    most: int | None = None
    limit: int | None = None
    covered: bool = False
    direct: int | None = None
    rows: tuple[Row, ...] = ()
    only_ratio: bool = True


def terms_of(lines: Sequence[Line], scene: Scene) -> list[ItemTerms]:
    """For each line: the catalogue's row that names the item goes before the line's own value, this before a general
    row."""
    # All that a line's terms hang on; of `parted`, only whether there is one.
    known, found = scene.memory.get, []
    for line in lines:
        key = (
            line.item,
            line.category,
            line.grade,
            line.first_share,
            line.limit,
            line.restricted,
            line.approval,
            line.parted is None,
        )
        terms = known(key)
        if terms is None:
            found.append(scene.remembered(key, _looked_up, line))
            continue
        found.append(terms[0])
        if terms[1]:
            scene.unverified = True
    return found


def _looked_up(scene: Scene, line: Line) -> ItemTerms:
    facts = {**scene.facts, "item": line.item, "category": line.category}
    rows: list[Row] = []

    def told(parameter: str, own: int | str | bool | None = None) -> int | str | bool | None:
        row = scene.item_row(parameter, facts)
        if row is not None and (own in (None, "") or row.names_item):
            rows.append(row)
            assert not isinstance(row.value, tuple)
            return row.value
        return own

    def number(parameter: str, own: int | None = None) -> int | None:
        value = told(parameter, own)
        assert value is None or isinstance(value, int)
        return value

    grade = str(told("item.class", line.grade) or "C")
    facts["class"] = grade
    if line.parted is not None:
        return ItemTerms(grade, direct=number("item.direct"), rows=tuple(rows))
    if grade == "C":
        return ItemTerms(grade, rows=tuple(rows))
    limit = number("item.limit", line.limit)
    restricted = told("item.restricted", line.restricted)
    share = number("item.first", line.first_share) if grade == "B" else 0
    bounds = ("fixed", "least", "most")
    fixed, least, most = (number(f"item.first.{what}") if grade == "B" else None for what in bounds)
    direct = number("item.direct")
    if not (line.approval == "1" if restricted else line.approval != "2"):
        return ItemTerms(grade, direct=direct, rows=tuple(rows))
    return ItemTerms(
        grade,
        first_share=share or 0,
        fixed=fixed or 0,
        least=least,
        most=most,
        limit=None if limit is None or limit >= NO_LIMIT else limit,
        covered=True,
        only_ratio=not fixed and least is None and most is None,
        direct=direct,
        rows=tuple(rows),
    )
