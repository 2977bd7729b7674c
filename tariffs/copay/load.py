"""A policy from its files: policy.toml (what it is made of), sources.csv, and any tables of values (*.csv).

Everything is checked before any of it holds, and all faults are told at once. Source: docs/copay.md, "A policy".
"""

import re
from collections.abc import Mapping
from datetime import date
from itertools import combinations

from tariffs.copay.conditions import BadCondition, Condition, exclusive, read_conditions
from tariffs.copay.limits import LAYERS_MAX
from tariffs.copay.parameters import FUNDS, BadValue, kind_of
from tariffs.copay.policy import OF_LINES, Layer, Policy
from tariffs.copay.row import Row, Source, Value
from tariffs.fares import sheet
from tariffs.faults import Findings
from tariffs.toml import FLAG, IDENTIFIER, TEXT, Kind, TomlFile, listed, shaped, whole

FACTS = (
    *("area", "scheme", "person", "identity", "care", "level", "kind", "institution", "age", "disease", "chronic"),
    *("admission", "away", "referral", "doctor", "poverty", "maternity", "amount", "item", "class", "category"),
)
"""Facts that every policy may ask for; policy.toml may name more."""

COLUMNS = ("parameter", "when", "value", "unit", "from", "to", "known", "source", "article", "verified")
"""The columns of a table of values."""

_NAME = shaped(r"[a-z][a-z0-9_-]{0,31}", "须为小写英文名", "must be a name in small letters")
_CURRENCY = shaped(r"[A-Z]{3}", "须为三个大写字母", "must be three capital letters")
_CODE = shaped(r"[A-Z][A-Z0-9]{0,7}", "须为大写字母和数字", "must be capital letters and digits")
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DAY = re.compile(r"(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}", re.ASCII)
_RESERVED = frozenset({"account", "claim", "item", "lines", "scope", "rounding", "year", "hospital", "ceiling"})


def _names(value: object) -> bool:
    return isinstance(value, list) and len(set(map(str, value))) == len(value) and all(map(_NAME.accepts, value))


_NAMES: Kind[list[str]] = Kind(_names, [], "须为小写英文名的列表，不重复", "must be a list of different names")

_ONE_ACCOUNT: list[str] = ["account"]

Placed = tuple[Row, tuple[Condition, ...]]


def parse_policy(files: Mapping[str, bytes]) -> Policy:
    """Read a policy from its files (name to bytes). Raises PackFaults with everything that is wrong."""
    findings = Findings()
    head = TomlFile(files, "policy.toml", findings)
    if head.broken:
        findings.raise_if_any()
    root = head.root("layer")
    name, version = root.take("name", IDENTIFIER), root.take("version", IDENTIFIER)
    currency, decimals = root.take("currency", _CURRENCY), root.take("decimals", whole(0, 4))
    notice = (root.optional("notice_zh", TEXT, ""), root.optional("notice_en", TEXT, ""))
    accounts: list[str] = root.optional("accounts", _NAMES, _ONE_ACCOUNT)
    more: list[str] = root.optional("facts", _NAMES, _NAMES.blank)
    facts = frozenset({*FACTS, *more})
    root.close()
    layers = _layers(head)
    if not layers:
        findings.add("policy.toml", 0, "layer", "", "至少一个 [[layer]]", "at least one [[layer]]")
    tables = [file for file in sorted(files) if file.endswith(".csv") and file != "sources.csv"]
    if not tables:
        findings.add("", 0, "", "", "缺少取值表（*.csv）", "there is no table of values (*.csv)")
    sources = _sources(files, findings)
    names = frozenset(layer.name for layer in layers)
    reader = _Reader(sources, names, frozenset(accounts), facts, currency, decimals)
    rows = [
        row
        for file in tables
        for cells in sheet.read_sheet(files, file, findings, COLUMNS, ()).rows
        if (row := reader.row(cells))
    ]
    _check_clashes(rows, findings)
    findings.raise_if_any()
    return Policy(
        name=name,
        version=version,
        currency=currency,
        decimals=decimals,
        notice=notice,
        layers=layers,
        accounts=tuple(accounts),
        facts=facts,
        rows=rows,
    )


def _layers(head: TomlFile) -> tuple[Layer, ...]:
    layers: list[Layer] = []
    for block in head.tables("layer", LAYERS_MAX):
        layer = Layer(
            name=block.take("name", _NAME),
            field=block.take("field", listed(FUNDS)),
            zh=block.take("zh", TEXT),
            en=block.take("en", TEXT),
            code=block.take("code", _CODE),
            deductible_code=block.optional("deductible_code", _CODE, "S001"),
            over_code=block.optional("over_code", _CODE, "EC01"),
            needed=block.optional("needed", FLAG, False),
        )
        block.close()
        if layer.name in _RESERVED or any(layer.name == other.name for other in layers):
            block.fault("name", layer.name, "名称重复或已保留", "is taken already")
        layers.append(layer)
    return tuple(layers)


def _sources(files: Mapping[str, bytes], findings: Findings) -> dict[str, Source]:
    needed = ("source", "document", "address", "sha256", "retrieved")
    if "sources.csv" not in files:
        findings.add("sources.csv", 0, "", "", "缺少此文件", "this file is missing")
    found: dict[str, Source] = {}
    for row in sheet.read_sheet(files, "sources.csv", findings, needed, ()).rows:
        id = row.key("source")
        if id in found:
            row.fault("source", "编号重复", "this id stands twice")
        if row["sha256"] and not _SHA256.fullmatch(row["sha256"]):
            row.fault("sha256", "须为 64 位十六进制，或空", "must be 64 hexadecimal digits, or empty")
        if row["retrieved"]:
            _day(row, "retrieved")
        found[id] = Source(id, row.needed("document"), row["address"], row["sha256"], row["retrieved"])
    return found


