"""Money is read exactly or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tariffs.limits import AMOUNT_MAX_FEN
from tariffs.money import BadAmount, fen_from_text, rated, yuan_en, yuan_text, yuan_zh

AMOUNTS = st.integers(-AMOUNT_MAX_FEN, AMOUNT_MAX_FEN)


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("2", 200),
        ("2.00", 200),
        ("1.5", 150),
        ("0", 0),
        ("0.01", 1),
        ("-0.50", -50),
        ("007", 700),
        ("1000.00", 100_000),
    ],
)
def test_an_amount_is_read_exactly_from_its_text(text: str, fen: int) -> None:
    assert fen_from_text(text) == fen


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1e2",
        "NaN",
        "inf",
        "1.234",
        "1.",
        ".5",
        "+1",
        "--1",
        "1,45",
        "1 000",
        " 1",
        "1\n",
        "２",
        "٢",
        "0x10",
        "1_0",
        "1000.01",
        "-1000.01",
        "9" * 10,
        "9" * 10_000,
    ],
)
def test_what_is_not_an_exact_amount_is_refused(text: str) -> None:
    with pytest.raises(BadAmount):
        fen_from_text(text)


@given(st.text(max_size=20))
def test_any_text_gives_an_amount_within_bounds_or_bad_amount(text: str) -> None:
    try:
        fen = fen_from_text(text)
    except BadAmount:
        return
    assert -AMOUNT_MAX_FEN <= fen <= AMOUNT_MAX_FEN


@given(AMOUNTS)
def test_what_is_written_is_read_back(fen: int) -> None:
    assert fen_from_text(yuan_text(fen)) == fen


@pytest.mark.parametrize(
    ("fen", "zh", "en"),
    [(100, "1.00元", "¥1.00"), (5, "0.05元", "¥0.05"), (-5, "-0.05元", "-¥0.05"), (0, "0.00元", "¥0.00")],
)
def test_amounts_are_shown_in_both_languages(fen: int, zh: str, en: str) -> None:
    assert (yuan_zh(fen), yuan_en(fen)) == (zh, en)


@given(st.integers(0, AMOUNT_MAX_FEN), st.integers(0, 100))
def test_a_rate_cuts_off_less_than_a_fen_and_never_raises_the_fare(fen: int, percent: int) -> None:
    assert 0 <= fen * percent - rated(fen, percent) * 100 < 100
    assert rated(fen, percent) <= fen
