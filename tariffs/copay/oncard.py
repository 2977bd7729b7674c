"""Accumulators that an area keeps on the person's chip, beside those of the centre (docs/copay.md, "On the card").

A terminal that never writes on the chip leaves it behind its own bills, so neither side alone is right: where the
policy goes by the card, the higher count stands.
"""

from typing import NamedTuple

from tariffs.copay.bill import Step
from tariffs.copay.books import Books
from tariffs.copay.claim import Claim, Entitlement, OnCard
from tariffs.copay.policy import Policy
from tariffs.copay.terms import LayerTerms, claim_terms, layer_terms

YEAR = "year"


class Beside(NamedTuple):
    """The card's accumulators and what else is known of the same year (fen); `counts`: the policy goes by the card."""

    card: OnCard
    inscope_fen: int
    pool_fen: int
    counts: bool

    @property
    def differs(self) -> bool:
        """They do not say the same."""
        return (self.card.inscope_fen, self.card.pool_fen) != (self.inscope_fen, self.pool_fen)


def adopt_card(terms: LayerTerms, books: Books, card: OnCard) -> None:
    """Let the layer's accumulators of the card's year stand where the card has them, at least.

    A card of another year than the claim's tells nothing of it. What the deductible took of the card's costs follows
    from its height.
    """
    names, seen = terms.names, books.key(terms.names.seen, YEAR)
    if seen is None or seen[1] != str(card.year):
        return
    dedc = min(card.inscope_fen, terms.deductible or 0)
    counts = {names.seen: card.inscope_fen, names.dedc: dedc, names.entered: card.inscope_fen - dedc,
              names.paid: card.pool_fen}  # fmt: skip
    if any([books.adopt((name, seen[1]), value) for name, value in counts.items()]):
        layer = terms.layer
        zh, en = f"{layer.zh}：按卡内累计", f"{layer.en}: counted on the card"
        books.steps.append(Step("K000", zh, en, card.inscope_fen, 0, 0, layer.field, rows=terms.rows_card))


def beside(claim: Claim, entitlement: Entitlement, policy: Policy) -> Beside | None:
    """The card beside what else is known, by the layer that goes by the card or the first; None without a card."""
    card = entitlement.card
    if card is None:
        return None
    scene = policy.at(claim.day, claim.all_facts())
    every = [layer_terms(scene, layer) for layer in policy.layers]
    terms = next((terms for terms in every if terms.from_card), every[0])
    start = claim_terms(scene).year_start
    same_year = card.year == claim.day.year - ((claim.day.month, claim.day.day) < start)
    seen, paid = (entitlement.counted.get((name, str(card.year)), 0) for name in (terms.names.seen, terms.names.paid))
    return Beside(card, seen, paid, terms.from_card and same_year)
