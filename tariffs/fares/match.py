"""Which leg rules a leg matches. An index finds them among any number of rows; `why_not` says it row by row.

An empty cell means different things. Without the column rule_priority an empty network or area is every one that the
column does not name; with the column it is any, and only the matching rows of the highest priority count. An empty
timeframe is always any. Source: GTFS reference, fare_leg_rules.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tariffs.fares.feed import ANY, Feed, LegRule
from tariffs.fares.options import Options

NO_AREA: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Travel:
    """An effective leg as rules see it.

    `networks`: of its legs, "" for a leg without one. The moments are local to their stops; None where the event is
    not known (a validator at boarding does not know the end).
    """

    networks: frozenset[str]
    from_areas: frozenset[str]
    to_areas: frozenset[str]
    start: datetime | None
    end: datetime | None


def _line(rule: LegRule) -> int:
    return rule.line


class LegMatcher:
    """The leg rules of a feed, ready to be asked."""

    def __init__(self, feed: Feed, options: Options) -> None:
        """Index the rules by network and areas."""
        index: dict[tuple[str, str, str], list[LegRule]] = defaultdict(list)
        for rule in feed.leg_rules:
            index[rule.network, rule.from_area, rule.to_area].append(rule)
        self._index = {key: tuple(rules) for key, rules in index.items()}
        self._networks = frozenset(rule.network for rule in feed.leg_rules) - {ANY}
        self._from_areas = frozenset(rule.from_area for rule in feed.leg_rules) - {ANY}
        self._to_areas = frozenset(rule.to_area for rule in feed.leg_rules) - {ANY}
        self._feed = feed
        self._options = options

    def areas(self, stop: str) -> frozenset[str]:
        """The areas of a stop: its own, else those of the nearest stop above it that has any."""
        stops, seen = self._feed.stops, 0
        while stop and seen < 4:  # boarding area, platform, station: what stands deeper is a loop
            if own := stops.areas.get(stop):
                return own
            stop, seen = stops.parents.get(stop, ""), seen + 1
        return NO_AREA

    def match(self, travel: Travel) -> tuple[LegRule, ...]:
        """The rules that hold for this leg, in the order of the file; empty when its fare is unknown."""
        found: list[LegRule] = []
        for network in self._network_cells(travel.networks):
            for from_area in self._area_cells(travel.from_areas, self._from_areas):
                for to_area in self._area_cells(travel.to_areas, self._to_areas):
                    found += self._index.get((network, from_area, to_area), ())
        timed = sorted((rule for rule in found if not self._wrong_time(rule, travel)), key=_line)
        if not self._feed.ranked:
            return tuple(timed)
        top = max((rule.priority for rule in timed), default=0)
        return tuple(rule for rule in timed if rule.priority == top)

    def why_not(self, rule: LegRule, travel: Travel) -> str:
        """The column by which the rule does not hold for this leg; "" when it does. `rule_priority`: another one goes
        before it."""
        if rule.network not in self._network_cells(travel.networks):
            return "network_id"
        if rule.from_area not in self._area_cells(travel.from_areas, self._from_areas):
            return "from_area_id"
        if rule.to_area not in self._area_cells(travel.to_areas, self._to_areas):
            return "to_area_id"
        if wrong := self._wrong_time(rule, travel):
            return wrong
        return "" if rule in self.match(travel) else "rule_priority"

    def _network_cells(self, networks: frozenset[str]) -> tuple[str, ...]:
        """The cells of network_id that hold for legs of these networks. Legs of several networks have no common one."""
        only = next(iter(networks)) if len(networks) == 1 else ""
        if self._feed.ranked:
            return (only, ANY) if only else (ANY,)
        if only in self._networks:
            return (only,)
        if not networks.isdisjoint(self._networks) or ("" in networks and self._options.without_network == "unknown"):
            return ()
        return (ANY,)

    def _area_cells(self, areas: frozenset[str], named: frozenset[str]) -> Iterable[str]:
        if self._feed.ranked:
            return (*areas, ANY)
        if not areas:
            return (ANY,) if self._options.without_area == "blank" else ()
        exact = areas & named
        if not exact:
            return (ANY,)
        return (*exact, ANY) if self._options.some_areas_named == "both" and exact != areas else exact

    def _wrong_time(self, rule: LegRule, travel: Travel) -> str:
        if rule.from_timeframe and not self._holds(rule.from_timeframe, travel.start):
            return "from_timeframe_group_id"
        if rule.to_timeframe and not self._holds(rule.to_timeframe, travel.end):
            return "to_timeframe_group_id"
        return ""

    def _holds(self, group: str, moment: datetime | None) -> bool:
        """Whether a local moment lies in a timeframe of the group: its calendar day, not the day of service."""
        if moment is None:
            return False
        seconds, day = moment.hour * 3600 + moment.minute * 60 + moment.second, moment.date()
        for frame in self._feed.timeframes.get(group, ()):
            if frame.start <= seconds < frame.end:
                service = self._feed.services.get(frame.service)
                if service is not None and service.runs(day):
                    return True
        return False
