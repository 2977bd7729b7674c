"""Receipts as text: columns counted as a printer counts them, a Chinese character two. Pure; no printer here."""

from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width

COPY = "*** 副本 COPY ***"
TRAINING = "*** 培训 TRAINING ***"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt. `rows` label and value, the value at the right edge; ("", "") is a ruled line.

    `number` names the record that it is printed of, so that a copy can be made from the record alone.
    """

    title: str
    rows: tuple[tuple[str, str], ...]
    number: str
    footer: tuple[str, ...] = ()
    training: bool = False


def layout(receipt: Receipt, columns: int, copy: bool = False) -> list[str]:
    """The receipt's lines, none wider than `columns` (32 on 58 mm paper, 48 on 80 mm)."""
    assert columns >= 24, "the marks need as many"
    marks = [COPY] * copy + [TRAINING] * receipt.training
    lines = [centred(part, columns) for mark in (*marks, receipt.title) for part in wrapped(mark, columns)]
    lines.append("-" * columns)
    for label, value in receipt.rows:
        lines += ["-" * columns] if not label and not value else _row(label, value, columns)
    lines.append("-" * columns)
    lines += wrapped(f"No. {receipt.number}", columns)
    for line in receipt.footer:
        lines += wrapped(line, columns)
    return lines + [centred(COPY, columns)] * copy


def width(text: str) -> int:
    """Columns that a text takes."""
    return sum(2 if east_asian_width(letter) in "WFA" else 1 for letter in text)


def centred(text: str, columns: int) -> str:
    """The text in the middle of a line."""
    return " " * ((columns - width(text)) // 2) + text


def wrapped(text: str, columns: int) -> list[str]:
    """The text in lines, cut where it must be: names of Chinese items have no blanks to cut at."""
    lines, line, used = list[str](), "", 0
    for letter in printable(text):
        size = width(letter)
        if used + size > columns:
            lines.append(line)
            line, used = "", 0
        line, used = line + letter, used + size
    return [*lines, line] if line or not lines else lines


def printable(text: str) -> str:
    """The text without what steers a printer."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _row(label: str, value: str, columns: int) -> list[str]:
    """Label at the left, value at the right; on two lines when they do not fit on one."""
    label, value = printable(label), printable(value)
    if width(label) + 1 + width(value) <= columns:
        return [label + " " * (columns - width(label) - width(value)) + value]
    values: Sequence[str] = wrapped(value, columns)
    return [*wrapped(label, columns), *(" " * (columns - width(part)) + part for part in values)]
