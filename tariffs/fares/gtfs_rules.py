"""The GTFS files of rules: legs, joins, transfers, and the days and hours in which they hold."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from itertools import pairwise

from tariffs.fares.feed import JoinRule, LegRule, Service, Timeframe, TransferRule
from tariffs.fares.sheet import Row, Sheet
from tariffs.limits import DURATION_MAX_SECONDS

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_SECONDS = 86_400
NO_DAY: frozenset[date] = frozenset()
ADDED, REMOVED = 1, 2
LEG_COLUMNS = {
    "network_id": "networks.txt",
    "from_area_id": "areas.txt",
    "to_area_id": "areas.txt",
    "from_timeframe_group_id": "timeframes.txt",
    "to_timeframe_group_id": "timeframes.txt",
    "fare_product_id": "fare_products.txt",
}
"""The columns that make a leg rule, each with the file that it refers to."""


def leg_rules(
    sheet: Sheet,
    networks: frozenset[str],
    areas: frozenset[str],
    timeframes: Mapping[str, object],
    products: Mapping[str, object],
) -> tuple[LegRule, ...]:
    """The rows of fare_leg_rules; one without a product that is known is left out."""
    rules: list[LegRule] = []
    seen: set[tuple[str, ...]] = set()
    known = (networks, areas, areas, frozenset(timeframes), frozenset(timeframes), frozenset(products))
    for row in sheet.rows:
        key = tuple([row.cells.get(column, "") for column in LEG_COLUMNS])
        for column, value, ids in zip(LEG_COLUMNS, key, known, strict=True):
            if value and value not in ids:
                row.known(column, ids, LEG_COLUMNS[column])
        row.needed("fare_product_id")
        if key in seen:
            row.fault("fare_product_id", "同一规则重复", "this rule stands twice")
        elif key[-1] in products:
            group = row.key("leg_group_id") if row["leg_group_id"] else ""
            network, start, end, begin, finish, product = key
            priority = row.number("rule_priority", 0, 1_000_000) or 0
            rules.append(LegRule(group, network, start, end, begin, finish, product, priority, row.line))
        seen.add(key)
    return tuple(rules)


def join_rules(sheet: Sheet, networks: frozenset[str], stops: Mapping[str, object]) -> tuple[JoinRule, ...]:
    """The rows of fare_leg_join_rules; of the two stops both are named or none."""
    rules: list[JoinRule] = []
    for row in sheet.rows:
        for column in ("from_network_id", "to_network_id"):
            row.needed(column)
        if bool(row["from_stop_id"]) != bool(row["to_stop_id"]):
            row.fault("from_stop_id", "两站须同时填写或同时留空", "both stops are named, or none")
        rules.append(
            JoinRule(
                row.known("from_network_id", networks, "networks.txt"),
                row.known("to_network_id", networks, "networks.txt"),
                row.known("from_stop_id", stops, "stops.txt"),
                row.known("to_stop_id", stops, "stops.txt"),
            )
        )
    return tuple(rules)


def transfer_rules(sheet: Sheet, groups: frozenset[str], products: Mapping[str, object]) -> tuple[TransferRule, ...]:
    """The rows of fare_transfer_rules; one whose type or product is not known is left out."""
    rules: list[TransferRule] = []
    for row in sheet.rows:
        start = row.known("from_leg_group_id", groups, "fare_leg_rules.txt")
        end = row.known("to_leg_group_id", groups, "fare_leg_rules.txt")
        count = row.number("transfer_count", -1, 1_000_000)
        if count == 0 or (count is None and start == end != "") or (count is not None and start != end):
            row.fault(
                "transfer_count",
                "两组相同时须为 -1 或正数，不同时须留空",
                "must be -1 or at least 1 when both groups are the same, else empty",
            )
        limit = row.number("duration_limit", 1, DURATION_MAX_SECONDS)
        limit_type = row.number("duration_limit_type", 0, 3)
        if (limit_type is None) != (limit is None):
            zh, en = "有时限时必填，无时限时须留空", "must be set with a limit, else empty"
            row.fault("duration_limit_type", zh, en)
        row.needed("fare_transfer_type")
        kind = row.number("fare_transfer_type", 0, 2)
        product = row.known("fare_product_id", products, "fare_products.txt")
        if kind is not None and (not product or product in products):
            rules.append(TransferRule(start, end, count or None, limit, limit_type or 0, kind, product, row.line))
    return tuple(rules)


def services(calendar: Sheet, exceptions: Sheet) -> dict[str, Service]:
    """The days of each service_id, from both calendar files; a row that is not dates is left out."""
    added: defaultdict[str, set[date]] = defaultdict(set)
    removed: defaultdict[str, set[date]] = defaultdict(set)
    for row in exceptions.rows:
        day, kind = _day(row, "date"), row.number("exception_type", ADDED, REMOVED)
        if day is not None and kind is not None:
            (added if kind == ADDED else removed)[row.key("service_id")].add(day)
    found: dict[str, Service] = {}
    for row in calendar.rows:
        name, start, end = row.key("service_id"), _day(row, "start_date"), _day(row, "end_date")
        if name in found:
            row.fault("service_id", "编号重复", "this id stands twice")
        elif start is not None and end is not None:
            weekdays = tuple(row.number(weekday, 0, 1) == 1 for weekday in WEEKDAYS)
            found[name] = Service(
                weekdays, start, end, frozenset(added.pop(name, ())), frozenset(removed.pop(name, ()))
            )
    for name, days in added.items():
        never = (False,) * len(WEEKDAYS)
        found.setdefault(name, Service(never, date.max, date.min, frozenset(days), frozenset(removed.get(name, ()))))
    return found


def timeframes(sheet: Sheet, known: Mapping[str, object]) -> dict[str, tuple[Timeframe, ...]]:
    """The timeframes by group. Both hours are given or none; none is the whole day."""
    groups: defaultdict[str, list[Timeframe]] = defaultdict(list)
    spans: defaultdict[tuple[str, str], list[tuple[int, int, Row]]] = defaultdict(list)
    for row in sheet.rows:
        service = row.known("service_id", known, "calendar.txt, calendar_dates.txt")
        row.needed("service_id")
        if bool(row["start_time"]) != bool(row["end_time"]):
            row.fault("start_time", "起止须同时填写或同时留空", "both times are given, or none")
        start = _seconds(row, "start_time", 0)
        end = _seconds(row, "end_time", DAY_SECONDS)
        group = groups[row.key("timeframe_group_id")]
        if start is None or end is None:
            continue
        if end <= start:
            row.fault("end_time", "不晚于起始", "is not after the start: such a timeframe never holds")
        group.append(Timeframe(start, end, service))
        spans[row["timeframe_group_id"], service].append((start, end, row))
    for found in spans.values():
        found.sort(key=lambda span: span[:2])
        for (_, end, _), (start, _, row) in pairwise(found):
            if start < end:
                row.fault("start_time", "与同组同服务的另一时段重叠", "overlaps another one of its group and service")
    return {name: tuple(frames) for name, frames in groups.items()}


def _day(row: Row, column: str) -> date | None:
    text = row.needed(column)
    if len(text) == 8 and text.isascii() and text.isdigit():
        try:
            return date(int(text[:4]), int(text[4:6]), int(text[6:]))
        except ValueError:
            pass
    row.fault(column, "须为日期，如 20260101", "must be a date such as 20260101")
    return None


def _seconds(row: Row, column: str, empty: int) -> int | None:
    """A local time as seconds of the day; at most 24:00:00."""
    text = row[column]
    if not text:
        return empty
    parts = text.split(":")
    if len(parts) == 3 and all(part.isascii() and part.isdigit() and len(part) <= 2 for part in parts):
        hour, minute, second = map(int, parts)
        if minute < 60 and second < 60:
            if hour * 3600 + minute * 60 + second > DAY_SECONDS:
                row.fault(column, "不能晚于 24:00:00", "must not be after 24:00:00")
            return hour * 3600 + minute * 60 + second
    row.fault(column, "须为时刻，如 05:30:00", "must be a time such as 05:30:00")
    return None
