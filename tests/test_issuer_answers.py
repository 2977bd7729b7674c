"""What the issuer answers, and lists of cards: every character in its place, both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.issuer_files import (
    BadFile,
    BlackList,
    LockReport,
    Refusal,
    Settled,
    Sums,
    XfLine,
    build_black_list,
    build_lock_report,
    build_ns,
    build_qs,
    build_ss,
    parse_black_list,
    parse_lock_report,
    parse_ns,
    parse_qs,
    parse_ss,
    ss_name,
)
from tests.test_issuer_files import LINES, digits

ENDS = st.sampled_from(["\r\n", "\n\r", "\n"])
NAMES = st.from_regex(r"XF[0-9]{28}|XF[0-9]{10}", fullmatch=True)
MONTHS = st.builds("{}{}000000".format, digits(2), digits(1))
REFUSED = st.builds(lambda line, month: line._replace(month=month), LINES, MONTHS)
REFUSALS = st.builds(Refusal, file=NAMES, settled=digits(8), reason=digits(2), line=REFUSED)
COUNTS, FEN = st.integers(0, 99_999_999), st.integers(0, 9_999_999_999)
SUMS = st.builds(Sums, digits(15), digits(8), COUNTS, FEN, COUNTS, FEN, COUNTS, FEN, COUNTS, FEN)
SETTLED = st.builds(Settled, NAMES, digits(8))
CARDS = st.lists(digits(20), max_size=4, unique=True)


@given(st.lists(REFUSALS, max_size=3), ENDS)
def test_refusals_come_back_however_their_lines_end(lines: list[Refusal], end: str) -> None:
    text = build_ss(lines)
    assert text.splitlines()[0] == f"SS01{len(lines):08d}00000198" + "F" * 24
    assert all(len(line) == 198 for line in text.splitlines()[1:])
    assert parse_ss(text.replace("\r\n", end)) == lines


@given(st.lists(SUMS, max_size=3), ENDS)
def test_sums_of_a_settlement_come_back_however_their_lines_end(lines: list[Sums], end: str) -> None:
    text = build_qs(lines)
    assert text.splitlines()[0] == f"QS{len(lines):08d}00000103" + "F" * 24
    assert all(len(line) == 103 and line.endswith("00000000") for line in text.splitlines()[1:])
    assert parse_qs(text.replace("\r\n", end)) == lines


@given(st.lists(SETTLED, max_size=3), ENDS)
def test_settled_files_come_back_however_their_lines_end(lines: list[Settled], end: str) -> None:
    text = build_ns(lines)
    assert text.splitlines()[0] == f"NS01{len(lines):08d}00000046" + "F" * 24
    assert all(len(line) == 46 and line.endswith("FFFFFFFF") for line in text.splitlines()[1:])
    assert parse_ns(text.replace("\r\n", end)) == lines


@given(CARDS, digits(8), ENDS)
def test_lists_of_cards_come_back_however_their_lines_end(cards: list[str], day: str, end: str) -> None:
    assert parse_lock_report(build_lock_report(day, cards).replace("\r\n", end)) == LockReport(day, tuple(cards))
    listed = BlackList(day, dict.fromkeys(cards, "00"))
    assert parse_black_list(build_black_list(listed).replace("\r\n", end)) == listed


def test_lines_are_written_out_as_they_should_be() -> None:
    line = XfLine(
        4711, "314000000000001", "00330401", "31400000000012345678", "01", "00", "20301231", "20100101", "20301231",
        17, 4711, 5000, 100, "20240506070809", "06", "012300033D11", "01AB23CD", False, "000000000",
    )  # fmt: skip
    refusal = Refusal("XF2024050631400000000000100001", "20240507", "01", line)
    assert build_ss([refusal]).splitlines()[1] == (
        "XF2024050631400000000000100001" "00004711" "20240507" "01" "314000000000001" "00330401"
        "31400000000012345678" "01" "00" "20301231" "20100101" "20301231" "000017" "0000004711" "00005000" "00000100"
        "20240506070809" "06" "012300033D11" "01AB23CD" "00" "00" "0" "000000"
    )  # fmt: skip
    sums = Sums("314000000000001", "20240507", 3, 300, 1, 100, 0, 0, 2, 250)
    assert build_qs([sums]).splitlines()[1] == (
        "314000000000001" "20240507" "00000003" "0000000300" "00000001" "0000000100" "00000000" "0000000000"
        "00000002" "0000000250" "00000000"
    )  # fmt: skip
    assert build_ns([Settled(refusal.file, "20240507")]).splitlines()[1] == refusal.file + "20240507" + "FFFFFFFF"
    assert ss_name("20240507", "314000000000001", 1) == "SS2024050701314000000000001" + "00001"


@pytest.mark.parametrize("parse", [parse_ss, parse_qs, parse_ns, parse_lock_report, parse_black_list])
@given(text=st.text(max_size=80) | st.text("0123456789FSNQ\r\n", max_size=300))
def test_any_text_is_a_file_or_refused(parse: object, text: str) -> None:
    try:
        parse(text)  # type: ignore[operator]
    except BadFile as wrong:
        assert wrong.faults


@pytest.mark.parametrize(
    "parse, text",
    [
        (parse_ss, build_ss([])),
        (parse_qs, build_qs([Sums("1" * 15, "20240507", 1, 2, 3, 4, 5, 6, 7, 8)])),
        (parse_ns, build_ns([Settled("XF", "20240507")])),
    ],
)
def test_a_header_that_announces_another_number_or_width_is_refused(parse: object, text: str) -> None:
    header = text.splitlines()[0]
    for other in (header.replace("0000000", "0000009", 1), header[:-1] + "E", header[:-25] + "9" + "F" * 24):
        with pytest.raises(BadFile, match="line 1"):
            parse(text.replace(header, other))  # type: ignore[operator]


def test_every_fault_is_named_with_its_line_and_field() -> None:
    text = build_ns([Settled("XF1", "20240507"), Settled("XF2", "20240507")]).replace("XF1", "X!1").replace(
        "20240507FFFFFFFF\r\n", "2024 507FFFFFFFF\r\n"
    )
    with pytest.raises(BadFile) as told:
        parse_ns(text)
    assert [fault.split(":")[0] for fault in told.value.faults] == ["line 2"] * 2 + ["line 3"]
