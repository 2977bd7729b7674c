"""What a simulated card is, as data: one frozen record that travels as JSON between processes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

KINDS = ("jiaxing", "jiaxing_b", "tunion", "mifare", "foreign")
# 社会保障·市民卡, 新居民卡, 城市通卡, 市民B卡
HOLDER_KINDS = {"SM": "社会保障·市民卡", "XJ": "新居民卡", "CT": "城市通卡", "SB": "市民B卡"}
TUNION_PREFIX = "0310"


class BadSpec(ValueError):
    """A card description that no issuer could make; the text names the field."""


@dataclass(frozen=True)
class CardSpec:
    """A blank card before its first tap. Text of digits is packed BCD or hex as the standard has it.

    `main_type` 01 ordinary, 10 student, 11 senior, 20 free senior, 21 love card, 70 driver (an assumption); on a
    T-Union card it is EF17's type: 01 ordinary, 02 student, 03 senior. `city` is MOHURD's code (Jiaxing 3140), or for
    T-Union UnionPay's (Shanghai 2900, Hangzhou 3310). `issuer` is 2 bytes for MOHURD (empty: the city), 8 for
    T-Union. `records` are whole composite records as hex that replace the empty ones with the same identifier. `ats`
    empty means an ordinary one; give "01" or "0278" for a short one. `replays` makes a forged card: same random and
    counter for ever.
    """

    serial: str
    kind: str = "jiaxing"
    holder_kind: str = "SM"
    city: str = "3140"
    issuer: str = ""
    main_type: str = "01"
    sub_type: str = "00"
    interop: str = "0001"
    balance_fen: int = 5000
    counter: int = 0
    load_counter: int = 1
    start: str = "20100101"
    end: str = "20401231"
    enabled: bool = True
    composite_lock: int = 0
    records: tuple[str, ...] = ()
    locked: int = 0
    locked_sw: int = 0x6A81
    log_step: int = 1
    capp_by_number: bool = False
    safe_code: bool = False
    replays: bool = False
    uid: str = ""
    ats: str = ""

    def __post_init__(self) -> None:
        """Check what the layouts rely on. Raises BadSpec."""
        widths = {"serial": 16, "city": 4, "main_type": 2, "sub_type": 2, "interop": 4, "start": 8, "end": 8}
        for name, width in widths.items():
            if len(_hex(name, getattr(self, name))) * 2 != width:
                raise BadSpec(f"{name}: {width} hex digits wanted, not {getattr(self, name)!r}")
        if self.kind not in KINDS:
            raise BadSpec(f"kind: one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.holder_kind not in HOLDER_KINDS:
            raise BadSpec(f"holder_kind: one of {', '.join(HOLDER_KINDS)}, not {self.holder_kind!r}")
        if len(_hex("issuer", self.issuer)) not in ((8,) if self.kind == "tunion" else (0, 2)):
            raise BadSpec(f"issuer: 8 bytes for T-Union, 2 or none otherwise, not {self.issuer!r}")
        if len(_hex("uid", self.uid)) not in (0, 4, 7, 10):
            raise BadSpec(f"uid: 4, 7 or 10 bytes, not {self.uid!r}")
        if not 0 <= self.balance_fen <= 0x7FFFFFFF or not 0 <= self.counter <= 0xFFFF:
            raise BadSpec("balance_fen or counter out of range")
        for name in ("ats", *(f"records[{i}]" for i in range(len(self.records)))):
            _hex(name, self.ats if name == "ats" else self.records[int(name[8:-1])])

    @property
    def number20(self) -> str:
        """The card number as records carry it: city 4 and serial 16; for T-Union the ten bytes of EF15."""
        return (TUNION_PREFIX if self.kind == "tunion" else self.city) + self.serial

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"records": list(self.records)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "CardSpec":
        """Raises BadSpec on unknown or missing fields and wrong values."""
        known = {one.name for one in fields(cls)}
        if strangers := set(raw) - known:
            raise BadSpec(f"unknown fields: {', '.join(sorted(strangers))}")
        try:
            return cls(**{**raw, "records": tuple(raw.get("records", ()))})
        except TypeError as error:
            raise BadSpec(str(error)) from error


def _hex(name: str, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except (ValueError, TypeError) as error:
        raise BadSpec(f"{name}: not hex: {text!r}") from error
