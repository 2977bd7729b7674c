"""The reference backend in one command: `python -m sync.backend --data DIR --keys FILE --port PORT`."""

import contextlib
import socket
from datetime import datetime
from pathlib import Path

import click
import uvicorn

from sync.backend.app import create_app
from sync.backend.keys import BadKeys, KeyFile


@click.command()
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), required=True, help="Directory of the store.")
@click.option("--keys", type=click.Path(path_type=Path, dir_okay=False), required=True, help="TOML file, table [tac].")
@click.option("--port", type=click.IntRange(0, 65_535), default=8330, show_default=True, help="0 takes a free one.")
@click.option("--version", "versions", multiple=True, metavar="NAME=VALUE", help="Told to every terminal; repeatable.")
def main(data: Path, keys: Path, port: int, versions: tuple[str, ...]) -> None:
    """Serve the reference backend on 127.0.0.1."""
    try:
        masters = KeyFile.read(keys)
        told = dict(version.split("=", 1) for version in versions)
    except (BadKeys, ValueError) as wrong:
        raise click.ClickException(str(wrong)) from wrong
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", port))
        except OSError as wrong:
            raise click.ClickException(f"port {port} of 127.0.0.1: {wrong.strerror}") from wrong
        listening.listen(128)
        app = create_app(data, masters, lambda: datetime.now().astimezone().isoformat(timespec="seconds"), told)
        # The kernel queues connections from here on, so whoever reads this line can post at once.
        click.echo(f"backend ready on http://127.0.0.1:{listening.getsockname()[1]}")
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listening])
        app.state.backend.close()


if __name__ == "__main__":
    main()
