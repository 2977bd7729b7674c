"""A batch of journal rows, to bytes and back: gzip over one JSON object with the rows' canonical bytes in it.

Only the chain's head before and after travel: the receiver computes the heads between. Rows go woven (sync/weave.py).
With bytes among them that are no row any more (a damaged disk) each goes as the JSON object that it is and those as a
base64 string, so that they never block the rest; a sender may always do so.
"""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec

from sync.chain import Identity, Stored
from sync.condition import Condition, readable
from sync.limits import (
    BATCH_GZIP_BYTES_MAX,
    BATCH_JSON_BYTES_MAX,
    BATCH_ROWS_MAX,
    EPOCH_MAX,
    SEQ_MAX,
    STRETCH_ROWS,
)
from sync.record import BadRow, chain, decode
from sync.weave import GiveWay, Woven, unhurried, unweave, weave

Terminal = Annotated[str, msgspec.Meta(pattern=r"\A[0-9A-Za-z_-]{1,16}\Z")]
Epoch = Annotated[int, msgspec.Meta(ge=1, le=EPOCH_MAX)]
Seq = Annotated[int, msgspec.Meta(ge=1, le=SEQ_MAX)]
Head = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]

_GZIP = 31  # zlib's number for the gzip wrapper; its header then carries no time


class Batch(NamedTuple):
    """Rows `first`.. of one terminal and epoch, as raw bytes; `prev_head` before the first, `head` after the last.

    `condition`: what the terminal says of itself, None when it says nothing.
    """

    terminal: str
    epoch: int
    first: int
    rows: tuple[bytes, ...]
    prev_head: bytes
    head: bytes
    condition: Condition | None = None

    @property
    def last(self) -> int:
        """The number of the last row; one below `first` in a batch that only asks for news."""
        return self.first + len(self.rows) - 1


class BadBatch(ValueError):
    """Bytes that are no batch."""


class BatchMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A batch on the wire: rows `first`.. of a journal, either `woven` or as the JSON objects that they are, in base64
    where a damaged disk left no such object; the chain's head before and after; `state`: how the terminal is
    (Condition)."""

    terminal: Terminal
    epoch: Epoch
    first: Seq
    prev_head: Head
    head: Head
    rows: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=BATCH_ROWS_MAX)] | None = None
    woven: Woven | None = None
    state: Any = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(BatchMessage)


def batch_of(identity: Identity, after: int, prev_head: bytes, rows: Sequence[Stored]) -> Batch:
    """The journal's `rows` after number `after` as a batch; `prev_head`: the chain's head before them."""
    head = rows[-1].head if rows else prev_head
    raws = tuple(row.raw for row in rows)
    return Batch(identity.terminal, identity.epoch, after + 1, raws, prev_head, head)


def path_of(terminal: str) -> str:
    """Where a terminal's batches are posted, and what their proofs are made for, also on a stick."""
    return f"/v1/terminals/{terminal}/batches"


def heads(prev_head: bytes, rows: Sequence[bytes]) -> list[bytes]:
    """The chain's head after each of `rows`."""
    found = []
    for raw in rows:
        prev_head = chain(prev_head, raw)
        found.append(prev_head)
    return found


def pack(batch: Batch, give_way: GiveWay = lambda: None) -> bytes:
    """The batch as it is sent."""
    assert len(batch.rows) <= BATCH_ROWS_MAX
    are_rows = all(map(_is_row, unhurried(batch.rows, give_way, STRETCH_ROWS)))
    text = _encoded(batch, None, weave(batch.rows, give_way)) if are_rows else b""
    if not text or len(text) > BATCH_JSON_BYTES_MAX:
        text = _encoded(batch, [msgspec.Raw(_embedded(raw)) for raw in batch.rows], None)
    press = zlib.compressobj(wbits=_GZIP)
    return press.compress(text) + press.flush()


def _encoded(batch: Batch, rows: list[msgspec.Raw] | None, woven: Woven | None) -> bytes:
    prev_head, head = batch.prev_head.hex(), batch.head.hex()
    where = batch.terminal, batch.epoch, batch.first
    return _encoder.encode(BatchMessage(*where, prev_head, head, rows, woven, batch.condition))


def unpack(raw: bytes) -> Batch:
    """Parse a batch as it was sent. Raises BadBatch on anything else, also on one that would unpack past its bound."""
    try:
        wire = _decoder.decode(_unpressed(raw))
        rows = tuple(_rows(wire))
    except (msgspec.DecodeError, ValueError, RecursionError) as wrong:
        raise BadBatch(f"not a batch: {wrong}") from wrong
    heads = bytes.fromhex(wire.prev_head), bytes.fromhex(wire.head)
    return Batch(wire.terminal, wire.epoch, wire.first, rows, *heads, readable(wire.state))


def _rows(wire: BatchMessage) -> Iterable[bytes]:
    if wire.woven is not None and wire.rows is None:
        return unweave(wire.woven)
    if wire.rows is not None and wire.woven is None:
        return (_extracted(bytes(row)) for row in wire.rows)
    raise ValueError("rows, or woven ones, are wanted")


def _unpressed(raw: bytes) -> bytes:
    if len(raw) > BATCH_GZIP_BYTES_MAX:
        raise BadBatch(f"{len(raw)} bytes are no batch")
    unpress = zlib.decompressobj(wbits=_GZIP)
    try:
        text = unpress.decompress(raw, BATCH_JSON_BYTES_MAX)
    except zlib.error as wrong:
        raise BadBatch(f"not gzip: {wrong}") from wrong
    if not unpress.eof or unpress.unused_data:
        raise BadBatch("cut short, too long when unpacked, or something follows")
    return text


def _is_row(raw: bytes) -> bool:
    try:
        decode(raw)
    except BadRow:
        return False
    return True


def _embedded(raw: bytes) -> bytes:
    return raw if _is_row(raw) else b'"' + b64encode(raw) + b'"'


def _extracted(element: bytes) -> bytes:
    if not element.startswith(b'"'):
        return element
    return b64decode(element[1:-1], validate=True)
