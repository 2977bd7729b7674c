"""Batches: what was packed comes out to the byte, and nothing else does."""

import gzip
import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.batch import BadBatch, Batch, heads, pack, unpack
from sync.limits import BATCH_BYTES_MAX, BATCH_GZIP_BYTES_MAX, BATCH_JSON_BYTES_MAX, BATCH_ROWS_MAX, ROW_BYTES_MAX
from sync.record import GENESIS, Row, encode
from tests.rows import AT, HELD


def row(seq: int) -> bytes:
    return encode(Row("00330401", 1, seq, seq, AT, "rtc", "boot", 5, HELD))


def batch(*rows: bytes, first: int = 1) -> Batch:
    return Batch("00330401", 1, first, rows, GENESIS, heads(GENESIS, rows)[-1] if rows else GENESIS)


def wire(**changes: Any) -> bytes:
    """A batch as sent, with members changed; None takes one away."""
    members = {
        "terminal": "00330401",
        "epoch": 1,
        "first": 1,
        "prev_head": "00" * 32,
        "head": "00" * 32,
        "rows": [],
    }
    changed = {name: value for name, value in (members | changes).items() if value is not None}
    return gzip.compress(json.dumps(changed).encode())


def test_rows_arrive_as_the_bytes_that_were_stored() -> None:
    sent = batch(*(row(seq) for seq in range(1, 6)))
    assert unpack(pack(sent)) == sent and sent.last == 5
    beside_damage = pack(batch(row(1), b"damaged"))
    assert row(1) in gzip.decompress(beside_damage), "beside damaged ones an intact row goes as it is"


def test_a_batch_without_rows_asks_for_news() -> None:
    sent = batch(first=8)
    assert unpack(pack(sent)) == sent and sent.last == 7


@given(st.lists(st.binary(max_size=60) | st.sampled_from([row(1), b'"text"', b'{"a": 1}', b" {} "]), max_size=8))
def test_damaged_rows_travel_to_the_byte_among_the_others(rows: list[bytes]) -> None:
    assert unpack(pack(batch(*rows))).rows == tuple(rows)


def test_packing_is_repeatable() -> None:
    assert pack(batch(row(1))) == pack(batch(row(1)))


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_as_a_batch(raw: bytes) -> None:
    for sent in (raw, gzip.compress(raw)):
        with pytest.raises(BadBatch):
            unpack(sent)


@given(st.data())
def test_a_changed_byte_is_a_batch_or_refused(data: st.DataObject) -> None:
    raw = bytearray(pack(batch(row(1), b"damaged")))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = unpack(bytes(raw))
    except BadBatch:
        return
    assert unpack(pack(found)) == found


@pytest.mark.parametrize(
    "wrong",
    [
        wire(terminal="../etc"),
        wire(terminal=""),
        wire(terminal="a" * 17),
        wire(terminal="00330401\n"),
        wire(epoch=0),
        wire(epoch=1.0),
        wire(epoch=True),
        wire(first=0),
        wire(first=2**53),
        wire(head="00" * 31),
        wire(head="0G" * 32),
        wire(prev_head=None),
        wire(rows=None),
        wire(rows={}),
        wire(more=1),
        wire(rows=[1] * (BATCH_ROWS_MAX + 1)),
        wire(rows=["not base64"]),
        wire(woven={"order": [], "groups": []}),
        wire(rows=["\u00e9\u00e9\u00e9\u00e9"]),
        wire() + b"more",
        wire()[:-1],
        gzip.compress(b"[" * 100_000),
    ],
    ids=map(str, range(22)),  # the bytes bear the time
)
def test_a_batch_that_breaks_a_rule_is_refused(wrong: bytes) -> None:
    assert unpack(wire()).rows == ()
    with pytest.raises(BadBatch):
        unpack(wrong)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b'{"terminal":"' + b"0" * (50 * BATCH_JSON_BYTES_MAX))
    assert len(bomb) < BATCH_GZIP_BYTES_MAX
    with pytest.raises(BadBatch, match="too long"):
        unpack(bomb)
    with pytest.raises(BadBatch):
        unpack(bytes(BATCH_GZIP_BYTES_MAX + 1))


def test_the_largest_batch_of_damaged_rows_still_fits() -> None:
    grown = len(b64encode(bytes(BATCH_BYTES_MAX + ROW_BYTES_MAX)))
    assert grown + 8 * BATCH_ROWS_MAX + 1_000 < BATCH_JSON_BYTES_MAX <= BATCH_GZIP_BYTES_MAX
