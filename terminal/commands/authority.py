"""Commands of the backend's operator about identities: the authority's certificates, and what became of a terminal."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from sync.limits import CODE_HOURS
from terminal.commands.say import answer, as_json, fail, speaking

if TYPE_CHECKING:
    from sync.backend.registry import Registry

T = TypeVar("T")

folder = click.option(
    "--authority", "folder", required=True, type=click.Path(file_okay=False, path_type=Path), help="Its folder."
)
secret = click.option(
    "--passphrase-file",
    "passphrase",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File whose first line opens the root's key.",
)
registry = click.option(
    "--registry", "place", required=True, help="The backend's: DATA/registry.db, or postgresql://… of a city."
)
number = click.argument("number")
into = click.option("--to", "target", required=True, type=click.Path(path_type=Path), help="New file for the PEM.")


def _now() -> datetime:
    return datetime.now().astimezone()


def opened(place: str) -> "Registry":
    """The registry; ends the command when it cannot be opened."""
    import sqlite3

    from sync.backend.registry import Registry
    from sync.backend.sql import open_sql
    from sync.backend.store import Unavailable

    try:
        return Registry(open_sql(place))
    except (OSError, sqlite3.Error, Unavailable) as wrong:
        fail(f"登记库打不开 · the registry cannot be opened: {place}: {wrong}")


def known_number(text: str) -> str:
    """A terminal's number; ends the command when it is none."""
    import msgspec

    from sync.batch import Terminal

    try:
        return msgspec.convert(text, Terminal)
    except msgspec.ValidationError:
        fail(f"{text!r} 不是终端号 · is no terminal: 1 to 16 letters, digits, _ and -")


@click.group(short_help="The backend's certificates: init, collector, code, rotate, former, list, revoke.")
def authority() -> None:
    """The backend's own certificate authority (docs/identity.md)."""


@authority.command("init")
@folder
@secret
@click.option("--name", required=True, help="The operator's name, as certificates show it.")
@speaking
def authority_init(folder: Path, passphrase: Path, name: str) -> None:
    """Make the root, once. Its key is encrypted with the passphrase; keep a copy of both, apart from each other."""
    from sync.backend.authority import Authority, read_passphrase

    root = _tried(lambda: Authority.create(folder, read_passphrase(passphrase), name, _now())).root
    click.echo(f"根证书已生成 · root made: {folder}, until {root.not_valid_after_utc.date()}")


@authority.command("code")
@number
@folder
@registry
@click.option("--hours", type=click.IntRange(1, 168), default=CODE_HOURS, show_default=True, help="Its life.")
@as_json
@speaking
def authority_code(number: str, folder: Path, place: str, hours: int, as_json: bool) -> None:
    """Make the one-time code with which a technician enrols terminal NUMBER; an older code of it ends.

    It is shown once and kept as a hash. Five wrong tries burn it.
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    from sync.backend.authority import read_root

    root = _tried(lambda: read_root(folder)).public_bytes(Encoding.DER)
    until = _now() + timedelta(hours=hours)
    code = opened(place).new_code(known_number(number), root, until, os.urandom)
    shown = {"terminal": number, "code": code, "until": until.isoformat(timespec="minutes")}
    told = f"有效至 · good once until {until:%Y-%m-%d %H:%M}: smk enrol terminal.toml --code {code}"
    answer(shown, as_json, lambda: [code, told])


@authority.command("collector")
@click.argument("host")
@folder
@secret
@into
@speaking
def authority_collector(host: str, folder: Path, passphrase: Path, target: Path) -> None:
    """Make key and certificate of a collector that terminals reach as HOST: smk backend --pair FILE."""
    from sync.backend.authority import Authority
    from sync.keystore import write_new

    made = _tried(lambda: Authority.read(folder, passphrase).collector(host, _now()))
    _tried(lambda: write_new(target, made, 0o600))
    click.echo(f"采集服务证书 · collector's certificate: {target}")


@authority.command("rotate")
@folder
@secret
@speaking
def authority_rotate(folder: Path, passphrase: Path) -> None:
    """Change the root for a new one, under the same passphrase. The one before is believed until `former --end`.

    Then make each collector a new certificate (smk authority collector) and start the backend again. Every terminal
    learns the new root at its next contact. Codes that were made before are void. Cut off, run it again.
    """
    from sync.backend.rotation import rotate

    root = _tried(lambda: rotate(folder, passphrase, _now()))
    click.echo(f"根证书已更换 · root changed: {folder}, until {root.not_valid_after_utc.date()}")
    click.echo("下一步：重发采集服务证书，重启后台 · next: smk authority collector for each, restart the backend")


@authority.command("former")
@folder
@registry
@click.option("--end", "ending", is_flag=True, help="Believe the former root no longer; refused while one is behind.")
@click.option("--anyway", is_flag=True, help="End it all the same: who is behind needs a new code.")
@as_json
@speaking
def authority_former(folder: Path, place: str, ending: bool, anyway: bool, as_json: bool) -> None:
    """Show which terminals still have a certificate of the root before the change, and end that root with --end."""
    from sync.backend.authority import read_overlap
    from sync.backend.rotation import behind, end

    waiting = _tried(lambda: behind(folder, opened(place))) if _tried(lambda: read_overlap(folder)) else None
    may_end = ending and (waiting == [] or (anyway and waiting is not None))
    if may_end:
        _tried(lambda: end(folder))
    lines = ["没有旧根证书 · there is no former root"] if waiting is None else []
    lines += [f"未更新 · behind: {number}" for number in waiting or []]
    if may_end:
        lines.append("旧根证书已停用，请重启后台 · the former root is ended: restart the backend")
    elif waiting is not None:
        lines.append(f"旧根证书仍有效 · the former root is believed; terminals behind: {len(waiting)}")
    answer({"former": waiting is not None and not may_end, "behind": waiting or []}, as_json, lambda: lines)
    if ending and not may_end and waiting:
        fail("未停用 · not ended: they would need a new code (--anyway ends it all the same)")


@authority.command("list")
@registry
@click.argument("number", default="")
@as_json
@speaking
def authority_list(place: str, number: str, as_json: bool) -> None:
    """List certificates, of one terminal or of all: state, end, where the key lies."""
    found = opened(place).of(number)
    shown = [
        {
            "terminal": kept.terminal,
            "serial": kept.serial,
            "state": kept.state,
            "until": kept.not_after[:10],
            "key": "token" if kept.in_token else "file",
            "contested": bool(kept.contested),
        }
        for kept in found
    ]
    lines = [
        f"{one['terminal']:16} {one['state']:10} {one['until']} {one['key']:5} {str(one['serial'])[:16]}"
        + ("  两台设备 two devices" if one["contested"] else "")
        for one in shown
    ]
    answer(shown, as_json, lambda: lines or ["没有证书 · no certificates"])


@authority.command("revoke")
@number
@registry
@speaking
def authority_revoke(number: str, place: str) -> None:
    """End every certificate of terminal NUMBER at once. Only a new code lets it in again."""
    ended = opened(place).revoke(number)
    click.echo(f"已吊销 · revoked: {ended}；重新登记 · to let it in again: smk authority code {number}")


def _tried(make: Callable[[], T]) -> T:
    """What `make` gives; ends the command with what is wrong."""
    from sync.backend.authority import BadAuthority

    try:
        return make()
    except (BadAuthority, OSError) as wrong:
        fail(f"未完成 · not done: {wrong}")
