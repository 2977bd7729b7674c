"""Who rides: a card for each class and each family of visitors that a pack knows. Pure."""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from tariffs.pack import Pack
from tariffs.rules import LOCAL
from tariffs.terms import Terms
from tariffs.wallet import Wallet


class Rider(Struct, frozen=True):
    """One kind of card. `group`: its class, or the terms of its family; `wallet`: such a card, valid for ever."""

    group: str
    zh: str
    en: str
    wallet: Wallet


def cast(packs: Sequence[Pack], day: date) -> list[Rider]:
    """A rider of each kind that any of the packs knows on `day`, each kind once."""
    found: dict[str, Rider] = {}
    for pack in packs:
        for scheme, rules in pack.schemes.items():
            for place, dated in rules.accepted.items():
                terms = dated.at(day)
                where = {"issuer": place} if rules.by_issuer else {"city": place}
                kinds = pack.local if terms == LOCAL else {terms: pack.visiting[terms]} if terms else {}
                for group, editions in kinds.items():
                    named = editions.at(day)
                    if named is not None and group not in found:
                        found[group] = _rider(group, named, replace(_CARD, scheme=scheme, card_class=group, **where))
    return list(found.values())


def group_of(wallet: Wallet, pack: Pack, day: date) -> str:
    """The group in which this card is counted: its family's terms, else its class."""
    scheme = pack.schemes.get(wallet.scheme)
    listed = None if scheme is None else scheme.accepted.get(wallet.issuer if scheme.by_issuer else wallet.city)
    terms = None if listed is None else listed.at(day)
    return terms if terms and terms != LOCAL else wallet.card_class


def names(packs: Sequence[Pack]) -> dict[str, tuple[str, str]]:
    """What each group is called in Chinese and English; the last pack's words hold."""
    return {
        group: (editions.editions[-1].name_zh, editions.editions[-1].name_en)
        for pack in packs
        for kinds in (pack.local, pack.visiting)
        for group, editions in kinds.items()
    }


def _rider(group: str, terms: Terms, wallet: Wallet) -> Rider:
    return Rider(group, terms.name_zh, terms.name_en, wallet)


_CARD = Wallet(
    number="1" * 20,
    scheme="",
    card_class="",
    city="",
    issuer="",
    start=date.min,
    end=date.max,
    enabled=True,
    composite=True,
    simple=True,
    composite_locked=False,
    application_locked=False,
    hot_level=None,
    last_ride=None,
)
