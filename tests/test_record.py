"""Rows: one canonical form, told from every other sequence of bytes."""

from hashlib import sha256
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.events import AnyEvent, Event
from sync.limits import ROW_BYTES_MAX
from sync.record import GENESIS, BadRow, Row, chain, decode, encode
from tests.rows import AT, HELD, done, held

ROW = Row("00330401", 1, 1, 1, AT, "rtc", "boot", 5, HELD)


def rows() -> st.SearchStrategy[Row]:
    """Any row at all: every event, any members of their types."""
    return st.builds(
        Row,
        terminal=st.text(max_size=8),
        epoch=st.integers(-(2**63), 2**63 - 1),
        seq=st.integers(-(2**63), 2**63 - 1),
        serial=st.integers(-(2**63), 2**63 - 1),
        at=st.text(max_size=30),
        boot=st.text(max_size=8),
        mono_ms=st.integers(0, 2**63 - 1),
        clock=st.sampled_from(["synced", "rtc", "restored", "unknown"]),
        event=st.one_of(*(st.from_type(event).map(in_range) for event in get_args(AnyEvent))),
    )


def in_range(event: Event) -> Event:
    """Integers past 64 bits are no amounts; the rows never hold them."""
    return msgspec.convert(_clipped(msgspec.to_builtins(event)), type(event))


def _clipped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _clipped(member) for name, member in value.items()}
    return max(-(2**63), min(value, 2**63 - 1)) if isinstance(value, int) else value


@given(rows())
def test_every_row_comes_back_from_its_bytes(row: Row) -> None:
    raw = encode(row)
    assert decode(raw) == row and encode(decode(raw)) == raw


@given(st.binary(max_size=300))
def test_any_bytes_are_a_canonical_row_or_no_row(raw: bytes) -> None:
    with pytest.raises(BadRow):
        decode(raw)


@given(st.integers(0, len(encode(ROW)) - 1), st.integers(0, 255))
def test_a_changed_byte_gives_another_row_or_none(place: int, byte: int) -> None:
    raw = bytearray(encode(ROW))
    raw[place] = byte
    try:
        row = decode(bytes(raw))
    except BadRow:
        return
    assert encode(row) == raw


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"{}",
        encode(ROW) + b" ",
        b" " + encode(ROW),
        encode(ROW).replace(b":", b": ", 1),
        encode(ROW).replace(b'"epoch":1,"seq":1', b'"seq":1,"epoch":1'),
        encode(ROW).replace(b'"epoch":1', b'"epoch":1,"epoch":1'),
        encode(ROW).replace(b'"amount":100', b'"amount":100.0'),
        encode(ROW).replace(b'"amount":100', b'"amount":1e2'),
        encode(ROW).replace(b'"epoch"', b'"\\u0065poch"'),
        encode(ROW).replace(b"HELD", b"STOLEN"),
        encode(ROW).replace(b'"rtc"', b'"sundial"'),
        b"[" * 100_000,
    ],
)
def test_json_that_is_not_canonical_is_no_row(wrong: bytes) -> None:
    with pytest.raises(BadRow):
        decode(wrong)


def test_kinds_are_the_words_of_the_domain_and_none_twice() -> None:
    kinds = [str(event.__struct_config__.tag) for event in get_args(AnyEvent)]
    assert len(set(kinds)) == len(kinds)
    assert {"HELD", "DONE", "VOID", "GREY", "REFUSED", "ADMITTED", "LOCK_TRIED", "LOCKED", "SIGN_ON"} <= set(kinds)


def test_the_chain_is_sha_256_over_the_head_before_and_the_bytes() -> None:
    raw = encode(ROW)
    assert chain(GENESIS, raw) == sha256(bytes(32) + raw).digest()
    assert chain(chain(GENESIS, raw), raw) != chain(GENESIS, raw)


def test_the_longest_held_row_stays_within_its_bound() -> None:
    longest = held(cached=["FF" * 128] * 3, aid="A0" * 16, mac1="FF" * 4)
    row = msgspec.structs.replace(ROW, seq=2**53, serial=99_999_999, event=longest)
    assert len(encode(row)) < ROW_BYTES_MAX / 2 and len(encode(msgspec.structs.replace(ROW, event=done(1)))) < 300
