"""The patient before the counter: what the chip says, checked, and never shown or logged whole."""

from datetime import date

from msgspec import Struct

from apdu.social.forms import last_day
from apdu.social.masked import masked_name, masked_number
from apdu.social.read import Chip
from tariffs.copay.claim import OnCard
from tariffs.copay.limits import SUM_MAX_MINOR
from terminal.chipcard import NotServed

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECKS = "10X98765432"
KINDS = {
    "citizen": "社会保障·市民卡",
    "new_resident": "新居民卡",
    "old_medical": "旧医疗保险卡",
    "test": "测试卡",
}


class Patient(Struct, frozen=True):
    """A card that may be served. `ref` the person's reference; `pin_shown`: the chip accepted the holder's PIN;
    `read_at` when it was read (ISO 8601).

    Its repr shows nothing of the person.
    """

    chip: Chip
    ref: str
    pin_shown: bool = False
    read_at: str = ""

    @property
    def on_card(self) -> OnCard | None:
        """The accumulators that an area keeps on the chip; None where there are none, or no PIN let them be read."""
        year, inscope, pool = (self.chip.fact(name) for name in ("year", "inscope_fen", "pool_fen"))
        if not (isinstance(year, str) and year.isascii() and year.isdigit() and int(year)):
            return None
        if not isinstance(inscope, int) or not isinstance(pool, int):
            return None
        return OnCard(int(year), min(inscope, SUM_MAX_MINOR), min(pool, SUM_MAX_MINOR), self.read_at)

    def __repr__(self) -> str:
        return f"Patient({self.chip.kind}, {self.ref[:8]}…)"

    @property
    def shown(self) -> str:
        """For the screen and the receipt: masked name, kind of card, number by its last four."""
        kind = KINDS.get(self.chip.kind, self.chip.kind)
        return f"{masked_name(self.chip.text('name'))}（{kind} {masked_number(self.chip.text('id_number'))}）"


def is_id_number(text: str) -> bool:
    """Whether an 18-character number has the check character of GB 11643 (MOD 11-2)."""
    if len(text) != 18 or not text.isascii() or not text[:17].isdigit():
        return False
    total = sum(weight * int(digit) for weight, digit in zip(WEIGHTS, text, strict=False))
    return text[17].upper() == CHECKS[total % 11]


def admitted(chip: Chip, today: date) -> str:
    """The ID number of a card that may be served. Raises NotServed: unreadable, another's number, or out of date."""
    number = chip.text("id_number")
    if not number or not chip.text("name"):
        raise NotServed("unreadable", "卡内身份信息读不出，请换卡或到发卡窗口", "the card does not tell whose it is")
    if not is_id_number(number):
        raise NotServed("bad_number", "卡内证件号码校验位不符", "the number on the card fails its check digit")
    until = last_day(chip.text("valid_to"))
    if chip.text("valid_to") and (until is None or until < today):
        zh, en = f"卡已过有效期（{chip.text('valid_to')}）", f"the card ended on {chip.text('valid_to')}"
        raise NotServed("expired", zh, en)
    if chip.fact("unfinished"):
        zh, en = "卡上有一笔未完成的写卡，请先到原窗口处理", "another counter left a write unfinished on this card"
        raise NotServed("unfinished", zh, en)
    return number
