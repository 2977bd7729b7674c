"""The reference backend in one command: `python -m sync.backend --data DIR --keys FILE --port PORT`."""

import contextlib
import socket
from datetime import datetime
from pathlib import Path

import click
import uvicorn
from starlette.applications import Starlette

from sync.backend.app import create_app
from sync.backend.hospital import read_hospital
from sync.backend.keys import BadKeys, KeyFile
from sync.backend.operator import Operator
from sync.vault import BadVault

_Plan = tuple[str, Path, Path | None, Path | None, tuple[tuple[str, str], ...], Path | None]


@click.command()
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
@click.option("--port", type=click.IntRange(0, 65_535), default=8330, show_default=True, help="0 takes a free one.")
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
    port: int,
    versions: tuple[str, ...],
) -> None:
    """Serve the backend on 127.0.0.1; with --personal and --policy for hospital counters too.

    --data: everything in one file, for one counter or a demonstration. --database: a city (docs/city.md).
    """
    if (data is None) == (database is None):
        raise click.ClickException("one of --data (embedded store) and --database (PostgreSQL) is needed")
    if (personal is None) != (policy is None):
        raise click.ClickException("--personal and --policy belong together: a bill is opened by one, settled by both")
    try:
        masters = KeyFile.read(keys)
        hospital = read_hospital(personal, policy) if personal and policy else None
        office = operator or data
        face = Operator(office) if office else None
        told = dict(version.split("=", 1) for version in versions)
    except (BadKeys, BadVault, OSError, ValueError) as wrong:
        raise click.ClickException(str(wrong)) from wrong
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", port))
        except OSError as wrong:
            raise click.ClickException(f"port {port} of 127.0.0.1: {wrong.strerror}") from wrong
        listening.listen(1_024)
        if database is not None:
            _serve_city((database, keys, personal, policy, tuple(told.items()), operator), listening, workers, books)
        elif data is not None:
            _serve_embedded(create_app(data, masters, _now, told, hospital, face), listening)


def _tell_ready(listening: socket.socket) -> None:
    # The kernel queues connections by now, so whoever reads this line can post at once.
    click.echo(f"backend ready on http://127.0.0.1:{listening.getsockname()[1]}")


def _serve_embedded(app: Starlette, listening: socket.socket) -> None:
    _tell_ready(listening)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
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
        _tell_ready(listening)
        serve(Plan(*plan), listening, workers, books)
    except psycopg.Error as wrong:
        raise click.ClickException(f"数据库 · the database: {str(wrong).strip()}") from wrong


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


if __name__ == "__main__":
    main()
