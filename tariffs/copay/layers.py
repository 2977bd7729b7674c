"""One layer of payment: deductible, bands by accumulator, fixed amounts, caps; then the fund pays and the rest stays.

Source: docs/copay.md, "A layer".
"""

from dataclasses import dataclass

from tariffs.copay import bands
from tariffs.copay.bands import Band, Paid
from tariffs.copay.bill import Step
from tariffs.copay.books import Books
from tariffs.copay.claim import RATIO_ONE, Key
from tariffs.copay.policy import Layer, NoRule, Scene
from tariffs.copay.rounding import Rounding
from tariffs.copay.row import Row


@dataclass(slots=True)
class _Run:
    """One layer at one claim. `entered`: what came past the deductible; `over`: what a cap kept out."""

    layer: Layer
    books: Books
    scene: Scene
    name: str
    account: str
    period: str
    rounding: Rounding
    base: tuple[str, ...]

    def number(self, parameter: str, default: int) -> int:
        return self.scene.number(f"{self.name}.{parameter}", default)

    def word(self, parameter: str, default: str) -> str:
        return self.scene.word(f"{self.name}.{parameter}", default)

    def rows(self, *parameters: str) -> tuple[Row, ...]:
        found = [self.scene.row(f"{self.name}.{parameter}") for parameter in parameters]
        return tuple(row for row in found if row is not None)

    def key(self, what: str, period: str) -> Key | None:
        return self.books.key(f"{self.account}.{what}", period)


def pay_layer(layer: Layer, books: Books) -> None:
    """Settle one layer in the books. Raises NoRule where a needed layer has no ratio for the claim."""
    scene, name = books.scene, layer.name
    found = bands.bands_of(scene, name, layer.code)
    fixed = scene.row(f"{name}.fixed")
    if not found and fixed is None:
        if layer.needed:
            facts = " ".join(f"{key}={value}" for key, value in sorted(scene.facts.items()))
            raise NoRule(f"政策中没有 {layer.zh} 的比例：{facts}", f"the policy has no ratio of {layer.en} for {facts}")
        return
    run = _Run(
        layer,
        books,
        scene,
        name,
        account=scene.word(f"{name}.accumulator", name),
        period=scene.word(f"{name}.period", "year"),
        rounding=Rounding(
            scene.word(f"{name}.rounding.mode", scene.word("rounding.mode", "half-up")),
            scene.number(f"{name}.rounding.unit", scene.number("rounding.unit", 1)),
        ),
        base=scene.parts(f"{name}.base", ("scope",)),
    )
    total = books.total(run.base)
    taken = _deductible(run, total)
    start = books.so_far(run.key("entered", run.period))
    if run.word("axis", "with-deductible") == "with-deductible":
        start += books.so_far(run.key("dedc", run.period)) + taken
    amount = total - taken
    within = _within_base_cap(run, start, amount)
    paid = _paid(run, found, fixed, start, within)
    withheld = _withheld(run, sum(one.fund for one in paid))
    _cut(run, paid, withheld)
    _book(run, paid, taken, withheld, amount - within)


def _deductible(run: _Run, total: int) -> int:
    """What the deductible takes of `total`; counted in its own period and in the bands' one."""
    books = run.books
    row = run.scene.row(f"{run.name}.deductible")
    if row is None or not isinstance(row.value, int):
        return 0
    mode = run.word("deductible.mode", "year")
    standard = run.rounding.of(row.value * run.number("deductible.factor", RATIO_ONE), RATIO_ONE)
    standard = max(0, standard - run.number("deductible.reduction", 0))
    if mode == "per-day":
        standard *= books.claim.days
    period = {"per-day": "visit", "year-topped-up": "year"}.get(mode, mode)
    dedc, seen, fixed = (run.key(what, period) for what in ("dedc", "seen", "standard"))
    if mode == "year" and fixed:
        # One deductible a year, as high as the first claim's: only "year-topped-up" rises with the hospital's level.
        before = books.so_far(fixed)
        if before:
            standard = min(standard, before)
        elif total and standard:
            books.count(fixed, standard)
    by_base = run.word("deductible.counts", "taken") == "base"
    used = books.so_far(seen if by_base else dedc)
    taken = min(total, max(0, standard - used))
    if run.word("deductible.kind", "plain") == "franchise" and books.so_far(seen) + total > standard:
        taken = 0
    books.count(seen, total)
    for key in {dedc, run.key("dedc", run.period)}:
        books.count(key, taken)
    rows = run.rows("deductible", "deductible.mode", "deductible.factor", "deductible.reduction")
    zh, en = f"{run.layer.zh}起付线", f"{run.layer.en}: deductible"
    books.steps.append(Step(run.layer.deductible_code, zh, en, total, 0, taken, run.layer.field, rows=rows))
    return taken


