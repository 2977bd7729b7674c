"""The long forms, each one command: python -m tests.proof kills | power | device | table."""

import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import FrameType

import click
from rich.progress import track

from tests.proof import kills, power, table

SEED = click.option("--seed", default=1, show_default=True, help="Of the moments that are chosen.")


def count(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option that says how many."""
    return click.option("--count", default={"kills": 10_000, "power": 1_000, "device": 300}[name], show_default=True)


@contextmanager
def asked_to_stop() -> Iterator[list[signal.Signals]]:
    """The SIGINT or SIGTERM that came inside; a second one acts as it always does."""
    came: list[signal.Signals] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(signal.Signals(number))
        signal.signal(number, before[came[-1]])

    for number in before:
        signal.signal(number, note)
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def tried(what: str, wanted: int, trials: Iterator[int]) -> None:
    """Run so many trials with a progress bar; the first violation ends them and says at which trial.

    Cut off by a signal it ends the trial under way, says how many were done, and exits with 128 + the signal's number.
    """
    began, done = time.monotonic(), 0
    with asked_to_stop() as came:
        try:
            for _ in track(islice(trials, wanted), what, wanted):
                done += 1
                if came:
                    break
        except AssertionError as violation:
            after = f" after {came[0].name}, which its processes may have had too" if came else ""
            raise click.ClickException(f"VIOLATION at trial {done + 1}{after}: {violation}") from violation
    cut_off = f", cut off by {came[0].name} before {wanted:,} were done" if came and done < wanted else ""
    click.echo(f"{what}: {done:,}, 0 violations, {time.monotonic() - began:.0f} s{cut_off}")
    if cut_off:
        raise click.exceptions.Exit(128 + came[0])


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
