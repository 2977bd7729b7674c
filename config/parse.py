"""The configuration's text to its values and back; everything that is wrong with a text is said at once.

Pure: the text comes as an argument. Whether a path leads anywhere is found out by those who open it.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from difflib import get_close_matches
from typing import Any

from config.faults import Fault, Faults, shown
from config.limits import CONFIGURATION_BYTES_MAX, CONFIGURATION_LINE_MAX, DUTIES_MAX
from config.lines import key_lines
from config.model import ROSTER, SECTIONS, SETTINGS, Configuration, Duty
from config.rules import Rule


class ConfigFaults(Faults):
    """A configuration that was not accepted."""


def parse(text: str, settings: str = "") -> Configuration:
    """Read a configuration (TOML 1.0), and `settings` over it, of the tables that these may set.

    Raises ConfigFaults with all that is wrong, each with key, line and value.
    """
    document = _document(text)
    over = _document(settings)
    strange = [name for name in over if name not in (*SETTINGS, ROSTER)]
    if strange:
        zh, en = (
            f"签名设置中不得有此表；可有：{'、'.join(SETTINGS)}",
            f"not in settings, which have {', '.join(SETTINGS)}",
        )
        raise ConfigFaults([Fault(shown(name)[1:-1], zh, en) for name in strange])
    reading = _Reading(key_lines(text))
    sections = {
        name: reading.table(name, kind, _over(document.get(name, {}), over.get(name, {})))
        for name, kind in SECTIONS.items()
    }
    duties = reading.roster(over.get(ROSTER, document.get(ROSTER, [])))
    reading.unknown("", document, [*SECTIONS, ROSTER])
    if not reading.faults:
        reading.together(sections, duties)
    if reading.faults:
        raise ConfigFaults(sorted(reading.faults, key=lambda fault: fault.line or 0))
    return Configuration(**sections, duties=tuple(duties))


def _over(table: object, over: object) -> object:
    """A table with another over it, key by key; what is no table is told by whoever reads it."""
    return {**table, **over} if isinstance(table, dict) and isinstance(over, dict) else over or table


def _document(text: str) -> dict[str, Any]:
    """The text's tables. Raises ConfigFaults."""
    if len(text) > CONFIGURATION_BYTES_MAX:
        most = CONFIGURATION_BYTES_MAX
        raise ConfigFaults([Fault("*", f"文件过大，至多 {most} 字节", f"too long: at most {most} bytes")])
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > CONFIGURATION_LINE_MAX:
            most = CONFIGURATION_LINE_MAX
            zh, en = f"行过长，至多 {most} 个字符", f"the line is too long: at most {most} characters"
            raise ConfigFaults([Fault("*", zh, en, number)])
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as wrong:
        zh, en = f"不是有效的 TOML：{wrong}", f"not valid TOML: {wrong}"
        raise ConfigFaults([Fault("*", zh, en, _line_said(str(wrong)))]) from wrong


def build(configuration: Configuration) -> str:
    """Write a configuration as TOML; `parse` gives it back equal, if its values keep their rules."""
    parts = [_written(name, getattr(configuration, name)) for name in SECTIONS]
    parts += [_written(f"[{ROSTER}]", duty) for duty in configuration.duties]
    return "\n".join(parts)


class _Reading:
    """One reading of one document: collects faults beside the values."""

    def __init__(self, lines: dict[str, int]) -> None:
        self.lines = lines
        self.faults: list[Fault] = []

    def fault(self, place: str, zh: str, en: str, value: str = "", near: str = "") -> None:
        self.faults.append(Fault(place, zh, en, self.lines.get(place) or self.lines.get(near), value))

    def unknown(self, place: str, table: dict[str, Any], known: list[str]) -> None:
        """A fault for each key that nobody knows, with the nearest that somebody does."""
        for name in table:
            if name in known:
                continue
            nearest = get_close_matches(name[:64], known, 1, 0.5)
            zh = f"没有这个键；最接近的是 {nearest[0]}" if nearest else f"没有这个键；可用：{'、'.join(known)}"
            en = f"no such key; the nearest is {nearest[0]}" if nearest else f"no such key; known: {', '.join(known)}"
            self.fault(f"{place}.{shown(name)[1:-1]}" if place else shown(name)[1:-1], zh, en, near=place)

    def table(self, place: str, kind: type[Any], table: object) -> Any:
        """The section's value; with faults found, None."""
        before = len(self.faults)
        if not isinstance(table, dict):
            self.fault(place, f"须为表 [{place}]", f"must be a table [{place}]", shown(table))
            return None
        values = {}
        for name, rule, given in _members(kind):
            if name in table:
                if rule.met_by(table[name]):
                    values[name] = tuple(table[name]) if rule.kind is list else table[name]
                else:
                    self.fault(f"{place}.{name}", rule.zh, rule.en, shown(table[name]), near=place)
            elif not given:
                self.fault(f"{place}.{name}", f"缺少；{rule.zh}", f"missing; {rule.en}", near=place)
        self.unknown(place, table, [name for name, _, _ in _members(kind)])
        return kind(**values) if len(self.faults) == before else None

    def roster(self, rows: object) -> list[Duty]:
        """The duties that are right."""
        if not isinstance(rows, list) or len(rows) > DUTIES_MAX:
            zh, en = f"须为至多 {DUTIES_MAX} 个 [[{ROSTER}]] 表", f"must be at most {DUTIES_MAX} tables [[{ROSTER}]]"
            self.fault(ROSTER, zh, en, shown(rows), near=f"{ROSTER}[1]")
            return []
        read = [self.table(f"{ROSTER}[{number}]", Duty, row) for number, row in enumerate(rows, start=1)]
        return [duty for duty in read if duty is not None]

    def together(self, sections: dict[str, Any], duties: list[Duty]) -> None:
        """Rules between values, asked only when each value alone is right."""
        tap = sections["tap"]
        if tap.restart_repeat_s < tap.repeat_s:
            zh, en = f"不得小于 repeat_s（{tap.repeat_s}）", f"must not be below repeat_s ({tap.repeat_s})"
            self.fault("tap.restart_repeat_s", zh, en, shown(tap.restart_repeat_s), near="tap")
        seen: dict[tuple[str, int], int] = {}
        for number, duty in enumerate(duties, start=1):
            place = f"{ROSTER}[{number}]"
            if not duty.card.strip("0"):
                self.fault(f"{place}.card", "不是有效卡号", "is no card's number", shown(duty.card), near=place)
            first = seen.setdefault((duty.card, duty.order), number)
            if first != number:
                zh = f"与第 {first} 个班次的卡号和次序相同"
                en = f"same card and order as duty {first}"
                self.fault(f"{place}.order", zh, en, shown(duty.order), near=place)


def _members(kind: type[Any]) -> Iterator[tuple[str, Rule, bool]]:
    """Each key of a section, its rule, and whether it has a default."""
    for member in fields(kind):
        yield member.name, member.metadata["rule"], _has_default(member)


def _has_default(member: "Field[Any]") -> bool:
    return member.default is not MISSING or member.default_factory is not MISSING


def _written(name: str, section: Any) -> str:
    lines = [f"{member.name} = {_value(getattr(section, member.name))}" for member in fields(section)]
    return "\n".join([f"[{name}]", *lines, ""])


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    assert escaped.isprintable(), "the rules let only printable text in"
    return f'"{escaped}"'


def _line_said(message: str) -> int | None:
    """The line number out of tomllib's message, "… (at line 3, column 7)"."""
    _, found, rest = message.rpartition("(at line ")
    number = rest.partition(",")[0]
    return int(number) if found and number.isascii() and number.isdigit() else None
