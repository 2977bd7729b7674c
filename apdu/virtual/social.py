"""The contact chip of a citizen card: the social-security application, its DFs behind the PIN, and the old card.

Written from the standard's side (docs/cards.md, "Social-security chip"): records are SIMPLE-TLV, text is GBK, days are
BCD, on some cards years in ASCII. A city-pass card has a chip without the application.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from apdu.command import Command
from apdu.virtual.chance import Chance
from apdu.virtual.chip import WRONG_P1P2, Chip, Directory, File, Records, Refused, Transparent, need

APPLICATION = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
OLD_APPLICATION = b"JXYB.MI"
NOT_VERIFIED = 0x6982
BLOCKED = 0x6983
KINDS = ("citizen", "new_resident", "city_pass", "old_medical")
CATEGORY = {"citizen": "1", "new_resident": "2"}
PIN_TRIES = 3
# T=0, historical characters of a Chinese social-security card have this length; the bytes are ours.
ATR = bytes.fromhex("3B6D000000814E5649525453534341")


@dataclass(frozen=True)
class SocialSpec:
    """A card as the issuer's machine is told to make it. `year_dates`: EF05 holds years in ASCII, as test cards do.

    `accumulators`: (year, in-scope fen, pool fen, admissions, unfinished write), empty where the area keeps none there.
    """

    number: str
    id_number: str
    name: str
    kind: str = "citizen"
    sex: str = "1"
    nation: str = "01"
    birth_place: str = "330411"
    birth: str = "19700101"
    issued: str = "20120101"
    valid_to: str = "20321231"
    region: str = "330499"
    employer: str = ""
    pin: str = "123456"
    tries: int = PIN_TRIES
    year_dates: bool = False
    accumulators: tuple[int, ...] = field(default=())

    def __post_init__(self) -> None:
        """Raises ValueError on what no issuer could write."""
        if self.kind not in KINDS:
            raise ValueError(f"kind: one of {', '.join(KINDS)}, not {self.kind!r}")
        widths = {"number": 9, "id_number": 18, "sex": 1, "nation": 2, "birth_place": 6, "birth": 8}
        for name, width in (widths | {"issued": 8, "valid_to": 8, "region": 6, "pin": 6}).items():
            if len(getattr(self, name)) != width:
                raise ValueError(f"{name}: {width} characters wanted")
        if len(self.accumulators) not in (0, 5) or not 0 <= self.tries <= PIN_TRIES:
            raise ValueError(f"accumulators: none or five; tries: 0 to {PIN_TRIES}")

    def to_json(self) -> dict[str, Any]:
        """For another process."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "SocialSpec":
        """Raises ValueError on unknown, missing or wrong fields."""
        if strangers := set(raw) - {one.name for one in fields(cls)}:
            raise ValueError(f"unknown fields: {', '.join(sorted(strangers))}")
        try:
            return cls(**{**raw, "accumulators": tuple(raw.get("accumulators", ()))})
        except TypeError as wrong:
            raise ValueError(str(wrong)) from wrong


@dataclass
class Pin:
    """The holder's PIN in permanent memory, and whether it was shown since the last reset."""

    digits: bytes
    tries: int
    shown: bool = False


class PinDirectory(Directory):
    """A DF of the application. `locked`: its files are read only after VERIFY."""

    def __init__(self, fid: int, name: bytes, files: dict[int, File], pin: Pin, locked: bool) -> None:
        super().__init__(fid, name, files)
        self.pin = pin
        self.locked = locked

    def guard(self, command: Command) -> None:
        if self.locked and command.ins in (0xB0, 0xB2) and not self.pin.shown:
            raise Refused(NOT_VERIFIED)

    def perform(self, chip: Chip, command: Command) -> bytes | None:
        if (command.cla, command.ins) != (0x00, 0x20):
            return None
        if command.p1 or command.p2:
            raise Refused(WRONG_P1P2)
        need(command, data=(0, 3), answer=0)
        if not command.data:  # how many tries are left, without using one
            raise Refused(BLOCKED if not self.pin.tries else 0x63C0 | self.pin.tries)
        if not self.pin.tries:
            raise Refused(BLOCKED)
        if command.data != self.pin.digits:
            self.pin.shown = False
            self.pin.tries -= 1
            raise Refused(0x63C0 | self.pin.tries)
        self.pin.tries, self.pin.shown = PIN_TRIES, True
        return b""


