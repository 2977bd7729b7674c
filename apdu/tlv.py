"""BER-TLV as ISO/IEC 7816-4 cards use it: tags of one or two bytes, lengths up to 255 in one or two bytes."""

from collections.abc import Iterator

from apdu.errors import Malformed
from apdu.limits import TLV_DEPTH_MAX


def items(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (tag, value) of each item at this level. Raises Malformed when lengths do not fit."""
    at, end = 0, len(raw)
    while at < end:
        if raw[at] in (0x00, 0xFF):  # filler between items, 7816-4 5.2.2.1
            at += 1
            continue
        tag, at = _tag(raw, at)
        length, at = _length(raw, at)
        if at + length > end:
            raise Malformed("TLV value longer than its field", raw)
        yield tag, raw[at : at + length]
        at += length


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


def _tag(raw: bytes, at: int) -> tuple[int, int]:
    if raw[at] & 0x1F != 0x1F:
        return raw[at], at + 1
    if at + 1 >= len(raw) or raw[at + 1] & 0x80:
        raise Malformed("TLV tag is cut off or longer than two bytes", raw)
    return raw[at] << 8 | raw[at + 1], at + 2


def _length(raw: bytes, at: int) -> tuple[int, int]:
    if at >= len(raw):
        raise Malformed("TLV length is missing", raw)
    if raw[at] < 0x80:
        return raw[at], at + 1
    if raw[at] == 0x81 and at + 1 < len(raw):
        return raw[at + 1], at + 2
    raise Malformed("TLV length form is not used on cards", raw)
