"""Commands of a city's backend on PostgreSQL: its tables, its books, its archive."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from terminal.commands.say import fail

if TYPE_CHECKING:
    from sync.backend.postgres.archive import Month
    from sync.backend.postgres.schema import Link

LINE = click.option("--database", "line", metavar="LINE", required=True, help="Such as postgresql:///city.")


@click.group()
def city() -> None:
    """城市后台 · a city's backend on PostgreSQL (docs/city.md); smk backend --database serves it."""


@city.command(short_help="Create the tables.")
@LINE
@click.option("--partitions", type=click.IntRange(0, 256), default=8, show_default=True, help="0: one plain table.")
def init(line: str, partitions: int) -> None:
    """Create the city's tables where they are missing. --partitions 0: for a database that distributes by itself."""
    with _database():
        from sync.backend.postgres.serving import create_tables

        create_tables(line, partitions)
    click.echo("表已就绪 · the tables are there")


@city.command(short_help="Keep the books.")
@LINE
@click.option("--keys", type=click.Path(path_type=Path, dir_okay=False), required=True, help="TOML file, table [tac].")
@click.option("--personal", type=click.Path(path_type=Path, dir_okay=False), help="TOML file, table [personal].")
@click.option("--policy", type=click.Path(path_type=Path, file_okay=False), help="Folder of the co-payment policy.")
@click.option("--bank", metavar="PLACE", help="The collectors' bank: what it is owed is said from here too.")
@click.option("--once", is_flag=True, help="Enter what is committed, say how much it was, and end.")
def books(line: str, keys: Path, personal: Path | None, policy: Path | None, bank: str | None, once: bool) -> None:
    """Enter committed rows into the books: TACs, charges, grey records, bills. Several may run; they take turns."""
    with _database():
        from sync.backend.clock import now
        from sync.backend.postgres.bookkeeper import Bookkeeper
        from sync.backend.postgres.serving import Plan, keep_books

        plan = Plan(line, keys, personal, policy, bank=bank)
        if once:
            with contextlib.closing(plan.city()) as opened:
                keeper = Bookkeeper(opened, plan.masters(), now, opened.hospital)
                rows = keeper.catch_up(lambda entered: click.echo(f"  {entered}", err=True))
            click.echo(f"已入账 {rows} 行 · {rows} rows entered")
            return
        stop = threading.Event()
        for ending in (signal.SIGINT, signal.SIGTERM):
            signal.signal(ending, lambda *_: stop.set())
        plan.masters()
        click.echo("正在记账 · keeping the books")
        keep_books(plan, stop)


@city.command(short_help="Move closed months away.")
@LINE
@click.option("--before", metavar="YYYY-MM", help="Move the rows that were taken before this month.")
@click.option("--detach", metavar="YYYY-MM", help="Make a moved month a table of its own, to be dumped and dropped.")
@click.option("--attach", metavar="YYYY-MM", help="Take it back.")
def archive(line: str, before: str | None, detach: str | None, attach: str | None) -> None:
    """Move rows of closed months into tables of their own; they stay readable until they are detached."""
    if (before is not None) + (detach is not None) + (attach is not None) != 1:
        fail("--before、--detach、--attach 任选其一 · name one of --before, --detach, --attach")
    with _database():
        import psycopg

        from sync.backend.postgres import archive as months

        with psycopg.connect(line) as link:
            if detach is not None:
                months.detach(link, months.Month.parse(detach))
                click.echo(f"{detach} 已分离 · is detached: table {months.Month.parse(detach).table}")
            elif attach is not None:
                months.attach(link, months.Month.parse(attach))
                click.echo(f"{attach} 已接回 · is attached again")
            elif before is not None:
                _archive(link, months.Month.parse(before))


def _archive(link: "Link", before: "Month") -> None:
    from sync.backend.postgres.archive import archive as moved_months

    def told(month: "Month", done: int, of: int) -> None:
        if sys.stderr.isatty() and (done % 50 == 0 or done == of):
            click.echo(f"\r  {month}: {done}/{of} ", nl=done == of, err=True)

    found = list(moved_months(link, before, date.today(), told))
    for month, rows in found:
        click.echo(f"{month}: {rows} 行移入 · rows moved into {month.table}")
    if not found:
        click.echo(f"{before} 之前没有可移的行 · no rows before {before}")


@contextlib.contextmanager
def _database() -> Iterator[None]:
    """What goes wrong with it, in words."""
    try:
        import psycopg

        from sync.backend.store import Unavailable
    except ImportError as wrong:
        fail(f"{wrong.name} 未安装 · is missing: pip install 'citizen-card-terminal[city]'")
    try:
        yield
    except (psycopg.Error, Unavailable) as wrong:
        fail(f"数据库 · the database: {str(wrong).strip()}")
    except (OSError, ValueError) as wrong:
        fail(str(wrong))
