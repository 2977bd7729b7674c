"""The long forms, each one command: python -m tests.proof kills | power | device | table."""

import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import click
from rich.progress import track

from tests.proof import kills, power, table

SEED = click.option("--seed", default=1, show_default=True, help="Of the moments that are chosen.")


def count(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option that says how many."""
    return click.option("--count", default={"kills": 10_000, "power": 1_000, "device": 300}[name], show_default=True)


def tried(what: str, wanted: int, trials: Iterator[int]) -> None:
    """Run so many trials with a progress bar; the first violation ends them and says at which trial."""
    began, done = time.monotonic(), 0
    try:
        for _ in track(islice(trials, wanted), what, wanted):
            done += 1
    except AssertionError as violation:
        raise click.ClickException(f"VIOLATION at trial {done + 1}: {violation}") from violation
    click.echo(f"{what}: {done:,}, 0 violations, {time.monotonic() - began:.0f} s")


@click.group()
def main() -> None:
    """What a simulation cannot show by itself: real processes, real files, real stacks (docs/proof.md)."""


@main.command("kills")
@count("kills")
@SEED
def journal_kills(count: int, seed: int) -> None:
    """Kill -9 the process that writes the journal, at any moment of a tap."""
    with tempfile.TemporaryDirectory() as folder:
        tried("kills of the journal's process", count, kills.kills(Path(folder), seed))


@main.command("power")
@count("power")
@SEED
def power_cuts(count: int, seed: int) -> None:
    """Cut the power under a real ext4: what was not synced is lost. As root."""
    with tempfile.TemporaryDirectory() as folder:
        trials = power.cuts(Path(folder), seed)
        try:
            tried("power cuts under ext4", count, trials)
        except OSError as wrong:
            raise click.ClickException(str(wrong)) from wrong
        finally:
            trials.close()


@main.command("device")
@count("device")
@SEED
def device_kills(count: int, seed: int) -> None:
    """Kill -9 the whole device in taps on the real stacks, then compare the three books. Under .ci/pcscd run."""
    from apdu.virtual import remote  # pyscard is wanted by this command alone
    from tests.device.rig import Backend
    from tests.device.slot import alone
    from tests.proof.device import Killed

    with tempfile.TemporaryDirectory() as folder, alone(), remote.start(seed=5, vpcd_wait=15) as chips:
        backend = Backend(Path(folder) / "backend")
        try:
            killed = Killed(chips, backend, Path(folder), 80_000_000 + seed)
            tried("kills of the device in taps", count, killed.kills(count))
            events = killed.settle()
            click.echo(f"{len(killed.cards)} cards, {len(events):,} rows: the three books agree to the fen")
        finally:
            backend.close()


@main.command("table")
def torn_table() -> None:
    """Every way to tear a tap, and how each ends; every cell is tried before it is printed."""
    click.echo(table.markdown(table.tried()))


if __name__ == "__main__":
    main()
