"""A ceiling on what a person pays in a period, and a lower one after it was reached several times.

Source: docs/copay.md, "A ceiling".
"""

from tariffs.copay.bill import Step
from tariffs.copay.books import Books
from tariffs.copay.claim import RATIO_ONE
from tariffs.copay.periods import months_before
from tariffs.copay.policy import Scene
from tariffs.copay.rounding import Rounding
from tariffs.copay.row import Row


def hold_ceiling(books: Books) -> None:
    """Let the fund pay what lies above the ceiling; counts own share, costs and whether the ceiling was reached."""
    scene = books.scene
    if not scene.remembered("ceiling", _exists):
        return
    counts = scene.parts("ceiling.counts", ("dedc", "own", "withheld"))
    name, period = scene.word("ceiling.accumulator", "ceiling"), scene.word("ceiling.period", "year")
    own, base, reached = (books.key(f"{name}.{what}", period) for what in ("own", "base", "reached"))
    so_far, costs = books.so_far(own), books.total(counts) + sum(books.funds.values())
    limit, rows = _limit(books, books.so_far(base) + costs)
    if not rows:
        return
    field = scene.word("ceiling.fund", scene.policy.layers[0].field)
    due = books.total(counts)
    over = 0 if limit is None else min(due, max(0, so_far + due - limit))
    if over:
        # The last money in is the first out: the own share before the deductible.
        books.fund(field, over, tuple(reversed(counts)))
        books.steps.append(
            Step("CEIL", "个人负担封顶", "ceiling on the own share", due, over, due - over, field, rows=rows)
        )
        if not books.so_far(reached):
            books.count(reached, 1)
    books.count(own, due - over)
    books.count(base, costs)


def _exists(scene: Scene) -> bool:
    return any(scene.row(name) is not None for name in ("ceiling", "ceiling.income", "ceiling.repeated"))


def _limit(books: Books, costs: int) -> tuple[int | None, tuple[Row, ...]]:
    """The ceiling for this claim; costs above a threshold may raise it by a rate.

    None without one, and where it depends on an income that nobody told: that has rows, and is counted.
    """
    scene = books.scene
    rounding = Rounding(scene.word("rounding.mode", "half-up"), scene.number("rounding.unit", 1))
    plain, income = scene.row("ceiling"), scene.row("ceiling.income")
    repeated, after = scene.row("ceiling.repeated"), scene.number("ceiling.repeated.after", 3)
    if repeated is not None and isinstance(repeated.value, int) and _reached(books) >= after:
        return repeated.value, (repeated,)
    told = books.entitlement.income_fen
    if income is not None and isinstance(income.value, int) and told is not None:
        return rounding.of(told * income.value, RATIO_ONE), (income,)
    if plain is None or not isinstance(plain.value, int):
        return None, () if income is None else (income,)
    rate, threshold = scene.row("ceiling.rate"), scene.number("ceiling.threshold", 0)
    if rate is None or not isinstance(rate.value, int):
        return plain.value, (plain,)
    return plain.value + rounding.of(max(0, costs - threshold) * rate.value, RATIO_ONE), (plain, rate)


def _reached(books: Books) -> int:
    """How many earlier periods reached the ceiling: months of the window, or all that are known of longer periods."""
    window = months_before(books.claim.day, books.scene.number("ceiling.repeated.months", 12))
    name = f"{books.scene.word('ceiling.accumulator', 'ceiling')}.reached"
    present = books.key(name, books.scene.word("ceiling.period", "year"))
    return sum(
        1
        for key, value in books.entitlement.counted.items()
        if key[0] == name and value > 0 and key != present and (key[1] in window or len(key[1]) != len("2025-01"))
    )
