"""Commands about packs as files: check, copy, diff. The group is terminal/commands/packs.py."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from terminal.commands.faults import fault_lines, language, refuse
from terminal.commands.picture import picture, plot_file
from terminal.commands.say import answer, as_json, speaking

RIDERS_MAX = 200_000
"""Riders of a generated day: more than Jiaxing's buses carry, and half a minute of work."""

place = click.argument("place")


@click.command("check", short_help="All faults at once, and what is suspect.")
@place
@click.option("--unverified", is_flag=True, help="List the values that nobody has verified, with their sources.")
@language
@as_json
@speaking
def check(place: str, unverified: bool, language: str, as_json: bool) -> None:
    """Tell all faults of the pack at once, each with file, line, value and the rule broken. Exit status 1 for any.

    Then what is legal but suspect, and what nobody has verified: neither keeps the pack from being used.
    """
    from config.store import load_pack_files
    from tariffs.faults import PackFaults
    from tariffs.pack import parse_pack
    from tariffs.suspects import suspects

    files = load_pack_files(place)
    try:
        parsed = parse_pack(files)
    except PackFaults as wrong:
        refuse(place, wrong, language, as_json)
    odd = suspects(files, parsed)
    lines = [f"票价包可用 · the pack is good: {parsed.version}, 自 · in force from {parsed.in_force_from}"]
    if odd:
        lines += [f"可疑但合法 · legal but suspect: {len(odd)}", *fault_lines(odd, language)]
    if parsed.unverified:
        lines.append(f"未经核实 · not verified: {len(parsed.unverified)}" + (":" if unverified else " (--unverified)"))
    if unverified:
        lines += [f"  {file}:{line} {what}" for file, line, what in parsed.unverified]
    shown = {"version": parsed.version, "in_force_from": parsed.in_force_from, "unverified": parsed.unverified}
    answer({**shown, "faults": [], "suspects": [asdict(fault) for fault in odd]}, as_json, lambda: lines)


@click.command("copy", short_help="Write a pack's files into a new folder.")
@place
@click.argument("folder", type=click.Path(path_type=Path))
@speaking
def copy(place: str, folder: Path) -> None:
    """Write the files of a pack into a new FOLDER, to be edited there."""
    from config.store import load_pack_files
    from terminal.commands.copies import copied

    copied(load_pack_files(place), folder)
    click.echo("改动后请换新的 version（pack.toml）· give the changed pack a new version in pack.toml")


@click.command("diff", short_help="What a new pack changes, replayed and drawn.")
@click.argument("old")
@click.argument("new")
@click.option(
    "--journal",
    "journals",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Replay the real taps of a closed journal or a snapshot; may be given several times.",
)
@click.option(
    "--riders", type=click.IntRange(1, RIDERS_MAX), default=2000, show_default=True, help="Of a generated day."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Draws the generated day.")
@click.option(
    "--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="Replay on this day.  [default: of the first change]"
)
@plot_file
@as_json
@speaking
def diff(
    old: str,
    new: str,
    journals: tuple[Path, ...],
    riders: int,
    seed: int,
    day: datetime | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """What the NEW pack changes for whom and from which day, and what that comes to over a day of riders.

    The replay runs over real taps (--journal), else over a generated day. Each card remembers the rides that the pack
    under test would have written on it; taps are moved by whole weeks to the day on which the change holds.
    """
    from config.store import load_pack_files
    from terminal.commands.compare import Comparison
    from terminal.packs import parsed

    before, after = (parsed(load_pack_files(place), place) for place in (old, new))
    compared = Comparison(before, after, day.date() if day else None)
    if journals:
        compared.replay_journals(journals)
    else:
        compared.replay_day(riders, seed)
    answer(compared.value(), as_json, compared.lines)
    if plot is not None:
        title = f"{compared.old.version} → {compared.new.version}"
        picture(plot, compared.pairs, compared.names, title, ("车费", "fares"), ("收入", "yuan taken"), as_json)
