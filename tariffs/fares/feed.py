"""The fare tables of one feed as GTFS means them: rows as values, each id read once, nothing decided yet.

Source: GTFS reference of 2026-06 (docs/fares.md, "The standard").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, tzinfo

ANY = ""
"""An empty cell: what it means differs from column to column (tariffs/fares/match.py)."""

PLUS, PLUS_BOTH, INSTEAD = 0, 1, 2
"""fare_transfer_type: A + AB, A + AB + B, AB; at a further transfer the sum of all before takes the place of A, and the
third type adds to it as the first one does."""


@dataclass(frozen=True, slots=True)
class Product:
    """A row of fare_products: what `id` costs a rider of `category` with `medium`.

    `units`: in the currency's smallest unit, below zero for a discount. `category` ANY: every category. `medium` ANY:
    a medium that is not known.
    """

    id: str
    category: str
    medium: str
    units: int
    currency: str
    line: int


@dataclass(slots=True, eq=False)  # not frozen, which takes three times as long: a feed has 100,000 of them
class LegRule:
    """A row of fare_leg_rules; two rows are never the same rule. `line` is where it stands. Nobody changes one."""

    group: str
    network: str
    from_area: str
    to_area: str
    from_timeframe: str
    to_timeframe: str
    product: str
    priority: int
    line: int


@dataclass(frozen=True, slots=True)
class JoinRule:
    """A row of fare_leg_join_rules: two legs that count as one."""

    from_network: str
    to_network: str
    from_stop: str
    to_stop: str


@dataclass(frozen=True, slots=True)
class TransferRule:
    """A row of fare_transfer_rules.

    `count`: how many transfers in a row it serves, None for any number. `limit_seconds`: None for ever; measured as
    `limit_type` says (0 departure to arrival, 1 departure to departure, 2 arrival to departure, 3 arrival to
    arrival). `kind`: fare_transfer_type. `product`: AB, ANY when it costs nothing.
    """

    from_group: str
    to_group: str
    count: int | None = None
    limit_seconds: int | None = None
    limit_type: int = 1
    kind: int = 0
    product: str = ANY
    line: int = 0


@dataclass(frozen=True, slots=True)
class Timeframe:
    """A row of timeframes: seconds of the day, the first one included, the last one not, on the days of `service`."""

    start: int
    end: int
    service: str


@dataclass(frozen=True, slots=True)
class Service:
    """The days of one service_id. `weekdays`: Monday first; `added` and `removed` come before everything else."""

    weekdays: tuple[bool, ...]
    start: date
    end: date
    added: frozenset[date]
    removed: frozenset[date]

    def runs(self, day: date) -> bool:
        """Whether the service has this day."""
        if day in self.added:
            return True
        return day not in self.removed and self.start <= day <= self.end and self.weekdays[day.weekday()]


@dataclass(frozen=True, slots=True)
class Stops:
    """What fares need of stops. `parents`: stop to the stop above it, "" for none. `areas`: those named for a stop
    itself; a platform without any has its station's. `zones`: stops with a time zone of their own."""

    parents: Mapping[str, str]
    areas: Mapping[str, frozenset[str]]
    zones: Mapping[str, tzinfo]


@dataclass(frozen=True, slots=True)
class Feed:
    """The fare tables of one feed.

    `routes`: route to network ("" for none). `categories`: rider category to "is the default one". `media`: medium to
    its type. `products` by id, in the order of the file. `ranked`: fare_leg_rules has the column rule_priority, even
    if all of it is blank. `zone`: the agency's, None when it is not known. `unverified`: (file, line, source).
    """

    routes: Mapping[str, str]
    stops: Stops
    categories: Mapping[str, bool]
    media: Mapping[str, int]
    products: Mapping[str, tuple[Product, ...]]
    leg_rules: tuple[LegRule, ...]
    ranked: bool
    join_rules: tuple[JoinRule, ...]
    transfer_rules: tuple[TransferRule, ...]
    timeframes: Mapping[str, tuple[Timeframe, ...]]
    services: Mapping[str, Service]
    zone: tzinfo | None
    unverified: tuple[tuple[str, int, str], ...]
