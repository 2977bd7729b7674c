"""Measure, print, and end with 1 when a figure is past its limit: `python -m tests.bench [--json]`."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from apdu.virtual import remote
from tests.bench import parts, process, silence, taps
from tests.bench.figures import Figure, as_json, table


def measured(folder: Path) -> Iterator[Figure]:
    """All figures, one after the other."""
    with remote.start(seed=1) as chips:
        yield from taps.against_the_floor(chips, folder, "jiaxing-flat", composite=False)
        yield from taps.against_the_floor(chips, folder, "jiaxing", composite=True)
        yield from taps.exchanges(chips, folder)
        yield from taps.with_estimates(chips, folder)
        yield from silence.stalls(chips, folder)
        yield from process.whole(chips, folder / "process")
    yield from parts.parts(folder / "parts")


@click.command()
@click.option("--json", "json_", is_flag=True, help="Answer as JSON, for programs.")
def main(json_: bool) -> None:
    """Measure what the project promises; each figure with its floor and its limit."""
    with tempfile.TemporaryDirectory(prefix="smk-bench-") as folder:
        figures = []
        for figure in measured(Path(folder)):
            figures.append(figure)
            click.echo(f"… {figure.name}", err=True)
    click.echo(as_json(figures) if json_ else table(figures))
    over = [figure.name.strip() for figure in figures if not figure.good]
    if over:
        click.echo(f"past the limit: {', '.join(over)}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
