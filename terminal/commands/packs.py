"""Commands about the packs of a device: load, list, activate, rollback, drop; and those of packs as files."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from terminal.commands import pack_files, publish, signed
from terminal.commands.say import answer, as_json, configuration_file, fail, speaking

of_kind = click.option(
    "--kind",
    type=click.Choice(["tariff", "policy", "profiles", "settings", "issuers"]),
    default="tariff",
    show_default=True,
    help="Of which shelf.",
)


@click.group(short_help="Tariff packs: check, load, take into force.")
def pack() -> None:
    """Tariff packs. PLACE is a folder, a zip, or builtin:NAME for one that came with the program.

    The way of a change: copy, edit, check, diff, load, activate; rollback undoes it (docs/technician.md).
    """


for command in (pack_files.copy, pack_files.check, pack_files.diff, signed.trust, signed.stick, publish.publish):
    pack.add_command(command)


@pack.command("load", short_help="Take what is new on a stick; or put one pack on the shelf.")
@configuration_file
@click.argument("place", required=False)
@signed.clock_right
@click.option("--from-network", is_flag=True, help="For a timer: says nothing where no [packs] url is configured.")
@speaking
def pack_load(configuration: str, place: str | None, clock_is_right: bool | None, from_network: bool) -> None:
    """Verify a signed stick or address and take what is new: each pack is put on the shelf and ordered for its day.

    Without PLACE: from the configuration's [packs] url. A pack that nobody signed is taken in development mode alone;
    it waits on the shelf until `smk pack activate` gives it its day, as does builtin:NAME.
    """
    from config.store import BUILTIN, load_pack_files
    from terminal import kinds, packs

    if from_network and not _device(configuration).packs.url:
        return
    if place is None or signed.is_signed(place):
        return signed.load(configuration, place, clock_is_right)
    device = _device(configuration)
    if not place.startswith(BUILTIN):
        signed.only_in_development(device, place)
    files = load_pack_files(place)
    held = kinds.check_tariff(device, files, place)
    edition = packs.shelf_of(device).load(files, held.version, held.first)
    click.echo(f"已装入，尚未生效 · loaded, not in force: {edition.version}, 自 · from {edition.in_force_from}")
    click.echo(f"下一步 · next: smk pack activate {configuration} {edition.version}")


@pack.command("list", short_help="What is in force, what was, what waits.")
@configuration_file
@of_kind
@as_json
@speaking
def pack_list(configuration: str, kind: str, as_json: bool) -> None:
    """The pack in force, the one before, and those that wait."""
    from msgspec import to_builtins

    from terminal import packs
    from terminal.kinds import SHELVED

    device = _device(configuration)
    configured = SHELVED[kind].place(device)
    state = packs.shelf_of(device, kind).state()

    def named(edition: Any) -> str:
        if edition is None:
            return f"{configured} (配置所指 · named by the configuration)"
        signer = f"; 签名 · signed by {edition.signed}" if edition.signed else ""
        return f"{edition.version}, 自 · from {edition.in_force_from}{signer}"

    lines = [f"生效中 · in force: {named(state.active)}"]
    if state.active or state.previous:
        lines.append(f"上一版 · previous: {named(state.previous)}")
    for one in state.waiting:
        order = f"定于 · ordered for {one.ordered_for}" if one.ordered_for else "未下令 · no order"
        lines.append(f"待用   · waiting:  {named(one.edition)}; {order}")
    answer({**to_builtins(state), "configured": configured}, as_json, lambda: lines)


@pack.command("activate", short_help="Order a loaded pack into force.")
@configuration_file
@click.argument("version", required=False)
@of_kind
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="First day.  [default: the pack's own, or today]")
@click.option("--now", is_flag=True, help="Between two taps instead of between two trips.")
@speaking
def pack_activate(configuration: str, version: str | None, kind: str, day: datetime | None, now: bool) -> None:
    """Order a loaded pack into force from its day on; the running device takes it between two trips.

    VERSION may be left out when one pack waits. The pack that it displaces is kept: `smk pack rollback`.
    """
    from config.editions import State
    from terminal import packs
    from terminal.commands.device import is_running
    from terminal.kinds import SHELVED

    device = _device(configuration)
    shelf, shelved = packs.shelf_of(device, kind), SHELVED[kind]
    state = shelf.state()
    if version is None:
        if len(state.waiting) != 1:
            known = ", ".join(one.edition.version for one in state.waiting) or "—"
            fail(f"请指明版本 · name the version: {known}")
        version = state.waiting[0].edition.version
    edition = state.find(version).edition
    shelved.check(device, shelf.files(edition), version)
    first = day.date() if day else max(today(), edition.in_force_from)
    if now and first > today():
        fail(f"--now 只用于已到日期的票价包 · {version} holds from {first} on: leave --now out")
    at_once = first <= today() and (now or not is_running(device))

    def step(state: State) -> State:
        ordered = state.ordered(version, first)
        return ordered.switched(edition) if at_once else ordered

    shelf.change(step)
    if at_once:
        click.echo(f"已生效 · in force: {version}；{_taken(kind)}")
    else:
        zh, _, en = shelved.when.partition(" · ")
        click.echo(f"{version} 自 {first} 起，{zh}生效 · takes force from {first} on, {en}")
    undo = f"rollback {configuration}" if at_once else f"drop {configuration} {version}"
    click.echo(f"撤回 · undo: smk pack {undo}{'' if kind == 'tariff' else f' --kind {kind}'}")


@pack.command("rollback", short_help="The previous pack again, at once.")
@configuration_file
@of_kind
@speaking
def pack_rollback(configuration: str, kind: str) -> None:
    """The previous pack in force again, at once: between two taps. Done twice it is undone."""
    from config.editions import State
    from terminal import packs
    from terminal.kinds import SHELVED

    device = _device(configuration)
    shelf, shelved = packs.shelf_of(device, kind), SHELVED[kind]
    after = State.rolled_back(shelf.state()).active
    if after is not None:
        shelved.check(device, shelf.files(after), after.version)
    active = shelf.change(State.rolled_back).active
    named = active.version if active else shelved.place(device)
    click.echo(f"已回退，生效中 · rolled back, in force: {named}；{_taken(kind)}")


@pack.command("drop", short_help="Take a waiting pack off the shelf.")
@configuration_file
@click.argument("version")
@of_kind
@speaking
def pack_drop(configuration: str, version: str, kind: str) -> None:
    """Take a waiting pack off the shelf, and its order with it."""
    from terminal import packs

    device = _device(configuration)
    packs.shelf_of(device, kind).change(lambda state: state.dropped(version))
    click.echo(f"已删去 · dropped: {version}")


def _taken(kind: str) -> str:
    """When the device uses what has just taken force."""
    if kind == "tariff":
        return "设备下一次刷卡起采用 · the device uses it from its next tap on"
    return "设备下次启动起采用 · the device uses it from its next start on"


def today() -> date:
    """The day by the clock that the device has."""
    from terminal.drivers.clock import CHINA

    return datetime.now(CHINA).date()


def _device(configuration: str) -> Any:
    """The device's configuration."""
    from config.store import load_configuration

    return load_configuration(Path(configuration)).value
