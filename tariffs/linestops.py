"""Which GTFS stop a bus stands at: `stops.toml`, what the announcer, the driver or the GPS tells, line by line.

The file may be missing; then no line has stops, and a tap knows none.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from tariffs.dated import Dated
from tariffs.fares.sheet import read_sheet
from tariffs.faults import Findings, PackFaults
from tariffs.limits import LINE_STOPS_MAX, LINES_MAX
from tariffs.stops import Place, Stop, nearest, read_stops
from tariffs.toml import DAY, IDENTIFIER, OPTIONAL_IDENTIFIER, Block, Kind, TomlFile, whole

FILE = "stops.toml"

_STOPS: Kind[Iterable[str]] = Kind(
    lambda value: (
        isinstance(value, list) and 0 < len(value) <= LINE_STOPS_MAX and all(map(OPTIONAL_IDENTIFIER.accepts, value))
    ),
    (),
    f"须为至多 {LINE_STOPS_MAX} 个站点编号（无站点的序号留空）",
    f'must be a list of at most {LINE_STOPS_MAX} stop_ids ("" for a number without a stop)',
)

Line = tuple[str, int, str]
"""Route, direction, and the vehicle whose announcer counts its own way, "" for every other."""


@dataclass(frozen=True, slots=True)
class LineStops:
    """The stops of each line in their order: the first has the number 1. `places`: stops that a GPS can find."""

    lines: Mapping[Line, Dated[tuple[str, ...]]] = field(default_factory=dict)
    places: Mapping[str, Stop] = field(default_factory=dict)
    unverified: tuple[tuple[str, int, str], ...] = ()

    def of(self, route: str, direction: int, vehicle: str, day: date) -> tuple[str, ...]:
        """The stops as this vehicle counts them on this day; none for a line that the table does not have."""
        for whose in (vehicle, ""):
            dated = self.lines.get((route, direction, whose))
            found = None if dated is None else dated.at(day)
            if found is not None:
                return found
        return ()

    def number(self, route: str, direction: int, vehicle: str, stop: str, day: date) -> int:
        """The number of a stop on its line, the first where it is passed twice; 0 when it is not of the line."""
        stops = self.of(route, direction, vehicle, day) if stop else ()
        return stops.index(stop) + 1 if stop in stops else 0

    def stop(self, stops: tuple[str, ...], number: int | None, place: Place | None) -> str:
        """The stop_id for the number that was told, else for the place; "" when neither tells one of `stops`."""
        if number is not None and 0 < number <= len(stops) and stops[number - 1]:
            return stops[number - 1]
        if place is None:
            return ""
        found = nearest(place, [self.places[stop] for stop in stops if stop in self.places])
        return found.stop.id if found else ""


def read_line_stops(
    files: Mapping[str, bytes], routes: Collection[str], ids: Collection[str], findings: Findings
) -> LineStops:
    """Read stops.toml; `routes` are the pack's, `ids` its stops."""
    if FILE not in files:
        return LineStops()
    file = TomlFile(files, FILE, findings)
    if file.broken:
        return LineStops()
    file.root("lines").close()
    lines: defaultdict[Line, dict[date, tuple[str, ...]]] = defaultdict(dict)
    for block in file.tables("lines", LINES_MAX):
        _line(block, routes, ids, lines)
    named = {stop for days in lines.values() for stops in days.values() for stop in stops}
    try:
        places = {stop.id: stop for stop in read_stops(files) if stop.id in named}
    except PackFaults as wrong:
        places = {}
        for fault in wrong.faults:
            findings.add(fault.file, fault.line, fault.field, fault.value, fault.zh, fault.en)
    return LineStops({line: Dated(days.items()) for line, days in lines.items()}, places, tuple(file.unverified))


def stop_ids(files: Mapping[str, bytes]) -> set[str]:
    """The ids in stops.txt; what is wrong with the file, the feed's reader says."""
    return {row["stop_id"] for row in read_sheet(files, "stops.txt", Findings(), (), ("stop_id",)).rows}


def _line(
    block: Block, routes: Collection[str], ids: Collection[str], lines: dict[Line, dict[date, tuple[str, ...]]]
) -> None:
    route, day = block.take("route_id", IDENTIFIER), block.take("in_force_from", DAY)
    if route not in routes:
        block.fault("route_id", route, "routes.txt 中没有此线路", "there is no such route in routes.txt")
    line = route, block.take("direction", whole(0, 1)), block.optional("vehicle", IDENTIFIER, "")
    stops = tuple(block.sourced("stops", _STOPS))
    for stop in stops:
        if stop and stop not in ids:
            block.fault("stops", stop, "stops.txt 中没有此站点", "there is no such stop in stops.txt")
    if day in lines[line]:
        block.fault("in_force_from", day, "同日同线的版本重复", "two editions of one line take force on one day")
    lines[line][day] = stops
    block.close()
