"""SIP2 frames: bytes of one message up to CR, with sequence number and checksum or without (3M SIP2 2.00, "Error
Detection")."""

import re
from typing import NamedTuple

from sync.sip2.errors import BadChecksum, BadMessage
from sync.sip2.limits import MESSAGE_BYTES_MAX

_TAIL = re.compile(rb"(?:AY([0-9]))?AZ([0-9A-Fa-f]{4})\Z")


class Frame(NamedTuple):
    """A frame opened. `sequence` 0..9 and `checked` (its checksum was there and right) as far as it bore them."""

    body: bytes
    sequence: int | None
    checked: bool


def checksum(data: bytes) -> bytes:
    """Four hex digits that bring the 16-bit sum of all bytes, `AZ` included, to zero: b"97AZ" gives b"FEF5"."""
    return b"%04X" % (-sum(data) & 0xFFFF)


def seal(body: bytes, sequence: int | None, checked: bool, terminator: bytes = b"\r") -> bytes:
    """Frame a message. 96 and 97 bear no sequence number."""
    assert sequence is None or 0 <= sequence <= 9
    if not checked:
        return body + terminator
    numbered = body if sequence is None else body + b"AY%d" % sequence
    return numbered + b"AZ" + checksum(numbered + b"AZ") + terminator


def opened(raw: bytes) -> Frame:
    """Take a frame (without its CR) apart. Raises BadChecksum when it bears one that is wrong."""
    found = _TAIL.search(raw)
    if found is None:
        return Frame(raw, None, False)
    if checksum(raw[: found.start(2)]) != found[2].upper():
        raise BadChecksum("a frame with a wrong checksum")
    return Frame(raw[: found.start()], int(found[1]) if found[1] else None, True)


class Splitter:
    """Cuts a stream into frames on CR, whichever way it is fragmented; LF of a CR LF is passed over."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are whole now. Raises BadMessage for one without an end."""
        *whole, self._rest = (self._rest + data).split(b"\r")
        if len(self._rest) > MESSAGE_BYTES_MAX or any(len(frame) > MESSAGE_BYTES_MAX for frame in whole):
            self._rest = b""
            raise BadMessage("a message without an end")
        return [stripped for frame in whole if (stripped := frame.lstrip(b"\n"))]
