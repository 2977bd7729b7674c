"""Find the social-security application and read what its profile names (docs/cards.md, "Social-security chip")."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from msgspec import Struct

from apdu.command import Command
from apdu.errors import Malformed
from apdu.script import NOT_HERE, Script, Slot, send
from apdu.social.forms import READ, Value
from apdu.social.profile import Field, File, Profile
from apdu.social.verify import PinBlocked, PinWrong, verify
from apdu.tlv import simple_items

MISSING = (0x6A82, 0x6A83)


class Chip(Struct, frozen=True, repr_omit_defaults=True):
    """What was read. `values` by file and field; `faults`: "file.field" whose bytes do not fit their form.

    Its repr shows no value: a name or a number must not reach a log by accident.
    """

    profile: Profile
    values: Mapping[str, Mapping[str, Value]]
    faults: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Chip({self.profile.name}, files {', '.join(self.values) or 'none'})"

    def fact(self, name: str) -> Value | None:
        """The value of a fact, where the profile says that this family keeps it; None when it was not read."""
        where = self.profile.facts.get(name)
        return None if where is None else self.values.get(where[0], {}).get(where[1])

    def text(self, name: str) -> str:
        """A fact as text, "" when it was not read."""
        value = self.fact(name)
        return "" if value is None else str(value)

    @property
    def kind(self) -> str:
        """The kind of card, by its category."""
        return self.profile.kinds.get(self.text("category"), self.profile.default_kind)

    def joined(self, other: "Chip") -> "Chip":
        """Both readings of one chip."""
        return Chip(self.profile, {**self.values, **other.values}, (*self.faults, *other.faults))


def select(profiles: Sequence[Profile]) -> Script[Profile | None]:
    """SELECT the first application of `profiles` that the chip has; None: no social-security function.

    Raises LinkLost, StatusError, Malformed.
    """
    for profile in profiles:
        command = Command(0x00, 0xA4, 0x04, 0x00, profile.aid, le=256, name="SELECT")
        answer = yield from send(Slot.CARD, command, 0x9000, *NOT_HERE)
        if answer.sw == 0x9000:
            return profile
    return None


def read_free(profile: Profile) -> Script[Chip]:
    """Read the files that need no PIN. Raises LinkLost, StatusError, Malformed."""
    return (yield from _read(profile, [file for file in profile.files if not file.pin]))


def read_protected(profile: Profile, pin: str) -> Script[Chip | PinWrong | PinBlocked]:
    """Verify the PIN and read the files behind it, DF by DF; the chip's refusal of the PIN is a value.

    `pin`: as many digits as the profile says. Raises LinkLost, StatusError, Malformed.
    """
    read = Chip(profile, {}, ())
    files = [file for file in profile.files if file.pin]
    for df, inside in groupby(files, key=lambda file: file.df):
        if df and not (yield from _enter(df)):
            continue
        refusal = yield from verify(profile, pin)
        if refusal is not None:
            return refusal
        read = read.joined((yield from _read(profile, list(inside))))
    return read


def _enter(df: bytes) -> Script[bool]:
    command = Command(0x00, 0xA4, 0x01, 0x00, df, le=256, name=f"SELECT {df.hex().upper()}")
    answer = yield from send(Slot.CARD, command, 0x9000, *NOT_HERE)
    return answer.sw == 0x9000


def _read(profile: Profile, files: Sequence[File]) -> Script[Chip]:
    values: dict[str, Mapping[str, Value]] = {}
    faults: list[str] = []
    for file in files:
        raw = yield from _read_file(file)
        if raw is None:
            continue
        found, unread = _values(file, raw)
        values[file.name] = found
        faults += [f"{file.name}.{name}" for name in unread]
    return Chip(profile, values, tuple(faults))


def _read_file(file: File) -> Script[bytes | None]:
    """The file's bytes; None when it is not there and need not be."""
    missing = () if file.required else MISSING
    if file.ef:
        command = Command(0x00, 0xA4, 0x02, 0x00, file.ef, le=256, name=f"SELECT {file.name}")
        answer = yield from send(Slot.CARD, command, 0x9000, *missing)
        if answer.sw != 0x9000:
            return None
    cla, ins, p1, p2 = file.read
    answer = yield from send(Slot.CARD, Command(cla, ins, p1, p2, le=256, name=f"READ {file.name}"), 0x9000, *missing)
    return answer.data if answer.sw == 0x9000 else None


def _values(file: File, raw: bytes) -> tuple[dict[str, Value], list[str]]:
    """Values by field name, and the fields that do not read. Raises Malformed when the file itself is nonsense."""
    values: dict[str, Value] = {}
    unread: list[str] = []
    for field, part in _parts(file, raw):
        if field.name in values or field.name in unread:
            continue  # the first of a tag that comes twice
        try:
            if len(part) != field.size:
                raise Malformed(f"{field.name} has {len(part)} bytes, not {field.size}")
            values[field.name] = READ[field.form](part)
        except Malformed:
            unread.append(field.name)
    return values, unread


def _parts(file: File, raw: bytes) -> Iterator[tuple[Field, bytes]]:
    if file.tags:
        for tag, value in simple_items(raw):
            if tag in file.tags:
                yield file.tags[tag], value
        return
    size = sum(field.size for field in file.fields)
    if len(raw) < size:
        raise Malformed(f"{file.name} has {len(raw)} bytes, not {size}")
    at = 0
    for field in file.fields:
        yield field, raw[at : at + field.size]
        at += field.size
