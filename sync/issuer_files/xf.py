"""XF: what a terminal operator delivers, one line for each consumption."""

import re
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from sync.events import Held
from sync.issuer_files.fixed import BadFile, Field, build_file, build_line, parse_file, parse_line, width_of

XF_WIDTH = 149
XF_NO_TAC = "00000000"
MONTHLY = (Field("month", 2), Field("month_flag", 1), Field("reserved", 6, "[0-9A-Z ]"))
"""What may follow a line of then 158 characters: pass type (00 none, 01 month, 02 quarter, 03 year), flag."""
JUNK_CARDS = frozenset({"75000000000000000000", "00000000000000000000", "21420000000000000000"})
"""Numbers in real uploads that no card ever had: a record with an unread number is never delivered."""


class PurseSequence(Enum):
    """What XF field 10 carries: a named choice, since no source says it.

    COUNTER is n as INIT gave it, the default: it is the only number in our hands for a debit whose outcome is not
    known, and the issuer's rule ("sequence + 1") compares such numbers with each other. COUNTER_AFTER is n + 1.
    """

    COUNTER = 0
    COUNTER_AFTER = 1


class XfLine(NamedTuple):
    """One consumption, fields 1 to 18 of XF. Money in fen; `tac` 8 hex, zeros when a grey record has none.

    `month`: the nine characters of a longer line as they stand, "" for one of 149.
    """

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
    month: str = ""


XF_FIELDS = (
    Field("serial", 8, is_number=True),
    Field("merchant", 15),
    Field("terminal", 8),
    Field("card", 20),
    Field("main_type", 2),
    Field("sub_type", 2),
    Field("card_valid", 8),
    Field("app_start", 8),
    Field("app_valid", 8),
    Field("sequence", 6, is_number=True),
    Field("psam_counter", 10, is_number=True),
    Field("balance", 8, is_number=True),
    Field("amount", 8, is_number=True),
    Field("when", 14),
    Field("type", 2),
    Field("psam", 12, "[0-9A-F]"),
    Field("tac", 8, "[0-9A-F]"),
    Field("grey", 2, "[01]", is_number=True),
)
"""The detail line's table, read in both directions. The PSAM number is six bytes in hex; real ones hold letters."""


def build_xf_line(line: XfLine) -> str:
    """The 149 characters of one consumption (158 with `month`). Raises BadFile naming every field that does not fit."""
    faults: list[str] = []
    text = ""
    try:
        text = build_line(XF_FIELDS, line[:-1])
    except BadFile as wrong:
        faults += wrong.faults
    if line.type not in ("06", "09"):
        faults.append(f"type: {line.type!r} is neither 06 nor 09")
    if line.card in JUNK_CARDS:
        faults.append(f"card: {line.card} was never read from a card")
    if line.month:
        try:
            parse_line(MONTHLY, line.month)
        except BadFile as wrong:
            faults += wrong.faults
    if faults:
        raise BadFile(faults)
    return text + line.month


def parse_xf_line(text: str) -> XfLine:
    """Parse one consumption. Raises BadFile naming every field that cannot be read."""
    month = text[XF_WIDTH:] if len(text) == XF_WIDTH + width_of(MONTHLY) else ""
    values = parse_line(XF_FIELDS, text[:XF_WIDTH] if month else text)
    if month:
        parse_line(MONTHLY, month)
    return line_of(values, month)


def line_of(values: Sequence[str | int], month: str) -> XfLine:
    """The consumption of the values of XF_FIELDS, as one line holds them. Raises BadFile."""
    kind, grey = values[14], values[17]
    if kind not in ("06", "09") or grey not in (0, 1):
        raise BadFile([f"type {kind!r} or grey flag {grey!r} unknown"])
    return XfLine._make([*values[:-1], bool(grey), month])


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
    return build_file("XF01", XF_WIDTH, [build_xf_line(line) for line in lines])


def parse_xf(text: str) -> list[XfLine]:
    """Parse a whole file. Raises BadFile with every fault and its line."""
    return parse_file("XF[0-9]{2}([0-9]{8}).*", text, parse_xf_line)
