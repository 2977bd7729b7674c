"""How commands draw a comparison: the plotting library is loaded here and only when somebody asks for a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from terminal.commands.say import fail
from terminal.whatif.pairs import Pair

plot_file = click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the replay: FILE.png, .svg or .pdf."
)


def picture(
    path: Path,
    pairs: Sequence[Pair],
    names: Mapping[str, tuple[str, str]],
    title: str,
    unit: tuple[str, str],
    paid: tuple[str, str],
    quiet: bool,
) -> None:
    """Draw `pairs` into `path` (terminal/whatif/plot.py) and say so unless `quiet`; ends with 2 when it cannot."""
    try:
        from terminal.whatif.plot import draw
    except ImportError:
        fail("没有绘图库 · no plotting library: pip install 'citizen-card-terminal[plot]'", 2)
    try:
        draw(path, pairs, names, ("", title), unit, paid)
    except (OSError, ValueError) as wrong:
        fail(f"图没有画成 · the picture could not be drawn: {wrong}", 2)
    if not quiet:
        click.echo(f"图 · picture: {path}")
