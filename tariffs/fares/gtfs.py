"""The GTFS files that fares need, read and checked against one another; everything that is wrong is noted, not raised.

What is wrong is left out, and the rest of the feed is read: a published feed is used as far as it goes, and a tariff
pack with any fault does not take force. Source: GTFS reference of 2026-06 (docs/fares.md).
"""

from collections import defaultdict
from collections.abc import Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tariffs.fares import gtfs_rules
from tariffs.fares.currency import BadAmount, is_currency, units_from_text
from tariffs.fares.feed import Feed, Product, Stops
from tariffs.fares.sheet import Row, Sheet, read_sheet
from tariffs.faults import Findings

CASH = 0
"""fare_media_type of cash."""

REQUIRED = {
    "agency.txt": ("agency_name", "agency_url", "agency_timezone"),
    "routes.txt": ("route_id", "route_type"),
    "stops.txt": ("stop_id",),
    "areas.txt": ("area_id",),
    "stop_areas.txt": ("area_id", "stop_id"),
    "networks.txt": ("network_id",),
    "route_networks.txt": ("network_id", "route_id"),
    "calendar.txt": ("service_id", *gtfs_rules.WEEKDAYS, "start_date", "end_date"),
    "calendar_dates.txt": ("service_id", "date", "exception_type"),
    "timeframes.txt": ("timeframe_group_id", "service_id"),
    "rider_categories.txt": ("rider_category_id", "rider_category_name", "is_default_fare_category"),
    "fare_media.txt": ("fare_media_id", "fare_media_type"),
    "fare_products.txt": ("fare_product_id", "amount", "currency"),
    "fare_leg_rules.txt": ("fare_product_id",),
    "fare_leg_join_rules.txt": ("from_network_id", "to_network_id"),
    "fare_transfer_rules.txt": ("from_leg_group_id", "to_leg_group_id", "fare_transfer_type"),
}
"""The files that are read, with the columns that the specification requires."""

OPTIONAL = {
    "routes.txt": ("network_id",),
    "stops.txt": ("parent_station", "stop_timezone"),
    "timeframes.txt": ("start_time", "end_time"),
    "fare_products.txt": ("rider_category_id", "fare_media_id"),
    "fare_leg_rules.txt": (
        "leg_group_id",
        "network_id",
        "rule_priority",
        "from_area_id",
        "to_area_id",
        "from_timeframe_group_id",
        "to_timeframe_group_id",
    ),
    "fare_leg_join_rules.txt": ("from_stop_id", "to_stop_id"),
    "fare_transfer_rules.txt": ("transfer_count", "duration_limit", "duration_limit_type", "fare_product_id"),
}
"""The columns beside them that are read."""

EVIDENCE = ("source", "verified")
"""Columns of this project's own, allowed in every file: where a value comes from, and whether anybody confirmed it."""


def read_feed(files: Mapping[str, bytes], findings: Findings) -> Feed:
    """Read the GTFS files; what is wrong goes into `findings`. A file that is missing is an empty table."""
    sheets = {
        file: read_sheet(files, file, findings, required, OPTIONAL.get(file, ()) + EVIDENCE)
        for file, required in REQUIRED.items()
    }
    routes = _routes(sheets, findings)
    stops = _stops(sheets)
    categories = {
        row.key("rider_category_id"): row["is_default_fare_category"] == "1"
        for row in _unique(sheets, "rider_categories.txt")
    }
    media = {row.key("fare_media_id"): _media_type(row) for row in _unique(sheets, "fare_media.txt")}
    products = _products(sheets["fare_products.txt"], categories, media)
    services = gtfs_rules.services(sheets["calendar.txt"], sheets["calendar_dates.txt"])
    timeframes = gtfs_rules.timeframes(sheets["timeframes.txt"], services)
    networks = frozenset(_networks(sheets))
    areas = frozenset(row["area_id"] for row in sheets["areas.txt"].rows)
    leg_rules = gtfs_rules.leg_rules(sheets["fare_leg_rules.txt"], networks, areas, timeframes, products)
    groups = frozenset(rule.group for rule in leg_rules if rule.group)
    zones = {row.needed("agency_timezone"): row for row in _agencies(sheets)}
    return Feed(
        routes=routes,
        stops=stops,
        categories=categories,
        media=media,
        products=products,
        leg_rules=leg_rules,
        ranked="rule_priority" in sheets["fare_leg_rules.txt"].columns,
        join_rules=gtfs_rules.join_rules(sheets["fare_leg_join_rules.txt"], networks, stops.parents),
        transfer_rules=gtfs_rules.transfer_rules(sheets["fare_transfer_rules.txt"], groups, products),
        timeframes=timeframes,
        services=services,
        zone=next((_zone(row, "agency_timezone") for name, row in zones.items() if name), None),
        unverified=tuple(
            (row.file, row.line, row["source"])
            for sheet in sheets.values()
            if "verified" in sheet.columns
            for row in sheet.rows
            if _evidence(row) == "false"
        ),
    )


def _evidence(row: Row) -> str:
    """The pack's own column `verified` ("true", "false", "" where the file has none)."""
    if row["verified"] not in ("", "true", "false"):
        row.fault("verified", "须为 true 或 false", "must be true or false")
    return row["verified"]


