"""Lending rules of a library while its own system cannot be asked: limits, periods, no deposit by card type.

Dated data with its source (config/defaults/library); the blocked readers come as a list of their own. What a reader has
at home is not known here: the limit counts what was lent since the library system was last reached.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum

from tariffs.dated import Dated
from tariffs.faults import Findings
from tariffs.limits import BLOCKED_READERS_MAX, LENDING_EDITIONS_MAX
from tariffs.toml import DAY, IDENTIFIER, Block, Kind, TomlFile, whole

FILE = "lending.toml"
CLOSING = time(23, 59)
"""A loan is due at the end of its day."""

_FAMILIES: Kind[Iterable[str]] = Kind(
    lambda value: isinstance(value, list) and len(value) <= 16 and all(map(IDENTIFIER.accepts, value)),
    (),
    "须为卡种名称的列表",
    "must be a list of card families",
)


class Denied(Enum):
    """Why a reader gets nothing by the local rules, in Chinese and English, with what to do."""

    BLOCKED = ("读者在停借名单上，请到服务台", "the reader is on the blocked list: see the service desk")
    DEPOSIT = ("此卡种需押金，离线不能借", "this kind of card needs a deposit: not offline")
    TOO_MANY = ("离线借书已达上限", "the limit of loans while offline is reached")
    RENEWED = ("离线续借已达上限", "the limit of renewals while offline is reached")
    NO_RULES = ("当日没有生效的借阅规则", "no lending rules are in force today")

    def __init__(self, zh: str, en: str) -> None:
        self.zh = zh
        self.en = en


@dataclass(frozen=True, slots=True)
class Terms:
    """One edition. `no_deposit`: card families that borrow without one ("typed": a number that a clerk keyed)."""

    loan_days: int
    renewal_days: int
    items_max: int
    renewals_max: int
    no_deposit: frozenset[str]


@dataclass(frozen=True, slots=True)
class Lending:
    """A library's rules by day. `unverified`: (file, line, source) of each value that nobody has confirmed."""

    version: str
    terms: Dated[Terms]
    unverified: tuple[tuple[str, int, str], ...]

    def lend(
        self, card: str, family: str, lent: int, blocked: Collection[str], moment: datetime
    ) -> datetime | Denied:
        """When a loan made now is due, or why there is none. `lent`: items that this reader got since then."""
        terms = self.terms.at(moment.date())
        if terms is None:
            return Denied.NO_RULES
        if card in blocked:
            return Denied.BLOCKED
        if family not in terms.no_deposit:
            return Denied.DEPOSIT
        return Denied.TOO_MANY if lent >= terms.items_max else _due(moment, terms.loan_days)

    def renew(self, card: str, renewed: int, blocked: Collection[str], moment: datetime) -> datetime | Denied:
        """When a loan renewed now is due. `renewed`: how often this item was renewed since we are offline."""
        terms = self.terms.at(moment.date())
        if terms is None:
            return Denied.NO_RULES
        if card in blocked:
            return Denied.BLOCKED
        return Denied.RENEWED if renewed >= terms.renewals_max else _due(moment, terms.renewal_days)


def _due(moment: datetime, days: int) -> datetime:
    return datetime.combine(moment.date() + timedelta(days), CLOSING, moment.tzinfo)


def parse_lending(files: Mapping[str, bytes]) -> Lending:
    """Read `lending.toml`. Raises PackFaults with everything that is wrong, and nothing else."""
    findings = Findings()
    file = TomlFile(files, FILE, findings)
    findings.raise_if_any()
    root = file.root("edition")
    version = root.take("version", IDENTIFIER)
    root.close()
    editions: list[tuple[date, Terms]] = [_edition(block) for block in file.tables("edition", LENDING_EDITIONS_MAX)]
    try:
        terms = Dated(editions)
    except ValueError:
        findings.add(FILE, 0, "edition", "", "两个版本同日生效", "two editions take force on the same day")
    if not editions:
        findings.add(FILE, 0, "edition", "", "至少须有一个 [[edition]]", "needs one [[edition]] at least")
    findings.raise_if_any()
    return Lending(version, terms, tuple(file.unverified))


def _edition(block: Block) -> tuple[date, Terms]:
    day = block.take("from", DAY)
    terms = Terms(
        loan_days=block.sourced("loan_days", whole(1, 365)),
        renewal_days=block.sourced("renewal_days", whole(1, 365)),
        items_max=block.sourced("items_max", whole(0, 100)),
        renewals_max=block.sourced("renewals_max", whole(0, 10)),
        no_deposit=frozenset(block.sourced("no_deposit", _FAMILIES)),
    )
    block.close()
    return day, terms


def parse_blocked(raw: bytes, name: str) -> frozenset[str]:
    """Read a list of blocked readers: first line its day YYYYMMDD, then one card number of 8 to 20 digits a line.

    Exact: read whole or not at all. Raises PackFaults.
    """
    findings = Findings()
    day, *lines = raw.decode("ascii", "replace").replace("\r\n", "\n").rstrip("\n").split("\n")
    if len(day) != 8 or not _digits(day):
        findings.add(name, 1, "", day, "首行须为日期 YYYYMMDD", "the first line must be the list's day YYYYMMDD")
    if len(lines) > BLOCKED_READERS_MAX:
        most = BLOCKED_READERS_MAX
        findings.add(name, 0, "", len(lines), f"多于 {most} 行", f"more than {most} lines")
        lines = []
    for number, line in enumerate(lines, 2):
        if not 8 <= len(line) <= 20 or not _digits(line):
            findings.add(name, number, "", "", "须为 8 至 20 位卡号", "must be a card number of 8 to 20 digits")
    findings.raise_if_any()
    return frozenset(lines)


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
