"""Amounts in the smallest unit of their currency, read exactly from text. Nothing here is ever a float.

The exponents are those of ISO 4217 (table A.1): how many decimals a currency has.
"""

import re
from functools import cache

from tariffs.limits import AMOUNT_DIGITS_MAX

_CODE = re.compile("[A-Z]{3}", re.ASCII)
_EXPONENTS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_NOT_TWO = {code: exponent for exponent, codes in _EXPONENTS.items() for code in codes.split()}


class BadAmount(ValueError):
    """A text that is not an exact amount in its currency."""


def is_currency(code: str) -> bool:
    """Whether `code` has the shape of an ISO 4217 code."""
    return _CODE.fullmatch(code) is not None


def exponent(code: str) -> int:
    """Decimals of a currency; two where the standard gives no other number."""
    return _NOT_TWO.get(code, 2)


@cache
def _shape(decimals: int) -> re.Pattern[str]:
    tail = rf"(?:\.([0-9]{{1,{decimals}}})0*)?" if decimals else r"(?:\.(0+))?"
    return re.compile(rf"(-?)([0-9]{{1,{AMOUNT_DIGITS_MAX}}}){tail}", re.ASCII)


def units_from_text(text: str, code: str) -> int:
    """An amount such as "2", "1.5", "-0.50" in the currency's smallest unit, exactly.

    No exponent, no sign but minus, no blanks, no comma; decimals beyond the currency's own must be zeros. Raises
    BadAmount on anything else.
    """
    decimals = exponent(code)
    found = _shape(decimals).fullmatch(text)
    if found is None:
        raise BadAmount(f"not an amount with at most {decimals} decimals")
    minus, whole, rest = found.groups()
    units = int(whole + (rest or "").ljust(decimals, "0")[:decimals])
    return -units if minus else units


def units_text(units: int, code: str) -> str:
    """The bare number with all the decimals of its currency: 350 EUR is "3.50", 200 JPY is "200"."""
    decimals = exponent(code)
    sign, digits = "-" if units < 0 else "", str(abs(units)).zfill(decimals + 1)
    return sign + (f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits)
