"""Commands about signed packs on a device: trust, stick, and the signed way of load. The group is in packs.py."""

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from terminal.commands.say import answer, as_json, configuration_file, fail, speaking
from terminal.signed_apart import holds_signed

if TYPE_CHECKING:
    from config.model import Configuration
    from terminal.signed import Change, Stick

T = TypeVar("T")

HOW = {
    "new": "新 · new",
    "waiting": "已定 · ordered already",
    "in force": "生效中 · in force",
    "previous": "上一版，不自动启用 · the previous one, not taken by itself",
    "overtaken": "已被更新的取代 · overtaken by a newer one",
    "unwanted": "本机不用 · not for this device",
}
KINDS = {
    "tariff": "票价包 · tariff",
    "policy": "医保政策 · medical policy",
    "hotlist": "黑名单 · hot list",
    "hotlist-delta": "黑名单增量 · hot list delta",
    "profiles": "卡种 · card profiles",
    "issuers": "发卡方名单 · list of issuers",
    "settings": "设置 · settings",
    "software": "程序 · software",
}

clock_right = click.option(
    "--clock-right/--clock-wrong",
    "clock_is_right",
    default=None,
    help="Answers the question whether a clock far ahead of all that is known is right.",
)


@click.command("trust", short_help="Enrol the office's root: where trust begins.")
@configuration_file
@click.argument("root", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--again", is_flag=True, help="Begin anew with another root; what was verified before is forgotten.")
@click.option("--yes", is_flag=True, help="The fingerprint was compared.")
@speaking
def trust(configuration: str, root: Path, again: bool, yes: bool) -> None:
    """Trust the office's ROOT (metadata/1.root.json) from now on. Once for a device; rotations come with the stick."""
    from config.files import read_file
    from config.limits import ROOT_BYTES_MAX
    from config.signing.trust import fingerprint_of
    from terminal.signed import trust_of

    raw = read_file(root, ROOT_BYTES_MAX)
    click.echo(f"指纹 · fingerprint: {fingerprint_of(raw)}")
    if not yes and not click.confirm("与办公室告知的一致吗 · is it the one that the office told you?"):
        fail("未装入 · not enrolled")
    trust_of(device_of(configuration)).enrol(raw, again)
    click.echo("已信任 · trusted from now on")


@click.command("stick", short_help="What is on a stick, what it changes, who signed it.")
@configuration_file
@click.argument("place", required=False)
@clock_right
@as_json
@speaking
def stick(configuration: str, place: str | None, clock_is_right: bool | None, as_json: bool) -> None:
    """Verify PLACE (a stick's folder, or an address) and tell what it would change. Nothing is taken."""
    from terminal import signed

    device = device_of(configuration)
    at = address(device, place)
    found = asking(lambda answered: signed.inspect(device, at, now(), answered), clock_is_right)
    answer(_shown(found), as_json, lambda: [*_lines(found), *_next(configuration, at, found)])


def load(configuration: str, place: str | None, clock_is_right: bool | None) -> None:
    """Take all that is new on a signed PLACE."""
    from terminal import signed

    device = device_of(configuration)
    at = address(device, place)
    found = asking(lambda answered: signed.load(device, at, now(), answered), clock_is_right)
    for line in _lines(found):
        click.echo(line)
    left = [change for change, _ in found.refused]
    taken = [change for change in found.changes if change.planned.how == "new" and change not in left]
    if not taken and not left:
        click.echo("没有新内容 · nothing new here")
    for change in taken:
        for line in _taken(device, configuration, change):
            click.echo(line)
    if left:
        fail("\n".join(f"{trouble.text('zh')}\n{trouble.text('en')}" for _, trouble in found.refused))


def _taken(device: "Configuration", configuration: str, change: "Change") -> list[str]:
    """What was taken, when it takes force, how it is undone."""
    from terminal.kinds import SHELVED

    entry, day = change.offer.entry, change.planned.day
    if entry.kind not in SHELVED:
        undo = f"撤回 · undo: smk hotlist rollback {device.hot_list.file}"
        return [
            f"已装入 · loaded: {entry.kind} {entry.version}; 下一次刷卡起 · from the next tap on",
            *([undo] if change.planned.instead_of else []),
        ]
    zh, _, en = SHELVED[entry.kind].when.partition(" · ")
    kind = "" if entry.kind == "tariff" else f" --kind {entry.kind}"
    return [
        f"已装入 · loaded: {entry.kind} {entry.version}; 自 {day} 起，{zh}生效 · takes force from {day} on, {en}",
        f"撤回 · undo: smk pack drop {configuration} {entry.version}{kind}",
    ]


def is_signed(place: str) -> bool:
    """Whether it is an address, or a folder that seems to hold what the office signed."""
    return "://" in place or holds_signed(Path(place))


def only_in_development(device: "Configuration", place: str) -> None:
    """Refuse what nobody signed, unless the configuration takes it. Ends the command."""
    if device.packs.development:
        click.echo("开发模式：未签名 · development mode: nobody signed this", err=True)
        return
    fail(
        f"{place}: 未签名，未装入；由办公室签名后再装（docs/signing.md），试验机可设 [packs] development = true\n"
        f"{place}: nobody signed this, it was not loaded; have the office sign it (docs/signing.md), or on a device "
        "for trials set [packs] development = true"
    )


def asking(act: Callable[[bool | None], T], answered: bool | None) -> T:
    """`act` with the answer; a person at a terminal is asked for one when it is wanted."""
    from config.timefloor import ClockQuestion

    try:
        return act(answered)
    except ClockQuestion as question:
        if not sys.stdin.isatty():
            raise
        return act(click.confirm(f"{question.zh}。今天确为该日吗？\n{question.en}. Is that today?"))


def _lines(found: "Stick") -> list[str]:
    standing, time = found.standing, found.time
    lines = [
        f"{found.place}: 签名有效 · the signatures are good; 根 · root v{standing.root}, "
        f"有效至 · good until {standing.fresh_until:%Y-%m-%d}"
    ]
    if time.how != "clock":
        lines.append(f"时钟不对，按 {time.at:%Y-%m-%d} 核对 · the clock is wrong: checked as of {time.at:%Y-%m-%d}")
    if not found.changes:
        lines.append("没有给本机的内容 · nothing for this device")
    for change in found.changes:
        lines += change_lines(change)
    return lines


def change_lines(change: "Change") -> list[str]:
    entry, planned, signature = change.offer.entry, change.planned, change.offer.signature
    lines = [f"{KINDS[entry.kind]} {entry.version} ({change.offer.length} bytes): {HOW[planned.how]}"]
    if planned.day:
        lines.append(f"  生效 · takes force: {planned.day}, 取代 · instead of {planned.instead_of or '—'}")
    if entry.note:
        lines.append(f"  说明 · note: {entry.note}")
    lines.append(f"  签名 · signed by: {signature.text()}, 至 · until {signature.expires:%Y-%m-%d}")
    return lines


def _next(configuration: str, at: str, found: "Stick") -> list[str]:
    if any(change.planned.how == "new" for change in found.changes):
        return [f"下一步 · next: smk pack load {configuration} {at}"]
    return []


def _shown(found: "Stick") -> dict[str, Any]:
    return {
        "place": found.place,
        "time": {"at": found.time.at.isoformat(), "how": found.time.how},
        "standing": found.standing._asdict(),
        "changes": [shown_change(change) for change in found.changes],
    }


def shown_change(change: "Change") -> dict[str, Any]:
    """One offer, for programs."""
    from msgspec import to_builtins

    offer, planned = change.offer, change.planned
    return {
        **to_builtins(offer.entry),
        "path": offer.path,
        "length": offer.length,
        "how": planned.how,
        "day": planned.day,
        "instead_of": planned.instead_of,
        "signed": offer.signature._asdict(),
    }


def address(device: "Configuration", place: str | None) -> str:
    if place or device.packs.url:
        return place or device.packs.url
    fail("请给出介质文件夹或 [packs] url · name a stick's folder, or set [packs] url")


def now() -> datetime:
    """The time by the clock that the machine has."""
    from terminal.drivers.clock import CHINA

    return datetime.now(CHINA)


def device_of(configuration: str) -> "Configuration":
    from config.store import load_configuration
    from terminal.commands.device import as_the_owner

    loaded = load_configuration(Path(configuration)).value
    as_the_owner(Path(loaded.terminal.data))
    return loaded
