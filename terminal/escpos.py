"""The few ESC/POS commands that a receipt needs, as bytes, and what a printer's status bytes say. Pure.

`ESC @` initialise; `FS &` Chinese characters on; text in GBK, the part of GB18030 that printers have; `ESC d n` feed;
`GS V B n` feed and cut; `DLE EOT n` real-time status 1 (printer) and 4 (paper roll). Source: Epson's ESC/POS reference;
the traps are docs/peripherals.md's.
"""

from collections.abc import Iterable
from enum import Enum

INITIALISE = b"\x1b@"
CHINESE_ON = b"\x1c&"
FEED_AND_CUT = b"\x1bd\x03\x1dVB\x00"
ASK_PRINTER = b"\x10\x04\x01"
ASK_PAPER = b"\x10\x04\x04"

_FIXED = 0b1001_0011
_FIXED_VALUE = 0b0001_0010
_OFFLINE = 0b0000_1000
_PAPER_OUT = 0b0110_0000
_PAPER_LOW = 0b0000_1100


class Paper(Enum):
    """What the printer says of itself, in both languages. Silence is UNKNOWN, never "all well"."""

    READY = ("打印机就绪", "printer ready")
    LOW = ("纸将用尽，请备纸卷", "paper low: have a roll at hand")
    OUT = ("缺纸，请换纸卷", "out of paper: put a roll in")
    OFFLINE = ("打印机脱机，请检查上盖", "printer offline: check its cover")
    UNKNOWN = ("打印机无应答", "the printer does not answer")
    ABSENT = ("未连接打印机", "no printer is connected")

    def __init__(self, zh: str, en: str) -> None:
        self.zh = zh
        self.en = en


def encoded(lines: Iterable[str]) -> bytes:
    """A printed slip: lines, feed, cut. U+00A5 becomes the full-width yen; what GBK does not have becomes "?"."""
    text = "".join(line.replace("\u00a5", "\uffe5") + "\n" for line in lines)
    return INITIALISE + CHINESE_ON + text.encode("gbk", "replace") + FEED_AND_CUT


def status(printer: bytes, paper: bytes) -> Paper:
    """What the answers to ASK_PRINTER and ASK_PAPER say; a byte without the fixed bits is no answer."""
    if len(printer) != 1 or len(paper) != 1 or any(byte & _FIXED != _FIXED_VALUE for byte in printer + paper):
        return Paper.UNKNOWN
    if paper[0] & _PAPER_OUT:
        return Paper.OUT
    if printer[0] & _OFFLINE:
        return Paper.OFFLINE
    return Paper.LOW if paper[0] & _PAPER_LOW else Paper.READY
