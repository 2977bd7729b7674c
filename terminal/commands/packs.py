"""Commands about tariff packs: check, copy, load, list, activate, rollback, drop."""

import sys
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from terminal.commands.faults import fault_lines, language
from terminal.commands.say import answer, as_json, configuration_file, fail, speaking

RIDERS_MAX = 200_000
"""Riders of a generated day: more than Jiaxing's buses carry, and half a minute of work."""

place = click.argument("place")


@click.group(short_help="Tariff packs: check, load, take into force.")
def pack() -> None:
    """Tariff packs. PLACE is a folder, a zip, or builtin:NAME for one that came with the program.

    The way of a change: copy, edit, check, load, activate; rollback undoes it.
    """


@pack.command("check")
@place
@click.option("--unverified", is_flag=True, help="List the values that nobody has verified, with their sources.")
@language
@as_json
@speaking
def pack_check(place: str, unverified: bool, language: str, as_json: bool) -> None:
    """Tell all faults of the pack at once, each with file, line, value and the rule broken. Exit status 1 for any.

    Then what is legal but suspect, and what nobody has verified: neither keeps the pack from being used.
    """
    from config.store import load_pack_files
    from tariffs.faults import PackFaults
    from tariffs.pack import parse_pack
    from tariffs.suspects import suspects

    files = load_pack_files(place)
    try:
        parsed = parse_pack(files)
    except PackFaults as wrong:
        faults = wrong.faults
        head = f"{place}：有 {len(faults)} 处错误，未予采用 · {len(faults)} faults, not to be used"
        answer({"faults": [asdict(fault) for fault in faults]}, as_json, lambda: [head, *fault_lines(faults, language)])
        sys.exit(1)
    odd = suspects(files, parsed)
    lines = [f"票价包可用 · the pack is good: {parsed.version}, 自 · in force from {parsed.in_force_from}"]
    if odd:
        lines += [f"可疑但合法 · legal but suspect: {len(odd)}", *fault_lines(odd, language)]
    if parsed.unverified:
        lines.append(f"未经核实 · not verified: {len(parsed.unverified)}" + (":" if unverified else " (--unverified)"))
    if unverified:
        lines += [f"  {file}:{line} {what}" for file, line, what in parsed.unverified]
    shown = {"version": parsed.version, "in_force_from": parsed.in_force_from, "unverified": parsed.unverified}
    answer({**shown, "faults": [], "suspects": [asdict(fault) for fault in odd]}, as_json, lambda: lines)


@pack.command("copy")
@place
@click.argument("folder", type=click.Path(path_type=Path))
@speaking
def pack_copy(place: str, folder: Path) -> None:
    """Write the files of a pack into a new FOLDER, to be edited there."""
    from config.store import load_pack_files

    files = load_pack_files(place)
    try:
        folder.mkdir(parents=True)
        for name, raw in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(raw)
    except FileExistsError:
        fail(f"{folder} 已存在 · exists already: name a new folder")
    except OSError as wrong:
        fail(f"无法写入 · cannot be written: {wrong}")
    click.echo(f"已复制 {len(files)} 个文件到 · {len(files)} files copied to: {folder}")
    click.echo("改动后请换新的 version（pack.toml）· give the changed pack a new version in pack.toml")


@pack.command("load")
@configuration_file
@place
@speaking
def pack_load(configuration: str, place: str) -> None:
    """Check the pack and put it on the device's shelf. It waits there: `smk pack activate` gives it its day."""
    from config.store import load_pack_files
    from terminal import packs

    device, profiles = _device(configuration)
    files = load_pack_files(place)
    parsed = packs.checked(files, place, profiles)
    if packs.is_another(device, parsed.version, files):
        fail(
            f"版本号 {parsed.version} 已用于生效中的另一份内容：在 pack.toml 中改用新的 version\n"
            f"{parsed.version} names the pack in force, with other content: give this one a new version in pack.toml"
        )
    edition = packs.shelf_of(device).load(files, parsed.version, parsed.in_force_from)
    click.echo(f"已装入，尚未生效 · loaded, not in force: {edition.version}, 自 · from {edition.in_force_from}")
    click.echo(f"下一步 · next: smk pack activate {configuration} {edition.version}")


@pack.command("list")
@configuration_file
@as_json
@speaking
def pack_list(configuration: str, as_json: bool) -> None:
    """The pack in force, the one before, and those that wait."""
    from msgspec import to_builtins

    from terminal import packs

    device, _ = _device(configuration)
    state = packs.shelf_of(device).state()

    def named(edition: Any) -> str:
        if edition is None:
            return f"{device.tariff.pack} (配置所指 · named by the configuration)"
        return f"{edition.version}, 自 · from {edition.in_force_from}"

    lines = [f"生效中 · in force: {named(state.active)}"]
    if state.active or state.previous:
        lines.append(f"上一版 · previous: {named(state.previous)}")
    for one in state.waiting:
        order = f"定于 · ordered for {one.ordered_for}" if one.ordered_for else "未下令 · no order"
        lines.append(f"待用   · waiting:  {named(one.edition)}; {order}")
    answer({**to_builtins(state), "configured": device.tariff.pack}, as_json, lambda: lines)


