"""One layer of payment: deductible, bands by accumulator, fixed amounts, caps; then the fund pays and the rest stays.

Source: docs/copay.md, "A layer".
"""

from tariffs.copay import bands
from tariffs.copay.bands import Band, Paid
from tariffs.copay.bill import Step
from tariffs.copay.books import Books
from tariffs.copay.oncard import adopt_card
from tariffs.copay.policy import Layer, NoRule
from tariffs.copay.terms import LayerTerms, layer_terms


def pay_layer(layer: Layer, books: Books) -> None:
    """Settle one layer in the books. Raises NoRule where a needed layer has no ratio for the claim."""
    terms = layer_terms(books.scene, layer)
    if not terms.pays:
        if layer.needed:
            facts = " ".join(f"{key}={value}" for key, value in sorted(books.scene.facts.items()))
            raise NoRule(f"政策中没有{layer.zh}的比例：{facts}", f"the policy has no ratio of {layer.en} for {facts}")
        return
    if terms.from_card and books.entitlement.card is not None:
        adopt_card(terms, books, books.entitlement.card)
    total = books.total(terms.base)
    taken = _deductible(terms, books, total)
    entered = books.key(terms.names.entered, terms.period)
    start = books.so_far(entered)
    if terms.with_deductible:
        start += books.so_far(books.key(terms.names.dedc, terms.period)) + taken
    amount = within = total - taken
    if terms.cap_kind == "base" and terms.cap is not None:
        within = min(amount, max(0, terms.cap - start))
    paid = _paid(terms, books, start, within)
    withheld = 0 if terms.withheld is None else _withheld(terms, books, sum([one.fund for one in paid]))
    _cut(terms, books, paid, withheld)
    fund, came, over = -withheld, 0, amount - within
    for one in paid:
        fund += one.fund
        came += one.entering
        over += one.over
    _trace(terms, books, paid, withheld, over)
    books.count(entered, came)
    for period in terms.names.paid_periods:
        books.count(books.key(terms.names.paid, period), fund)
    if "scope" not in terms.base:
        books.fund(layer.field, fund, terms.base)
        return
    # The first layer settles what is in scope: what it does not pay is deductible, own share, withheld, or over the
    # cap.
    books.take(total, terms.base)
    books.merged = terms.base
    books.deductible += taken
    books.parts["dedc"] += taken
    books.parts["own"] += came - withheld
    books.parts["withheld"] += withheld
    books.parts["overcap"] += amount - came
    books.fund(layer.field, fund, ("own",))


def _deductible(terms: LayerTerms, books: Books, total: int) -> int:
    """What the deductible takes of `total`; counted in its own period and in the bands' one."""
    standard = terms.deductible
    if standard is None:
        return 0
    if terms.mode == "per-day":
        standard *= books.claim.days
    period = _DEDUCTIBLE_PERIODS.get(terms.mode, terms.mode)
    dedc, seen = books.key(terms.names.dedc, period), books.key(terms.names.seen, period)
    if terms.mode == "year":
        # One deductible a year, as high as the first claim's: only "year-topped-up" rises with the hospital's level.
        first = books.key(terms.names.standard, period)
        if before := books.so_far(first):
            standard = min(standard, before)
        elif total:
            books.count(first, standard)
    so_far = books.so_far(seen)
    taken = min(total, max(0, standard - (so_far if terms.by_base else books.so_far(dedc))))
    if terms.franchise and so_far + total > standard:
        taken = 0
    books.count(seen, total)
    books.count(dedc, taken)
    if period != terms.period:
        books.count(books.key(terms.names.dedc, terms.period), taken)
    layer = terms.layer
    zh, en = f"{layer.zh}起付线", f"{layer.en}: deductible"
    books.steps.append(
        Step(layer.deductible_code, zh, en, total, 0, taken, layer.field, None, 0, terms.rows_deductible)
    )
    return taken


_DEDUCTIBLE_PERIODS = {"per-day": "visit", "year-topped-up": "year"}
"""Modes of a deductible that are no periods, and the period in which they count."""


def _paid(terms: LayerTerms, books: Books, start: int, amount: int) -> list[Paid]:
    if terms.fixed is None:
        return bands.pay(terms.bands, start, amount, terms.rounding, terms.side, terms.per_band)
    band = Band(0, bands.DENOMINATOR, terms.rows_fixed, f"{terms.layer.code}000")
    return [Paid(band, amount, min(amount, terms.fixed * _times(books, terms.fixed_per)))] if amount else []


def _times(books: Books, per: str) -> int:
    if per == "day":
        return books.claim.days
    return len(books.claim.lines) if per == "line" else 1


def _withheld(terms: LayerTerms, books: Books, fund: int) -> int:
    """A fixed amount kept back from what the fund pays, up to a sum a period."""
    assert terms.withheld is not None
    key = books.key(terms.names.withheld, terms.withheld_period)
    amount = min(fund, terms.withheld * _times(books, terms.withheld_per))
    if terms.withheld_most is not None:
        amount = min(amount, max(0, terms.withheld_most - books.so_far(key)))
    books.count(key, amount)
    return amount


def _cut(terms: LayerTerms, books: Books, paid: list[Paid], withheld: int) -> None:
    """Hold the payments at the caps on payment: that of the period and that of the visit."""
    left: list[int] = []
    if terms.cap_kind != "base" and terms.cap is not None:
        so_far = books.so_far(books.key(terms.names.paid, terms.cap_period))
        left.append(max(0, terms.cap - so_far))
    if terms.cap_visit is not None:
        left.append(terms.cap_visit)
    if left:
        # A fixed amount is no share of what entered: nothing to compute back.
        backward = terms.cap_kind == "payment" and terms.fixed is None
        bands.cut(paid, min(left) + withheld, backward, terms.rounding)


def _trace(terms: LayerTerms, books: Books, paid: list[Paid], withheld: int, over: int) -> None:
    """A step for each band, for what was withheld, and for what is over the cap."""
    layer, steps = terms.layer, books.steps
    for one in paid:
        if one.entering:
            band, own = one.band, one.entering - one.fund
            ratio = None if terms.fixed is not None else band.num // bands.MILLIONTH
            steps.append(
                Step(band.code, layer.zh, layer.en, one.entering, one.fund, own, layer.field, ratio, 0, band.rows)
            )
    if withheld:
        zh, en = f"{layer.zh}扣留", f"{layer.en}: withheld"
        steps.append(Step("W000", zh, en, 0, -withheld, withheld, layer.field, rows=terms.rows_withheld))
    if over:
        zh, en = f"{layer.zh}超限额", f"{layer.en}: over the cap"
        steps.append(Step(layer.over_code, zh, en, over, 0, over, layer.field, rows=terms.rows_cap))
