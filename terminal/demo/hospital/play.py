"""Play a clerk's day from sign-in to reconciliation, show it, and say whether both sides' books agree."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from sync.statement import Comparison
from terminal.demo.hospital.stage import Stage
from terminal.demo.hospital.story import SCENES
from terminal.hospital.statement import statement_lines


@dataclass(frozen=True, slots=True)
class Result:
    """What the day came to."""

    bills: int
    corrections: int
    unexpected: tuple[str, ...]
    statements: tuple[Comparison, ...]
    folder: str

    @property
    def good(self) -> bool:
        """Every scene ended as it had to, and no line differs between the counters' books and the centre's."""
        return not self.unexpected and all(not found.differences for found in self.statements)

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "good": self.good,
            "bills": self.bills,
            "corrections": self.corrections,
            "unexpected": self.unexpected,
            "statements": [msgspec.to_builtins(found) for found in self.statements],
            "folder": self.folder,
        }


def play(folder: Path, seed: int, quiet: bool = False) -> Result:
    """Play the day on a new stage in `folder`. Raises RemoteError when there is no virtual reader."""
    console = Console(quiet=quiet, highlight=False)
    console.print("[bold]医保窗口演示 · hospital counter demo[/]")
    stage = Stage(folder, seed)
    unexpected: list[str] = []
    try:
        for title, scene in SCENES:
            console.rule(title)
            for told in scene(stage):
                console.print(told.text, markup=False, soft_wrap=True)
                if told.wrong:
                    unexpected.append(f"{title}: {told.wrong}")
        day = stage.today.replace("-", "")
        statements = tuple(built.counter.reconcile(day) for built in stage.counters)
        made = sum(len(built.counter.ledger.made) for built in stage.counters)
        corrected = sum(len(built.counter.ledger.corrections) for built in stage.counters)
    finally:
        stage.close()
    result = Result(made, corrected, tuple(unexpected), statements, str(folder))
    _report(result, console)
    return result


def _report(result: Result, console: Console) -> None:
    console.rule("对账（3201/3202）· reconciliation with the centre")
    for found in result.statements:
        for text in statement_lines(found):
            console.print(text, markup=False, soft_wrap=True)
    for text in result.unexpected:
        console.print(f"意外 · unexpected: {text}", markup=False)
    verdict = (
        "双方账目一致，分毫不差\nboth sides' books agree to the fen" if result.good else "双方账目不一致\nBOOKS DIFFER"
    )
    console.print(verdict, style="bold")