@pack.command("activate")
@configuration_file
@click.argument("version", required=False)
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="First day.  [default: the pack's own, or today]")
@click.option("--now", is_flag=True, help="Between two taps instead of between two trips.")
@speaking
def pack_activate(configuration: str, version: str | None, day: datetime | None, now: bool) -> None:
    """Order a loaded pack into force from its day on; the running device takes it between two trips.

    VERSION may be left out when one pack waits. The pack that it displaces is kept: `smk pack rollback`.
    """
    from config.editions import State
    from terminal import packs
    from terminal.commands.device import is_running

    device, profiles = _device(configuration)
    shelf = packs.shelf_of(device)
    state = shelf.state()
    if version is None:
        if len(state.waiting) != 1:
            known = ", ".join(one.edition.version for one in state.waiting) or "—"
            fail(f"请指明版本 · name the version: {known}")
        version = state.waiting[0].edition.version
    edition = state.find(version).edition
    packs.checked(shelf.files(edition), version, profiles)
    first = day.date() if day else max(today(), edition.in_force_from)
    if now and first > today():
        fail(f"--now 只用于已到日期的票价包 · {version} holds from {first} on: leave --now out")
    at_once = first <= today() and (now or not is_running(device))

    def step(state: State) -> State:
        ordered = state.ordered(version, first)
        return ordered.switched(edition) if at_once else ordered

    shelf.change(step)
    if at_once:
        click.echo(f"已生效 · in force: {version}；设备下一次刷卡起采用 · the device uses it from its next tap on")
    else:
        click.echo(f"{version} 自 {first} 起，于两趟之间生效 · takes force from {first} on, between two trips")
    click.echo(
        f"撤回 · undo: smk pack {'rollback' if at_once else 'drop'} {configuration}{'' if at_once else ' ' + version}"
    )


@pack.command("rollback")
@configuration_file
@speaking
def pack_rollback(configuration: str) -> None:
    """The previous pack in force again, at once: between two taps. Done twice it is undone."""
    from config.editions import State
    from terminal import packs

    device, profiles = _device(configuration)
    shelf = packs.shelf_of(device)
    after = State.rolled_back(shelf.state()).active
    if after is not None:
        packs.checked(shelf.files(after), after.version, profiles)
    active = shelf.change(State.rolled_back).active
    named = active.version if active else device.tariff.pack
    click.echo(f"已回退，生效中 · rolled back, in force: {named}；设备下一次刷卡起采用 · from the device's next tap on")


@pack.command("drop")
@configuration_file
@click.argument("version")
@speaking
def pack_drop(configuration: str, version: str) -> None:
    """Take a waiting pack off the shelf, and its order with it."""
    from terminal import packs

    device, _ = _device(configuration)
    packs.shelf_of(device).change(lambda state: state.dropped(version))
    click.echo(f"已删去 · dropped: {version}")


@pack.command("diff")
@click.argument("old")
@click.argument("new")
@click.option(
    "--journal",
    "journals",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Replay the real taps of a closed journal or a snapshot; may be given several times.",
)
@click.option(
    "--riders", type=click.IntRange(1, RIDERS_MAX), default=2000, show_default=True, help="Of a generated day."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Draws the generated day.")
@click.option(
    "--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="Replay on this day.  [default: of the first change]"
)
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the replay: FILE.png, .svg or .pdf."
)
@as_json
@speaking
def pack_diff(
    old: str,
    new: str,
    journals: tuple[Path, ...],
    riders: int,
    seed: int,
    day: datetime | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """What the NEW pack changes for whom and from which day, and what that comes to over a day of riders.

    The replay runs over real taps (--journal), else over a generated day. Each card remembers the rides that the pack
    under test would have written on it; taps are moved by whole weeks to the day on which the change holds.
    """
    from terminal.commands.compare import Comparison

    compared = Comparison(_checked(old), _checked(new), day.date() if day else None)
    if journals:
        compared.replay_journals(journals)
    else:
        compared.replay_day(riders, seed)
    answer(compared.value(), as_json, compared.lines)
    if plot is not None:
        _plot(compared, plot, as_json)


def _plot(compared: Any, path: Path, quiet: bool) -> None:
    try:
        from terminal.whatif.plot import draw
    except ImportError:
        fail("没有绘图库 · no plotting library: pip install 'citizen-card-terminal[plot]'", 2)
    title = f"{compared.old.version} → {compared.new.version}"
    try:
        draw(path, compared.pairs, compared.names, ("", title), ("车费", "fares"))
    except (OSError, ValueError) as wrong:
        fail(f"图没有画成 · the picture could not be drawn: {wrong}", 2)
    if not quiet:
        click.echo(f"图 · picture: {path}")


def _checked(place: str) -> Any:
    from config.errors import ConfigError
    from config.store import load_pack_files
    from tariffs.faults import PackFaults
    from tariffs.pack import parse_pack

    files = load_pack_files(place)
    try:
        return parse_pack(files)
    except PackFaults as wrong:
        raise ConfigError.refused(place, wrong) from wrong


def today() -> date:
    """The day by the clock that the device has."""
    from terminal.drivers.clock import CHINA

    return datetime.now(CHINA).date()


def _device(configuration: str) -> tuple[Any, Any]:
    """The device's configuration and its card profiles."""
    from config.store import load_configuration
    from terminal import box

    loaded = load_configuration(Path(configuration)).value
    return loaded, box.load_profiles(loaded.cards.profiles)
