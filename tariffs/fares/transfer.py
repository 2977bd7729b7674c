"""Which transfer rules hold between two legs, and what a run of one rule remembers.

Directional. An exact pair of groups comes first; an empty group is every group that its column does not name, never a
leg without one. Source: GTFS reference, fare_transfer_rules.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import NamedTuple

from tariffs.fares.feed import TransferRule
from tariffs.fares.options import Options

Pair = tuple[str, str]

Passed = Callable[[int, int], timedelta | None]
"""The time from the leg at a place to the leg that is transferred to, as a limit type measures it; None: not known."""


class Run(NamedTuple):
    """Transfers in a row by rules of one pair of groups. `start` is the place of the first leg that they matched.

    No run: `pair` is None. `first` is the place of the first leg of all that is priced together.
    """

    pair: Pair | None
    transfers: int
    start: int
    first: int


class Transfers:
    """The transfer rules of a feed, ready for one look-up a transfer."""

    __slots__ = ("_from", "_limit_from", "_pairs", "_slack", "_to")

    def __init__(self, rules: tuple[TransferRule, ...], options: Options) -> None:
        """Rules of one pair are kept by count, unlimited last."""
        pairs: dict[Pair, list[tuple[int | None, TransferRule]]] = {}
        for rule in rules:
            pairs.setdefault((rule.from_group, rule.to_group), []).append((_count(rule, options), rule))
        for found in pairs.values():
            found.sort(key=lambda counted: (counted[0] is None, counted[0] or 0))
        self._pairs: Mapping[Pair, tuple[tuple[int | None, TransferRule], ...]] = {
            pair: tuple(found) for pair, found in pairs.items()
        }
        self._from = frozenset(rule.from_group for rule in rules)
        self._to = frozenset(rule.to_group for rule in rules)
        self._slack = 0 if options.limit == "inclusive" else 1
        self._limit_from = options.limit_from

    def __bool__(self) -> bool:
        """Whether there is any transfer at all."""
        return bool(self._pairs)

    def pair(self, from_group: str, to_group: str) -> Pair | None:
        """The cells of the rows that are for these groups; None when there are none."""
        if not from_group or not to_group:
            return None
        pair = (from_group if from_group in self._from else "", to_group if to_group in self._to else "")
        return pair if pair in self._pairs else None

    def rows(self, pair: Pair | None) -> tuple[TransferRule, ...]:
        """Every row of a pair, whatever its count and limit."""
        return () if pair is None else tuple(rule for _, rule in self._pairs[pair])

    def step(self, run: Run, pair: Pair, here: int) -> Run:
        """The run that a transfer from the leg at place `here` by rows of `pair` goes on with, or begins."""
        if run.pair == pair and pair[0] == pair[1]:
            return Run(pair, run.transfers + 1, run.start, run.first)
        start = here if self._limit_from == "pair" else run.first
        return Run(pair, 1, start, start)

    def find(self, run: Run, passed: Passed) -> tuple[TransferRule, ...]:
        """The rules for the transfer that `run` has just counted: of the rows inside their limits, those with the
        smallest count that is enough."""
        if run.pair is None:
            return ()
        chosen: list[TransferRule] = []
        smallest: int | None = None
        for count, rule in self._pairs[run.pair]:
            if (count is not None and count < run.transfers) or (chosen and count != smallest):
                continue
            limit = rule.limit_seconds
            if limit is not None:
                time = passed(rule.limit_type, run.start)
                if time is None or time > timedelta(seconds=limit - self._slack):
                    continue
            chosen.append(rule)
            smallest = count
        return tuple(chosen)


def _count(rule: TransferRule, options: Options) -> int | None:
    if rule.from_group != rule.to_group:
        return rule.count if options.count_unequal == "kept" else None
    if rule.count is None:
        return None if options.count_missing == "unlimited" else 1
    return None if rule.count < 0 else rule.count
