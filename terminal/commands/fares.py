"""Fares for machines and technicians: what a journey costs by any published GTFS-Fares v2 feed."""

import json
import re
import sys
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import click

from terminal.commands.faults import language
from terminal.commands.say import answer, as_json, fail, speaking

TAP = re.compile(r"([^/@\s]+)(?:/([^/@\s]+))?@(\d{1,2}:\d{2}(?::\d{2})?)")


@click.group()
def fare() -> None:
    """What a journey costs, and why."""


@fare.command("quote")
@click.option("--feed", required=True, type=click.Path(exists=True), help="Folder or zip of GTFS files.")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="Decide a point that GTFS leaves open.")
@click.option("--quiet", is_flag=True, help="Do not say what of the feed cannot be used.")
@speaking
def fare_quote(feed: str, options: tuple[str, ...], quiet: bool) -> None:
    """Price journeys: one JSON object a line in, one a line out.

    In: {"journey": [{"route_id", "from_stop_id", "to_stop_id", "departure", "arrival"}, ...], "select":
    {"fare_media_id", "rider_category_id"}, "overrides": {"fare_leg_rules.txt": "..."}}; times are wall clock of the
    agency. Out: "effective_legs", "leg_products", "transfers", "total" (null when the fare is not known), or "error".
    """
    from config.files import read_tables
    from tariffs.fares.gtfs import REQUIRED
    from tariffs.fares.options import Options
    from tariffs.fares.quote import BadRequest, answer

    chosen = Options()
    for option in options:
        name, _, value = option.partition("=")
        try:
            chosen = chosen.chosen(name, value)
        except ValueError as wrong:
            fail(f"--option {wrong}")
    engines = _Engines(read_tables(Path(feed), REQUIRED), chosen, quiet)
    wrong_lines = 0
    for number, line in enumerate(sys.stdin.buffer, 1):
        if not line.strip():
            continue
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise BadRequest("a JSON object")
            told: dict[str, Any] = answer(engines.at(request.get("overrides") or {}), request)
        except (ValueError, RecursionError) as wrong:  # BadRequest is one; so are all faults of JSON
            wrong_lines += 1
            told = {"error": f"line {number}: {wrong}"}
        click.echo(json.dumps(told, ensure_ascii=False))
    if wrong_lines:
        fail(f"{wrong_lines} 行无法计价 · lines that are no journey: {wrong_lines}")


@fare.command("explain")
@click.argument("place")
@click.argument("taps", nargs=-1)
@click.option(
    "--rider", default="ordinary", show_default=True, help="Class of the card, or id of a family of visitors."
)
@click.option(
    "--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="Day of the taps.  [default: the pack's first day]"
)
@click.option("--stop", "stops", multiple=True, help="GTFS stop of the taps; given again, of each in its order.")
@click.option("--concession-ends", type=click.DateTime(["%Y-%m-%d"]), help="Last day of the card's concession.")
@click.option("--journal", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Explain real taps …")
@click.option("--card", help="… of this card (20 digits) in the journal.")
@language
@as_json
@speaking
def fare_explain(
    place: str,
    taps: tuple[str, ...],
    rider: str,
    day: datetime | None,
    stops: tuple[str, ...],
    concession_ends: datetime | None,
    journal: Path | None,
    card: str | None,
    language: str,
    as_json: bool,
) -> None:
    """Explain what the pack PLACE asks for TAPS: which rows matched, and why the others did not.

    A tap is ROUTE@HH:MM[:SS], or ROUTE/VEHICLE@HH:MM[:SS]; a route's taps without a vehicle are on one bus. The card
    remembers each ride for the next: 1@8:00 3@8:40 is a change of bus. With --journal and --card real taps are told.
    """
    from terminal.commands import explaining

    explainer, pack = explaining.explainer(place)
    if journal is not None:
        if card is None or taps:
            fail("--journal 需要 --card，且不能再给 TAPS · --journal needs --card, and no TAPS")
        found = explaining.journal_taps(journal, card)
        if not found:
            fail("日志中没有这张卡的已付乘车 · the journal has no paid ride of that card")
    else:
        first = day.date() if day else pack.in_force_from
        ends = concession_ends.date() if concession_ends else None
        found = explaining.made_up(pack, rider, stops, ends, [_parsed(text, first) for text in taps or ("1@8:00",)])
    told = explaining.told(explainer, found)
    answer([one.value() for one in told], as_json, lambda: [line for one in told for line in one.lines(language)])


def _parsed(text: str, day: date) -> tuple[str, str, datetime]:
    """Route, vehicle and moment of a tap as it is written on the command line; past midnight is the next day."""
    found = TAP.fullmatch(text)
    if found is None:
        fail(f"看不懂 {text!r}，须如 1@8:00 或 1/bus2@8:00:30 · not a tap: must be like 1@8:00 or 1/bus2@8:00:30")
    hour, *rest = map(int, found[3].split(":"))
    if hour > 47 or any(part > 59 for part in rest):
        fail(f"没有这个时间 · there is no such time: {found[3]}")
    at = datetime.combine(day, time(0)) + timedelta(hours=hour, minutes=rest[0], seconds=sum(rest[1:]))
    return found[1], found[2] or f"bus {found[1]}", at


class _Engines:
    """The engine of the feed, and of the feed with the overrides asked for last."""

    def __init__(self, files: Mapping[str, bytes], options: Any, quiet: bool) -> None:
        self._files, self._options = files, options
        self._last: tuple[Any, Any] = ({}, self._made({}, quiet))
        self._plain = self._last[1]

    def at(self, overrides: Any) -> Any:
        """The engine with these files in the place of the feed's own. Raises BadRequest."""
        from tariffs.fares.quote import BadRequest

        if not overrides:
            return self._plain
        if not isinstance(overrides, dict) or not all(isinstance(text, str | None) for text in overrides.values()):
            raise BadRequest("overrides: file names and their texts, null for a file that is not there")
        if self._last[0] != overrides:
            self._last = overrides, self._made(overrides, quiet=True)
        return self._last[1]

    def _made(self, overrides: Mapping[str, str | None], quiet: bool) -> Any:
        from tariffs.fares.gtfs import read_feed
        from tariffs.fares.journey import Engine
        from tariffs.faults import Findings

        findings = Findings()
        files = dict(self._files)
        for name, text in overrides.items():
            files[name] = (text or "").encode("utf-8", "replace")
            if text is None:
                del files[name]
        engine = Engine(read_feed(files, findings), self._options)
        if findings.count and not quiet:
            click.echo(f"不能使用 {findings.count} 处 · not usable as it stands, {findings.count} places:", err=True)
            for fault in findings.told:
                click.echo(f"  {fault.text()}", err=True)
        return engine
