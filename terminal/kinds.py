"""The kinds of packs that wait on a shelf: which devices want them, what holds without one, how they are checked.

The office checks with the same functions before it signs (terminal/offering.py).
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import NamedTuple

from apdu.profile import BadProfile
from config.errors import ConfigError
from config.model import Configuration
from config.parse import build, parse
from config.store import SETTINGS_FILE, load_pack_files, text_of
from tariffs.copay.load import parse_policy
from tariffs.faults import PackFaults
from tariffs.issuers import FILE, Change, differing, parse_issuers
from tariffs.pack import Pack
from terminal import box, packs

Files = Mapping[str, bytes]


class Held(NamedTuple):
    """What a checked pack says of itself: its version and its first day, where its files say so."""

    version: str = ""
    first: date = date.min


class Shelved(NamedTuple):
    """A kind. Without an edition `place` holds, in the version `configured`, "" when it bears none.

    `check` raises ConfigError with all that is wrong on this device; `when` it takes force, in words.
    """

    wanted: Callable[[Configuration], bool]
    configured: Callable[[Configuration], str]
    place: Callable[[Configuration], str]
    check: Callable[[Configuration, Files, str], Held]
    when: str


def check_tariff(configuration: Configuration, files: Files, place: str) -> Held:
    """A tariff pack for the cards of this device, under a version that names no other."""
    pack = packs.checked(files, place, box.profiles_of(configuration))
    if packs.is_another(configuration, pack.version, files):
        raise packs.version_taken(pack.version)
    return Held(pack.version, pack.in_force_from)


def check_policy(_: Configuration | None, files: Files, place: str) -> Held:
    """A medical policy."""
    try:
        return Held(parse_policy(files).version)
    except PackFaults as wrong:
        raise ConfigError.refused(place, wrong) from wrong


def check_profiles(configuration: Configuration, files: Files, place: str) -> Held:
    """Card profiles over the shipped ones, under which the pack in force still fits the cards."""
    read_profiles(files, place)
    try:
        profiles = box.load_profiles(configuration.cards.profiles, files)
    except BadProfile as wrong:
        raise ConfigError(
            place, f"卡种文件有误：{wrong}", f"{wrong}", "改正后重新签名", "mend it and sign it again"
        ) from wrong
    packs.load_pack(configuration, profiles, None)
    return Held()


def read_profiles(files: Files, place: str) -> None:
    """Each file a profile by its name. Raises ConfigError."""
    odd = [name for name in files if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}\.toml", name)]
    if odd or not files:
        zh, en = f"须为 名称.toml：{odd}", f"must be files NAME.toml: {odd}"
        raise ConfigError(place, zh, en, "改名后重新打包", "rename them and pack again")


def check_settings(configuration: Configuration, files: Files, place: str) -> Held:
    """Settings that make, over this device's configuration, a whole one."""
    if set(files) != {SETTINGS_FILE}:
        raise ConfigError(
            place, f"须只有 {SETTINGS_FILE}", f"must hold {SETTINGS_FILE} alone", "重新打包", "pack it again"
        )
    try:
        parse(build(configuration), text_of(files[SETTINGS_FILE]))
    except ValueError as wrong:
        raise ConfigError.refused(place, wrong) from wrong
    return Held()


def check_issuers(_: Configuration | None, files: Files, place: str) -> Held:
    """The network's list of issuers; its version is the day of its last change."""
    if set(files) != {FILE}:
        raise ConfigError(place, f"须只有 {FILE}", f"must hold {FILE} alone", "重新打包", "pack it again")
    try:
        changes = parse_issuers(files[FILE])
    except PackFaults as wrong:
        raise ConfigError.refused(place, wrong) from wrong
    return Held(max((f"{change.day:%Y%m%d}" for change in changes), default="0"))


def open_issuers(configuration: Configuration, pack: Pack, today: date) -> list[Change]:
    """What the newest list of issuers wants and this device's pack does not do yet. Raises ConfigError."""
    shelf = packs.shelf_of(configuration, "issuers")
    packs.take_due(configuration, ("issuers",), today)
    active = shelf.state().active
    changes = parse_issuers(shelf.files(active)[FILE]) if active else ()
    return list(differing(changes, pack.schemes, today))


def _configured_policy(configuration: Configuration) -> str:
    try:
        return check_policy(None, load_pack_files(configuration.hospital.policy, "policies"), "").version
    except ConfigError:
        return ""


def _always(_: Configuration) -> bool:
    return True


BETWEEN_TRIPS = "于两趟之间 · between two trips"
AT_ONCE = "即 · at once"
AT_A_START = "设备下次启动时 · at the device's next start"

SHELVED: dict[str, Shelved] = {
    "tariff": Shelved(_always, packs.configured_version, lambda one: one.tariff.pack, check_tariff, BETWEEN_TRIPS),
    "policy": Shelved(
        lambda one: bool(one.hospital.reader),
        _configured_policy,
        lambda one: one.hospital.policy,
        check_policy,
        AT_A_START,
    ),
    "profiles": Shelved(_always, lambda one: "", lambda one: "builtin", check_profiles, AT_A_START),
    "issuers": Shelved(_always, lambda one: "", lambda one: "none", check_issuers, AT_ONCE),
    "settings": Shelved(_always, lambda one: "", lambda one: "terminal.toml", check_settings, AT_A_START),
}
