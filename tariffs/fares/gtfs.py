"""The GTFS files of a tariff pack, read and checked against one another; everything that is wrong is noted, not raised.

Read: agency, routes, networks, route_networks, rider_categories, fare_media, fare_products, fare_leg_rules and
fare_transfer_rules. A rule that this version cannot price by (areas, timeframes, join rules, a transfer that is not
simply cheaper) is a fault: a pack that needs it must not take force with a wrong fare. Source: docs/transit.md,
"GTFS-Fares v2".
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tariffs.fares.sheet import Row, Sheet, read_sheet
from tariffs.faults import Findings
from tariffs.limits import DURATION_MAX_SECONDS
from tariffs.money import BadAmount, fen_from_text

CASH = 0
"""fare_media_type of cash."""

BOARD_TO_BOARD = 1
"""duration_limit_type: from departure to departure, the only one that a tap at boarding can measure."""

NOT_PRICED = ("from_area_id", "to_area_id", "from_timeframe_group_id", "to_timeframe_group_id")


REQUIRED = {
    "agency.txt": ("agency_name", "agency_url", "agency_timezone"),
    "routes.txt": ("route_id", "route_type"),
    "networks.txt": ("network_id",),
    "route_networks.txt": ("network_id", "route_id"),
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
    "fare_products.txt": ("rider_category_id", "fare_media_id"),
    "fare_leg_rules.txt": ("leg_group_id", "network_id", "rule_priority", *NOT_PRICED),
    "fare_transfer_rules.txt": ("transfer_count", "duration_limit", "duration_limit_type", "fare_product_id"),
}
"""The columns beside them that are read."""

EVIDENCE = ("source", "verified")
"""Columns of this project's own, allowed in every file: where a value comes from, and whether anybody confirmed it."""


@dataclass(frozen=True, slots=True)
class LegRule:
    """A row of fare_leg_rules. An empty `network` means what the file's form says (tariffs/fares/match.py)."""

    group: str
    network: str
    product: str
    priority: int


@dataclass(frozen=True, slots=True)
class TransferRule:
    """A row of fare_transfer_rules of type 0: the next leg costs the transfer's product in place of its own.

    `count`: how many transfers it serves, None for any number. `window_seconds`: from boarding to boarding, None for
    ever. `product`: what the transfer costs, "" when it is free.
    """

    from_group: str
    to_group: str
    count: int | None
    window_seconds: int | None
    product: str


@dataclass(frozen=True, slots=True)
class Feed:
    """The fare tables of one pack, each id checked.

    `routes`: route to network ("" for none). `products`: product to (rider category, fare medium) to fen; "" is any
    category, or a medium not known. `defaults`: product to its default category. `media`: medium to its type.
    `ranked`: fare_leg_rules has the column rule_priority.
    """

    routes: Mapping[str, str]
    categories: Mapping[str, bool]
    media: Mapping[str, int]
    products: Mapping[str, Mapping[tuple[str, str], int]]
    defaults: Mapping[str, str]
    leg_rules: tuple[LegRule, ...]
    ranked: bool
    transfer_rules: tuple[TransferRule, ...]
    unverified: tuple[tuple[str, int, str], ...]


def read_feed(files: Mapping[str, bytes], findings: Findings) -> Feed:
    """Read the GTFS files of a pack; what is wrong goes into `findings`, and then the feed is not to be used."""
    for file in ("agency.txt", "routes.txt", "fare_products.txt", "fare_leg_rules.txt"):
        if file not in files:
            findings.add(file, 0, "", "", "缺少此文件", "this file is missing")
    sheets = {
        file: read_sheet(files, file, findings, required, OPTIONAL.get(file, ()) + EVIDENCE)
        for file, required in REQUIRED.items()
    }
    for row in sheets["fare_leg_join_rules.txt"].rows[:1]:
        row.fault("", "本版本不按联程规则计价", "this version does not price by join rules")
    for row in sheets["agency.txt"].rows:
        for column in REQUIRED["agency.txt"]:
            row.needed(column)
    routes = _routes(sheets, findings)
    categories = {
        row.key("rider_category_id"): row["is_default_fare_category"] == "1"
        for row in _unique(sheets, "rider_categories.txt")
    }
    media = {row.key("fare_media_id"): _media_type(row) for row in _unique(sheets, "fare_media.txt")}
    products, defaults = _products(sheets["fare_products.txt"], categories, media)
    leg_rules = _leg_rules(sheets["fare_leg_rules.txt"], frozenset(_networks(sheets)), products)
    groups = frozenset(rule.group for rule in leg_rules if rule.group)
    return Feed(
        routes,
        categories,
        media,
        products,
        defaults,
        leg_rules,
        "rule_priority" in sheets["fare_leg_rules.txt"].columns,
        _transfer_rules(sheets["fare_transfer_rules.txt"], groups, products),
        tuple(
            (row.file, row.line, row["source"])
            for sheet in sheets.values()
            for row in sheet.rows
            if _evidence(row) == "false"
        ),
    )


