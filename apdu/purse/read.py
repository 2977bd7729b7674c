"""Find the purse application and read what its profile names (docs/cards.md, Application identifiers and Files)."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct

from apdu.command import Command
from apdu.errors import Malformed
from apdu.profile import Cache, File, Profile
from apdu.script import NOT_HERE, Script, Slot, send
from apdu.tlv import find


class Purse(Struct, frozen=True):
    """A purse application that is selected. `number` 20 digits, "" when the chip is locked and hides it.

    `locked`: SELECT said so. `ef15`: its values by the profile's layout. `raw` and `files` hold what `read` read,
    by file name; a file that is not there is missing from both.
    """

    profile: Profile
    locked: bool
    number: str
    ef15: Mapping[str, Any]
    serial: bytes
    issuer_factor: bytes
    raw: Mapping[str, bytes]
    files: Mapping[str, Mapping[str, Any]]

    @property
    def caches(self) -> tuple[Cache, ...]:
        """The records that a composite debit of this card writes: an optional one where its file was read."""
        return tuple(cache for cache in self.profile.caches if not cache.optional or cache.proof in self.files)

    def fact(self, name: str) -> Any:
        """The value of a fact, where the profile says this family keeps it; None when that file is not there."""
        where = self.profile.facts.get(name)
        if where is None:
            return None
        file, member = where
        values = self.ef15 if file == "ef15" else self.files.get(file)
        if values is None or not member:
            return values
        return values[member]


def select(profiles: Sequence[Profile]) -> Script[Purse | None]:
    """SELECT the first application of `profiles` that the chip has; None when it has none of them.

    Raises LinkLost, StatusError, Malformed.
    """
    for aid, family in _families(tuple(profiles)):
        locked = family[0].locked_statuses
        command = Command(0x00, 0xA4, 0x04, 0x00, aid, name="SELECT")
        answer = yield from send(Slot.CARD, command, 0x9000, *locked, *NOT_HERE)
        if answer.sw in NOT_HERE:
            continue
        if answer.sw != 0x9000:
            return _locked(family[-1], answer.data)
        raw = find(answer.data, 0x6F, 0xA5, 0x9F0C)
        if raw is None:
            binary = yield from send(Slot.CARD, Command(0x00, 0xB0, 0x95, 0x00, le=0x1E, name="READ EF15"))
            raw = binary.data
        return _purse(family, raw)
    return None


@lru_cache(maxsize=16)
def _families(profiles: tuple[Profile, ...]) -> list[tuple[bytes, list[Profile]]]:
    """The profiles of each AID, in the order of the first; the most particular first, which EF15 values tell apart."""
    aids = dict.fromkeys(profile.aid for profile in profiles)
    return [
        (aid, sorted((profile for profile in profiles if profile.aid == aid), key=lambda profile: not profile.match))
        for aid in aids
    ]


def read(purse: Purse, unasked: Collection[str] = ()) -> Script[Purse]:
    """Read the files that the profile names, one exchange each, but those `unasked` which a purchase can do without.

    Raises LinkLost, StatusError, Malformed.
    """
    raw: dict[str, bytes] = {}
    files: dict[str, Mapping[str, Any]] = {}
    for file in purse.profile.files:
        if file.name in unasked and not file.required:
            continue
        data = yield from read_file(file)
        if data is not None:
            raw[file.name] = data
            files[file.name] = file.layout.parse_leniently(data)
    return Purse(purse.profile, False, purse.number, purse.ef15, purse.serial, purse.issuer_factor, raw, files)


def read_file(file: File) -> Script[bytes | None]:
    """One file's bytes; None when it is not there and need not be."""
    missing = () if file.required else (0x6A82, 0x6A83)
    cla, ins, p1, p2 = file.command
    command = Command(cla, ins, p1, p2, le=256, name=f"READ {file.name}")
    answer = yield from send(Slot.CARD, command, 0x9000, *missing)
    return answer.data if answer.sw == 0x9000 else None


def _locked(profile: Profile, fci: bytes) -> Purse:
    """A locked application: most chips hide the number, some still answer with their FCI."""
    try:
        raw = find(fci, 0x6F, 0xA5, 0x9F0C)
        if raw is not None:
            shown = _purse([profile], raw)
            return Purse(profile, True, shown.number, shown.ef15, shown.serial, shown.issuer_factor, {}, {})
    except Malformed:
        pass  # nothing to learn from it; locked is what counts
    return Purse(profile, True, "", {}, b"", b"", {}, {})


def _purse(family: Sequence[Profile], raw: bytes) -> Purse:
    layout, ef15 = None, dict[str, Any]()
    for profile in family:
        if profile.ef15 is not layout:
            layout, ef15 = profile.ef15, profile.ef15.parse(raw)
        if all(ef15[name] == value for name, value in profile.match.items()):
            number = "".join(ef15[name] for name in profile.number)
            if len(number) != 20 or not number.isdecimal():
                raise Malformed("card number is not 20 digits", raw)
            factor = bytes.fromhex(profile.issuer_factor.format_map(ef15))
            return Purse(profile, False, number, ef15, bytes.fromhex(ef15[profile.serial_field]), factor, {}, {})
    raise Malformed("no card profile fits this EF15", raw)
