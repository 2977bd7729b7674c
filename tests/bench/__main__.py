"""Measure, print, and end with 1 when a figure is past its limit: `python -m tests.bench [--json]`."""

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from apdu.virtual import remote
from tests.bench import parts, process, silence, taps
from tests.bench.figures import Figure, as_json, table

GROUPS: dict[str, Callable[[remote.Virtual, Path], Iterator[Figure]]] = {
    "simple": lambda chips, folder: taps.against_the_floor(chips, folder, "jiaxing-flat", composite=False),
    "composite": lambda chips, folder: taps.against_the_floor(chips, folder, "jiaxing", composite=True),
    "exchanges": taps.exchanges,
    "estimates": taps.with_estimates,
    "silence": silence.stalls,
    "process": lambda chips, folder: process.whole(chips, folder / "process"),
    "parts": lambda chips, folder: parts.parts(folder / "parts"),
}
"""What is measured, in this order."""


def measured(folder: Path, groups: Sequence[str]) -> Iterator[Figure]:
    """The figures of these groups, one after the other."""
    with remote.start(seed=1) as chips:
        for group in groups:
            yield from GROUPS[group](chips, folder)


@click.command()
@click.option("--json", "json_", is_flag=True, help="Answer as JSON, for programs.")
@click.option("--only", multiple=True, type=click.Choice(list(GROUPS)), help="Measure this group alone; repeatable.")
def main(json_: bool, only: tuple[str, ...]) -> None:
    """Measure what the project promises; each figure with its floor and its limit."""
    with tempfile.TemporaryDirectory(prefix="smk-bench-") as folder:
        figures = []
        for figure in measured(Path(folder), only or tuple(GROUPS)):
            figures.append(figure)
            click.echo(f"… {figure.name}", err=True)
    click.echo(as_json(figures) if json_ else table(figures))
    over = [figure.name.strip() for figure in figures if not figure.good]
    if over:
        click.echo(f"past the limit: {', '.join(over)}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
