"""A whole journey after the fact: its effective legs, what each may be ridden with, its transfers, and its total.

The total is worked out leg by leg. What the rest of a journey depends on is small (the leg's group, the run of one
transfer rule), so only the cheapest way to each such state is kept: all ways to price the legs together are compared
without writing them out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from tariffs.fares.feed import ANY, INSTEAD, PLUS_BOTH, Feed, LegRule, Product, TransferRule
from tariffs.fares.match import LegMatcher, Travel
from tariffs.fares.options import Options
from tariffs.fares.transfer import Run, Transfers


class Leg(NamedTuple):
    """A ride as it was taken. Moments are wall clock of the agency's time zone (naive); None where not known."""

    route: str
    from_stop: str
    to_stop: str
    departure: datetime
    arrival: datetime | None


class Rider(NamedTuple):
    """Who rides with what. `category` None: nobody in particular, who pays what the default category pays. `medium`
    None: any."""

    category: str | None = None
    medium: str | None = None


class Ticket(NamedTuple):
    """A leg rule and a product row by which a leg may be ridden."""

    rule: LegRule
    product: Product


class Transfer(NamedTuple):
    """A transfer rule that holds between an effective leg and the next one, and the row of its product, if any."""

    place: int
    rule: TransferRule
    product: Product | None


@dataclass(frozen=True, slots=True)
class Quote:
    """What a journey comes to. `legs`: places of the legs as taken, by effective leg. `total`: units and currency,
    None when it is not known."""

    legs: tuple[tuple[int, ...], ...]
    tickets: tuple[tuple[Ticket, ...], ...]
    transfers: tuple[Transfer, ...]
    total: tuple[int, str] | None


class _State(NamedTuple):
    """All that the rest of the journey depends on. `alone`: what the leg cost, while it is the first of its chain."""

    group: str
    run: Run
    alone: int | None
    bought: frozenset[str]


