"""smk pack diff: what a new pack changes, told and replayed. Imported by terminal/commands/packs.py when asked for."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click
from msgspec import to_builtins

from tariffs.pack import Pack
from terminal.commands.table import table
from terminal.commands.taps import taps_in
from terminal.whatif import report
from terminal.whatif.cast import cast, names
from terminal.whatif.changes import Change, changes, compared_places
from terminal.whatif.day import generated
from terminal.whatif.pairs import Pair, sums
from terminal.whatif.replay import Tapped, as_taken, moved, paired

PATIENCE_FROM = 50_000
"""Taps from which a replay takes more than some seconds, and says so."""


class Comparison:
    """Two packs, the taps that both decide, and what comes of it."""

    def __init__(self, old: Pack, new: Pack, day: date | None) -> None:
        self.old, self.new = old, new
        self.changes: list[Change] = changes(old, new)
        self.places = compared_places((old, new))
        first = min((change.first for change in self.changes), default=new.in_force_from)
        self.day = day or first
        self.names = names((old, new))
        self.pairs: list[Pair] = []
        self.source: dict[str, Any] = {}

    def replay_journals(self, journals: Sequence[Path]) -> None:
        """Over the paid taps of closed journals or snapshots. Raises JournalError."""
        taps = taps_in(journals)
        self.source = {"journals": [path.name for path in journals], "as_taken": as_taken(taps, self.old)}
        self._replay(taps)

    def replay_day(self, riders: int, seed: int) -> None:
        """Over a generated day."""
        self.source = {"riders": riders, "seed": seed}
        self._replay(generated(cast((self.old, self.new), self.day), self.places, self.day, riders, seed))

    def _replay(self, taps: Sequence[Tapped]) -> None:
        then = moved(taps, self.day)
        if len(then) > PATIENCE_FROM:
            click.echo(f"重放 {len(then)} 次刷卡，请稍候 · replaying {len(then)} taps, please wait", err=True)
        self.source |= {"taps": len(taps), "from": str(then[0].at.date()) if then else None}
        self.pairs = paired(then, self.old, self.new)

    def lines(self) -> list[str]:
        """For people."""
        told = [f"旧 · old: {self.old.version}    新 · new: {self.new.version}, 自 · from {self.new.in_force_from}"]
        if self.changes:
            rows = report.changes_rows(self.changes, len(self.places))
            told += ["", "变化（元）· what changes, in yuan", *table(report.CHANGES_HEAD, rows, 4)]
        else:
            told += ["", "票价没有变化 · no fare changes"]
        found = self.source
        if "seed" in found:
            what = f"虚拟的一天 · a generated day: {found['riders']} riders, seed {found['seed']}"
        else:
            what = f"真实刷卡 · real taps: {', '.join(found['journals'])}; "
            what += f"旧包与实收一致 · as taken under the old pack: {found['as_taken']}"
        told += ["", f"重放 · replay of {found['taps']} taps, on {found['from']}", what]
        return told + table(report.SUMS_HEAD, report.sums_rows(sums(self.pairs), self.names), 1, last_is_total=True)

    def value(self) -> dict[str, Any]:
        """For programs; amounts in fen."""
        return {
            "old": self.old.version,
            "new": self.new.version,
            "in_force_from": self.new.in_force_from,
            "changes": [report.change_value(change) for change in self.changes],
            "replay": {**self.source, "groups": [to_builtins(found) for found in sums(self.pairs)]},
        }
