"""Rows side by side: any bytes come back exactly, a hostile sender gets nothing built, and a batch is short."""

import gzip
import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.batch import BadBatch, Batch, heads, pack, unpack
from sync.chain import Identity
from sync.limits import BATCH_BYTES_MAX, BATCH_GZIP_BYTES_MAX
from sync.record import GENESIS, Row, encode
from sync.weave import Woven, unweave, weave
from tests.bench.city_rows import debits
from tests.rows import AT, refused

ROWS = list(debits(Identity("31400001", 3, 401), random.Random(5), 40))
LIKE_ROWS = st.lists(
    st.sampled_from(ROWS) | st.binary(max_size=30) | st.from_regex(rb'(a|",|,"|0|12|7){0,12}'), max_size=30
)


@given(LIKE_ROWS)
def test_any_bytes_come_back_exactly(rows: list[bytes]) -> None:
    travelled = msgspec.json.decode(msgspec.json.encode(weave(rows)), type=Woven)
    assert unweave(travelled) == rows


def test_two_hundred_real_rows_fit_into_five_kilobytes() -> None:
    rows = tuple(debits(Identity("31400001", 1, 1), random.Random(1), 200))
    batch = Batch("31400001", 1, 1, rows, GENESIS, heads(GENESIS, rows)[-1])
    assert len(pack(batch)) <= 5_200 and unpack(pack(batch)) == batch
    assert sum(map(len, rows)) > 120_000


@pytest.mark.parametrize(
    "changes",
    [
        {"order": [2]},
        {"order": [-1]},
        {"order": [0] * 201},
        {"groups": [[[0, "ab", [0, 0, 0], "x"]], []]},
        {"groups": [[[0, "ab", [5], "xyz"]], []]},
        {"groups": [[[0, "ab", [-1], "xyz"]], []]},
        {"groups": [[[1, "a", "b", [1, 2]]], []]},
        {"groups": [[[1, "a", "b", [1, -2, 3]]], []]},
        {"groups": [[[2, "a", "b", ["x", "y", "z", "z"]]], []]},
        {"groups": [[["a", "b"]], []]},
        {"groups": [[[9, "a"]], []]},
        {"groups": [["é€"], ["b"]]},
        {"groups": [["a"], []]},
        {"groups": [["0" * 600_000], []]},
        {"groups": [["0"] * 2_000, []], "order": [0] * 200, "more": 1},
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any]) -> None:
    good = {"order": [0, 0, 1, 0], "groups": [["a"], ["b"]]}
    assert unweave(msgspec.convert(good, Woven)) == [b"a", b"a", b"b", b"a"]
    with pytest.raises(ValueError):
        unweave(msgspec.convert(good | {"order": [0, 0, 0]} | changes, Woven))


def test_a_bomb_of_shared_pieces_is_not_built() -> None:
    woven = Woven([0] * 200, [["0" * 100_000]])
    with pytest.raises(ValueError, match="20000400 bytes"):
        unweave(woven)


def test_the_longest_batch_of_any_letters_fits() -> None:
    text = "嘉" * (BATCH_BYTES_MAX // 200 // 3 - 200)
    rows = tuple(encode(Row("t", 1, seq, seq, AT, "rtc", text[seq:], 0, refused())) for seq in range(1, 201))
    batch = Batch("t", 1, 1, rows, GENESIS, heads(GENESIS, rows)[-1])
    assert unpack(pack(batch)) == batch and len(pack(batch)) < BATCH_GZIP_BYTES_MAX


@given(st.recursive(st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=4), max_leaves=20))
def test_nonsense_is_two_rows_or_no_batch(groups: Any) -> None:
    text = json.dumps(
        {"terminal": "t", "epoch": 1, "first": 1, "prev_head": "00" * 32, "head": "00" * 32}
        | {"woven": {"order": [0, 0], "groups": groups}}
    )
    try:
        assert len(unpack(gzip.compress(text.encode())).rows) == 2
    except BadBatch as refusal:
        assert "not a batch" in str(refusal)