def _evidence(row: Row) -> str:
    """The pack's own column `verified` ("true", "false", "" where the file has none)."""
    if row["verified"] not in ("", "true", "false"):
        row.fault("verified", "须为 true 或 false", "must be true or false")
    return row["verified"]


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
        findings.add(
            "routes.txt",
            1,
            "network_id",
            "",
            "不能与 networks.txt、route_networks.txt 并用",
            "must not be used beside networks.txt and route_networks.txt",
        )
    seen: set[str] = set()
    for row in sheets["route_networks.txt"].rows:
        route, network = row.key("route_id"), row.key("network_id")
        row.known("route_id", routes, "routes.txt")
        row.known("network_id", listed, "networks.txt")
        if route in seen:
            row.fault("route_id", "一条线路只能属于一个网络", "a route is in one network only")
        seen.add(route)
        if route in routes:
            routes[route] = network
    return routes


def _media_type(row: Row) -> int:
    row.needed("fare_media_type")
    kind = row.number("fare_media_type", 0, 4)
    return -1 if kind is None else kind


def _products(
    sheet: Sheet, categories: Mapping[str, bool], media: Mapping[str, int]
) -> tuple[dict[str, dict[tuple[str, str], int]], dict[str, str]]:
    """Amounts by product, category and medium, and each product's default category."""
    products: dict[str, dict[tuple[str, str], int]] = {}
    first: dict[str, Row] = {}
    for row in sheet.rows:
        product = row.key("fare_product_id")
        category = row.known("rider_category_id", categories, "rider_categories.txt")
        medium = row.known("fare_media_id", media, "fare_media.txt")
        amounts = products.setdefault(product, {})
        first.setdefault(product, row)
        if (category, medium) in amounts:
            row.fault("fare_product_id", "同一产品、类别、介质重复", "product, category and medium stand here twice")
        amounts[category, medium] = _amount(row)
    defaults: dict[str, str] = {}
    for product, amounts in products.items():
        named = sorted({category for category, _ in amounts if category})
        default = [category for category in named if categories.get(category)]
        if named and len(default) != 1:
            first[product].fault(
                "rider_category_id",
                "该产品的乘客类别中须恰有一个默认类别",
                "exactly one of this product's rider categories must be the default",
            )
        defaults[product] = default[0] if default else ""
    return products, defaults


def _amount(row: Row) -> int:
    if row.needed("currency") not in ("", "CNY"):
        row.fault("currency", "钱包以人民币计，须为 CNY", "the purse holds yuan: must be CNY")
    try:
        fen = fen_from_text(row.needed("amount"))
    except BadAmount as wrong:
        row.fault("amount", "须为最多两位小数的金额（元），且不超过上限", f"must be an exact amount: {wrong}")
        return 0
    if fen < 0:
        row.fault("amount", "单程票价不能为负", "a fare taken from a card cannot be negative")
        return 0
    return fen


def _leg_rules(sheet: Sheet, networks: frozenset[str], products: Mapping[str, object]) -> tuple[LegRule, ...]:
    rules: list[LegRule] = []
    seen: set[tuple[str, str, str]] = set()
    for row in sheet.rows:
        for column in NOT_PRICED:
            if row[column]:
                row.fault(column, "本版本不按区域或时段计价", "this version does not price by areas or timeframes")
        network = row.known("network_id", networks, "networks.txt")
        row.needed("fare_product_id")
        product = row.known("fare_product_id", products, "fare_products.txt")
        group = row.key("leg_group_id") if row["leg_group_id"] else ""
        key = (network, product, "".join(row[column] for column in NOT_PRICED))
        if key in seen:
            row.fault("fare_product_id", "同一规则重复", "this rule stands twice")
        seen.add(key)
        rules.append(LegRule(group, network, product, row.number("rule_priority", 0, 1_000_000) or 0))
    return tuple(rules)


def _transfer_rules(sheet: Sheet, groups: frozenset[str], products: Mapping[str, object]) -> tuple[TransferRule, ...]:
    rules: list[TransferRule] = []
    for row in sheet.rows:
        start = row.known("from_leg_group_id", groups, "fare_leg_rules.txt")
        end = row.known("to_leg_group_id", groups, "fare_leg_rules.txt")
        count = row.number("transfer_count", -1, 255)
        if count == 0 or (count is None and start == end != "") or (count is not None and start != end):
            row.fault(
                "transfer_count",
                "两组相同时须为 -1 或正数，不同时须留空",
                "must be -1 or at least 1 when both groups are the same, else empty",
            )
        window = row.number("duration_limit", 1, DURATION_MAX_SECONDS)
        if row.number("duration_limit_type", 0, 3) != (BOARD_TO_BOARD if row["duration_limit"] else None):
            row.fault(
                "duration_limit_type",
                "有时限时须为 1（上车到上车，本版本仅支持此种），无时限时须留空",
                "must be 1 (boarding to boarding, the one that this version measures) with a limit, else empty",
            )
        if row.needed("fare_transfer_type") not in ("", "0"):
            row.fault(
                "fare_transfer_type", "本版本仅支持 0（前程票价加换乘价）", "this version prices type 0 only (A + AB)"
            )
        product = row.known("fare_product_id", products, "fare_products.txt")
        rules.append(TransferRule(start, end, None if count == -1 else count, window, product))
    return tuple(rules)
