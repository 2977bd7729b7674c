"""Run the world: `python -m tests.world --seed N --days D`, its mutants, or power cuts one after another."""

import sys
import time
from collections import Counter

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.world.cuts import cut
from tests.world.mutants import MUTANTS, planted
from tests.world.run import CRASH, PLACES, Verdict, play

SECONDS_UNKNOWN = 0.001
console = Console()


def progress() -> Progress:
    """A bar on a terminal; nothing where the output is a file."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


@click.command()
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The first seed.")
@click.option("--runs", type=click.IntRange(1), default=1, show_default=True, help="Seeds, one after another.")
@click.option("--days", type=click.IntRange(1), default=1, show_default=True, help="Days of each run.")
@click.option("--place", type=click.Choice(list(PLACES)), default="buses", show_default=True, help="What is simulated.")
@click.option("--mutant", type=click.Choice(["all", *MUTANTS]), help="Plant this wrong program: the world must fail.")
@click.option("--cuts", type=click.IntRange(1), help="So many power cuts, and as many kills, through a tap.")
def main(seed: int, runs: int, days: int, place: str, mutant: str | None, cuts: int | None) -> None:
    """Simulate cards, terminals, disks, clocks, network and backend from a seed, with everything going wrong.

    Exit status 1 when a promise was broken, or a mutant lived. The same seed and days give the same story.
    """
    if cuts:
        passed = run_cuts(cuts, seed)
    elif mutant:
        names = list(MUTANTS) if mutant == "all" else [mutant]
        passed = all([run_mutant(name, seed, max(runs, 12), days) for name in names])
    else:
        passed = run_seeds(range(seed, seed + runs), days, place)
    sys.exit(0 if passed else 1)


def run_seeds(seeds: range, days: int, place: str) -> bool:
    """Play each seed; stop at the first broken promise and tell its story."""
    began = time.process_time()
    taps = debits = 0
    ends: Counter[str] = Counter()
    with progress() as bar:
        task = bar.add_task("days", total=len(seeds) * days)
        for seed in seeds:
            verdict = play(seed, days, each_day=lambda: bar.advance(task), place=place)
            if verdict.violation is not None:
                bar.stop()
                tell(verdict)
                return False
            taps, debits = taps + verdict.taps, debits + verdict.debits
            ends.update(verdict.cuts)
    seconds = max(time.process_time() - began, SECONDS_UNKNOWN)
    console.print(f"{len(seeds)} worlds of {days} days: every promise held")
    _, comings, ends_well = PLACES[place]
    rate = f"{taps / seconds:.0f} {comings.split()[0]}/s on one core"
    console.print(f"{taps} {comings}, {debits} {ends_well}: {rate}")
    for what, count in sorted(ends.items()):
        if not what.startswith("at "):
            console.print(f"ended by {what}: {count}")
    return True


def tell(verdict: Verdict) -> None:
    """The story of a broken promise."""
    console.print(*verdict.story, sep="\n", markup=False, highlight=False)
    console.print(f"BROKEN: {verdict.violation}", markup=False, highlight=False)


def run_mutant(name: str, seed: int, runs: int, days: int) -> bool:
    """Plant a wrong program; True when the world finds it."""
    kept = MUTANTS[name]
    for each in range(seed + kept.seed, seed + kept.seed + runs):
        with planted(name):
            verdict = play(each, max(days, kept.days), kept.weather, place=kept.place)
        if verdict.violation is not None and verdict.violation.promise == CRASH:
            console.print(f"{name}: is no program, it ends at once: {verdict.violation}", markup=False, soft_wrap=True)
            return False
        if verdict.violation is not None:
            console.print(f"{name}: killed by seed {each}: {verdict.violation}", markup=False, soft_wrap=True)
            return True
    console.print(f"{name}: ALIVE after {runs} seeds", markup=False)
    return False


def run_cuts(trials: int, seed: int) -> bool:
    """Power cuts, then kills; each point of a tap with its count."""
    violations = []
    with progress() as bar:
        for by in ("power", "kill"):
            task = bar.add_task(by, total=trials)
            found = cut(trials, by, seed, lambda task=task: bar.advance(task))  # type: ignore[misc]
            violations += found.violations
            rest = f"{found.held} between hold and outcome, {len(found.violations)} violations"
            console.print(f"{found.trials} ends by {by}: {rest}")
            for point, count in sorted(found.points.items()):
                console.print(f"  {point:24} {count}", highlight=False)
    console.print(*violations[:20], sep="\n", markup=False, highlight=False)
    return not violations


if __name__ == "__main__":
    main()
