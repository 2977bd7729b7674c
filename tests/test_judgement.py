"""Judging batches without a store: whatever comes in whatever order, a row is kept once and never lost."""

from hypothesis import given
from hypothesis import strategies as st

from sync.backend.judgement import CONFLICT, Judged, Stream, judge, overlap
from sync.batch import Batch, heads
from sync.record import GENESIS, Row, encode
from tests.rows import AT, refused

ROWS = [encode(Row("t", 1, seq, seq, AT, "rtc", "boot", 0, refused())) for seq in range(1, 9)]
OTHER = [encode(Row("t", 1, seq, seq, AT, "rtc", "boot", 1, refused())) for seq in range(1, 9)]


def batch(rows: list[bytes], first: int, last: int) -> Batch:
    before = [GENESIS, *heads(GENESIS, rows)]
    return Batch("t", 1, first, tuple(rows[first - 1 : last]), before[first - 1], before[last])


def taken(stream: Stream, stored: dict[int, bytes], sent: Batch) -> Judged:
    """Judge a batch by a store in a dictionary, and keep what is to be kept."""
    judged = judge(stream, sent, {seq: stored[seq] for seq in overlap(stream, sent)})
    for kept in judged.kept:
        assert kept.seq not in stored
        stored[kept.seq] = kept.raw
    return judged


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 8), st.integers(0, 8)), max_size=12))
def test_each_row_is_kept_once_and_what_is_not_the_same_is_set_aside(sends: list[tuple[bool, int, int]]) -> None:
    stream, stored = Stream(1, 0, GENESIS), dict[int, bytes]()
    for honest, first, length in sends:
        sent = batch(ROWS if honest else OTHER, first, min(8, first + length - 1))
        judged = taken(stream, stored, sent)
        aside = {each.seq for each in judged.aside}
        for seq, raw in enumerate(sent.rows, sent.first):
            assert seq > judged.stream.ack or seq in aside or stored[seq] == raw
        assert all(kept.seq in aside for kept in judged.kept if kept.row is None)
        assert sorted(stored) == list(range(1, judged.stream.ack + 1)) and judged.stream.ack >= stream.ack
        stream = judged.stream


def test_a_known_row_that_the_store_no_longer_has_is_set_aside_and_moves_nothing() -> None:
    stream = Stream(1, 8, heads(GENESIS, ROWS)[-1])
    judged = judge(stream, batch(ROWS, 1, 2), {1: ROWS[0]})
    assert (judged.stream, judged.kept) == (stream, ()) and [each.why for each in judged.aside] == [CONFLICT]
