"""One GTFS file: CSV bytes to rows that know their line, with all that real feeds hold (BOM, CRLF, extra columns)."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tariffs.faults import Findings
from tariffs.limits import COLUMNS_MAX, IDENTIFIER_CHARS_MAX, TABLE_ROWS_MAX


@dataclass(slots=True)  # not frozen: a frozen one takes three times as long to make, and tables have 100,000 rows
class Row:
    """One record. `line` is where it begins, the header being line 1."""

    file: str
    line: int
    cells: Mapping[str, str]
    findings: Findings

    def __getitem__(self, column: str) -> str:
        """The cell without blanks at its ends; "" when the column is absent."""
        return self.cells.get(column, "")

    def fault(self, column: str, zh: str, en: str) -> None:
        """Note a fault at this row's cell."""
        self.findings.add(self.file, self.line, column, self[column], zh, en)

    def needed(self, column: str) -> str:
        """The cell of a required column; an empty one is a fault."""
        value = self[column]
        if not value:
            self.fault(column, "不能为空", "must not be empty")
        return value

    def key(self, column: str) -> str:
        """An id, required and of bounded length."""
        value = self.needed(column)
        if len(value) > IDENTIFIER_CHARS_MAX or not value.isprintable():
            self.fault(
                column,
                f"编号最多 {IDENTIFIER_CHARS_MAX} 个可见字符",
                f"an id has at most {IDENTIFIER_CHARS_MAX} printable characters",
            )
        return value

    def known(self, column: str, ids: Mapping[str, object] | frozenset[str], file: str) -> str:
        """A reference into `file`: empty, or one of `ids`; anything else is a fault."""
        value = self[column]
        if value and value not in ids:
            self.fault(column, f"{file} 中没有此编号", f"there is no such id in {file}")
        return value

    def number(self, column: str, low: int, high: int) -> int | None:
        """A whole number within bounds, None for an empty cell or (with a fault) for anything else."""
        value = self[column]
        if not value:
            return None
        digits = value[1:] if value.startswith("-") else value
        if digits.isascii() and digits.isdigit() and len(digits) <= 12 and low <= int(value) <= high:
            return int(value)
        self.fault(column, f"须为 {low} 至 {high} 的整数", f"must be a whole number from {low} to {high}")
        return None


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of one file and the names of its columns; an absent file has neither."""

    columns: frozenset[str]
    rows: tuple[Row, ...]


ABSENT = Sheet(frozenset(), ())


def read_sheet(
    files: Mapping[str, bytes], file: str, findings: Findings, required: tuple[str, ...], optional: tuple[str, ...]
) -> Sheet:
    """Read `file` from the pack; ABSENT when it is not there. Columns that nobody asks for are not kept.

    What is wrong is noted, and the rest is read as far as it can be told.
    """
    if file not in files:
        return ABSENT
    try:
        text = files[file].decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = files[file].count(b"\n", 0, wrong.start) + 1
        findings.add(file, line, "", "", "不是 UTF-8 文本", "is not UTF-8 text")
        text = files[file].decode("utf-8-sig", "replace")
    records = _records(text, file, findings)
    header = next(records, None)
    if header is None:
        findings.add(file, 1, "", "", "文件为空，缺少表头", "is empty, a header is needed")
        return ABSENT
    columns = [name.strip() for name in header[1]]
    if len(set(columns)) != len(columns) or len(columns) > COLUMNS_MAX:
        findings.add(
            file,
            1,
            "",
            ",".join(columns[:20]),
            f"列名重复，或超过 {COLUMNS_MAX} 列",
            f"a column stands twice in the header, or there are more than {COLUMNS_MAX}",
        )
        return ABSENT
    for name in required:
        if name not in columns:
            findings.add(file, 1, name, "", "缺少必需的列", "this required column is missing")
    return Sheet(frozenset(columns), tuple(_rows(records, columns, {*required, *optional}, file, findings)))


def _records(text: str, file: str, findings: Findings) -> Iterator[tuple[int, list[str]]]:
    """(first line, cells) of each record. Where the text is not CSV, a fault, and a more lenient reading from there."""
    lines, begin, strict = text.split("\n"), 1, True
    while True:
        reader = csv.reader((line + "\n" for line in lines[begin - 1 :]), strict=strict)
        first = begin
        try:
            for cells in reader:
                if any(map(str.strip, cells)):
                    yield begin, cells
                begin = first + reader.line_num
            return
        except csv.Error as wrong:
            findings.add(file, begin, "", "", f"不是合法的 CSV（{wrong}）", f"is not CSV here ({wrong})")
            if not strict:
                return
            strict = False


def _rows(
    records: Iterator[tuple[int, list[str]]], columns: list[str], wanted: set[str], file: str, findings: Findings
) -> Iterator[Row]:
    places = [(place, name) for place, name in enumerate(columns) if name in wanted]
    for count, (line, cells) in enumerate(records):
        if count == TABLE_ROWS_MAX:
            findings.add(file, line, "", "", f"超过 {TABLE_ROWS_MAX} 行", f"has more than {TABLE_ROWS_MAX} rows")
            return
        if len(cells) != len(columns):
            zh, en = (
                f"有 {len(cells)} 格，表头有 {len(columns)} 列",
                f"has {len(cells)} cells, the header has {len(columns)} columns",
            )
            findings.add(file, line, "", ",".join(cells[:20]), zh, en)
            cells = cells + [""] * (len(columns) - len(cells))
        yield Row(file, line, {name: cells[place].strip() for place, name in places}, findings)
