"""The reference backend in one command: `python -m sync.backend --data DIR --keys FILE --port PORT`."""

import contextlib
import socket
from datetime import datetime
from pathlib import Path

import click
import uvicorn

from sync.backend.app import create_app
from sync.backend.hospital import Hospital
from sync.backend.keys import BadKeys, KeyFile
from sync.vault import BadVault, Vault
from tariffs.copay.load import parse_policy


@click.command()
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), required=True, help="Directory of the store.")
@click.option("--keys", type=click.Path(path_type=Path, dir_okay=False), required=True, help="TOML file, table [tac].")
@click.option("--personal", type=click.Path(path_type=Path, dir_okay=False), help="TOML file, table [personal].")
@click.option("--policy", type=click.Path(path_type=Path, file_okay=False), help="Folder of the co-payment policy.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8330, show_default=True, help="0 takes a free one.")
@click.option("--version", "versions", multiple=True, metavar="NAME=VALUE", help="Told to every terminal; repeatable.")
def main(
    data: Path, keys: Path, personal: Path | None, policy: Path | None, port: int, versions: tuple[str, ...]
) -> None:
    """Serve the reference backend on 127.0.0.1; with --personal and --policy for hospital counters too."""
    if (personal is None) != (policy is None):
        raise click.ClickException("--personal and --policy belong together: a bill is opened by one, settled by both")
    try:
        masters = KeyFile.read(keys)
        hospital = read_hospital(personal, policy) if personal and policy else None
        told = dict(version.split("=", 1) for version in versions)
    except (BadKeys, BadVault, OSError, ValueError) as wrong:
        raise click.ClickException(str(wrong)) from wrong
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", port))
        except OSError as wrong:
            raise click.ClickException(f"port {port} of 127.0.0.1: {wrong.strerror}") from wrong
        listening.listen(128)
        app = create_app(data, masters, _now, told, hospital)
        # The kernel queues connections from here on, so whoever reads this line can post at once.
        click.echo(f"backend ready on http://127.0.0.1:{listening.getsockname()[1]}")
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listening])
        app.state.backend.close()


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def read_hospital(personal: Path, policy: Path) -> Hospital:
    """What bills are settled with. Raises BadVault, OSError, PackFaults."""
    files = {file.name: file.read_bytes() for file in policy.iterdir() if file.is_file()}
    return Hospital(Vault.read(personal), parse_policy(files))


if __name__ == "__main__":
    main()
