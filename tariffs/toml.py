"""One TOML file of a pack: values with their line, each checked, with its source where it is policy."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Generic, TypeVar

from tariffs.faults import Findings
from tariffs.limits import IDENTIFIER_CHARS_MAX, TEXT_CHARS_MAX, TOML_BYTES_MAX, TOML_LINE_CHARS_MAX, TOML_LINE_DOTS_MAX

T = TypeVar("T")

_HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_-]+)\s*\]?\]")
_KEY = re.compile(r"""\s*["']?([A-Za-z0-9_-]+)["']?\s*=""")
_AT_LINE = re.compile(r"at line ([0-9]+)")


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """What a value must be. `blank` stands in for a faulty one, so that the rest can be read and told as well."""

    accepts: Callable[[Any], bool]
    blank: T
    zh: str
    en: str


def whole(low: int, high: int) -> Kind[int]:
    """A whole number within bounds, both included."""
    return Kind(
        lambda value: type(value) is int and low <= value <= high,
        low,
        f"须为 {low} 至 {high} 的整数",
        f"must be a whole number from {low} to {high}",
    )


def shaped(pattern: str, zh: str, en: str) -> Kind[str]:
    """A text that the whole of `pattern` matches."""
    compiled = re.compile(pattern, re.ASCII)
    return Kind(lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None, "", zh, en)


def listed(words: tuple[str, ...]) -> Kind[str]:
    """One of a few words."""
    return Kind(
        lambda value: isinstance(value, str) and value in words,
        words[0],
        f"须为 {'、'.join(words)} 之一",
        f"must be one of {', '.join(words)}",
    )


def _text(most: int) -> Kind[str]:
    return Kind(
        lambda value: isinstance(value, str) and 0 < len(value) <= most and value.isprintable(),
        "",
        f"须为 1 至 {most} 个可见字符",
        f"must be 1 to {most} printable characters",
    )


TEXT = _text(TEXT_CHARS_MAX)
IDENTIFIER = _text(IDENTIFIER_CHARS_MAX)
OPTIONAL_IDENTIFIER: Kind[str] = Kind(
    lambda value: value == "" or IDENTIFIER.accepts(value), "", IDENTIFIER.zh, IDENTIFIER.en
)
FLAG: Kind[bool] = Kind(lambda value: isinstance(value, bool), False, "须为 true 或 false", "must be true or false")
DAY: Kind[date] = Kind(
    lambda value: type(value) is date and 2000 <= value.year < 2200,
    date(2000, 1, 1),
    "须为日期，如 2022-01-01",
    "must be a date such as 2022-01-01",
)


@dataclass(slots=True)
class Block:
    """One table of the file: its keys are taken one by one, and `close` tells which were left."""

    file: "TomlFile"
    header: str
    nth: int
    values: dict[str, Any]
    taken: set[str] = field(default_factory=set)

    def fault(self, key: str, value: object, zh: str, en: str) -> None:
        """Note a fault at a key of this table."""
        self.file.findings.add(self.file.name, self.line(key), f"{self.header}.{key}".strip("."), value, zh, en)

    def line(self, key: str = "") -> int:
        """Where the key stands, or its table, or the file."""
        lines = self.file.lines
        return lines.get((self.header, self.nth, key)) or lines.get((self.header, self.nth, "")) or 0

    def take(self, key: str, kind: Kind[T]) -> T:
        """A required value; `kind.blank` with a fault when it is missing or wrong."""
        self.taken.add(key)
        if key not in self.values:
            self.fault(key, "", "缺少此项", "this key is missing")
            return kind.blank
        return self._checked(key, self.values[key], kind)

    def optional(self, key: str, kind: Kind[T], default: T) -> T:
        """A value that may be left out."""
        return self.take(key, kind) if key in self.values else default

    def sourced(self, key: str, kind: Kind[T]) -> T:
        """A policy value, written `{ value = …, source = "…", verified = true }`; the pack lists unverified ones."""
        self.taken.add(key)
        found = self.values.get(key)
        if not isinstance(found, dict) or set(found) != {"value", "source", "verified"}:
            self.fault(
                key,
                "" if found is None else found,
                '须写作 { value = …, source = "…", verified = true|false }',
                'must be written { value = …, source = "…", verified = true|false }',
            )
            return kind.blank
        self.evidence(key, found)
        return self._checked(key, found["value"], kind)

    def evidence(self, key: str, found: dict[str, Any]) -> None:
        """Check `source` and `verified`, and list what is not verified."""
        source = self._checked(key, found.get("source"), TEXT)
        if not self._checked(key, found.get("verified"), FLAG):
            self.file.unverified.append((self.file.name, self.line(key), source))

    def row_evidence(self) -> None:
        """The same for a table that as a whole has one `source` and one `verified`."""
        self.taken |= {"source", "verified"}
        self.evidence("", self.values)

    def _checked(self, key: str, value: Any, kind: Kind[T]) -> T:
        if kind.accepts(value):
            checked: T = value
            return checked
        self.fault(key, "" if value is None else value, kind.zh, kind.en)
        return kind.blank

    def close(self) -> None:
        """A key that nobody took is a slip of the pen, and a rule that would silently not hold."""
        for key in sorted(self.values.keys() - self.taken):
            self.fault(key, "", "未知的项", "this key is not known")


class TomlFile:
    """A parsed file.

    `lines` finds (header, nth table of that header, key); `unverified` collects (file, line, source).
    """

    def __init__(self, files: Mapping[str, bytes], name: str, findings: Findings) -> None:
        """Parse the file; when it is missing or not TOML it is `broken` and the fault is noted."""
        self.name = name
        self.findings = findings
        self.unverified: list[tuple[str, int, str]] = []
        self.lines: dict[tuple[str, int, str], int] = {}
        self.values: dict[str, Any] = {}
        self.broken = False
        if name not in files:
            self._break(0, "缺少此文件", "this file is missing")
            return
        raw = files[name]
        if len(raw) > TOML_BYTES_MAX:
            self._break(0, f"超过 {TOML_BYTES_MAX} 字节", f"has more than {TOML_BYTES_MAX} bytes")
            return
        for number, line in enumerate(raw.split(b"\n"), 1):
            if len(line) > TOML_LINE_CHARS_MAX or line.count(b".") > TOML_LINE_DOTS_MAX:
                self._break(
                    number,
                    f"此行超过 {TOML_LINE_CHARS_MAX} 字节，或超过 {TOML_LINE_DOTS_MAX} 个点",
                    f"this line has more than {TOML_LINE_CHARS_MAX} bytes or {TOML_LINE_DOTS_MAX} dots",
                )
                return
        try:
            text = raw.decode("utf-8-sig")
            self.values = tomllib.loads(text)
        except UnicodeDecodeError as wrong:
            self._break(raw.count(b"\n", 0, wrong.start) + 1, "不是 UTF-8 文本", "is not UTF-8 text")
        except (ValueError, RecursionError) as wrong:
            found = _AT_LINE.search(str(wrong))
            what = str(wrong)[:TEXT_CHARS_MAX] if found else "a value too large or too deep"
            self._break(int(found[1]) if found else 0, f"不是合法的 TOML（{what}）", f"is not TOML ({what})")
        else:
            self._find_lines(text)

    def _break(self, line: int, zh: str, en: str) -> None:
        self.broken = True
        self.findings.add(self.name, line, "", "", zh, en)

    def _find_lines(self, text: str) -> None:
        header, count = "", {"": 0}
        for number, line in enumerate(text.split("\n"), 1):
            if found := _HEADER.match(line):
                header = found[1]
                count[header] = count.get(header, -1) + 1
                self.lines[header, count[header], ""] = number
            elif found := _KEY.match(line):
                self.lines.setdefault((header, count[header], found[1]), number)

    def root(self, *tables: str) -> Block:
        """The keys that stand before any table; `tables` are the tables that the file may have."""
        return Block(self, "", 0, self.values, set(tables))

    def tables(self, header: str, most: int) -> list[Block]:
        """The tables of an array (`[[header]]`), at most `most`."""
        found = self.values.get(header, [])
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            self.findings.add(self.name, 0, header, "", f"须为 [[{header}]] 表", f"must be tables headed [[{header}]]")
            return []
        if len(found) > most:
            self.findings.add(self.name, 0, header, "", f"最多 {most} 个", f"at most {most} of them")
        return [Block(self, header, nth, entry) for nth, entry in enumerate(found[:most])]
