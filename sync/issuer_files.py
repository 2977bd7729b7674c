"""The issuer's text files: what a terminal operator delivers (consumption, lock report) and gets (black list).

Fixed width, no separators; the issuer's own writer ends lines with LF CR in one place and CR LF in another, so both are
read, and CR LF is written. Source: docs/cards.md, "XF and the issuer's files".
"""

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from sync.events import Held
from sync.limits import BLACK_LIST_CARDS_MAX, ISSUER_FILE_LINES_MAX

LINE_END = "\r\n"
XF_WIDTH = 149
XF_NO_TAC = "00000000"
JUNK_CARDS = frozenset({"75000000000000000000", "00000000000000000000", "21420000000000000000"})
"""Numbers in real uploads that no card ever had: a record with an unread number is never delivered."""


class PurseSequence(Enum):
    """What XF field 10 carries: a named choice, since no source says it.

    COUNTER is n as INIT gave it, the default: it is the only number in our hands for a debit whose outcome is not
    known, and the issuer's rule ("sequence + 1") compares such numbers with each other. COUNTER_AFTER is n + 1.
    """

    COUNTER = 0
    COUNTER_AFTER = 1


class BadFile(ValueError):
    """A file of the issuer that cannot be read, or a line that does not fit: every fault with its place."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class XfLine(NamedTuple):
    """One consumption, fields 1 to 18 of XF. Money in fen; `tac` 8 hex, zeros when a grey record has none."""

    serial: int
    merchant: str
    terminal: str
    card: str
    main_type: str
    sub_type: str
    card_valid: str
    app_start: str
    app_valid: str
    sequence: int
    psam_counter: int
    balance: int
    amount: int
    when: str
    type: str
    psam: str
    tac: str
    grey: bool


class _Field(NamedTuple):
    """One field: its name, its width, the characters it may hold, and whether it is a number to us."""

    name: str
    width: int
    allowed: str = "[0-9]"
    is_number: bool = False


XF_FIELDS = (
    _Field("serial", 8, is_number=True),
    _Field("merchant", 15),
    _Field("terminal", 8),
    _Field("card", 20),
    _Field("main_type", 2),
    _Field("sub_type", 2),
    _Field("card_valid", 8),
    _Field("app_start", 8),
    _Field("app_valid", 8),
    _Field("sequence", 6, is_number=True),
    _Field("psam_counter", 10, is_number=True),
    _Field("balance", 8, is_number=True),
    _Field("amount", 8, is_number=True),
    _Field("when", 14),
    _Field("type", 2),
    _Field("psam", 12, "[0-9A-F]"),
    _Field("tac", 8, "[0-9A-F]"),
    _Field("grey", 2, "[01]", is_number=True),
)
"""The detail line's table, read in both directions. The PSAM number is six bytes in hex; real ones hold letters."""


def build_xf_line(line: XfLine) -> str:
    """The 149 characters of one consumption. Raises BadFile naming every field that does not fit."""
    faults = []
    parts = []
    for field, value in zip(XF_FIELDS, line, strict=True):
        text = f"{value:0{field.width}d}" if isinstance(value, int) else str(value)
        if not re.fullmatch(f"{field.allowed}{{{field.width}}}", text):
            faults.append(f"{field.name}: {value!r} does not fit {field.width} characters")
        parts.append(text)
    if line.type not in ("06", "09"):
        faults.append(f"type: {line.type!r} is neither 06 nor 09")
    if line.card in JUNK_CARDS:
        faults.append(f"card: {line.card} was never read from a card")
    if faults:
        raise BadFile(faults)
    return "".join(parts)


def parse_xf_line(text: str) -> XfLine:
    """Parse one consumption. Raises BadFile naming every field that cannot be read."""
    if len(text) != XF_WIDTH:
        raise BadFile([f"a line of {len(text)} characters, not {XF_WIDTH}"])
    faults = []
    values: dict[str, str] = {}
    place = 0
    for field in XF_FIELDS:
        part = text[place : place + field.width]
        if not re.fullmatch(f"{field.allowed}+", part, re.ASCII):
            faults.append(f"{field.name} at {place}: {part!r}")
        values[field.name] = part
        place += field.width
    if not faults and (values["type"] not in ("06", "09") or values["grey"] not in ("00", "01")):
        faults.append(f"type {values['type']!r} or grey flag {values['grey']!r} unknown")
    if faults:
        raise BadFile(faults)
    return _xf_line(values)


