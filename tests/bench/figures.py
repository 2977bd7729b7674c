"""One measured figure, its floor, its limit, and the table of them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured. `floor` None: there is none. `limit` None: told for information. Numbers in `unit`."""

    name: str
    measured: float
    unit: str
    limit: float | None = None
    p99: float | None = None
    floor: float | None = None
    exact: bool = False
    note: str = ""

    @property
    def good(self) -> bool:
        """Within its limit; an exact figure is the limit itself."""
        if self.limit is None:
            return True
        return self.measured == self.limit if self.exact else self.measured <= self.limit


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return sorted(values)[len(values) // 2]


def p99(values: Sequence[float]) -> float:
    """The value that one in a hundred exceeds."""
    return sorted(values)[min(len(values) - 1, len(values) * 99 // 100)]


def table(figures: Sequence[Figure]) -> str:
    """Aligned text."""
    head = ("figure", "median", "p99", "floor", "limit", "")
    rows = [head] + [
        (
            figure.name,
            _text(figure.measured, figure.unit),
            _text(figure.p99, figure.unit),
            _text(figure.floor, figure.unit),
            _text(figure.limit, figure.unit),
            ("ok" if figure.good else "OVER") + (f"  {figure.note}" if figure.note else ""),
        )
        for figure in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = []
    for name, *numbers, verdict in rows:
        cells = [text.rjust(width) for text, width in zip(numbers, widths[1:-1], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *cells, verdict]))
    return "\n".join(lines)


def as_json(figures: Sequence[Figure]) -> str:
    """For programs."""
    return json.dumps([{**asdict(figure), "good": figure.good} for figure in figures], indent=1)


def _text(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    number = f"{value:.0f}" if unit in ("", "MiB") else f"{value:.2f}"
    return f"{number} {unit}".strip()
