"""Which leg rule and which transfer rule a ride matches, and what a product costs a rider.

docs/transit.md, "GTFS-Fares v2". An empty cell means different things: without the column rule_priority an empty
network is every network that the column does not name; with it, any network, and only the matching rules of the
highest priority count. In fare_transfer_rules an exact pair comes first, then an empty group is every group that its
column does not name.
"""

from collections.abc import Mapping, Sequence

from tariffs.fares.gtfs import Feed, LegRule, TransferRule


def leg_rules_by_network(feed: Feed) -> dict[str, tuple[tuple[LegRule, ...], ...]]:
    """The rules that a leg of each network matches, in parts (blank rules are one part that all networks share).

    Network "" is a route without one.
    """
    named: dict[str, list[LegRule]] = {network: [] for network in ("", *feed.routes.values())}
    blank: list[LegRule] = []
    for rule in feed.leg_rules:
        if rule.network:
            named.setdefault(rule.network, []).append(rule)
        else:
            blank.append(rule)
    shared = _highest(blank) if feed.ranked else tuple(blank)
    return {network: _parts(tuple(rules), shared, feed.ranked) for network, rules in named.items()}


def _parts(own: tuple[LegRule, ...], shared: tuple[LegRule, ...], ranked: bool) -> tuple[tuple[LegRule, ...], ...]:
    if not own or not shared:
        return (_highest(own) if ranked else own, shared)
    if not ranked:
        return (own,)
    top = _highest(own)
    difference = top[0].priority - shared[0].priority
    return (top,) if difference > 0 else (shared,) if difference < 0 else (top, shared)


def _highest(rules: Sequence[LegRule]) -> tuple[LegRule, ...]:
    top = max((rule.priority for rule in rules), default=0)
    return tuple(rule for rule in rules if rule.priority == top)


def amount_of(feed: Feed, product: str, category: str, medium: str) -> int | None:
    """What `product` costs in fen; None when its rows do not say.

    A row for the category and the medium comes before rows that leave one of them, then both, empty.
    """
    amounts = feed.products.get(product, {})
    for key in ((category, medium), ("", medium), (category, ""), ("", "")):
        if key in amounts:
            return amounts[key]
    return None


class Transfers:
    """The transfer rules, ready for one look-up a tap."""

    __slots__ = ("_from", "_pairs", "_to")

    def __init__(self, rules: tuple[TransferRule, ...]) -> None:
        """Rules of one pair are kept by count, unlimited last."""
        pairs: dict[tuple[str, str], list[TransferRule]] = {}
        for rule in sorted(rules, key=lambda rule: (rule.count is None, rule.count or 0)):
            pairs.setdefault((rule.from_group, rule.to_group), []).append(rule)
        self._pairs: Mapping[tuple[str, str], tuple[TransferRule, ...]] = {
            pair: tuple(found) for pair, found in pairs.items()
        }
        self._from = frozenset(rule.from_group for rule in rules)
        self._to = frozenset(rule.to_group for rule in rules)

    def __bool__(self) -> bool:
        """Whether there is any transfer at all."""
        return bool(self._pairs)

    def find(self, from_group: str, to_group: str, nth: int, seconds: int) -> tuple[TransferRule, ...]:
        """The rules for the `nth` transfer of a journey (from 1), `seconds` after its first boarding.

        Of the matching rows those with the smallest count that is enough; of these, those whose window still holds.
        The last second of a window belongs to it: the specification is silent, the open engines agree.
        """
        pair = (from_group if from_group in self._from else "", to_group if to_group in self._to else "")
        enough = [rule for rule in self._pairs.get(pair, ()) if rule.count is None or rule.count >= nth]
        return tuple(
            rule
            for rule in enough
            if rule.count == enough[0].count and (rule.window_seconds is None or seconds <= rule.window_seconds)
        )