def _agencies(sheets: Mapping[str, Sheet]) -> tuple[Row, ...]:
    rows = sheets["agency.txt"].rows
    for row in rows:
        for column in REQUIRED["agency.txt"]:
            row.needed(column)
    return rows


def _zone(row: Row, column: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(row[column])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        row.fault(column, "未知的时区", "is not a known time zone")
        return None


def _unique(sheets: Mapping[str, Sheet], file: str) -> list[Row]:
    """The rows of a file whose first required column is its key; an id that comes again is a fault."""
    column = REQUIRED[file][0]
    seen: dict[str, Row] = {}
    for row in sheets[file].rows:
        if row[column] in seen:
            row.fault(column, "编号重复", "this id stands twice")
        seen.setdefault(row[column], row)
    return list(seen.values())


def _networks(sheets: Mapping[str, Sheet]) -> set[str]:
    listed = {row.key("network_id") for row in _unique(sheets, "networks.txt")}
    return listed | {row["network_id"] for row in sheets["routes.txt"].rows if row["network_id"]}


def _routes(sheets: Mapping[str, Sheet], findings: Findings) -> dict[str, str]:
    """Route to network, from routes.network_id or from route_networks; the two exclude each other."""
    routes = {row.key("route_id"): row["network_id"] for row in _unique(sheets, "routes.txt")}
    listed = frozenset(row["network_id"] for row in sheets["networks.txt"].rows)
    if any(routes.values()) and (listed or sheets["route_networks.txt"].rows):
        zh = "不能与 networks.txt、route_networks.txt 并用"
        en = "must not be used beside networks.txt and route_networks.txt"
        findings.add("routes.txt", 1, "network_id", "", zh, en)
    seen: set[str] = set()
    for row in sheets["route_networks.txt"].rows:
        route, network = row.key("route_id"), row.key("network_id")
        row.known("route_id", routes, "routes.txt")
        row.known("network_id", listed, "networks.txt")
        if route in seen:
            row.fault("route_id", "一条线路只能属于一个网络", "a route is in one network only")
        elif route in routes:
            routes[route] = routes[route] or network
        seen.add(route)
    return routes


def _stops(sheets: Mapping[str, Sheet]) -> Stops:
    """Stations, areas and time zones. A national feed has 100,000 stops: only what differs is kept."""
    parents: dict[str, str] = {}
    zones = {}
    known: dict[str, ZoneInfo | None] = {}
    for row in _unique(sheets, "stops.txt"):
        parents[row.key("stop_id")] = row["parent_station"]
        if name := row["stop_timezone"]:
            if name not in known:
                known[name] = _zone(row, "stop_timezone")
            if zone := known[name]:
                zones[row["stop_id"]] = zone
    areas: defaultdict[str, set[str]] = defaultdict(set)
    listed = frozenset(row.key("area_id") for row in _unique(sheets, "areas.txt"))
    for row in sheets["stop_areas.txt"].rows:
        row.known("area_id", listed, "areas.txt")
        row.known("stop_id", parents, "stops.txt")
        areas[row.key("stop_id")].add(row.key("area_id"))
    return Stops(parents, {stop: frozenset(found) for stop, found in areas.items()}, zones)


def _media_type(row: Row) -> int:
    row.needed("fare_media_type")
    kind = row.number("fare_media_type", 0, 4)
    return -1 if kind is None else kind


def _products(sheet: Sheet, categories: Mapping[str, bool], media: Mapping[str, int]) -> dict[str, tuple[Product, ...]]:
    """The rows by product. A row whose amount cannot be read is left out."""
    products: dict[str, dict[tuple[str, str], Product]] = {}
    first: dict[str, Row] = {}
    for row in sheet.rows:
        product = row.key("fare_product_id")
        category = row.known("rider_category_id", categories, "rider_categories.txt")
        medium = row.known("fare_media_id", media, "fare_media.txt")
        found = products.setdefault(product, {})
        first.setdefault(product, row)
        if (category, medium) in found:
            row.fault("fare_product_id", "同一产品、类别、介质重复", "product, category and medium stand here twice")
        elif (units := _units(row)) is not None:
            found[category, medium] = Product(product, category, medium, units, row["currency"], row.line)
    for product, found in products.items():
        named = {category for category, _ in found if category}
        if len(named) > 1 and sum(categories.get(category, False) for category in named) != 1:
            zh = "该产品的乘客类别中须恰有一个默认类别"
            en = "exactly one of this product's rider categories must be the default"
            first[product].fault("rider_category_id", zh, en)
    return {product: tuple(found.values()) for product, found in products.items()}


def _units(row: Row) -> int | None:
    currency = row.needed("currency")
    if currency and not is_currency(currency):
        row.fault("currency", "须为 ISO 4217 的三个大写字母", "must be three capital letters of ISO 4217")
        return None
    try:
        return units_from_text(row.needed("amount"), currency)
    except BadAmount as wrong:
        row.fault("amount", "须为该币种小数位数以内的金额", f"must be an exact amount: {wrong}")
        return None
