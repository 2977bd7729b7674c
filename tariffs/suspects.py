"""What a pack may say and hardly means: legal, but worth a look before it drives."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from tariffs.dated import Dated
from tariffs.extras import FILE as DISCOUNTS
from tariffs.fares.feed import ANY
from tariffs.fares.sheet import read_sheet
from tariffs.faults import Fault, Findings
from tariffs.money import yuan_en, yuan_zh
from tariffs.pack import Pack
from tariffs.tables import edition_places
from tariffs.tapout import FILE as TAPOUT
from tariffs.terms import Terms
from tariffs.toml import TomlFile

DAY = timedelta(days=1)
USED_BY = {
    "rider_categories.txt": ("rider_category_id", "fare_products.txt"),
    "fare_media.txt": ("fare_media_id", "fare_products.txt"),
    "networks.txt": ("network_id", "route_networks.txt"),
    "areas.txt": ("area_id", "stop_areas.txt"),
}
"""Ids that are of no use unless another file names them."""


def suspects(files: Mapping[str, bytes], pack: Pack) -> list[Fault]:
    """What is suspect in `pack`, which was read from `files`; in the order of the files. Bounded as faults are."""
    findings = Findings()
    class_file, pack_file = (TomlFile(files, name, Findings()) for name in ("classes.toml", "pack.toml"))
    for name, editions in pack.local.items():
        places = _places(class_file, "classes", name)
        _editions(findings, "classes.toml", places, pack, name, editions)
        for day, terms in zip(editions.days, editions.editions, strict=True):
            line = places.get(max((own for own in places if own <= day), default=day), 0)
            _class(findings, line, pack, name, day, terms)
    for name, editions in pack.visiting.items():
        _editions(findings, "pack.toml", _places(pack_file, "visitors", name), pack, name, editions)
    _allow_list(findings, pack_file, pack)
    _stops(findings, pack)
    _beyond_cards(findings, TomlFile(files, DISCOUNTS, Findings()))
    told: set[tuple[str, int, str]] = set()
    for edition in edition_places(files).values():
        for fault in _unused({file: files[place] for file, place in edition.items()}):
            place = (edition[fault.file], fault.line, fault.field)
            if place not in told:
                findings.add(*place, fault.value, fault.zh, fault.en)
            told.add(place)
    return findings.told


def _places(file: TomlFile, header: str, name: str) -> dict[date, int]:
    """The line of each edition of one class or family, by its day."""
    return {
        table["in_force_from"]: file.lines.get((header, nth, "id"), 0)
        for nth, table in enumerate(file.values.get(header, ()))
        if table.get("id") == name
    }


def _editions(
    findings: Findings, file: str, places: Mapping[date, int], pack: Pack, name: str, editions: Dated[Terms]
) -> None:
    first = editions.days[0]
    if first > pack.in_force_from:
        findings.add(
            file,
            places.get(first, 0),
            "in_force_from",
            first,
            f"{name} 在 {pack.in_force_from} 至 {first - DAY} 之间没有规则，届时拒绝",
            f"there are no rules for {name} from {pack.in_force_from} to {first - DAY}: refused then",
        )


def _class(findings: Findings, line: int, pack: Pack, name: str, day: date, terms: Terms) -> None:
    """One edition of a class: networks without a fare, fares above the cash fare, a fallback that is not there."""
    for network in sorted(set(pack.routes.values())):
        price = terms.prices.get(network)
        on = ("没有网络的线路", "routes without one") if not network else (f"网络 {network} ", f"network {network}")
        if price is None:
            findings.add(
                "classes.toml",
                line,
                "id",
                name,
                f"在{on[0]}上没有票价，届时拒绝",
                f"has no fare on {on[1]}: refused there",
            )
        elif price.amount_fen > price.cash_fare_fen:
            paid, base = price.amount_fen, price.cash_fare_fen
            findings.add(
                "classes.toml",
                line,
                "id",
                name,
                f"在{on[0]}上付 {yuan_zh(paid)}，高于现金票价 {yuan_zh(base)}",
                f"pays {yuan_en(paid)} on {on[1]}, above the cash fare of {yuan_en(base)}",
            )
    fallback = pack.local.get(terms.expired_as)
    if terms.expired_as and (fallback is None or fallback.at(max(day, pack.in_force_from)) is None):
        findings.add(
            "classes.toml",
            line,
            "expired_as",
            terms.expired_as,
            f"{name} 到期后所用的类别届时尚无规则，卡被拒绝",
            f"the class for a {name} card that ended has no rules yet then: the card is refused",
        )
    tables = pack.tables.at(day)
    if terms.transfers and tables is not None and not tables.engine.transfers:
        findings.add(
            "classes.toml", line, "transfers", "true", "没有任何换乘规则", "there is no transfer rule that it could use"
        )


def _beyond_cards(findings: Findings, file: TomlFile) -> None:
    """Caps and passes: they hold where the card keeps count itself, for one vehicle's own record of the day is not the
    rider's day; no family's place for it is confirmed.
    """
    for header in ("caps", "passes"):
        for nth, table in enumerate(file.values.get(header, ())):
            findings.add(
                DISCOUNTS,
                file.lines.get((header, nth, "id"), 0),
                f"{header}.id",
                table.get("id", ""),
                "只对带有使用记录（0A，未经核实）的卡起作用，其他卡付原价",
                "it holds for cards with a record of uses (0A, not verified); any other card pays the fare",
            )


def _stops(findings: Findings, pack: Pack) -> None:
    """Lines whose fare depends on stops, and on which no device can tell them."""
    tables = pack.tables.editions[-1]
    of_stops = {rule.network for rule in tables.engine.feed.leg_rules if rule.from_area or rule.to_area}
    listed = {route for route, _direction, _vehicle in pack.line_stops.lines}
    for route, network in sorted(pack.routes.items()):
        if route not in listed and of_stops & {network, ANY}:
            findings.add(
                "stops.toml",
                0,
                "route_id",
                route,
                "票价随站点而定，但 stops.toml 中没有此线路",
                "its fares depend on the stop, but stops.toml does not have it",
            )


def _allow_list(findings: Findings, file: TomlFile, pack: Pack) -> None:
    """Entries that end with nothing after them, or with a gap, or that begin after the pack."""
    for scheme, rules in pack.schemes.items():
        key = "issuer" if rules.by_issuer else "city"
        for nth, table in enumerate(file.values.get("accepted", ())):
            dated = rules.accepted.get(str(table.get(key)))
            if table.get("scheme") != scheme or dated is None:
                continue
            line = file.lines.get(("accepted", nth, key), 0)
            for zh, en in _gaps(dated, table["in_force_from"], table.get("in_force_until"), pack.in_force_from):
                findings.add("pack.toml", line, key, table[key], zh, en)


def _gaps(dated: Dated[str], begin: date, end: date | None, first: date) -> Iterator[tuple[str, str]]:
    if begin == dated.days[0] and begin > first:
        yield f"{first} 至 {begin - DAY} 之间不受理", f"not accepted from {first} to {begin - DAY}"
    if end is not None and not dated.at(end + DAY):
        after = [day for day, terms in zip(dated.days, dated.editions, strict=True) if day > end and terms]
        if after:
            yield f"{end + DAY} 至 {after[0] - DAY} 之间不受理", f"not accepted from {end + DAY} to {after[0] - DAY}"
        else:
            yield f"{end} 之后不再受理", f"no longer accepted after {end}"


def _unused(files: Mapping[str, bytes]) -> list[Fault]:
    """Ids that nothing names, and products that no rule sells."""
    findings = Findings()
    for file, (column, user) in USED_BY.items():
        used = _column(files, user, column)
        for row in read_sheet(files, file, Findings(), (), (column,)).rows:
            if row[column] and row[column] not in used and user in files:
                findings.add(file, row.line, column, row[column], f"{user} 未用到", f"is not used in {user}")
    sold = _column(files, "fare_leg_rules.txt", "fare_product_id") | _column(
        files, "fare_transfer_rules.txt", "fare_product_id"
    )
    sold |= {
        maximum["value"]
        for table in TomlFile(files, TAPOUT, Findings()).values.get("networks", ())
        if isinstance(maximum := table.get("maximum"), dict)
    }
    for row in read_sheet(files, "fare_products.txt", Findings(), (), ("fare_product_id",)).rows:
        if row["fare_product_id"] not in sold:
            findings.add(
                row.file,
                row.line,
                "fare_product_id",
                row["fare_product_id"],
                "没有规则出售此产品",
                "no rule sells this product",
            )
    return findings.told


def _column(files: Mapping[str, bytes], file: str, column: str) -> set[str]:
    return {row[column] for row in read_sheet(files, file, Findings(), (), (column,)).rows}