def _within_base_cap(run: _Run, start: int, amount: int) -> int:
    """What of `amount` a cap on the base lets in."""
    if run.word("cap.kind", "payment") != "base":
        return amount
    cap = run.scene.row(f"{run.name}.cap")
    if cap is None or not isinstance(cap.value, int):
        return amount
    return min(amount, max(0, cap.value - start))


def _paid(run: _Run, found: tuple[Band, ...], fixed: Row | None, start: int, amount: int) -> list[Paid]:
    if fixed is not None and isinstance(fixed.value, int):
        times = _times(run, run.word("fixed.per", "visit"))
        band = Band(0, bands.DENOMINATOR, (fixed,), f"{run.layer.code}000")
        return [Paid(band, amount, min(amount, fixed.value * times))] if amount else []
    side = run.word("rounding.side", run.scene.word("rounding.side", "fund"))
    place = run.word("rounding.place", run.scene.word("rounding.place", "band"))
    return bands.pay(found, start, amount, run.rounding, side, place == "band")


def _times(run: _Run, per: str) -> int:
    if per == "day":
        return run.books.claim.days
    return len(run.books.claim.lines) if per == "line" else 1


def _withheld(run: _Run, fund: int) -> int:
    """A fixed amount kept back from what the fund pays, up to a sum a year."""
    row = run.scene.row(f"{run.name}.withheld")
    if row is None or not isinstance(row.value, int):
        return 0
    amount = min(fund, row.value * _times(run, run.word("withheld.per", "visit")))
    key = run.key("withheld", "year")
    most = run.scene.row(f"{run.name}.withheld.year")
    if most is not None and isinstance(most.value, int):
        amount = min(amount, max(0, most.value - run.books.so_far(key)))
    run.books.count(key, amount)
    return amount


def _cut(run: _Run, paid: list[Paid], withheld: int) -> None:
    """Hold the payments at the caps on payment: that of the period and that of the visit."""
    kind = run.word("cap.kind", "payment")
    left: list[int] = []
    cap, visit = run.scene.row(f"{run.name}.cap"), run.scene.row(f"{run.name}.cap.visit")
    if kind != "base" and cap is not None and isinstance(cap.value, int):
        so_far = run.books.so_far(run.key("paid", run.word("cap.period", run.period)))
        left.append(max(0, cap.value - so_far))
    if visit is not None and isinstance(visit.value, int):
        left.append(visit.value)
    if left:
        bands.cut(paid, min(left) + withheld, kind == "payment", run.rounding)


def _book(run: _Run, paid: list[Paid], taken: int, withheld: int, outside: int) -> None:
    """Write the layer's outcome into the books: parts, fund, accumulators, steps."""
    books, layer = run.books, run.layer
    for one in paid:
        if one.entering:
            ratio = one.band.num // RATIO_ONE**2
            step = Step(one.band.code, layer.zh, layer.en, one.entering, one.fund, one.own, layer.field, ratio)
            books.steps.append(_with_rows(step, one.band.rows))
    if withheld:
        zh, en = f"{layer.zh}扣留", f"{layer.en}: withheld"
        books.steps.append(Step("W000", zh, en, 0, -withheld, withheld, layer.field, rows=run.rows("withheld")))
    over = outside + sum(one.over for one in paid)
    if over:
        zh, en = f"{layer.zh}超限额", f"{layer.en}: over the cap"
        rows = run.rows("cap", "cap.visit", "cap.kind")
        books.steps.append(Step(layer.over_code, zh, en, over, 0, over, layer.field, rows=rows))
    fund = sum(one.fund for one in paid) - withheld
    entered = sum(one.entering for one in paid)
    books.count(run.key("entered", run.period), entered)
    for key in {run.key("paid", run.period), run.key("paid", run.word("cap.period", run.period))}:
        books.count(key, fund)
    if "scope" in run.base:
        # The first layer settles what is in scope: what it does not pay is deductible, own share, or over the cap.
        books.take(taken + entered + over, run.base)
        books.merged = run.base
        books.deductible += taken
        for part, amount in (("dedc", taken), ("own", entered), ("overcap", over)):
            books.parts[part] += amount
        books.fund(layer.field, fund, ("own",))
    else:
        books.fund(layer.field, fund, run.base)


def _with_rows(step: Step, rows: tuple[Row, ...]) -> Step:
    return Step(
        step.code, step.zh, step.en, step.base_fen, step.fund_fen, step.own_fen, step.field, step.ratio, 0, rows
    )
