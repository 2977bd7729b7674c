"""What the policy says for one kind of claim, looked up once: of the claim, of each layer, of each account."""

from msgspec import Struct

from tariffs.copay.bands import Band, bands_of
from tariffs.copay.claim import RATIO_ONE
from tariffs.copay.policy import Layer, Scene
from tariffs.copay.rounding import Rounding
from tariffs.copay.row import Row


class ClaimTerms(Struct, frozen=True):
    """Parameters that stand before any layer's name, and those of lines (docs/copay.md)."""

    lines_rounding: Rounding
    per_line: bool
    limit_first: bool
    scope_first: Row | None
    rounding: Rounding
    year_start: tuple[int, int]
    hospital_parts: tuple[str, ...]


_CARRIED = ("overlmt", "fulamt", "own", "withheld", "preself", "away", "dedc", "overcap")
"""What the hospital's money is taken from where the policy does not say."""


class Names(Struct, frozen=True):
    """Names of a layer's accumulators, and the periods in which its payments count (docs/copay.md, "Accumulators")."""

    entered: str
    dedc: str
    seen: str
    standard: str
    paid: str
    withheld: str
    paid_periods: tuple[str, ...]


class LayerTerms(Struct, frozen=True):
    """Parameters of one layer. Amounts in fen, None where there is no such rule; `rows_…` are for the trace."""

    layer: Layer
    bands: tuple[Band, ...]
    base: tuple[str, ...]
    period: str
    with_deductible: bool
    rounding: Rounding
    side: str
    per_band: bool
    fixed: int | None
    fixed_per: str
    withheld: int | None
    withheld_per: str
    withheld_most: int | None
    withheld_period: str
    deductible: int | None
    mode: str
    by_base: bool
    franchise: bool
    cap: int | None
    cap_kind: str
    cap_period: str
    cap_visit: int | None
    rows_fixed: tuple[Row, ...]
    rows_withheld: tuple[Row, ...]
    rows_deductible: tuple[Row, ...]
    rows_cap: tuple[Row, ...]
    names: Names
    from_card: bool
    rows_card: tuple[Row, ...]

    @property
    def pays(self) -> bool:
        """Whether the layer has a ratio or an amount for this claim at all."""
        return bool(self.bands) or self.fixed is not None


class AccountTerms(Struct, frozen=True):
    """What one account may pay: `parts` in their order, at most `most` fen, `rounding` down to whole multiples."""

    name: str
    when: str
    parts: tuple[str, ...]
    most: int | None
    rounding: Rounding
    rows: tuple[Row, ...]


def claim_terms(scene: Scene) -> ClaimTerms:
    """Those of the claim."""
    return scene.remembered("claim", _claim_terms)


def layer_terms(scene: Scene, layer: Layer) -> LayerTerms:
    """Those of a layer. Raises NoRule where a band has no ratio, or two."""
    return scene.remembered(layer.name, _layer_terms, layer)


def account_terms(scene: Scene) -> tuple[AccountTerms, ...]:
    """Those of the accounts that may pay anything, in the policy's order."""
    return scene.remembered("account", _account_terms)


def _claim_terms(scene: Scene) -> ClaimTerms:
    mode = scene.word("rounding.mode", "half-up")
    start = scene.word("year.start", "01-01")
    return ClaimTerms(
        lines_rounding=Rounding(scene.word("lines.rounding.mode", mode), scene.number("lines.rounding.unit", 1)),
        per_line=scene.word("lines.rounding.place", "line") == "line",
        limit_first=scene.word("lines.order", "limit-first") == "limit-first",
        scope_first=scene.row("scope.first"),
        rounding=Rounding(mode, scene.number("rounding.unit", 1)),
        year_start=(int(start[:2]), int(start[3:])),
        hospital_parts=scene.parts("hospital.parts", _CARRIED),
    )


def _layer_terms(scene: Scene, layer: Layer) -> LayerTerms:
    name, general = layer.name, claim_terms(scene).rounding

    def amount(parameter: str) -> int | None:
        return scene.maybe(f"{name}.{parameter}")

    def rows(*parameters: str) -> tuple[Row, ...]:
        found = [scene.row(f"{name}.{parameter}") for parameter in parameters]
        return tuple(row for row in found if row is not None)

    def word(parameter: str, default: str) -> str:
        return scene.word(f"{name}.{parameter}", default)

    rounding = Rounding(word("rounding.mode", general.mode), scene.number(f"{name}.rounding.unit", general.unit))
    standard = amount("deductible")
    if standard is not None:
        standard = rounding.of(standard * scene.number(f"{name}.deductible.factor", RATIO_ONE), RATIO_ONE)
        standard = max(0, standard - (amount("deductible.reduction") or 0))
    return LayerTerms(
        layer=layer,
        bands=bands_of(scene, name, layer.code),
        base=scene.parts(f"{name}.base", ("scope",)),
        period=word("period", "year"),
        with_deductible=word("axis", "with-deductible") == "with-deductible",
        rounding=rounding,
        side=word("rounding.side", scene.word("rounding.side", "fund")),
        per_band=word("rounding.place", scene.word("rounding.place", "band")) == "band",
        fixed=amount("fixed"),
        fixed_per=word("fixed.per", "visit"),
        withheld=amount("withheld"),
        withheld_per=word("withheld.per", "visit"),
        withheld_most=amount("withheld.most"),
        withheld_period=word("withheld.period", "year"),
        deductible=standard,
        mode=word("deductible.mode", "year"),
        by_base=word("deductible.counts", "taken") == "base",
        franchise=word("deductible.kind", "plain") == "franchise",
        cap=amount("cap"),
        cap_kind=word("cap.kind", "payment"),
        cap_period=word("cap.period", word("period", "year")),
        cap_visit=amount("cap.visit"),
        rows_fixed=rows("fixed", "fixed.per"),
        rows_withheld=rows("withheld", "withheld.per", "withheld.most", "withheld.period"),
        rows_deductible=rows("deductible", "deductible.mode", "deductible.factor", "deductible.reduction"),
        rows_cap=rows("cap", "cap.visit", "cap.kind", "cap.period"),
        from_card=word("accumulator.source", "centre") == "card",
        rows_card=rows("accumulator.source"),
        names=_names(word("accumulator", name), word("period", "year"), word("cap.period", word("period", "year"))),
    )


def _names(account: str, period: str, cap_period: str) -> Names:
    return Names(
        entered=f"{account}.entered",
        dedc=f"{account}.dedc",
        seen=f"{account}.seen",
        standard=f"{account}.standard",
        paid=f"{account}.paid",
        withheld=f"{account}.withheld",
        paid_periods=tuple(dict.fromkeys((period, cap_period))),
    )


def _account_terms(scene: Scene) -> tuple[AccountTerms, ...]:
    found: list[AccountTerms] = []
    for name in scene.policy.accounts:
        row, most = scene.row(f"account.{name}.parts"), scene.row(f"account.{name}.most")
        if row is None:
            continue
        found.append(
            AccountTerms(
                name,
                scene.word(f"account.{name}.when", "last"),
                scene.parts(f"account.{name}.parts", ()),
                scene.maybe(f"account.{name}.most"),
                Rounding("down", scene.number(f"account.{name}.unit", 1)),
                (row,) if most is None else (row, most),
            )
        )
    return tuple(found)
