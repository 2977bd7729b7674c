"""Commands that make a Debian system a terminal, and undo it: install, uninstall."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from terminal.appliance.plan import (
    AFTER_UNINSTALL,
    BEFORE_UNINSTALL,
    CONFIGURATION,
    DATA,
    Command,
    Item,
    State,
    after_install,
    items,
    under,
)
from terminal.commands.say import fail, speaking

root_option = click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("/"),
    show_default=True,
    help="Another system's root, an image that is being built: files only, no command is run.",
)
dry_option = click.option("--dry-run", is_flag=True, help="Only say what would be done.")

SAID = {
    State.MISSING: "+ 写入 write  ",
    State.OLD: "~ 更新 update ",
    State.DONE: "= 已有 there  ",
    State.FOREIGN: "! 冲突 foreign",
}


@click.command(short_help="Make this Debian system a terminal.")
@root_option
@click.option("--config", type=click.Path(exists=True), help=f"Becomes {CONFIGURATION}, if none is there.")
@click.option("--program", help="The program's path on the device; this one's when left out.")
@dry_option
@speaking
def install(root: Path, config: str | None, program: str | None, dry_run: bool) -> None:
    """Put unit, user, udev rules, module blacklist, data directory and log rotation in place. Again changes nothing.

    The terminal starts with the system once /etc/smk/terminal.toml is there. Files that are not ours are never
    overwritten. Undo: smk uninstall.
    """
    from config.store import load_configuration, sample
    from terminal.drivers.contactless import usb_readers

    text = ""
    if config is not None:
        load_configuration(Path(config))
        text = Path(config).read_text("utf-8")
    own = program or str(Path(sys.executable).parent / "smk")
    plan = list(items(own, usb_readers(), sample(), text))
    commands = after_install(own) if is_running_system(root) else ()
    states = _shown(plan, root)
    _say_commands(commands)
    if any(state is State.FOREIGN for _, state in states):
        fail("有同名的他人文件（!），未作改动 · nothing was changed: move the files that are not ours (!) aside")
    if dry_run:
        click.echo("仅预演，未作改动 · dry run: nothing was changed")
        return
    _need_root(root)
    with _telling():
        for item, state in states:
            if state is not State.DONE:
                item.put(root)
    _run(commands)
    if not (root / CONFIGURATION.lstrip("/")).exists():
        click.echo(f"下一步 · next: cp {CONFIGURATION}.sample {CONFIGURATION}; edit; smk check; systemctl start smk")


@click.command(short_help="Take the terminal off this system; its data stays.")
@root_option
@dry_option
@speaking
def uninstall(root: Path, dry_run: bool) -> None:
    """Stop the terminal and remove what smk install put down. Data directory, configuration and user stay.

    Unsent records in /var/lib/smk are money: no command removes them.
    """
    plan = [item for item in items("", (), "") if not item.stays]
    running = is_running_system(root)
    with _telling():
        ours = [item for item in reversed(plan) if item.state(root) in (State.OLD, State.DONE)]
    before, after = (BEFORE_UNINSTALL, AFTER_UNINSTALL) if running and ours else ((), ())
    _say_commands(before)
    for item in ours:
        click.echo(f"- 删除 remove  {item.path}")
    _say_commands(after)
    click.echo(f"保留 · stays: {DATA}, {CONFIGURATION}")
    if dry_run:
        click.echo("仅预演，未作改动 · dry run: nothing was changed")
        return
    _need_root(root)
    with _telling():
        stuck = [item.path for item in ours if not os.access(under(root, item.path).parent, os.W_OK)]
    if stuck:  # before the terminal is stopped
        fail(f"不可写，未作改动 · nothing was changed: {stuck[0]} cannot be removed: mount -o remount,rw /")
    _run(before)
    with _telling():
        for item in ours:
            item.take_away(root)
    _run(after)


def is_running_system(root: Path) -> bool:
    """Whether `root` is the system that runs here, and systemd runs it."""
    return root.resolve() == Path("/") and Path("/run/systemd/system").is_dir()


def _shown(plan: Sequence[Item], root: Path) -> list[tuple[Item, State]]:
    with _telling():
        states = [(item, item.state(root)) for item in plan]
    for item, state in states:
        click.echo(f"{SAID[state]} {item.path}  ({item.why})")
    return states


def _say_commands(commands: Sequence[Command]) -> None:
    for command in commands:
        click.echo(f"$ {' '.join(command.words)}  ({command.why})")


def _run(commands: Sequence[Command]) -> None:
    for command in commands:
        if shutil.which(command.words[0]) is None:
            click.echo(f"没有 · not here: {command.words[0]}", err=True)
            continue
        done = subprocess.run(command.words, capture_output=True, text=True, check=False)
        if done.returncode and not command.may_fail:
            fail(f"{' '.join(command.words)}: {done.stderr.strip()}\n{command.remedy}".rstrip())


@contextlib.contextmanager
def _telling() -> Iterator[None]:
    """A file system that refuses ends the command with its own words; what was done stays, and again goes on."""
    try:
        yield
    except OSError as trouble:
        fail(f"文件系统拒绝 · the file system refuses: {trouble}")


def _need_root(root: Path) -> None:
    if root.resolve() == Path("/") and os.geteuid() != 0:
        fail("需要 root 权限 · this needs root: sudo smk …; without it: --root DIR or --dry-run")
