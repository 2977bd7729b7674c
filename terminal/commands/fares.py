"""Fares for machines and technicians: what a journey costs by any published GTFS-Fares v2 feed."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from terminal.commands.say import fail, speaking


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
    for number, line in enumerate(sys.stdin, 1):
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
        if not isinstance(overrides, dict) or not all(isinstance(text, str) for text in overrides.values()):
            raise BadRequest("overrides: file names and their texts")
        if self._last[0] != overrides:
            self._last = overrides, self._made(overrides, quiet=True)
        return self._last[1]

    def _made(self, overrides: Mapping[str, str], quiet: bool) -> Any:
        from tariffs.fares.gtfs import read_feed
        from tariffs.fares.journey import Engine
        from tariffs.faults import Findings

        findings = Findings()
        files = {**self._files, **{name: text.encode() for name, text in overrides.items()}}
        engine = Engine(read_feed(files, findings), self._options)
        if findings.count and not quiet:
            click.echo(f"不能使用 {findings.count} 处 · not usable as it stands, {findings.count} places:", err=True)
            for fault in findings.told:
                click.echo(f"  {fault.text()}", err=True)
        return engine
