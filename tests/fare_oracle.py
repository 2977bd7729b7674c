"""A second opinion on fares: every row is looked at, and every way to price a journey is written out and added up.

Slow and simple on purpose. It shares nothing with tariffs/fares but the tables (tariffs/fares/feed.py) and the values
that go in, and follows the text of the standard row by row with the default option where the text is silent.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise, product

from tariffs.fares.feed import Feed, LegRule, TransferRule
from tariffs.fares.journey import Leg, Rider


def areas_of(feed: Feed, stop: str) -> frozenset[str]:
    while stop:
        if feed.stops.areas.get(stop):
            return feed.stops.areas[stop]
        stop = feed.stops.parents.get(stop, "")
    return frozenset()


def station_of(feed: Feed, stop: str) -> str:
    while feed.stops.parents.get(stop):
        stop = feed.stops.parents[stop]
    return stop


def joined(feed: Feed, before: Leg, after: Leg) -> bool:
    for rule in feed.join_rules:
        networks = (
            feed.routes.get(before.route, "") == rule.from_network,
            feed.routes.get(after.route, "") == rule.to_network,
        )
        if not all(networks):
            continue
        if rule.from_stop:
            ends = before.to_stop, station_of(feed, before.to_stop)
            begins = after.from_stop, station_of(feed, after.from_stop)
            if rule.from_stop in ends and rule.to_stop in begins:
                return True
        elif station_of(feed, before.to_stop) == station_of(feed, after.from_stop):
            return True
    return False


def effective(feed: Feed, journey: tuple[Leg, ...]) -> list[list[int]]:
    groups = [[0]]
    for place in range(1, len(journey)):
        if joined(feed, journey[place - 1], journey[place]):
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def in_timeframe(feed: Feed, group: str, moment: datetime | None) -> bool:
    if moment is None:
        return False
    clock = timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second)
    return any(
        timedelta(seconds=frame.start) <= clock < timedelta(seconds=frame.end)
        and frame.service in feed.services
        and feed.services[frame.service].runs(moment.date())
        for frame in feed.timeframes.get(group, ())
    )


def matching(feed: Feed, journey: tuple[Leg, ...], group: list[int]) -> list[LegRule]:
    networks = {feed.routes.get(journey[place].route, "") for place in group}
    first, last = journey[group[0]], journey[group[-1]]

    def fits(cell: str, values: set[str] | frozenset[str], column: str, all_alike: bool) -> bool:
        if cell:
            return cell in values and (not all_alike or len(values) == 1)
        return feed.ranked or not any(
            getattr(rule, column) in values for rule in feed.leg_rules if getattr(rule, column)
        )

    found = [
        rule
        for rule in feed.leg_rules
        if fits(rule.network, networks, "network", True)
        and fits(rule.from_area, areas_of(feed, first.from_stop), "from_area", False)
        and fits(rule.to_area, areas_of(feed, last.to_stop), "to_area", False)
        and (not rule.from_timeframe or in_timeframe(feed, rule.from_timeframe, first.departure))
        and (not rule.to_timeframe or in_timeframe(feed, rule.to_timeframe, last.arrival))
    ]
    return [rule for rule in found if not feed.ranked or rule.priority == max(other.priority for other in found)]


def tickets(feed: Feed, rules: list[LegRule], rider: Rider, currency: str) -> list[tuple[str, int]]:
    return sorted({(rule.group, cost) for rule in rules for cost in costs(feed, rule.product, rider, currency)})


def costs(feed: Feed, name: str, rider: Rider, currency: str) -> list[int]:
    if not name:
        return [0]
    return [
        row.units
        for row in feed.products.get(name, ())
        if row.currency == currency
        and row.medium in ("", rider.medium or row.medium)
        and (
            row.category == ""
            or (feed.categories.get(row.category) if rider.category is None else row.category == rider.category)
        )
    ]


def chains(length: int) -> Iterator[list[range]]:
    """Every way to cut a journey into chains."""
    for cuts in product((False, True), repeat=length - 1):
        edges = [0, *(place + 1 for place, cut in enumerate(cuts) if cut), length]
        yield [range(begin, end) for begin, end in pairwise(edges)]


def rows_for(feed: Feed, before: str, after: str) -> list[TransferRule]:
    if not before or not after:
        return []
    exact = [rule for rule in feed.transfer_rules if (rule.from_group, rule.to_group) == (before, after)]
    if exact:
        return exact
    from_named = any(rule.from_group == before for rule in feed.transfer_rules)
    to_named = any(rule.to_group == after for rule in feed.transfer_rules)
    return [
        rule
        for rule in feed.transfer_rules
        if rule.from_group == (before if from_named else "") and rule.to_group == (after if to_named else "")
    ]


def chain_costs(
    feed: Feed, spans: list[Leg], chain: range, chosen: list[tuple[str, int]], rider: Rider, currency: str
) -> Iterator[int]:
    """What one chain of legs comes to, for every choice among the transfer rows that hold."""
    steps = [rows_for(feed, chosen[place - 1][0], chosen[place][0]) for place in chain[1:]]
    for rows in product(*steps):
        total, ok = chosen[chain[0]][1], True
        for number, rule in enumerate(rows):
            place = chain[number + 1]
            run = 0
            if rule.from_group == rule.to_group:
                while run < number and (rows[number - run - 1].from_group, rows[number - run - 1].to_group) == (
                    rule.from_group,
                    rule.to_group,
                ):
                    run += 1
            enough = [row for row in steps[number] if _serves(row, run + 1) and _in_time(row, spans, place, run)]
            smallest = min((_count(row) for row in enough), default=0)
            prices = costs(feed, rule.product, rider, currency)
            if rule not in enough or _count(rule) != smallest or not prices:
                ok = False
                break
            if rule.kind == 2 and number == 0:
                total = min(prices)
            else:
                total += min(prices) + (chosen[place][1] if rule.kind == 1 else 0)
        if ok:
            yield total


def _count(rule: TransferRule) -> int:
    unlimited = rule.from_group != rule.to_group or rule.count is None or rule.count < 0
    return 10**9 if unlimited or rule.count is None else rule.count


def _serves(rule: TransferRule, transfer: int) -> bool:
    return _count(rule) >= transfer


def _in_time(rule: TransferRule, spans: list[Leg], place: int, run: int) -> bool:
    if rule.limit_seconds is None:
        return True
    first = spans[place - 1 - run]
    begin = first.departure if rule.limit_type in (0, 1) else first.arrival
    end = spans[place].arrival if rule.limit_type in (0, 3) else spans[place].departure
    return begin is not None and end is not None and end - begin <= timedelta(seconds=rule.limit_seconds)


def total(feed: Feed, journey: tuple[Leg, ...], rider: Rider, currency: str) -> int | None:
    """The cheapest sum in one currency over all cuts, all tickets and all transfer rows; None when there is none."""
    groups = effective(feed, journey)
    spans = [
        Leg("", journey[g[0]].from_stop, journey[g[-1]].to_stop, journey[g[0]].departure, journey[g[-1]].arrival)
        for g in groups
    ]
    choices = [tickets(feed, matching(feed, journey, group), rider, currency) for group in groups]
    found = [
        sum(sums)
        for chosen in product(*choices)
        for cut in chains(len(spans))
        for sums in product(*(list(chain_costs(feed, spans, chain, list(chosen), rider, currency)) for chain in cut))
    ]
    return min(found, default=None)
