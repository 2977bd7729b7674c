"""How the contact chip writes values. Read only: this device writes nothing on it.

Real cards of different makers and years differ, so a value that does not fit is a fault of its field, not of the card
(docs/cards.md, "Social-security chip").
"""

from collections.abc import Callable, Mapping
from datetime import date

from apdu.errors import Malformed
from apdu.layout import FORMS

Value = str | int


def _text(raw: bytes) -> str:
    """ASCII, padded on the right with zeros or spaces."""
    try:
        text = raw.rstrip(b"\x00 ").decode("ascii")
    except UnicodeDecodeError as wrong:
        raise Malformed("not ASCII", raw) from wrong
    if not text.isprintable():
        raise Malformed("not printable", raw)
    return text


def _gbk(raw: bytes) -> str:
    """GBK, padded on the right with zeros or spaces; some makers pad with the ideographic space."""
    try:
        text = raw.rstrip(b"\x00").decode("gbk").rstrip(" \u3000")
    except UnicodeDecodeError as wrong:
        raise Malformed("not GBK", raw) from wrong
    if not text.isprintable():
        raise Malformed("not printable", raw)
    return text


def _filled_digits(raw: bytes) -> str:
    """BCD, filled on the right with F (cn in the standard)."""
    text = raw.hex().upper().rstrip("F")
    if not (text or "0").isdecimal():
        raise Malformed("not BCD digits filled with F", raw)
    return text


def _day(raw: bytes) -> str:
    """BCD YYYYMMDD; test cards and some early ones hold four ASCII digits of a year. "" for all zeros or all F."""
    if raw in (bytes(4), b"\xff" * 4):
        return ""
    if len(raw) == 4 and raw.isdigit():
        return raw.decode("ascii")
    text = raw.hex()
    try:
        return date.fromisoformat(text).strftime("%Y%m%d") if len(text) == 8 and text.isdecimal() else _no_day(raw)
    except ValueError as wrong:
        raise Malformed("no such day", raw) from wrong


def _no_day(raw: bytes) -> str:
    raise Malformed("neither BCD YYYYMMDD nor four ASCII digits", raw)


READ: Mapping[str, Callable[[bytes], Value]] = {
    "hex": FORMS["hex"][0],
    "uint": FORMS["uint"][0],
    "text": _text,
    "gbk": _gbk,
    "digits": _filled_digits,
    "day": _day,
}
"""Form to reader. uint: big-endian, money in fen; digits: BCD; day: "YYYYMMDD", or "YYYY" where that is all."""


def last_day(text: str) -> date | None:
    """The last day that a "day" value covers: a year lasts to its end; None for "" and for no date."""
    try:
        return date(int(text), 12, 31) if len(text) == 4 else date.fromisoformat(text)
    except ValueError:
        return None
