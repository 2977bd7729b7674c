"""What happens to the city, from one seed: whose network is away when, and what the office does in which hour."""

import random
from collections.abc import Iterable
from dataclasses import dataclass

FIRST_HOUR, LAST_HOUR = 6, 22
"""Buses run from the one until the other, not included."""

HOURS = LAST_HOUR - FIRST_HOUR


@dataclass(frozen=True, slots=True)
class Plan:
    """`hours` are those of service, one day after the other, from 0. `away`: (first, end) hours without network by
    terminal. The city's backend is away from `outage[0]` until `outage[1]`; in the other hours named something happens
    once: the hot list's delta, the tariff, the backup, its restoration."""

    hours: int
    away: dict[str, tuple[int, int]]
    outage: tuple[int, int]
    delta: int
    tariff: int
    backup: int
    restore: int

    def is_up(self, name: str, hour: int) -> bool:
        """Whether this terminal has a network in this hour."""
        first, end = self.away.get(name, (0, 0))
        return not first <= hour < end


def planned(seed: int, days: int, names: Iterable[str]) -> Plan:
    """A third of the terminals loses its network for hours, some of them for days; two days at least."""
    assert days >= 2, "an outage and a backup need two days"
    chance, hours = random.Random(seed), days * HOURS
    away = {}
    for name in names:
        if chance.random() < 1 / 3:
            first = chance.randrange(hours)
            away[name] = first, first + chance.choice((2, 5, HOURS, hours))
    day = (days - 1) * HOURS
    return Plan(
        hours=hours,
        away=away,
        outage=(HOURS // 2, day + 2),
        delta=2,
        tariff=4,
        backup=5,
        restore=day + HOURS // 2,
    )