class SocialChip(Chip):
    """The whole chip; what was verified dies with power."""

    reads_all_records = True

    def __init__(self, spec: SocialSpec, pin: Pin) -> None:
        self.spec = spec
        self.pin = pin
        root = Directory(0x3F00, b"1PAY.SYS.DDF01", {})
        super().__init__(root, _directories(spec, pin), Chance(f"social/{spec.number}"), known=[(0x00, 0x20)])

    def reset(self) -> None:
        super().reset()
        self.pin.shown = False


def make_social(spec: SocialSpec, tries: int | None = None) -> SocialChip:
    """Make the chip; `tries` as its memory has them, when it was used before."""
    return SocialChip(spec, Pin(bytes.fromhex(spec.pin), spec.tries if tries is None else tries))


def tlv(tag: int, value: bytes) -> bytes:
    """One SIMPLE-TLV record."""
    assert len(value) < 0xFF
    return bytes((tag, len(value))) + value


def _directories(spec: SocialSpec, pin: Pin) -> list[Directory]:
    if spec.kind == "city_pass":
        return []
    if spec.kind == "old_medical":
        return [Directory(0xDF10, OLD_APPLICATION, {0x15: Transparent(bytearray(_old_record(spec)))})]
    application = PinDirectory(0xDF00, APPLICATION, {0x05: _card(spec), 0x06: _holder(spec)}, pin, locked=False)
    public: dict[int, File] = {0x09: Records(0, [tlv(0x2A, _gbk(spec.employer, 70))])}
    region = bytes(7) + bytes.fromhex(spec.region) + bytes(29)
    insured: dict[int, File] = {0x19: Records(0, [tlv(0x79, region)])}
    medical: dict[int, File] = {}
    if spec.accumulators:
        medical[0x0A] = Transparent(bytearray(_sums(spec)))
    inside = ((0xDF01, public), (0xDF03, insured), (0xDF04, medical))
    return [application, *(PinDirectory(fid, _name(fid), files, pin, locked=True) for fid, files in inside)]


def _name(fid: int) -> bytes:
    """A DF below the application is found by its identifier; its name is the RID and its number."""
    return bytes.fromhex("D1560000") + fid.to_bytes(2, "big")


def _card(spec: SocialSpec) -> Records:
    identifier = bytes.fromhex(spec.region) + bytes.fromhex("D156000005") + spec.number.encode("ascii")[-8:]
    organisation = bytes.fromhex("9156000002") + bytes.fromhex(spec.region) + bytes.fromhex("330401D5")
    records = [
        tlv(0x01, identifier),
        tlv(0x02, CATEGORY[spec.kind].encode()),
        tlv(0x03, b"2.00"),
        tlv(0x04, organisation),
        tlv(0x05, _day(spec.issued, spec.year_dates)),
        tlv(0x06, _day(spec.valid_to, spec.year_dates)),
        tlv(0x07, spec.number.encode("ascii")),
    ]
    return Records(0, records)


def _holder(spec: SocialSpec) -> Records:
    records = [
        tlv(0x08, spec.id_number.encode("ascii")),
        tlv(0x09, _gbk(spec.name, 30)),
        tlv(0x0A, spec.sex.encode("ascii")),
        tlv(0x0B, bytes.fromhex(spec.nation)),
        tlv(0x0C, bytes.fromhex(spec.birth_place)),
        tlv(0x0D, bytes.fromhex(spec.birth)),
    ]
    return Records(0, records)


def _old_record(spec: SocialSpec) -> bytes:
    texts = spec.number.encode("ascii") + spec.id_number.encode("ascii") + _gbk(spec.name, 20)
    return texts + bytes.fromhex(spec.valid_to) + _sums(spec)


def _sums(spec: SocialSpec) -> bytes:
    """Year 2 (BCD), in-scope 4, pool 4, admissions 1, unfinished write 4: the Ninghai card's list, in our own order."""
    year, inscope, pool, admissions, unfinished = spec.accumulators or (0, 0, 0, 0, 0)
    money = inscope.to_bytes(4, "big") + pool.to_bytes(4, "big")
    return bytes.fromhex(f"{year:04d}") + money + bytes((admissions,)) + unfinished.to_bytes(4, "big")


def _gbk(text: str, size: int) -> bytes:
    raw = text.encode("gbk")
    if len(raw) > size:
        raise ValueError(f"{len(raw)} bytes of text do not fit into {size}")
    return raw.ljust(size, b"\x00")


def _day(text: str, year_only: bool) -> bytes:
    return text[:4].encode("ascii") if year_only else bytes.fromhex(text)
