"""Play the day from beginning to end, show it, close the books and compare them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from sync.reconcile import Reconciliation
from terminal.books import reconciled
from terminal.box import JOURNAL
from terminal.demo.counter.hands import PageHands, hands
from terminal.demo.counter.stage import Stage
from terminal.demo.counter.story import SCENES, Line


@dataclass(frozen=True, slots=True)
class Result:
    """What the day came to."""

    lines: tuple[Line, ...]
    books: Reconciliation
    in_browser: bool

    @property
    def good(self) -> bool:
        """All went as it had to, and chips, journal and backend agree to the fen."""
        return self.books.balanced and all(line.good is not False for line in self.lines)

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "unexpected": [line.text.strip() for line in self.lines if line.good is False],
            "balanced": self.books.balanced,
            "faults": [fault._asdict() for fault in self.books.faults],
            "cards": [line._asdict() for line in self.books.cards],
            "in_browser": self.in_browser,
        }


def play(folder: Path, seed: int, pictures: Path | None, quiet: bool = False) -> Result:
    """Play the whole day on a new stage in `folder`. Raises RemoteError when there is no virtual reader."""
    console = Console(quiet=quiet, highlight=False)
    stage, lines = Stage(folder, seed), list[Line]()
    try:
        clerk = hands(stage.built.face.port, pictures)
        try:
            in_browser = isinstance(clerk, PageHands)
            how = "Chromium" if in_browser else "API（没有浏览器 no browser）"
            console.print(f"[bold]柜台一天 · a day at the counters[/]  {stage.built.address}  {how}")
            for scene in SCENES:
                for line in scene(stage, clerk):
                    mark = {None: " ", True: "✓", False: "✗"}[line.good]
                    console.print(f"{mark} {line.text}", markup=False, soft_wrap=True)
                    lines.append(line)
        finally:
            clerk.close()
    finally:
        stage.close()
    books, _ = reconciled(folder / "chips.json", [folder / "counter" / JOURNAL], folder / "backend" / "backend.db")
    console.rule("对账：芯片、日志、后台 · reconciliation: chips, journal, backend")
    for text in (*books.lines("zh"), *books.lines("en")):
        console.print(text, markup=False)
    return Result(tuple(lines), books, in_browser)
