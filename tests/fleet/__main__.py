"""Play the fleet: `python -m tests.fleet --terminals 2000 --days 3`; exit status 1 when a promise was broken."""

import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.fleet.run import Report, Run

console = Console()


@click.command()
@click.option("--terminals", type=click.IntRange(2, 20_000), default=200, show_default=True)
@click.option("--days", type=click.IntRange(2, 30), default=3, show_default=True, help="Days of service.")
@click.option("--taps", type=click.IntRange(1, 500), default=23, show_default=True, help="Taps of a terminal an hour.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="For the journals.  [default: /tmp]")
def main(terminals: int, days: int, taps: int, seed: int, folder: Path | None) -> None:
    """Simulate a city's terminals against two real collectors and a real PostgreSQL.

    Networks go away for hours and days, the city's backend too; a hot-list delta and a tariff roll through; one
    terminal sends a damaged row; the database is lost and restored from an older copy. Then every journal is compared
    with the books. 23 taps an hour are 750 rows a day.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with tempfile.TemporaryDirectory(prefix="fleet-", dir=folder) as room, Progress(*columns, console=console) as bar:
        task = bar.add_task("hours", total=None)
        report = Run(terminals, days, taps, seed, Path(room)).play(
            lambda done, all_, what: bar.update(task, completed=done, total=all_, description=what or "hours")
        )
    console.print(told(report), highlight=False)
    sys.exit(1 if report.faults else 0)


def told(report: Report) -> str:
    """The report in words."""
    rate = report.caught_up_rows / max(report.caught_up_seconds, 0.001)
    caught_up = f"{report.caught_up_rows} rows in {report.caught_up_seconds:.1f} s ({rate:.0f} a second)"
    lines = [
        f"{report.terminals} terminals, {report.days} days: {report.rows} rows, {report.debits} debits of"
        f" {report.fen / 100:.2f} yuan, {report.refused} refused; {report.seconds:.0f} s",
        f"after the city's outage: {caught_up}",
        f"after the restored backup: {report.again} rows were sent once more",
        f"everywhere: the hot list's delta after {report.on_list_after} hours, the tariff after {report.on_pack_after}",
        f"{report.bytes_a_day / 1024:.1f} KiB a terminal a day, both ways",
        *report.faults[:20],
        f"{len(report.faults)} FAULTS" if report.faults else "nothing is lost, nothing is there twice",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
