"""Tables for people, of texts in Chinese and English: columns that line up, numbers to the right."""

from collections.abc import Sequence
from io import StringIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

WIDTH = 160


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int, last_is_total: bool = False
) -> list[str]:
    """The lines of a table; columns from `numbers_from` on are numbers, the last row may be a sum."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, show_footer=False)
    for place, title in enumerate(head):
        made.add_column(title, justify="right" if place >= numbers_from else "left", overflow="fold")
    for place, row in enumerate(rows):
        made.add_row(*row, end_section=last_is_total and place == len(rows) - 2)
    text = StringIO()
    Console(file=text, width=WIDTH, color_system=None, highlight=False, emoji=False, markup=False).print(made)
    return [line.rstrip() for line in text.getvalue().splitlines() if line.strip()]
