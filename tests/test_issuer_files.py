"""The issuer's files: every character in its place, both ways."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.issuer_files import (
    JUNK_CARDS,
    XF_FIELDS,
    XF_WIDTH,
    BadFile,
    PurseSequence,
    XfLine,
    build_lock_report,
    build_xf,
    build_xf_line,
    lock_report_name,
    parse_black_list,
    parse_xf,
    parse_xf_line,
    xf_line,
    xf_name,
)
from tests.rows import HELD, held

LINE = xf_line("00330401", 4_711, HELD, "01AB23CD", False)

# docs/cards.md, "XF and the issuer's files": field, offset, width.
OFFSETS = {
    "serial": (0, 8),
    "merchant": (8, 15),
    "terminal": (23, 8),
    "card": (31, 20),
    "main_type": (51, 2),
    "sub_type": (53, 2),
    "card_valid": (55, 8),
    "app_start": (63, 8),
    "app_valid": (71, 8),
    "sequence": (79, 6),
    "psam_counter": (85, 10),
    "balance": (95, 8),
    "amount": (103, 8),
    "when": (111, 14),
    "type": (125, 2),
    "psam": (127, 12),
    "tac": (139, 8),
    "grey": (147, 2),
}


def digits(width: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=width, max_size=width)


def hexes(width: int) -> st.SearchStrategy[str]:
    return st.text("0123456789ABCDEF", min_size=width, max_size=width)


LINES = st.builds(
    XfLine,
    serial=st.integers(0, 99_999_999),
    merchant=digits(15),
    terminal=digits(8),
    card=digits(20).filter(lambda card: card not in JUNK_CARDS),
    main_type=digits(2),
    sub_type=digits(2),
    card_valid=digits(8),
    app_start=digits(8),
    app_valid=digits(8),
    sequence=st.integers(0, 999_999),
    psam_counter=st.integers(0, 2**32 - 1),
    balance=st.integers(0, 99_999_999),
    amount=st.integers(0, 99_999_999),
    when=digits(14),
    type=st.sampled_from(["06", "09"]),
    psam=hexes(12),
    tac=hexes(8),
    grey=st.booleans(),
    month=st.sampled_from(["", "000000000", "01100000A"]),
)


def test_every_field_stands_at_its_published_offset() -> None:
    assert [field.name for field in XF_FIELDS] == list(OFFSETS) == list(XfLine._fields[:-1])
    text = build_xf_line(LINE)
    assert len(text) == XF_WIDTH == sum(width for _, width in OFFSETS.values())
    for name, (offset, width) in OFFSETS.items():
        value = getattr(LINE, name)
        expected = f"{int(value):0{width}d}" if isinstance(value, int) else value
        assert text[offset : offset + width] == expected, name


def test_a_line_is_written_out_as_it_should_be() -> None:
    assert build_xf_line(LINE) == (
        "00004711" "314000000000001" "00330401" "31400000000012345678" "01" "00" "20301231" "20100101" "20301231"
        "000017" "0000004711" "00005000" "00000100" "20240506070809" "06" "012300033D11" "01AB23CD" "00"
    )  # fmt: skip


def test_a_grey_line_says_so_and_has_zeros_where_no_tac_is_known() -> None:
    assert build_xf_line(xf_line("00330401", 1, HELD, "", True)).endswith("012300033D11" + "00000000" + "01")


def test_the_purse_sequence_is_a_named_choice() -> None:
    assert LINE.sequence == HELD.counter
    assert xf_line("00330401", 1, HELD, "", True, PurseSequence.COUNTER_AFTER).sequence == HELD.counter + 1


@given(LINES)
def test_a_line_comes_back_from_its_text(line: XfLine) -> None:
    assert parse_xf_line(build_xf_line(line)) == line


@given(st.lists(LINES, max_size=4), st.sampled_from(["\r\n", "\n\r", "\n", "\r"]))
def test_a_file_comes_back_however_its_lines_end(lines: list[XfLine], end: str) -> None:
    text = build_xf(lines)
    assert text.splitlines()[0] == f"XF01{len(lines):08d}00000149" + "F" * 24
    assert parse_xf(text.replace("\r\n", end)) == lines


@given(st.text(max_size=200))
def test_any_text_is_refused_as_a_consumption_file(text: str) -> None:
    for parse in (parse_xf, parse_xf_line):
        with pytest.raises(BadFile):
            parse(text)


@given(st.integers(0, XF_WIDTH - 1), st.characters())
def test_a_changed_character_is_another_line_or_refused(place: int, character: str) -> None:
    text = build_xf_line(LINE)
    changed = text[:place] + character + text[place + 1 :]
    try:
        found = parse_xf_line(changed)
    except BadFile:
        return
    assert (found == LINE) == (changed == text)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"balance": 100_000_000}, "balance"),
        ({"amount": -1}, "amount"),
        ({"card": "3140"}, "card"),
        ({"card": "75000000000000000000"}, "never read"),
        ({"psam": "012300033d11"}, "psam"),
        ({"type": "05"}, "type"),
        ({"when": "２０２４０５０６０７０８０９"}, "when"),
    ],
)
def test_a_record_that_does_not_fit_is_never_written(changes: dict[str, Any], name: str) -> None:
    with pytest.raises(BadFile, match=name):
        build_xf_line(xf_line("00330401", 1, held(**changes), "", True))


def test_every_fault_of_a_file_is_named_with_its_line() -> None:
    first, second = build_xf_line(LINE), build_xf_line(LINE)
    text = "\r\n".join(["XF01000000030000", first[:10] + "x" + first[11:], second[:-1] + "7"])
    with pytest.raises(BadFile) as caught:
        parse_xf(text)
    assert [fault.split(":")[0] for fault in caught.value.faults] == ["line 1", "line 2", "line 3"]


def test_a_consumption_files_name_has_thirty_characters() -> None:
    assert xf_name("20240506", HELD.service.merchant, 7) == "XF2024050631400000000000100007"
    for day, merchant, batch in (("2024056", "1" * 15, 1), ("20240506", "1", 1), ("20240506", "1" * 15, 100_000)):
        with pytest.raises(BadFile):
            xf_name(day, merchant, batch)


def test_the_lock_report_lists_its_cards_under_a_header() -> None:
    assert lock_report_name("20240506") == "20240506_Lock.txt" and len(lock_report_name("20240506")) == 17
    assert build_lock_report("20240506", [HELD.card]) == f"20240506000001\r\n{HELD.card}\r\n"
    for day, card in (("today", HELD.card), ("20240506", "3140")):
        with pytest.raises(BadFile):
            build_lock_report(day, [card])


def test_a_lock_report_never_has_more_cards_than_its_header_can_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.issuer_files.lists.BLACK_LIST_CARDS_MAX", 2)
    assert build_lock_report("20240506", [HELD.card] * 2).count("\r\n") == 3
    with pytest.raises(BadFile, match="3 cards"):
        build_lock_report("20240506", [HELD.card] * 3)


@pytest.mark.parametrize("end", ["\r\n", "\n\r", "\n"])
def test_a_black_list_is_read_however_its_lines_end(end: str) -> None:
    text = end.join(["20240506000002", "31400000000012345678" + "00", "31400000000012345679" + "01", ""])
    found = parse_black_list(text)
    assert found.version == "20240506"
    assert found.levels == {"31400000000012345678": "00", "31400000000012345679": "01"}


def test_every_fault_of_a_black_list_is_named() -> None:
    text = "20240506000009\n314000000000123456780\n3140000000001234567900\n3140000000001234567901\n"
    with pytest.raises(BadFile) as caught:
        parse_black_list(text)
    assert [fault.split(":")[0] for fault in caught.value.faults] == ["line 1", "line 2", "line 4"]


@given(st.text(max_size=100))
def test_any_text_is_refused_as_a_black_list(text: str) -> None:
    with pytest.raises(BadFile):
        parse_black_list(text)