class Engine:
    """A feed, ready to price journeys."""

    def __init__(self, feed: Feed, options: Options) -> None:
        self.feed = feed
        self.options = options
        self.legs = LegMatcher(feed, options)
        self.transfers = Transfers(feed.transfer_rules, options)

    def quote(self, journey: tuple[Leg, ...], rider: Rider) -> Quote:
        """Price a journey for one rider. The tickets are all that fit what is said of the rider."""
        grouped = self.effective(journey)
        spans = tuple(_span(journey, group) for group in grouped)
        matched = [self.legs.match(self.travel(journey, group)) for group in grouped]
        told = tuple(
            tuple(Ticket(rule, row) for rule in rules for row in self._rows(rule.product, rider)) for rules in matched
        )
        paid = tuple(tuple(ticket for ticket in leg if self._pays(ticket.product, rider)) for leg in told)
        return Quote(grouped, told, self._shown(told, spans, rider), self._total(paid, spans, rider))

    def effective(self, journey: tuple[Leg, ...]) -> tuple[tuple[int, ...], ...]:
        """Consecutive legs that a join rule makes one, as places in the journey."""
        grouped: list[list[int]] = []
        for place, leg in enumerate(journey):
            if grouped and self._joined(journey[place - 1], leg):
                grouped[-1].append(place)
            else:
                grouped.append([place])
        return tuple(map(tuple, grouped))

    def travel(self, journey: tuple[Leg, ...], group: tuple[int, ...]) -> Travel:
        """An effective leg as rules see it."""
        first, last = journey[group[0]], journey[group[-1]]
        return Travel(
            frozenset(self.feed.routes.get(journey[place].route, ANY) for place in group),
            self.legs.areas(first.from_stop),
            self.legs.areas(last.to_stop),
            self._local(first.departure, first.from_stop),
            self._local(last.arrival, last.to_stop),
        )

    def _local(self, moment: datetime | None, stop: str) -> datetime | None:
        """The wall clock at a stop, which may keep another time zone than the agency."""
        zones = self.feed.stops.zones
        if moment is None or not zones or self.feed.zone is None:
            return moment
        zone = zones.get(stop) or zones.get(self.feed.stops.parents.get(stop, ""))
        return moment if zone is None else moment.replace(tzinfo=self.feed.zone).astimezone(zone)

    def _joined(self, before: Leg, after: Leg) -> bool:
        if not self.feed.join_rules:
            return False
        networks = self.feed.routes.get(before.route, ANY), self.feed.routes.get(after.route, ANY)
        for rule in self.feed.join_rules:
            if rule.from_network not in (ANY, networks[0]) or rule.to_network not in (ANY, networks[1]):
                continue
            named = rule.from_stop and rule.to_stop
            if not named and self._station(before.to_stop) != self._station(after.from_stop):
                continue
            if self._at(before.to_stop, rule.from_stop) and self._at(after.from_stop, rule.to_stop):
                return True
        return False

    def _at(self, stop: str, named: str) -> bool:
        """Whether a stop is the named one or belongs to it; an empty name is ignored."""
        return named in (ANY, stop, self._station(stop))

    def _station(self, stop: str) -> str:
        parents = self.feed.stops.parents
        above = parents.get(stop, "")
        return parents.get(above, "") or above or stop

    def _rows(self, product: str, rider: Rider) -> list[Product]:
        """The rows of a product that fit the rider. A row that names no category or medium fits everybody."""
        return [
            row
            for row in self.feed.products.get(product, ())
            if (not row.category or rider.category in (None, row.category))
            and (not row.medium or rider.medium in (None, row.medium))
        ]

    def _pays(self, row: Product, rider: Rider) -> bool:
        """Whether a rider of no particular category may pay by this row: it is for everybody, or the default's."""
        return rider.category is not None or not row.category or self.feed.categories.get(row.category, False)

    def _shown(
        self, tickets: tuple[tuple[Ticket, ...], ...], spans: tuple[Leg, ...], rider: Rider
    ) -> tuple[Transfer, ...]:
        """The transfer rules that hold along the journey, each leg transferring to the next wherever it can."""
        found: list[Transfer] = []
        runs = {group: Run(None, 0, 0, 0) for group in _groups(tickets[0])} if tickets else {}
        for place in range(1, len(tickets)):
            after: dict[str, Run] = {}
            for group in _groups(tickets[place]):
                after[group] = Run(None, 0, place, place)
                for before, run in runs.items():
                    step, rules = self._holding(before, group, run, place, spans)
                    if rules:
                        after[group] = step
                    for rule in rules:
                        rows = self._rows(rule.product, rider) if rule.product else [None]
                        found += (Transfer(place - 1, rule, row) for row in rows)
            runs = after
        return tuple(dict.fromkeys(found))

    def _holding(
        self, before: str, after: str, run: Run, place: int, spans: tuple[Leg, ...]
    ) -> tuple[Run, tuple[TransferRule, ...]]:
        """The rules for a transfer to the leg at `place`, and the run with it."""
        pair = self.transfers.pair(before, after)
        if pair is None:
            return run, ()
        step = self.transfers.step(run, pair, place - 1)

        def passed(limit_type: int, start: int) -> timedelta | None:
            begin = spans[start].departure if limit_type < 2 else spans[start].arrival
            end = spans[place].arrival if limit_type in (0, 3) else spans[place].departure
            return self._elapsed(begin, end)

        return step, self.transfers.find(step, passed)

    def _elapsed(self, begin: datetime | None, end: datetime | None) -> timedelta | None:
        if begin is None or end is None:
            return None
        if self.feed.zone is None:
            return end - begin
        offsets = self.feed.zone.utcoffset(begin), self.feed.zone.utcoffset(end)
        return end - begin - ((offsets[1] or timedelta()) - (offsets[0] or timedelta()))

    def _total(
        self, tickets: tuple[tuple[Ticket, ...], ...], spans: tuple[Leg, ...], rider: Rider
    ) -> tuple[int, str] | None:
        """The cheapest total; of several currencies that could pay it all, the one that the first leg names first."""
        if not tickets or not all(tickets):
            return None
        media = {ticket.product.medium for leg in tickets for ticket in leg} - {ANY}
        one = self.options.media == "one" and rider.medium is None
        riders = [rider._replace(medium=medium) for medium in sorted(media)] if one and media else [rider]
        for currency in dict.fromkeys(ticket.product.currency for ticket in tickets[0]):
            totals = []
            for who in riders:
                fares = [_fares(leg, currency, who.medium) for leg in tickets]
                if all(fares):
                    totals.append(self._cheapest(fares, spans, currency, who))
            if totals:
                return min(totals), currency
        return None

    def _cheapest(self, fares: Sequence[Mapping[str, int]], spans: tuple[Leg, ...], currency: str, rider: Rider) -> int:
        none: frozenset[str] = frozenset()
        states: dict[_State, int] = {
            _State(group, Run(None, 0, 0, 0), units, none): units for group, units in fares[0].items()
        }
        greedy = self.options.partition == "as_taken"
        if greedy:
            states = _first(states)
        for place in range(1, len(fares)):
            after: dict[_State, int] = {}
            spent = min(states.values())
            for group, units in fares[place].items():
                after[_State(group, Run(None, 0, place, place), units, none)] = spent + units
            for state, so_far in states.items():
                for reached, cost in self._moves(state, so_far, fares[place], place, spans, currency, rider):
                    if cost < after.get(reached, cost + 1):
                        after[reached] = cost
            states = _first(after) if greedy else after
        return min(states.values())

    def _moves(
        self,
        state: _State,
        so_far: int,
        fares: Mapping[str, int],
        place: int,
        spans: tuple[Leg, ...],
        currency: str,
        rider: Rider,
    ) -> Iterable[tuple[_State, int]]:
        """Every transfer from `state` to the leg at `place`, with the sum that it makes of all before."""
        for group, units in fares.items():
            run, rules = self._holding(state.group, group, state.run, place, spans)
            for rule in rules:
                extra = self._price(rule, currency, rider)
                if extra is None:
                    continue
                bought = state.bought
                if rule.product and self.options.repeated_product == "once":
                    extra = 0 if rule.product in bought else extra
                    bought = bought | {rule.product}
                cost = so_far + extra
                if rule.kind == PLUS_BOTH:
                    cost += units
                elif rule.kind == INSTEAD and state.alone is not None:
                    cost -= state.alone
                yield _State(group, run, None, bought), cost

    def _price(self, rule: TransferRule, currency: str, rider: Rider) -> int | None:
        """AB in this currency, None when the rider cannot buy it."""
        if not rule.product:
            return 0
        rows = (row for row in self._rows(rule.product, rider) if self._pays(row, rider))
        return min((row.units for row in rows if row.currency == currency), default=None)


def _span(journey: tuple[Leg, ...], group: tuple[int, ...]) -> Leg:
    """An effective leg from its first departure to its last arrival."""
    first, last = journey[group[0]], journey[group[-1]]
    return Leg("", first.from_stop, last.to_stop, first.departure, last.arrival)


def _first(states: dict[_State, int]) -> dict[_State, int]:
    """The cheapest state; of equal ones the one that began a new chain, as a validator does."""
    best = min(states, key=lambda state: states[state])
    return {best: states[best]}


def _groups(tickets: tuple[Ticket, ...]) -> dict[str, None]:
    return dict.fromkeys(ticket.rule.group for ticket in tickets)


def _fares(tickets: tuple[Ticket, ...], currency: str, medium: str | None) -> dict[str, int]:
    """The cheapest ticket of each leg group in one currency."""
    fares: dict[str, int] = {}
    for rule, row in tickets:
        if row.currency == currency and (not row.medium or medium is None or row.medium == medium):
            fares[rule.group] = min(row.units, fares.get(rule.group, row.units))
    return fares
