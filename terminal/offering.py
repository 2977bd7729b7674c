"""What the office may sign: each kind of file read and checked as a device will do it, and packed."""

import re
from datetime import date
from pathlib import Path
from typing import NamedTuple

from config import hotdelta
from config.durable import zipped
from config.errors import ConfigError
from config.files import read_file
from config.limits import CONFIGURATION_BYTES_MAX, HOT_LIST_DELTA_BYTES_MAX, SIGNED_BYTES_MAX
from config.parse import parse
from config.signing.contents import Kind
from config.store import SETTINGS_FILE, load_hot_list, load_pack_files, sample, text_of
from tariffs.issuers import FILE
from terminal import kinds, packs, releases

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


class Offered(NamedTuple):
    """A file to be signed. `suffix` of its name; `before`: of a delta, the version that it leads from."""

    version: str
    in_force_from: date
    suffix: str
    raw: bytes
    before: str = ""


def offered(kind: Kind, place: str, version: str, today: date) -> Offered:
    """The file that `place` becomes; `version` for kinds that bear none. Raises ConfigError with all that is wrong."""
    if kind == "tariff":
        files = load_pack_files(place)
        pack = packs.parsed(files, place)
        return Offered(pack.version, pack.in_force_from, ".zip", zipped(files))
    if kind == "policy":
        files = load_pack_files(place, "policies")
        return Offered(kinds.check_policy(None, files, place).version, today, ".zip", zipped(files))
    if kind == "issuers":
        files = {FILE: read_file(Path(place), CONFIGURATION_BYTES_MAX)}
        return Offered(kinds.check_issuers(None, files, place).version, today, ".zip", zipped(files))
    if kind == "hotlist":
        found = load_hot_list(Path(place)).value
        return Offered(found.version, found.date, ".list", read_file(Path(place), SIGNED_BYTES_MAX))
    if kind == "hotlist-delta":
        raw = read_file(Path(place), HOT_LIST_DELTA_BYTES_MAX)
        try:
            delta = hotdelta.parse_delta(raw)
            after = hotdelta.version(delta)
        except ValueError as wrong:
            raise ConfigError.refused(place, wrong) from wrong
        return Offered(str(after), after.day, ".delta", raw, delta.before)
    if kind == "software":
        manifest, raw = releases.packed(Path(place))
        return Offered(manifest.version, today, ".zip", raw)
    if not VERSION.fullmatch(version):
        zh, en = "须用 --version 给出版本", "it bears no version of its own: give it one with --version"
        raise ConfigError(place, zh, en, "如 2026.12", "as 2026.12")
    return Offered(version, today, ".zip", zipped(_unversioned(kind, place)))


def _unversioned(kind: Kind, place: str) -> dict[str, bytes]:
    if kind == "profiles":
        files = load_pack_files(place)
        kinds.read_profiles(files, place)
        return files
    raw = read_file(Path(place), CONFIGURATION_BYTES_MAX)
    try:
        parse(sample(), text_of(raw))
    except ValueError as wrong:
        raise ConfigError.refused(place, wrong) from wrong
    return {SETTINGS_FILE: raw}
