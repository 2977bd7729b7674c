"""A journal row's canonical bytes, and the hash chain over them.

A row is one JSON object with a fixed order of members, so its bytes are canonical: they are stored, hashed and sent as
they are. No row ever changes; an outcome is a new row that names its HELD row by sequence number.
"""

from hashlib import sha256
from typing import Literal

import msgspec

from sync.events import AnyEvent

HEAD_BYTES = 32
GENESIS = bytes(HEAD_BYTES)


class Row(msgspec.Struct, frozen=True):
    """One journal row. `seq` is contiguous within (terminal, epoch); `serial` goes on over epochs (XF field 1, N8).

    `at` ISO 8601 with offset; `clock` its trust; `boot` and `mono_ms` order events when the wall clock cannot.
    """

    terminal: str
    epoch: int
    seq: int
    serial: int
    at: str
    clock: Literal["synced", "rtc", "restored", "unknown"]
    boot: str
    mono_ms: int
    event: AnyEvent


class BadRow(ValueError):
    """Bytes that are not a row."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Row)


def encode(row: Row) -> bytes:
    """The row's canonical bytes (UTF-8 JSON)."""
    return _encoder.encode(row)


def decode(raw: bytes) -> Row:
    """Parse canonical bytes. Raises BadRow on anything else, also on JSON that is not canonical."""
    try:
        row = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise BadRow(str(wrong)) from wrong
    if encode(row) != raw:
        raise BadRow("the row's bytes are not in canonical form")
    return row


def chain(head: bytes, raw: bytes) -> bytes:
    """The chain's next head: SHA-256 over the head before (32 bytes) and the row's bytes."""
    return sha256(head + raw).digest()
