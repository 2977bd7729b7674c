"""Play the story from beginning to end, show it, close the books and compare them."""

import random
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sync.closed import read_closed
from sync.reconcile import Reconciliation
from sync.record import decode
from terminal.books import reconciled
from terminal.box import JOURNAL
from terminal.demo.cast import cast
from terminal.demo.stage import Stage
from terminal.demo.story import SCENES, Line, shown
from terminal.drivers.clock import SystemClock
from terminal.report import ShiftReport, shift_report


@dataclass(frozen=True, slots=True)
class Result:
    """What the demo came to."""

    seed: int
    taps: int
    unexpected: tuple[str, ...]
    shifts: tuple[ShiftReport, ...]
    books: Reconciliation
    folder: str

    @property
    def good(self) -> bool:
        """Every tap ended as it had to, and the three books agree."""
        return self.books.balanced and not self.unexpected

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "seed": self.seed,
            "taps": self.taps,
            "unexpected": self.unexpected,
            "balanced": self.books.balanced,
            "faults": [fault._asdict() for fault in self.books.faults],
            "shifts": [report.as_dict() for report in self.shifts],
            "cards": [line._asdict() for line in self.books.cards],
            "folder": self.folder,
        }


def play(folder: Path, seed: int, riders: int, quiet: bool = False) -> Result:
    """Play the whole story on a new stage in `folder`. Raises RemoteError when there is no virtual reader."""
    console = Console(quiet=quiet, highlight=False)
    soon = f"{(SystemClock().read().at + timedelta(days=10)).date():%Y%m%d}"
    cards = cast(seed, riders, soon)
    console.print(f"[bold]市民卡终端演示 · citizen-card terminal demo[/] (seed {seed})")
    stage = Stage(folder, seed, cards, [(cards["listed"].number20, 1)])
    try:
        lines = _scenes(stage, seed, riders, console)
        stage.close_day()
    finally:
        stage.close()
    result = _closed(folder, seed, lines)
    _report(result, console)
    return result


def _scenes(stage: Stage, seed: int, riders: int, console: Console) -> list[Line]:
    chance = random.Random(seed)
    stage.settle()
    device = stage.box.device
    console.print(f"  非接触读卡器 reader   {device.reader_name} (nfcpy)")
    console.print(f"  PSAM 卡座 slot        {device.psam_name} (pyscard, pcscd)")
    console.print(f"  后台 backend          http://127.0.0.1:{stage.port}")
    lines: list[Line] = []
    told: set[tuple[str, ...]] = set()
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bar, console=console, disable=console.quiet, transient=True) as progress:
        task = progress.add_task("刷卡 taps", total=38 + riders)
        for scene in SCENES:
            for line in scene(stage, chance):
                lines.append(line)
                for text in shown(line, told):
                    console.print(text, markup=False, soft_wrap=True)
                if line.signal is not None:
                    progress.advance(task)
    return lines


def _closed(folder: Path, seed: int, lines: list[Line]) -> Result:
    """The books as they lie on the disk now, each read by itself."""
    journals = [folder / "bus-1" / JOURNAL, folder / "bus-2" / JOURNAL]
    books, _ = reconciled(folder / "chips.json", journals, folder / "backend" / "backend.db")
    rows = [decode(stored.raw) for stored in read_closed(journals[0])[1]]
    shifts = [shift_report(rows, number) for number in (1, 2)]
    unexpected = tuple(
        f"{line.text}: {line.signal.outcome if line.signal else 'nothing'}, expected {' or '.join(line.expected)}"
        for line in lines
        if line.expected and (line.signal is None or line.signal.outcome not in line.expected)
    )
    taps = sum(line.signal is not None for line in lines)
    return Result(seed, taps, unexpected, tuple(report for report in shifts if report), books, str(folder))


def _report(result: Result, console: Console) -> None:
    for report in result.shifts:
        console.rule("班次报告 · end-of-shift report")
        for text in report.lines():
            console.print(text, markup=False)
    console.rule("对账：芯片、日志、后台 · reconciliation: chips, journals, backend")
    for text in (*result.books.lines("zh"), *result.books.lines("en")):
        console.print(text, markup=False)
    for text in result.unexpected:
        console.print(f"意外 · unexpected: {text}", markup=False)
    console.print(f"{result.taps} 次刷卡 · taps", style="bold")
