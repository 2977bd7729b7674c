"""Rounding of money: where a policy says, as it says, and shares that add up. Everything is whole numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

MODES = ("half-up", "half-even", "down", "up")
"""Ways to round an amount that is not negative."""


@dataclass(frozen=True, slots=True)
class Rounding:
    """`mode` of MODES, to whole multiples of `unit` minor units (10: to 0.1 yuan)."""

    mode: str = "half-up"
    unit: int = 1

    def of(self, numerator: int, denominator: int = 1) -> int:
        """The fraction (not negative) rounded to a multiple of the unit."""
        assert numerator >= 0 < denominator, "an amount, not a debt"
        if self.unit == 1:
            if self.mode == "half-up":
                return (2 * numerator + denominator) // (2 * denominator)
            if denominator == 1:
                return numerator
        whole, rest = divmod(numerator, denominator * self.unit)
        if not rest or self.mode == "down":
            return whole * self.unit
        twice = 2 * rest - denominator * self.unit
        up = self.mode == "up" or twice > 0 or (twice == 0 and (self.mode == "half-up" or whole % 2 == 1))
        return (whole + up) * self.unit

    def each(self, numerators: Sequence[int], denominator: int) -> list[int]:
        """`of` for many fractions with one denominator."""
        if self.mode == "half-up" and self.unit == 1 and denominator % 2 == 0:
            half = denominator // 2
            return [(numerator + half) // denominator for numerator in numerators]
        return [self.of(numerator, denominator) for numerator in numerators]


def shared(total: int, weights: Sequence[int]) -> list[int]:
    """`total` over the weights by the largest remainder: the shares add up, and none is above its weight.

    Equal remainders: the earlier one first. Raises AssertionError unless 0 <= total <= sum of the weights, which are
    not negative.
    """
    whole = sum(weights)
    assert 0 <= total <= whole and min(weights, default=0) >= 0, "more is shared out than there is"
    if not whole:
        return [0] * len(weights)
    if total == whole:
        return list(weights)
    exact = [total * weight for weight in weights]
    shares = [numerator // whole for numerator in exact]
    if short := total - sum(shares):
        rests = [numerator % whole for numerator in exact]
        for place in sorted(range(len(rests)), key=rests.__getitem__, reverse=True)[:short]:
            shares[place] += 1
    return shares


def together(exact: Sequence[int], denominator: int, rounding: Rounding, most: Sequence[int]) -> list[int]:
    """The fractions summed, the sum rounded once, and handed back by the largest remainder, none above its `most`."""
    parts = [min(numerator // denominator, bound) for numerator, bound in zip(exact, most, strict=True)]
    missing = min(sum(most), rounding.of(sum(exact), denominator)) - sum(parts)
    order = sorted(range(len(parts)), key=lambda place: -(exact[place] % denominator))
    for bulk in (1, abs(missing)):
        for place in order if missing > 0 else reversed(order):
            room = most[place] - parts[place] if missing > 0 else parts[place]
            change = min(bulk, room, abs(missing))
            parts[place] += change if missing > 0 else -change
            missing -= change if missing > 0 else -change
    return parts