def _xf_line(values: Mapping[str, str]) -> XfLine:
    numbers = {field.name: int(values[field.name]) for field in XF_FIELDS if field.is_number}
    return XfLine(**{**values, **numbers, "grey": values["grey"] == "01"})  # type: ignore[arg-type]


def xf_line(
    terminal: str, serial: int, held: Held, tac: str, grey: bool, sequence: PurseSequence = PurseSequence.COUNTER
) -> XfLine:
    """The consumption line of a held debit with its outcome."""
    return XfLine(
        serial,
        held.service.merchant,
        terminal,
        held.card,
        held.main_type,
        held.sub_type,
        held.card_valid,
        held.app_start,
        held.app_valid,
        held.counter + sequence.value,
        held.psam_counter,
        held.balance,
        held.amount,
        held.when,
        held.type,
        held.psam,
        tac or XF_NO_TAC,
        grey,
    )


def xf_name(day: str, merchant: str, batch: int) -> str:
    """A name of 30 characters, as the refusal file has room for: XF, date 8, merchant 15, batch 5 (an assumption)."""
    name = f"XF{day}{merchant}{batch:05d}"
    if not re.fullmatch("XF[0-9]{28}", name):
        raise BadFile([f"{name!r} is no XF name"])
    return name


def build_xf(lines: Sequence[XfLine]) -> str:
    """The whole file. Its header follows the issuer's other files: "XF01", count 8, width 8, 24 F. Raises BadFile."""
    assert len(lines) <= ISSUER_FILE_LINES_MAX
    header = f"XF01{len(lines):08d}{XF_WIDTH:08d}{'F' * 24}"
    return "".join(text + LINE_END for text in (header, *map(build_xf_line, lines)))


def parse_xf(text: str) -> list[XfLine]:
    """Parse a whole file. Raises BadFile with every fault and its line."""
    header, details = _lines(text)
    faults = []
    if not re.fullmatch("XF[0-9]{2}[0-9]{8}.*", header, re.ASCII) or int(header[4:12]) != len(details):
        faults.append(f"line 1: the header {header[:44]!r} does not announce {len(details)} lines")
    lines = []
    for number, detail in enumerate(details, 2):
        try:
            lines.append(parse_xf_line(detail))
        except BadFile as wrong:
            faults += [f"line {number}: {fault}" for fault in wrong.faults]
    if faults:
        raise BadFile(faults)
    return lines


def _lines(text: str) -> tuple[str, list[str]]:
    """Header and details, whichever way the lines end."""
    lines = [line for line in re.split("[\r\n]+", text) if line]
    if len(lines) > ISSUER_FILE_LINES_MAX + 1:
        raise BadFile([f"{len(lines)} lines"])
    return (lines[0], lines[1:]) if lines else ("", [])


def lock_report_name(day: str) -> str:
    """Name of the day's lock report; `day` YYYYMMDD."""
    return f"{day}_Lock.txt"


def build_lock_report(day: str, cards: Sequence[str]) -> str:
    """Cards whose application was locked on a validator. The header is the black list's: date 8, count 6. BadFile."""
    faults = [f"card {card!r} is no card number" for card in cards if not re.fullmatch("[0-9]{20}", card, re.ASCII)]
    if not re.fullmatch("[0-9]{8}", day, re.ASCII) or len(cards) > BLACK_LIST_CARDS_MAX:
        faults.append(f"{day!r} with {len(cards)} cards")
    if faults:
        raise BadFile(faults)
    return "".join(text + LINE_END for text in (f"{day}{len(cards):06d}", *cards))


class BlackList(NamedTuple):
    """The issuer's black list: its date and each card's level (two digits)."""

    version: str
    levels: Mapping[str, str]


def parse_black_list(text: str) -> BlackList:
    """Parse `YYYYMMDD_Black.txt`. Raises BadFile with every fault and its line."""
    header, details = _lines(text)
    faults = []
    if not re.fullmatch("[0-9]{14}", header, re.ASCII) or int(header[8:]) != len(details):
        faults.append(f"line 1: the header {header[:14]!r} does not announce {len(details)} cards")
    levels: dict[str, str] = {}
    for number, detail in enumerate(details, 2):
        card, level = detail[:20], detail[20:]
        if not re.fullmatch("[0-9]{22}", detail, re.ASCII):
            faults.append(f"line {number}: {detail[:30]!r} is no card number with a level")
        elif levels.setdefault(card, level) != level:
            faults.append(f"line {number}: card {card} again with another level")
    if faults:
        raise BadFile(faults)
    return BlackList(header[:8], levels)