def _day(row: sheet.Row, column: str) -> date:
    text = row[column]
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    row.fault(column, "须为日期，如 2025-01-01", "must be a date such as 2025-01-01")
    return date.min


class _Reader:
    """Reads the rows of one policy's tables; what is wrong goes to the row's findings and gives no row."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        layers: frozenset[str],
        accounts: frozenset[str],
        facts: frozenset[str],
        currency: str,
        decimals: int,
    ) -> None:
        self.sources = sources
        self.layers = layers
        self.accounts = accounts
        self.facts = facts
        self.currency = currency
        self.decimals = decimals

    def row(self, cells: sheet.Row) -> Placed | None:
        before = cells.findings.count
        parameter, source = cells.key("parameter"), cells.needed("source")
        conditions, value = self._conditions(cells, parameter), self._value(cells, parameter)
        first, known = _day(cells, "from"), _day(cells, "known")
        last = _day(cells, "to") if cells["to"] else None
        if last is not None and last < first:
            cells.fault("to", "早于 from", "is before from")
        if source and source not in self.sources:
            cells.fault("source", "sources.csv 中没有此编号", "there is no such id in sources.csv")
        if cells["verified"] not in ("yes", "no"):
            cells.fault("verified", "须为 yes 或 no", "must be yes or no")
        elif cells["verified"] == "yes" and source in self.sources and not self.sources[source].sha256:
            cells.fault("verified", "来源没有文件摘要，不能标为已核实", "a source without a hash verifies nothing")
        if cells.findings.count > before:
            return None
        row = Row(
            file=cells.file,
            line=cells.line,
            parameter=parameter,
            when=cells["when"],
            value=value,
            text=cells["value"],
            unit=cells["unit"],
            first=first,
            last=last,
            known=known,
            source=self.sources[source],
            article=cells["article"],
            verified=cells["verified"] == "yes",
        )
        return row, conditions

    def _conditions(self, cells: sheet.Row, parameter: str) -> tuple[Condition, ...]:
        try:
            found = read_conditions(cells["when"])
        except BadCondition as wrong:
            cells.fault(
                "when",
                f"“{wrong}”不是条件：写作 care=11* level=2|3 age=45..，每个事实只写一次",
                f'"{wrong}" is no condition: written care=11* level=2|3 age=45.., each fact once',
            )
            return ()
        for condition in found:
            if condition.key not in self.facts:
                cells.fault(
                    "when",
                    f"不认识事实 {condition.key}：在 policy.toml 的 facts 中列出",
                    f"the fact {condition.key} is not known: name it in facts of policy.toml",
                )
            elif condition.key in OF_LINES and not parameter.startswith("item."):
                cells.fault(
                    "when", f"{condition.key} 只用于 item 参数", f"{condition.key} is a fact of item parameters only"
                )
            elif condition.key == "amount" and parameter.startswith(("item.", "lines.")):
                cells.fault(
                    "when", "各行参数不能用 amount", "amount is no fact of line parameters: it is their outcome"
                )
        return found

    def _value(self, cells: sheet.Row, parameter: str) -> Value:
        kind = kind_of(parameter, self.layers, self.accounts)
        if kind is None:
            if parameter:
                cells.fault(
                    "parameter", "没有这个参数（见 docs/copay.md）", "there is no such parameter (docs/copay.md)"
                )
            return None
        unit = kind.unit or self.currency
        if cells["unit"] != unit:
            cells.fault("unit", f"单位须为 {unit}", f"the unit must be {unit}")
        if cells["value"] == "end":
            return None
        try:
            return kind.read(cells["value"], self.decimals)
        except BadValue as wrong:
            cells.fault("value", wrong.zh, wrong.en)
            return None


def _check_clashes(rows: list[Placed], findings: Findings) -> None:
    """Two rows that the same claim could take, with nothing to choose between them, are a fault of the later one."""
    lines: dict[str, dict[tuple[Condition, ...], list[Row]]] = {}
    for row, conditions in rows:
        same = lines.setdefault(row.parameter, {}).setdefault(conditions, [])
        twin = next((one for one in same if (one.first, one.known) == (row.first, row.known)), None)
        if twin:
            _clash(findings, row, twin, "与同一天生效、同一天公布的另一行重复", "repeats a row of the same days,")
        same.append(row)
    for timelines in lines.values():
        groups: dict[tuple[int, str], list[tuple[Condition, ...]]] = {}
        for conditions in timelines:
            item = next((",".join(sorted(one.words)) for one in conditions if one.key == "item"), "")
            groups.setdefault((len(conditions), item), []).append(conditions)
        for group in groups.values():
            for one, other in combinations(group, 2):
                if exclusive(one, other):
                    continue
                for row in timelines[other]:
                    twin = next((mine for mine in timelines[one] if mine.value != row.value and _meet(mine, row)), None)
                    if twin:
                        _clash(findings, row, twin, "条件可与另一行同时成立", "may hold together with another row,")
                        break


def _clash(findings: Findings, row: Row, twin: Row, zh: str, en: str) -> None:
    place = f"{twin.file}:{twin.line}"
    findings.add(row.file, row.line, "when", row.when, f"{zh}（{place}）", f"{en} {place}")


def _meet(one: Row, other: Row) -> bool:
    """Whether some day lies in both rows, as far as their own dates say."""
    return one.first <= (other.last or date.max) and other.first <= (one.last or date.max)
