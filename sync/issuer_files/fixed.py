"""Lines of fixed width without separators, from one table in both directions, and the files that are made of them.

The issuer's own writer ends lines with LF CR in one place and CR LF in another, so both are read, and CR LF is written.
Source: docs/cards.md, "XF and the issuer's files".
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import NamedTuple, TypeVar

from sync.limits import ISSUER_FILE_LINES_MAX

T = TypeVar("T")

LINE_END = "\r\n"
FILL = "F" * 24
"""The end of each header."""


class BadFile(ValueError):
    """A file of the issuer that cannot be read, or a line that does not fit: every fault with its place."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class Field(NamedTuple):
    """One field: its name, its width, the characters it may hold, and whether it is a number to us."""

    name: str
    width: int
    allowed: str = "[0-9]"
    is_number: bool = False


def width_of(fields: Iterable[Field]) -> int:
    """The width of a line."""
    return sum(field.width for field in fields)


def build_line(fields: Sequence[Field], values: Iterable[str | int]) -> str:
    """The line of `values`, one for each field; numbers get leading zeros. Raises BadFile with all that do not fit."""
    faults = []
    parts = []
    for field, value in zip(fields, values, strict=True):
        text = f"{value:0{field.width}d}" if isinstance(value, int) else str(value)
        if not _fits(field.allowed, field.width).fullmatch(text):
            faults.append(f"{field.name}: {value!r} does not fit {field.width} characters")
        parts.append(text)
    if faults:
        raise BadFile(faults)
    return "".join(parts)


@cache
def _fits(allowed: str, width: int) -> re.Pattern[str]:
    return re.compile(f"{allowed}{{{width}}}", re.ASCII)


def parse_line(fields: Sequence[Field], text: str) -> list[str | int]:
    """The values of a line, one for each field. Raises BadFile naming every field that cannot be read."""
    if len(text) != width_of(fields):
        raise BadFile([f"a line of {len(text)} characters, not {width_of(fields)}"])
    faults = []
    values: list[str | int] = []
    place = 0
    for field in fields:
        part = text[place : place + field.width]
        if re.fullmatch(f"{field.allowed}+", part, re.ASCII):
            values.append(int(part) if field.is_number else part)
        else:
            faults.append(f"{field.name} at {place}: {part!r}")
        place += field.width
    if faults:
        raise BadFile(faults)
    return values


def build_file(kind: str, width: int, lines: Sequence[str]) -> str:
    """Header and lines: `kind`, the count in 8 digits, the line's width in 8, 24 F."""
    assert len(lines) <= ISSUER_FILE_LINES_MAX
    header = f"{kind}{len(lines):08d}{width:08d}{FILL}"
    return "".join(text + LINE_END for text in (header, *lines))


def parse_file(header: str, text: str, parse: Callable[[str], T]) -> list[T]:
    """The lines of a file whose header matches the pattern `header` with the count as its group.

    Raises BadFile with every fault and its line.
    """
    first, details = lines_of(text)
    faults = []
    found = re.fullmatch(header, first, re.ASCII)
    if found is None or int(found[1]) != len(details):
        faults.append(f"line 1: the header {first[:44]!r} does not announce {len(details)} lines")
    lines = []
    for number, detail in enumerate(details, 2):
        try:
            lines.append(parse(detail))
        except BadFile as wrong:
            faults += [f"line {number}: {fault}" for fault in wrong.faults]
    if faults:
        raise BadFile(faults)
    return lines


def lines_of(text: str) -> tuple[str, list[str]]:
    """Header and details, whichever way the lines end. Raises BadFile when there are too many."""
    lines = [line for line in re.split("[\r\n]+", text) if line]
    if len(lines) > ISSUER_FILE_LINES_MAX + 1:
        raise BadFile([f"{len(lines)} lines"])
    return (lines[0], lines[1:]) if lines else ("", [])
