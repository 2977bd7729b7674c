"""Receipts: no line is wider than the paper, a copy says so, and the bytes are what Chinese printers read."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.escpos import FEED_AND_CUT, Paper, encoded, status
from terminal.receipt import COPY, TRAINING, Receipt, layout, width

SALE = Receipt(
    "嘉兴市图书馆 Library",
    (("逾期费 Fee", "¥1.50"), ("", ""), ("余额 Balance", "¥18.50")),
    "00000301-1-17",
    ("谢谢 Thank you",),
)


def test_a_receipt_looks_like_this() -> None:
    assert layout(SALE, 32) == [
        "      嘉兴市图书馆 Library",
        "-" * 32,
        "逾期费 Fee                 ¥1.50",
        "-" * 32,
        "余额 Balance              ¥18.50",
        "-" * 32,
        "No. 00000301-1-17",
        "谢谢 Thank you",
    ]


texts = st.text(max_size=60)


@given(texts, st.lists(st.tuples(texts, texts), max_size=5), texts, st.integers(24, 64), st.booleans(), st.booleans())
def test_no_line_is_wider_than_the_paper_and_no_text_is_lost(
    title: str, rows: list[tuple[str, str]], number: str, columns: int, copy: bool, training: bool
) -> None:
    lines = layout(Receipt(title, tuple(rows), number, (title,), training), columns, copy)
    assert all(width(line) <= columns and line.isprintable() for line in lines)
    kept = Counter("".join(lines))
    for text in (title, number, *(cell for row in rows for cell in row)):
        assert Counter(letter for letter in text if letter.isprintable() and letter != " ") <= kept


def test_a_copy_is_marked_at_both_ends_and_training_too() -> None:
    lines = [line.strip() for line in layout(SALE, 32, copy=True)]
    assert lines[0] == COPY and lines[-1] == COPY
    assert TRAINING in [line.strip() for line in layout(Receipt("x", (), "1", training=True), 32)]
    assert COPY not in [line.strip() for line in layout(SALE, 32)]


def test_the_yen_sign_is_full_width_and_a_letter_that_printers_lack_is_replaced() -> None:
    raw = encoded(["¥1.00 😀中"])
    assert raw == b"\x1b@\x1c&\xa3\xa41.00 ?\xd6\xd0\n" + FEED_AND_CUT


@given(st.lists(st.text(st.characters(exclude_categories=["Cc"])), max_size=5))
def test_no_text_on_a_receipt_steers_the_printer(lines: list[str]) -> None:
    body = encoded(lines)[4 : -len(FEED_AND_CUT)]
    assert all(byte >= 0x20 or byte == 0x0A for byte in body)


@pytest.mark.parametrize(
    "printer, paper, means",
    [
        (b"\x12", b"\x12", Paper.READY),
        (b"\x12", b"\x1e", Paper.LOW),
        (b"\x12", b"\x72", Paper.OUT),
        (b"\x1a", b"\x12", Paper.OFFLINE),
        (b"", b"\x12", Paper.UNKNOWN),
        (b"\x12", b"", Paper.UNKNOWN),
        (b"\x00", b"\x12", Paper.UNKNOWN),
        (b"A", b"B", Paper.UNKNOWN),
    ],
)
def test_a_printer_that_says_nothing_clear_is_unknown_never_ready(printer: bytes, paper: bytes, means: Paper) -> None:
    assert status(printer, paper) is means
