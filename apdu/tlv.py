"""BER-TLV as ISO/IEC 7816-4 cards use it (tags of one or two bytes, lengths up to 255), and SIMPLE-TLV records."""

from collections.abc import Iterator

from apdu.errors import Malformed
from apdu.limits import TLV_DEPTH_MAX


def items(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (tag, value) of each item at this level. Raises Malformed when lengths do not fit."""
    at, end = 0, len(raw)
    while at < end:
        tag = raw[at]
        at += 1
        if tag in (0x00, 0xFF):  # filler between items, 7816-4 5.2.2.1
            continue
        if tag & 0x1F == 0x1F:
            if at >= end or raw[at] & 0x80:
                raise Malformed("TLV tag is cut off or longer than two bytes", raw)
            tag = tag << 8 | raw[at]
            at += 1
        if at >= end:
            raise Malformed("TLV length is missing", raw)
        start, length = at + 1, raw[at]
        if length >= 0x80:
            if length != 0x81 or start >= end:
                raise Malformed("TLV length form is not used on cards", raw)
            start, length = at + 2, raw[start]
        at = start + length
        if at > end:
            raise Malformed("TLV value longer than its field", raw)
        yield tag, raw[start:at]


def find(raw: bytes, *path: int) -> bytes | None:
    """The value under a path of tags, each inside the one before; None when there is none. Raises Malformed."""
    assert len(path) <= TLV_DEPTH_MAX
    for wanted in path:
        for tag, value in items(raw):
            if tag == wanted:
                raw = value
                break
        else:
            return None
    return raw


def simple_items(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (tag, value) of SIMPLE-TLV objects: tag 1, length 1, or FF and two bytes (ISO/IEC 7816-4, 5.2.1).

    Zeros and FF between objects are filler. Raises Malformed when lengths do not fit.
    """
    at, end = 0, len(raw)
    while at < end:
        tag = raw[at]
        if tag in (0x00, 0xFF):
            at += 1
            continue
        if at + 1 >= end:
            raise Malformed("SIMPLE-TLV length is missing", raw)
        start, length = at + 2, raw[at + 1]
        if length == 0xFF:
            if at + 4 > end:
                raise Malformed("SIMPLE-TLV length is cut off", raw)
            start, length = at + 4, int.from_bytes(raw[at + 2 : at + 4], "big")
        at = start + length
        if at > end:
            raise Malformed("SIMPLE-TLV value longer than its record", raw)
        yield tag, raw[start:at]
