"""The rows of a pack as an explanation tells them: which of them matches a ride, and why another does not."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from msgspec import Struct

from tariffs.asks import Ride
from tariffs.dated import Dated
from tariffs.fares.feed import Feed, LegRule, Product, TransferRule
from tariffs.fares.gtfs import CASH
from tariffs.fares.match import Travel
from tariffs.fares.sheet import read_sheet
from tariffs.fares.transfer import Run
from tariffs.faults import Findings
from tariffs.money import yuan_text
from tariffs.pack import Pack
from tariffs.rules import ClassTable, read_classes
from tariffs.tables import Tables, edition_places
from tariffs.tapout import FILE as TAPOUT
from tariffs.toml import TomlFile
from tariffs.wallet import Wallet

Why = tuple[str, str]
"""Chinese, English; ("", "") for a row that matches without a word."""

MATCHES = ("", "")
COLUMNS: Mapping[str, Why] = {
    "from_area_id": ("上车站不在此区域", "the ride does not begin in this area"),
    "to_area_id": ("下车站不在此区域", "the ride does not end in this area"),
    "from_timeframe_group_id": ("不在此时段", "not at this time"),
    "to_timeframe_group_id": ("下车不在此时段", "the ride does not end at this time"),
    "rule_priority": ("另一规则优先级更高", "another rule has a higher priority"),
}
"""Why a leg rule does not hold, by the column that keeps it (tariffs/fares/match.py, why_not)."""


class Note(Struct, frozen=True):
    """One row that was looked at, or a fact of the tap. `matched`: it counts.

    `where`: file:line, "" for a fact. `said`: what the row says in its own words. `zh`, `en`: what comes of it.
    """

    where: str
    matched: bool
    said: str
    zh: str
    en: str


def fact(matched: bool, zh: str, en: str) -> Note:
    """Something that no row says."""
    return Note("", matched, "", zh, en)


class Rows:
    """The rows of one pack with their lines; `files` are those that `pack` was read from."""

    def __init__(self, files: Mapping[str, bytes], pack: Pack) -> None:
        self.pack = pack
        self.toml = {name: TomlFile(files, f"{name}.toml", Findings()) for name in ("classes", "pack")}
        self.classes = read_classes(self.toml["classes"], pack.tables.editions[-1].engine.feed)
        self.editions = Dated(edition_places(files).items())
        self.files = files

    def allow_list(self, wallet: Wallet, today: date) -> Iterator[Note]:
        """The entries of the allow-list."""
        for where, entry in self._tables("pack", "accepted"):
            key = "issuer" if "issuer" in entry else "city"
            said = f"{entry['scheme']} {key} {entry[key]} → {entry['terms']}"
            if entry["scheme"] != wallet.scheme:
                yield Note(where, False, said, "另一卡种", "another family of cards")
            elif entry[key] != getattr(wallet, key):
                yield Note(where, False, said, "另一机构或城市", f"another {key}")
            elif not entry["in_force_from"] <= today <= entry.get("in_force_until", date.max):
                yield Note(where, False, said, "该日不在有效期内", "not in force on that day")
            else:
                yield Note(where, True, said, *MATCHES)

    def class_edition(self, name: str, today: date) -> ClassTable | None:
        """The edition of a class that is in force."""
        editions = [table for table in self.classes if table.id == name and table.day <= today]
        return max(editions, key=lambda table: table.day, default=None)

    def class_or_family(self, header: str, name: str, today: date) -> Iterator[Note]:
        """The tables of classes or visitors; the edition of `name` that is in force matches."""
        tables = list(self._tables("classes" if header == "classes" else "pack", header))
        days = [day for _, table in tables if table["id"] == name and (day := table["in_force_from"]) <= today]
        for where, table in tables:
            day = table["in_force_from"]
            said = f"{table['id']} {day}" + (f" {table['rate_percent']['value']}%" if header == "visitors" else "")
            if table["id"] != name:
                yield Note(where, False, said, "另一类别", "another class")
            elif day > today:
                yield Note(where, False, said, f"自 {day} 起才有效", f"only from {day} on")
            elif day != max(days):
                yield Note(where, False, said, f"已由 {max(days)} 的版本取代", f"overtaken on {max(days)}")
            else:
                yield Note(where, True, said, table["name_zh"], table["name_en"])

    def network(self, route: str, today: date) -> Iterator[Note]:
        """Where the route and its network stand."""
        network = self._tables_at(today).engine.feed.routes.get(route)
        for file in ("routes.txt", "route_networks.txt"):
            path = self._path(file, today)
            for row in read_sheet(self.files, path, Findings(), (), ("route_id",)).rows:
                if row["route_id"] == route:
                    yield Note(f"{path}:{row.line}", True, f"{route} → {network}" if network else route, *MATCHES)
        if network is None:
            yield fact(False, f"没有线路 {route}", f"there is no route {route}")

    def paid_at_end(self, route: str, wallet: Wallet, ask: Ride, now: datetime) -> list[Note]:
        """The maximum fare of a network that is paid where the ride ends, what the card can do; none for another."""
        tables = self._tables_at(now.date())
        found = tables.maxima.get(tables.engine.feed.routes.get(route, ""))
        if not found:
            return []
        place = f"{self._path(TAPOUT, now.date())}:{found[0].line}"
        notes = [Note(place, True, found[0].product, "最高票价", "the maximum fare")]
        if not wallet.rides_on:
            zh, en = "此卡无法记录未付的乘车，上车即付", "this card cannot remember a ride: it pays that when it boards"
            notes.append(fact(False, zh, en))
        elif not ask.stop:
            notes.append(fact(False, "站点未知，按最高票价", "the stop is not known: the maximum fare"))
        return notes

    def leg_rules(self, route: str, stops: tuple[str, str], now: datetime, ended: datetime | None) -> Iterator[Note]:
        """The leg rules for a ride on `route` from the first of `stops`, and to the second if it has ended."""
        engine, path = self._tables_at(now.date()).engine, self._path("fare_leg_rules.txt", now.date())
        network, areas = engine.feed.routes[route], engine.legs.areas
        travel = Travel(frozenset((network,)), areas(stops[0]), areas(stops[1]), now, ended)
        for rule in engine.feed.leg_rules:
            column = engine.legs.why_not(rule, travel)
            why = MATCHES if not column else COLUMNS.get(column) or _why_no_network(rule, network)
            cells = rule.network or "*", rule.from_area, rule.to_area, rule.from_timeframe
            said = " ".join(cell for cell in cells if cell)
            yield Note(f"{path}:{rule.line}", not column, f"{said} → {rule.product}", *why)

    def products(self, route: str, stop: str, now: datetime, table: ClassTable | None) -> Iterator[Note]:
        """The products' rows for a class, or for a visitor (`table` None), who pays by the cash fare."""
        tables, path = self._tables_at(now.date()), self._path("fare_products.txt", now.date())
        feed, sold = tables.engine.feed, {rule.product for rule in tables.boarding(route, stop, now) or ()}
        rows = [row for found in feed.products.values() for row in found]
        why = {id(row): _why_no_product(row, sold, feed, table) for row in rows}
        fitting = [row.units for row in rows if why[id(row)] == MATCHES]
        for row in sorted(rows, key=lambda row: row.line):
            words = why[id(row)]
            if words == MATCHES and row.units != min(fitting):
                words = "另一行更便宜", "a row that fits as well is cheaper"
            said = f"{row.id} {row.category or '*'} {row.medium or '*'} {yuan_text(row.units)}"
            yield Note(f"{path}:{row.line}", words == MATCHES, said, *words)

    def transfers(self, start: str, end: str, nth: int, passed: int, today: date) -> Iterator[Note]:
        """The transfer rules for the `nth` transfer from group `start` to `end`, `passed` seconds after the first."""
        engine, path = self._tables_at(today).engine, self._path("fare_transfer_rules.txt", today)
        pair = engine.transfers.pair(start, end)
        kept = engine.transfers.find(Run(pair, nth, 0, 0), lambda limit_type, first: timedelta(seconds=passed))
        for rule in engine.feed.transfer_rules:
            said, where = (
                f"{rule.from_group or '*'} → {rule.to_group or '*'} {rule.product}".rstrip(),
                f"{path}:{rule.line}",
            )
            if rule in kept:
                yield Note(where, True, said, f"第 {nth} 次换乘，已过 {passed} 秒", f"transfer {nth}, after {passed} s")
            else:
                yield Note(where, False, said, *_why_no_transfer(rule, start, end, nth, passed))

    def _tables_at(self, today: date) -> Tables:
        tables = self.pack.tables.at(today)
        assert tables is not None, "the first edition holds from the beginning"
        return tables

    def _path(self, file: str, today: date) -> str:
        """Where a file of the edition in force lies in the pack."""
        return (self.editions.at(today) or {}).get(file, file)

    def _tables(self, name: str, header: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The tables of a TOML file, each with its place."""
        file = self.toml[name]
        for nth, table in enumerate(file.values.get(header, ())):
            yield f"{file.name}:{file.lines.get((header, nth, ''), 0)}", table


def _why_no_network(rule: LegRule, network: str) -> Why:
    if rule.network:
        return f"线路属 {network or '（无网络）'}", f"the route is in {network or 'no network'}"
    return f"空指未列出的网络，{network} 已列出", f"empty means a network that is not listed; {network} is"


def _why_no_product(row: Product, sold: set[str], feed: Feed, table: ClassTable | None) -> Why:
    """As tariffs/fares/price.py:fares_of takes the rows."""
    category = table.category if table else ""
    by = row.medium == table.medium if table else feed.media.get(row.medium) == CASH
    if row.id not in sold:
        return "没有匹配的规则", "no rule that matches sells it"
    if row.category not in ("", category) and not (not category and feed.categories.get(row.category)):
        return "另一乘客类别", "another rider category"
    if row.medium and not by:
        return "另一支付介质", "another medium"
    return MATCHES


def _why_no_transfer(rule: TransferRule, start: str, end: str, nth: int, passed: int) -> Why:
    if rule.from_group not in ("", start) or rule.to_group not in ("", end):
        return f"本次是 {start} → {end}", f"this one is {start} → {end}"
    if rule.count is not None and 0 <= rule.count < nth:
        return f"只允许 {rule.count} 次，这是第 {nth} 次", f"it allows {rule.count}, this is transfer {nth}"
    if rule.limit_seconds is not None and passed > rule.limit_seconds:
        return f"已过 {passed} 秒，时限 {rule.limit_seconds}", f"after {passed} s, the limit is {rule.limit_seconds}"
    return "另一行的组更具体或次数更少", "a row with exact groups or a smaller count comes first"
