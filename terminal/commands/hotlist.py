"""Commands for the hot list: check it, make the mapped form of the issuer's text, make and apply deltas."""

from pathlib import Path

import click

from config.hotlist import HotList
from terminal.commands.say import answer, as_json, speaking

existing = click.Path(exists=True, dir_okay=False, path_type=Path)
written = click.Path(dir_okay=False, path_type=Path)


@click.group()
def hotlist() -> None:
    """The hot list: the issuer's black list, its mapped form for many cards, and deltas (docs/hotlist.md)."""


@hotlist.command("check")
@click.argument("file", type=existing)
@as_json
@speaking
def check(file: Path, as_json: bool) -> None:
    """Check a hot list: the issuer's text (YYYYMMDD_Black.txt) or the mapped form."""
    from config.store import load_hot_list

    _told(load_hot_list(file).value, as_json)


@hotlist.command("build")
@click.argument("file", type=existing)
@click.argument("out", type=written)
@click.option("--ranges", type=existing, help="Lines LOW,HIGH,LEVEL: whole ranges of card numbers beside the cards.")
@click.option("--revision", type=click.IntRange(0, 999_999), default=0, help="The number after the day, 0 for none.")
@as_json
@speaking
def build(file: Path, out: Path, ranges: Path | None, revision: int, as_json: bool) -> None:
    """Write the mapped form of the issuer's text FILE to OUT; a list that is there is kept as OUT.previous."""
    from config import hotfile
    from config.blacklist import parse_ranges
    from config.errors import ConfigError
    from config.files import read_file
    from config.hotlist import HotList, Version
    from config.limits import HOT_LIST_BYTES_MAX
    from config.store import load_hot_list

    listed = load_hot_list(file).value
    try:
        stretches = parse_ranges(read_file(ranges, HOT_LIST_BYTES_MAX)) if ranges else ()
    except ValueError as wrong:
        raise ConfigError.refused(str(ranges), wrong) from wrong
    made = HotList.of(Version(listed.date, revision), listed.cities, stretches)
    hotfile.write_list(out, made)
    _told(made, as_json)


@hotlist.command("delta")
@click.argument("before", type=existing)
@click.argument("after", type=existing)
@click.argument("out", type=written)
@speaking
def delta(before: Path, after: Path, out: Path) -> None:
    """Write to OUT what changes from the mapped list BEFORE to the mapped list AFTER."""
    from config import hotfile
    from config.durable import replace_durably, telling
    from config.hotdelta import build_delta

    raw = build_delta(hotfile.open_list(before), hotfile.open_list(after), hotfile.digest(after))
    with telling(out.parent, "增量未能写入", "the delta could not be written"):
        replace_durably(out, raw)
    click.echo(f"{out}: {len(raw)} bytes")


@hotlist.command("apply")
@click.argument("file", type=existing)
@click.argument("delta", type=existing)
@as_json
@speaking
def apply(file: Path, delta: Path, as_json: bool) -> None:
    """Change the mapped list FILE by DELTA; the one before is kept as FILE.previous.

    A running device takes it between two taps.
    """
    from config import hotfile

    _told(hotfile.apply(file, delta), as_json)


@hotlist.command("rollback")
@click.argument("file", type=existing)
@as_json
@speaking
def rollback(file: Path, as_json: bool) -> None:
    """The list before the present one again; done twice it is undone. A running device takes it between two taps."""
    from config import hotfile
    from config.store import load_hot_list

    load_hot_list(hotfile.previous_of(file))
    hotfile.roll_back(file)
    _told(load_hot_list(file).value, as_json)


def _told(found: HotList, as_json: bool) -> None:
    shown = {"version": found.version, "cards": found.count, "ranges": len(found.ranges)}
    text = f"黑名单可用 · good: {found.version}, {found.count} cards"
    answer(shown, as_json, lambda: [text + (f", {len(found.ranges)} ranges" if found.ranges else "")])
