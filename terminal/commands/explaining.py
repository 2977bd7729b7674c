"""Taps explained one after the other, the card remembering each ride. Imported by terminal/commands/fares.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from config.store import load_pack_files
from tariffs.asks import Ride
from tariffs.explain import Explained, Explainer
from tariffs.money import yuan_text
from tariffs.pack import Pack
from tariffs.verdict import Charge, Refuse, Verdict
from tariffs.wallet import LastRide
from terminal.commands.faults import said
from terminal.commands.say import fail
from terminal.commands.taps import taps_in
from terminal.drivers.clock import CHINA
from terminal.packs import parsed
from terminal.whatif.cast import cast
from terminal.whatif.replay import Tapped


@dataclass(frozen=True, slots=True)
class Told:
    """One explained tap."""

    nth: int
    tap: Tapped
    explained: Explained

    def lines(self, language: str) -> list[str]:
        """For people; `language` "zh", "en" or "both"."""
        ask, nth = self.tap.ask, said(f"第 {self.nth} 次刷卡", f"tap {self.nth}", language)
        lines = [f"{nth}: {ask.line} ({ask.vehicle}), {self.tap.at:%F %T}"]
        for step in self.explained.steps:
            lines.append(f"  {said(step.zh, step.en, language)}")
            for note in step.notes:
                row = "  ".join(part for part in (note.where, note.said, said(note.zh, note.en, language)) if part)
                lines.append(f"    {'✓' if note.matched else '✗'} {row}")
        lines.append(f"  = {_told(self.explained.verdict, language)}")
        if self.tap.taken is not None:
            lines.append(f"    {said('实收', 'was taken', language)}: {yuan_text(self.tap.taken)}")
        return lines

    def value(self) -> dict[str, Any]:
        """For programs; amounts in fen."""
        verdict = self.explained.verdict
        return {
            "route": self.tap.ask.line,
            "vehicle": self.tap.ask.vehicle,
            "at": self.tap.at.isoformat(),
            "reason": verdict.reason.value,
            "amount_fen": verdict.amount_fen if isinstance(verdict, Charge) else None,
            "taken_fen": self.tap.taken,
            "steps": to_builtins(self.explained.steps),
        }


def _told(verdict: Verdict, language: str) -> str:
    if isinstance(verdict, Charge):
        return f"{yuan_text(verdict.amount_fen)} {verdict.reason}"
    refused = isinstance(verdict, Refuse)
    return f"{said('拒绝', 'refused', language) if refused else said('放行', 'admitted', language)} {verdict.reason}"


def explainer(place: str) -> tuple[Explainer, Pack]:
    """For the pack in `place`. Raises ConfigError."""
    files = load_pack_files(place)
    pack = parsed(files, place)
    return Explainer(files, pack), pack


def made_up(
    pack: Pack, rider: str, stops: Sequence[str], ends: date | None, taps: Sequence[tuple[str, str, datetime]]
) -> list[Tapped]:
    """Taps of a card that does not exist: `taps` as route, vehicle and moment, at least one.

    `stops`: where each is made; the last one, if any, is also that of the taps after it.
    """
    riders = {one.group: one for one in cast([pack], taps[0][2].date())}
    if rider not in riders:
        fail(f"没有这一类 {rider}；可用 · there is no such rider; there are: {', '.join(riders)}")
    wallet = riders[rider].wallet
    wallet = replace(wallet, class_end=ends, rides_on=wallet.scheme == "tunion")
    places = [*stops, *[stops[-1] if stops else ""] * len(taps)]
    return [
        Tapped(wallet, Ride(route, 0, vehicle, "", stop=stop), at.replace(tzinfo=CHINA))
        for (route, vehicle, at), stop in zip(taps, places, strict=False)
    ]


def journal_taps(journal: Path, card: str) -> list[Tapped]:
    """The paid taps of one card. Raises JournalError."""
    return [tap for tap in taps_in([journal]) if tap.wallet.number == card]


def told(explainer: Explainer, taps: Sequence[Tapped]) -> list[Told]:
    """Each tap explained; the card's last ride is the one that the pack had recorded on it."""
    last: LastRide | None = None
    found = []
    for nth, tap in enumerate(taps, 1):
        explained = explainer.explain(replace(tap.wallet, last_ride=last), tap.ask, tap.at)
        if isinstance(explained.verdict, Charge) and explained.verdict.composite:
            last = explained.verdict.ride
        found.append(Told(nth, tap, explained))
    return found
