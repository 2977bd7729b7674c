"""The reference backend in one command: `python -m sync.backend --data DIR --keys FILE --port PORT`."""

import contextlib
import socket
import sqlite3
from ipaddress import IPv4Address
from pathlib import Path

import click
import uvicorn
from starlette.applications import Starlette

from sync.backend.app import create_app
from sync.backend.authority import BadAuthority
from sync.backend.clock import now
from sync.backend.door import Door, served
from sync.backend.hospital import read_hospital
from sync.backend.keys import BadKeys
from sync.backend.lender import lender_of
from sync.backend.masters import read_masters
from sync.backend.operator import Operator
from sync.backend.registry import REGISTRY
from sync.backend.store import Unavailable
from sync.vault import BadVault

_Told = tuple[tuple[str, str], ...]
_Plan = tuple[str, Path, Path | None, Path | None, _Told, Path | None, Door | None, str | None]


@click.command(epilog="Beside it: smk backend import, stick-key, alarms, page, account; each has its own --help.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Directory of the embedded store.")
@click.option("--database", metavar="LINE", help="Instead of --data: a PostgreSQL database, postgresql:///city.")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Collectors; --database only."
)
@click.option("--books/--no-books", default=True, show_default=True, help="Keep the books here; --database only.")
@click.option(
    "--operator",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory of the operator's token and stick key.  [default: that of --data]",
)
@click.option("--keys", type=click.Path(path_type=Path, dir_okay=False), required=True, help="TOML file, table [tac].")
@click.option("--personal", type=click.Path(path_type=Path, dir_okay=False), help="TOML file, table [personal].")
@click.option("--policy", type=click.Path(path_type=Path, file_okay=False), help="Folder of the co-payment policy.")
@click.option("--bank", metavar="PLACE", help="Simulated bank: a file, or postgresql://… (smk backend account).")
@click.option("--port", type=click.IntRange(0, 65_535), default=8330, show_default=True, help="0 takes a free one.")
@click.option("--authority", type=click.Path(path_type=Path, file_okay=False), help="Folder of smk authority init.")
@click.option("--passphrase-file", type=click.Path(path_type=Path, dir_okay=False), help="Opens the authority's key.")
@click.option("--registry", help="Who is who, a file or postgresql://…; --database, or a file in --data.")
@click.option("--pair", type=click.Path(path_type=Path, dir_okay=False), help="PEM of smk authority collector: TLS.")
@click.option("--host", default="127.0.0.1", show_default=True, help="IP address to listen on; others with --pair.")
@click.option("--version", "versions", multiple=True, metavar="NAME=VALUE", help="Told to every terminal; repeatable.")
def main(
    data: Path | None,
    database: str | None,
    workers: int,
    books: bool,
    operator: Path | None,
    keys: Path,
    personal: Path | None,
    policy: Path | None,
    bank: str | None,
    port: int,
    authority: Path | None,
    passphrase_file: Path | None,
    registry: str | None,
    pair: Path | None,
    host: str,
    versions: tuple[str, ...],
) -> None:
    """Serve the backend on 127.0.0.1; with --personal and --policy for hospital counters too.

    With a table [load] in --keys top-up counters are granted loads, with --bank from bound accounts as well.
    --data: everything in one file, for one counter or a demonstration. --database: a city (docs/city.md).
    --authority and --passphrase-file: every terminal proves who it is; with --pair over TLS (docs/identity.md).
    """
    door = None
    if authority is not None and passphrase_file is not None:
        door = Door(authority, passphrase_file, registry or database or str((data or Path()) / REGISTRY), pair)
    elif authority or passphrase_file or pair:
        raise click.ClickException("--authority and --passphrase-file belong together, and --pair to them")
    _check_host(host, door)
    if (data is None) == (database is None):
        raise click.ClickException("one of --data (embedded store) and --database (PostgreSQL) is needed")
    if (personal is None) != (policy is None):
        raise click.ClickException("--personal and --policy belong together: a bill is opened by one, settled by both")
    try:
        masters = read_masters(keys)
        hospital = read_hospital(personal, policy) if personal and policy else None
        office = operator or data
        face = Operator(office) if office else None
        lender = lender_of(masters, bank)
        told = dict(version.split("=", 1) for version in versions)
        if door is not None and door.pair is not None:
            door.tls()  # what is wrong with it is said here
        gate = door.gate(now) if door is not None and data is not None else None
    except (BadAuthority, BadKeys, BadVault, OSError, ValueError, sqlite3.Error, Unavailable) as wrong:
        raise click.ClickException(str(wrong)) from wrong
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:  # named as TCP, or answers wait for more to send
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as wrong:
            raise click.ClickException(f"port {port} of {host}: {wrong.strerror}") from wrong
        listening.listen(1_024)
        if database is not None:
            plan = (database, keys, personal, policy, tuple(told.items()), operator, door, bank)
            _serve_city(plan, listening, workers, books)
        elif data is not None:
            app = create_app(data, masters, now, told, hospital, face, gate, lender)
            _serve_embedded(app, door, listening)


def _check_host(host: str, door: Door | None) -> None:
    try:
        alone = IPv4Address(host).is_loopback
    except ValueError as wrong:
        raise click.ClickException(f"--host {host}: an IPv4 address is wanted, 0.0.0.0 for all") from wrong
    if not alone and (door is None or door.pair is None):
        raise click.ClickException("without --pair (TLS) the backend serves this machine alone")


def _tell_ready(listening: socket.socket, door: Door | None) -> None:
    # The kernel queues connections by now, so whoever reads this line can post at once.
    host, port = listening.getsockname()[:2]
    click.echo(f"backend ready on {'https' if door and door.pair else 'http'}://{host}:{port}")


def _serve_embedded(app: Starlette, door: Door | None, listening: socket.socket) -> None:
    _tell_ready(listening, door)
    server = uvicorn.Server(served(app, door))
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listening])
    app.state.backend.close()


def _serve_city(plan: _Plan, listening: socket.socket, workers: int, books: bool) -> None:
    try:
        import psycopg

        from sync.backend.postgres.serving import Plan, create_tables, serve
    except ImportError as wrong:
        raise click.ClickException(
            f"{wrong.name} 未安装 · is missing: pip install 'citizen-card-terminal[city]'"
        ) from None
    try:
        create_tables(plan[0])
        _tell_ready(listening, plan[6])
        serve(Plan(*plan), listening, workers, books)
    except psycopg.Error as wrong:
        raise click.ClickException(f"数据库 · the database: {str(wrong).strip()}") from wrong


if __name__ == "__main__":
    main()
