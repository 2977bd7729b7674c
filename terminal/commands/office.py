"""Commands of the office that signs: init, delegate, publish, keys, list, withdraw, refresh, rotate-root, stick."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from config.signing.contents import KINDS, Kind
from terminal.commands.say import answer, as_json, fail, speaking

if TYPE_CHECKING:
    from config.signing.office import Office

repository = click.argument("repository", type=click.Path(file_okay=False, path_type=Path))
key_folders = click.option(
    "--keys",
    "folders",
    multiple=True,
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder with key files; several for the holders' own sticks. New keys go into the first.",
)
passphrase_file = click.option(
    "--passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="First line: the passphrase of all keys. Without it each is asked for.",
)
operator_option = click.option("--operator", required=True, help="Whose devices take it; city: everybody's.")
place_option = click.option("--place", default="all", show_default=True, help="For the devices of this place.")
KIND = click.Choice(KINDS)


@click.group()
def office() -> None:
    """The office that signs packs, hot lists, settings and releases (docs/signing.md)."""


@office.command("init", short_help="A new repository with its keys.")
@repository
@key_folders
@passphrase_file
@click.option("--holder", "holders", multiple=True, help="Who holds a root key; three times.")
@speaking
def init(repository: Path, folders: tuple[Path, ...], passphrase_file: Path | None, holders: tuple[str, ...]) -> None:
    """Make the keys and the first metadata: 3 root keys, of which 2 must sign, and one each for the other roles."""
    from config.signing.keys import make_key
    from config.signing.office import ROOT_KEYS

    if len(holders) not in (0, ROOT_KEYS):
        fail(f"须有 {ROOT_KEYS} 位持有人 · name {ROOT_KEYS} holders, or none")
    if any((repository / "metadata").glob("*.json")):
        fail(f"{repository}: 已有签名库 · there is a repository already")
    ask = asker(passphrase_file, new=True)
    names = holders or tuple(f"root-{number}" for number in range(1, ROOT_KEYS + 1))
    keys = {
        "root": [
            make_key(folders[0], f"root-{nth}", who, ask(f"root-{nth}")) for nth, who in enumerate(names, start=1)
        ],
        **{role: [make_key(folders[0], f"{role}-1", f"{role}-1", ask(f"{role}-1"))] for role in ONE_KEY},
    }
    opened(repository, folders, ask).found(keys)
    click.echo(f"已建立 · made: {repository}")
    _tell_root(repository)
    click.echo("根密钥请分开保管，离线 · keep the root keys apart and offline: two of three sign a new root")


ONE_KEY = ("targets", "snapshot", "timestamp")


def _tell_root(repository: Path) -> None:
    from config.signing.trust import fingerprint_of

    newest = max((repository / "metadata").glob("*.root.json"), key=lambda path: int(path.name.split(".")[0]))
    click.echo(f"根 · root: {newest}")
    click.echo(f"指纹 · fingerprint: {fingerprint_of(newest.read_bytes())}")


@office.command("delegate", short_help="Let an operator, or one of its places, sign.")
@repository
@click.argument("operator")
@click.option("--place", default="", help="For this place alone.")
@click.option("--kind", "kinds", multiple=True, type=KIND, help="What it may sign.  [default: tariff, settings]")
@click.option("--holder", required=True, help="Who holds the key, as a technician will read it.")
@key_folders
@passphrase_file
@speaking
def delegate(
    repository: Path,
    operator: str,
    place: str,
    kinds: tuple[Kind, ...],
    holder: str,
    folders: tuple[Path, ...],
    passphrase_file: Path | None,
) -> None:
    """Make a key for OPERATOR and let it sign what is below OPERATOR/. Once more: the new key replaces the old."""
    from config.signing.keys import make_key
    from config.signing.office import role_name

    ask = asker(passphrase_file)
    role = role_name(operator, place)
    name = free_name(folders, role)
    key = make_key(folders[0], name, holder, asker(passphrase_file, new=True)(name))
    try:
        opened(repository, folders, ask).delegate(operator, place, key, kinds or ("tariff", "settings"))
    except BaseException:
        (folders[0] / f"{name}.key").unlink()
        raise
    click.echo(f"{role}: {holder} 可签 · may sign {', '.join(kinds or ('tariff', 'settings'))}")
    click.echo(f"密钥 · key: {folders[0] / name}.key")


@office.command("keys", short_help="Roles, keys, holders, and when what they signed ends.")
@repository
@key_folders
@as_json
@speaking
def keys(repository: Path, folders: tuple[Path, ...], as_json: bool) -> None:
    """Every role: its version, how many keys must sign, who holds them, which are here, until when it is good."""
    from config.signing.keys import KeyRing

    ring = KeyRing(folders, lambda name: "")
    standings = opened(repository, folders, lambda name: "").standings()
    here = ring.names()

    def lines() -> list[str]:
        told = []
        for one in standings:
            ends = f"至 · until {one.expires:%Y-%m-%d}"
            told.append(
                f"{one.role} v{one.version}: {len(one.keys)} 取 {one.threshold} · {one.threshold} of "
                f"{len(one.keys)}, {ends}"
            )
            told += [f"  {holder} {keyid[:8]} {here.get(keyid, '不在此 · not here')}" for keyid, holder in one.keys]
        return told

    answer([one._asdict() for one in standings], as_json, lines)


@office.command("list", short_help="What is offered to whom.")
@repository
@as_json
@speaking
def listed(repository: Path, as_json: bool) -> None:
    """Every file that is offered, by operator and place."""
    from msgspec import to_builtins

    made = opened(repository, (), lambda name: "")
    offered = {f"{operator}/{place}": made.contents(operator, place).entries for operator, place in made.places()}
    lines = [
        f"{where} {entry.kind} {entry.version}, 自 · from {entry.in_force_from}{entry.note and f': {entry.note}'}"
        for where, entries in offered.items()
        for entry in entries
    ]
    answer(to_builtins(offered), as_json, lambda: lines or ["没有 · nothing"])


@office.command("withdraw", short_help="Offer a file no longer.")
@repository
@click.argument("kind", type=KIND)
@click.argument("version")
@operator_option
@place_option
@key_folders
@passphrase_file
@speaking
def withdraw(
    repository: Path,
    kind: Kind,
    version: str,
    operator: str,
    place: str,
    folders: tuple[Path, ...],
    passphrase_file: Path | None,
) -> None:
    """Offer a version no longer. Devices that have taken it keep it."""
    opened(repository, folders, asker(passphrase_file)).withdraw(operator, place, kind, version)
    click.echo(f"已撤下 · withdrawn: {kind} {version}")


@office.command("refresh", short_help="Sign the timestamp again (each week, on a network).")
@repository
@key_folders
@passphrase_file
@speaking
def refresh(repository: Path, folders: tuple[Path, ...], passphrase_file: Path | None) -> None:
    """Say again that nothing newer is kept back: devices on the network refuse what is older than a month."""
    made = opened(repository, folders, asker(passphrase_file))
    made.refresh()
    click.echo(f"有效至 · good until {made.timestamp().expires:%Y-%m-%d}")


@office.command("rotate-root", short_help="A new root: replace keys, or prolong it.")
@repository
@click.option("--replace", "replaced", multiple=True, metavar="ROLE:KEY", help="Key id's beginning, as keys shows it.")
@click.option("--holder", default="", help="Who holds the new key.")
@key_folders
@passphrase_file
@speaking
def rotate_root(
    repository: Path, replaced: tuple[str, ...], holder: str, folders: tuple[Path, ...], passphrase_file: Path | None
) -> None:
    """Sign a new root, in which new keys take the place of those named: root:1a2b3c4d, timestamp:5e6f7a8b.

    Two of the old root's keys and two of the new one's sign it. Devices take it with the next stick.
    """
    from config.signing.keys import make_key

    ask, new = asker(passphrase_file), asker(passphrase_file, new=True)
    made = opened(repository, folders, ask)
    known = {f"{one.role}:{keyid[:8]}": (keyid, one.role) for one in made.standings() for keyid, _ in one.keys}
    changes = {}
    for named in replaced:
        if named not in known:
            fail(f"没有 · there is no {named}: {', '.join(known)}")
        keyid, role = known[named]
        name = free_name(folders, role)
        changes[keyid] = (role, make_key(folders[0], name, holder or name, new(name)))
    opened(repository, folders, ask).rotate(changes)
    _tell_root(repository)


@office.command("stick", short_help="Copy the repository to a stick.")
@repository
@click.argument("to", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--days", type=click.IntRange(1, 400), default=300, show_default=True, help="How long it may be used.")
@key_folders
@passphrase_file
@speaking
def stick(repository: Path, to: Path, days: int, folders: tuple[Path, ...], passphrase_file: Path | None) -> None:
    """Write all that devices need to TO/smk, good for so many days without a network."""
    from config.signing.stick import write_stick

    made = opened(repository, folders, asker(passphrase_file))
    count, ends = write_stick(made, to / "smk", days)
    click.echo(f"{to / 'smk'}: {count} 个文件 files, 有效至 · good until {ends:%Y-%m-%d}")


def free_name(folders: tuple[Path, ...], role: str) -> str:
    """The next name for a key of a role that no file here bears."""
    number = 1
    while any((folder / f"{role}-{number}.key").exists() for folder in folders):
        number += 1
    return f"{role}-{number}"


def opened(repository: Path, folders: tuple[Path, ...], ask: Callable[[str], str]) -> "Office":
    """The repository with the keys that are here."""
    from config.signing.keys import KeyRing
    from config.signing.office import Office

    return Office(repository, KeyRing(folders, ask), now())


def asker(file: Path | None, new: bool = False) -> Callable[[str], str]:
    """Asks once for each key's passphrase; an empty answer repeats the last."""
    if file is not None:
        first = file.read_text("utf-8").partition("\n")[0]
        return lambda name: first
    known: dict[str, str] = {}
    last = [""]

    def ask(name: str) -> str:
        if name in known:
            return known[name]
        said = click.prompt(
            f"{name} 的口令 · passphrase of {name}{' (回车同上 · Enter: the same)' if last[0] else ''}",
            default="",
            hide_input=True,
            show_default=False,
            confirmation_prompt=new,
            err=True,
        )
        known[name] = last[0] = said or last[0]
        return last[0]

    return ask


def now() -> datetime:
    """The office's clock."""
    return datetime.now(UTC)
