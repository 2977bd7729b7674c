"""Fuzz parsers with coverage as the guide: python -m tests.fuzz [--inputs N] [--seconds S] [PARSER …].

Each parser runs in a process of its own that libFuzzer watches: an exception that is not the parser's own, an input
that takes more than SECONDS_MAX, or more memory than MEMORY_MIB_MAX ends it, and the input is kept. What was found
useful stays in .state/fuzz, so that the next run begins where this one ended.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.fuzz.parsers import PARSERS

STATE = Path(".state/fuzz")
SECONDS_MAX = 10
"""For one input, on a machine that is busy; a parser's usual input takes a millisecond at most."""
MEMORY_MIB_MAX = 512
"""Of the whole process: interpreter, product and fuzzer take 80 MiB, the product's own bounds 32 MiB for one input."""

_COUNT = re.compile(r"#(\d+)\s")


class Fuzzed(NamedTuple):
    """One parser's run. `broke`: what libFuzzer said of the input that broke it, "" when none did."""

    name: str
    inputs: int
    seconds: float
    broke: str


def options(inputs: int, seconds: int, seed: int, folder: Path) -> list[str]:
    """libFuzzer's. It says how far it is at each new find and at each power of two."""
    bounds = [f"-timeout={SECONDS_MAX}", f"-rss_limit_mb={MEMORY_MIB_MAX}", f"-max_total_time={seconds}"]
    return [f"-runs={inputs}", f"-seed={seed}", f"-artifact_prefix={folder}/broke-", *bounds]


def counts(process: "subprocess.Popen[str]", said: list[str]) -> Iterator[int]:
    """How many inputs it has tried, each time it says so; what it said goes to `said`."""
    assert process.stderr is not None
    for line in process.stderr:
        said.append(line)
        del said[:-60]
        found = _COUNT.match(line)
        if found:
            yield int(found[1])


def fuzz(name: str, inputs: int, seconds: int, seed: int, progress: Progress) -> Fuzzed:
    """Run one parser to its end or its first broken promise."""
    folder = STATE / name
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    task = progress.add_task(name, total=inputs)
    began, tried, said = time.monotonic(), 0, list[str]()
    command = [sys.executable, "-m", "tests.fuzz.engine", name, str(folder / "corpus")]
    command += options(inputs, seconds, seed, folder)
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stderr=pipe, stdout=nowhere, text=True) as process:
        for tried in counts(process, said):
            progress.update(task, completed=min(tried, inputs))
    progress.remove_task(task)
    return Fuzzed(name, tried, time.monotonic() - began, "" if process.returncode == 0 else "".join(said))


def told(results: list[Fuzzed]) -> Table:
    """The figures as a table."""
    table = Table("parser", "inputs", "a second", "result")
    for one in results:
        rate = f"{one.inputs / max(one.seconds, 1e-9):,.0f}"
        table.add_row(one.name, f"{one.inputs:,}", rate, "BROKEN" if one.broke else "0 crashes")
    return table


@click.command()
@click.option("--inputs", default=10_000_000, show_default=True, help="Inputs for each parser.")
@click.option("--seconds", default=0, help="Stop each parser after so many seconds; 0: never.")
@click.option("--seed", default=1, show_default=True, help="Of the fuzzer's chance.")
@click.argument("names", nargs=-1, metavar="[PARSER]...")
def main(inputs: int, seconds: int, seed: int, names: tuple[str, ...]) -> None:
    """Fuzz the parsers (all, unless named) with any bytes. Ends with 1 when a promise was broken."""
    unknown = [name for name in names if name not in PARSERS]
    if unknown:
        raise click.ClickException(f"no parser {', '.join(unknown)}. There are: {', '.join(PARSERS)}")
    console = Console()
    results = []
    columns = TextColumn("{task.description:>16}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        for name in names or PARSERS:
            results.append(fuzz(name, inputs, seconds, seed, progress))
            one = results[-1]
            progress.print(f"{name}: {one.inputs:,} inputs in {one.seconds:.0f} s")
            if one.broke:
                progress.print(one.broke, markup=False)
    console.print(told(results))
    console.print(f"inputs that broke a promise lie in {STATE}/PARSER/broke-*" if any(r.broke for r in results) else "")
    sys.exit(any(one.broke for one in results))


if __name__ == "__main__":
    main()
