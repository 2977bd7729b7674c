"""Money: whole fen, read exactly from text and written in yuan. Nothing here is ever a float."""

import re

from tariffs.limits import AMOUNT_MAX_FEN

_YUAN = re.compile(r"(-?)([0-9]{1,9})(?:\.([0-9]{1,2}))?", re.ASCII)


class BadAmount(ValueError):
    """A text that is not an exact amount in yuan and fen, or one beyond the bound."""


def fen_from_text(text: str) -> int:
    """Read an amount in yuan ("2", "1.5", "2.00", "-0.50") as whole fen, exactly.

    At most two decimals, which is what ISO 4217 gives the yuan; no exponent, no sign but minus, no blanks, no comma.
    Raises BadAmount on anything else and beyond AMOUNT_MAX_FEN on either side of zero.
    """
    found = _YUAN.fullmatch(text)
    if found is None:
        raise BadAmount("not an amount in yuan with at most two decimals")
    minus, yuan, decimals = found.groups()
    fen = int(yuan) * 100 + int((decimals or "").ljust(2, "0"))
    if fen > AMOUNT_MAX_FEN:
        raise BadAmount(f"beyond {yuan_text(AMOUNT_MAX_FEN)} yuan")
    return -fen if minus else fen


def yuan_text(fen: int) -> str:
    """The bare number in yuan, always with two decimals: 100 is "1.00", -5 is "-0.05"."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def yuan_zh(fen: int) -> str:
    """As a Chinese screen shows it: "1.00元"."""
    return f"{yuan_text(fen)}元"


def yuan_en(fen: int) -> str:
    """As an English screen shows it: "¥1.00", "-¥0.05"."""
    return f"{'-' if fen < 0 else ''}¥{yuan_text(abs(fen))}"


def rated(fen: int, percent: int) -> int:
    """`percent` of an amount that is not negative, in whole fen, the rest cut off.

    Source: docs/transit.md, "Jiaxing fares", rounding.
    """
    assert fen >= 0 <= percent, "a rate is taken of an amount, not of a debt"
    return fen * percent // 100
