"""The issuer's black list: exact, whole or not at all."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.blacklist import HotListFaults, build, parse
from config.faults import Fault
from config.hotlist import HotList

CARD, OTHER = "31400000000012345678", "33500000000012345678"

numbers = st.one_of(
    st.from_regex(r"[0-9]{20}", fullmatch=True),
    st.integers(0, 200).map(lambda serial: f"3140{serial:016d}"),  # dense, as an issuer allocates them
)
lists = st.builds(
    lambda day, entries: HotList(day, entries.items()),
    st.dates(min_value=date(1000, 1, 1)),
    st.dictionaries(numbers, st.integers(0, 99), max_size=60),
)


def faults_of(raw: bytes) -> tuple[Fault, ...]:
    with pytest.raises(HotListFaults) as caught:
        parse(raw)
    return caught.value.faults


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\r"], ids=["LF", "CR LF", "LF CR"])
def test_each_line_end_of_the_issuers_writers_is_read(end: bytes) -> None:
    lines = [b"20250101000002", f"{CARD}00".encode(), f"{OTHER}07".encode()]
    for raw in (end.join(lines), end.join([*lines, b""])):
        hot_list = parse(raw)
        assert (hot_list.version, hot_list.date, hot_list.count) == ("20250101", date(2025, 1, 1), 2)
        assert (hot_list.level(CARD), hot_list.level(OTHER)) == (0, 7)


def test_line_ends_may_change_within_a_file() -> None:
    assert parse(f"20250101000002\r\n{CARD}00\n\r{OTHER}07\n".encode()).count == 2


def test_a_list_of_nobody_lists_nobody() -> None:
    hot_list = parse(b"20250101000000\r\n")
    assert hot_list.count == 0 and hot_list.level(CARD) is None


def test_a_card_with_the_serial_of_a_listed_one_of_another_city_is_not_listed() -> None:
    hot_list = HotList(date(2025, 1, 1), [(CARD, 0)])
    assert hot_list.level(OTHER) is None


@pytest.mark.parametrize("number", ["", CARD[:-1], CARD + "0", CARD[:-1] + "F", "３" * 20, " " * 20, CARD[:4]])
def test_what_is_no_card_number_is_not_listed(number: str) -> None:
    assert HotList(date(2025, 1, 1), [(CARD, 0)]).level(number) is None


@given(lists)
def test_what_is_written_reads_back_equal(hot_list: HotList) -> None:
    raw = build(hot_list)
    assert parse(raw) == hot_list
    assert build(parse(raw)) == raw


@given(st.dictionaries(numbers, st.integers(0, 99), max_size=80), st.lists(numbers, max_size=80))
def test_a_look_up_answers_as_a_dictionary_does(entries: dict[str, int], others: list[str]) -> None:
    hot_list = HotList(date(2025, 1, 1), entries.items())
    assert hot_list.count == len(entries)
    assert list(hot_list) == sorted(entries.items())
    for number in [*entries, *others]:
        assert hot_list.level(number) == entries.get(number)


@given(st.binary(max_size=120) | st.text("0123456789\r\n", max_size=200).map(str.encode))
def test_any_bytes_give_a_list_or_its_faults(raw: bytes) -> None:
    try:
        hot_list = parse(raw)
    except HotListFaults as wrong:
        assert wrong.faults
    else:
        assert parse(build(hot_list)) == hot_list


def test_every_wrong_line_is_told_with_its_number_and_value() -> None:
    raw = f"20250101000004\n{CARD}00\n{CARD[:-1]}x00\n{OTHER}0\n{OTHER}00\n".encode()
    found = faults_of(raw)
    assert [fault.line for fault in found] == [3, 4]
    assert found[0].value == f'"{CARD[:-1]}x00"' and "20 digits" in found[0].en and "20 位" in found[0].zh


def test_a_wrong_count_says_that_the_file_is_not_complete() -> None:
    [fault] = faults_of(f"20250101000003\n{CARD}00\n{OTHER}00\n".encode())
    assert (fault.place, fault.line) == ("count", 1) and "3 cards" in fault.en and "2 lines" in fault.en


@pytest.mark.parametrize(
    ("header", "place"), [(b"", "header"), (b"2025010100000", "header"), (b"20250230000000", "version")]
)
def test_a_header_that_is_not_one_is_told(header: bytes, place: str) -> None:
    [fault] = faults_of(header + b"\n")
    assert (fault.place, fault.line) == (place, 1)


def test_an_empty_line_between_cards_is_a_fault() -> None:
    assert [fault.line for fault in faults_of(f"20250101000003\n{CARD}00\n\n{OTHER}00\n".encode())] == [3]


def test_a_card_that_stands_twice_counts_once_and_never_under_two_levels() -> None:
    assert parse(f"20250101000002\n{CARD}00\n{CARD}00\n".encode()).count == 1
    [fault] = faults_of(f"20250101000002\n{CARD}00\n{CARD}01\n".encode())
    assert (fault.place, fault.line) == ("level", 3)


def test_a_large_wrong_list_is_told_within_bounds() -> None:
    raw = b"20250101005000\n" + b"x\n" * 5_000
    assert len(faults_of(raw)) == 101
