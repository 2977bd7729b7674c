"""`smk pack publish`: the office checks a file and signs it."""

from datetime import datetime
from pathlib import Path

import click

from config.signing.contents import Kind
from terminal.commands import office
from terminal.commands.say import speaking


@click.command("publish", short_help="Office: check a pack, sign it, offer it to devices.")
@office.repository
@click.argument("place")
@office.operator_option
@click.option("--place", "where", default="all", show_default=True, help="For the devices of this place.")
@click.option("--kind", type=office.KIND, default="tariff", show_default=True)
@click.option("--version", default="", help="For kinds whose files bear none: profiles, settings.")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="First day.  [default: the file's own, or today]")
@click.option("--note", default="", help="What changes, as a technician will read it.")
@office.key_folders
@office.passphrase_file
@speaking
def publish(
    repository: Path,
    place: str,
    operator: str,
    where: str,
    kind: Kind,
    version: str,
    day: datetime | None,
    note: str,
    folders: tuple[Path, ...],
    passphrase_file: Path | None,
) -> None:
    """Check PLACE, sign it and offer it to the devices of an operator. What fails its check is not signed."""
    from config.signing.contents import Entry
    from terminal.offering import offered

    found = offered(kind, place, version, office.now().date())
    first = max(day.date(), found.in_force_from) if day else found.in_force_from
    entry = Entry(kind, found.version, first, f"{found.version}{found.suffix}", note, found.before)
    made = office.opened(repository, folders, office.asker(passphrase_file))
    role = made.publish(operator, where, entry, found.raw)
    click.echo(f"已签名 · signed by {role}: {operator}/{where}/{kind} {entry.version}, 自 · from {first}")
    click.echo(
        f"撤下 · undo: smk office withdraw {repository} {kind} {entry.version} --operator {operator} --place {where}"
    )
