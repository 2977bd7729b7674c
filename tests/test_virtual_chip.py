"""The file system of a simulated chip: SELECT, READ, GET CHALLENGE, status words, and any bytes at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.virtual.chance import Chance
from apdu.virtual.chip import Chip, Directory, File, Records, Transparent

PURSE = b"\xa0\x00\x00\x00\x03\x86\x98\x07\x01"


def chip() -> Chip:
    log = Records(size=3, cyclic=True, capacity=3)
    for number in range(5):
        log.append(bytes((number, 0, 0)))
    files: dict[int, File] = {
        0x15: Transparent(bytearray(range(30))),
        0x17: Records(size=4, records=[b"\x01abc", b"\x09def"]),
        0x18: log,
    }
    root = Directory(0x3F00, b"1PAY.SYS.DDF01", {0x05: Transparent(bytearray(b"root"))})
    known = ((0x80, 0x50), (0x84, 0x1E))
    return Chip(root, [Directory(0x1001, PURSE, files)], Chance("seed"), known)


def ask(one: Chip, text: str) -> str:
    return one.transmit(bytes.fromhex(text)).hex().upper()


def selected() -> Chip:
    one = chip()
    assert ask(one, "00A40000021001").endswith("9000")
    return one


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("00A4040009A00000000386980701", "6F0D8409A00000000386980701A5009000"),
        ("00A4040005A000000003", "6F0D8409A00000000386980701A5009000"),
        ("00A40000021001", "6F0D8409A00000000386980701A5009000"),
        ("00A400000210010F", "6F0D8409A00000000386980701A5009000"),
        ("00A400000210010E", "6C0F"),
        ("00A4000C021001", "9000"),
        ("00A40000023F0000", "6F12840E315041592E5359532E4444463031A5009000"),
        ("00A40000021002", "6A82"),
        ("00A4040009A00000000386980702", "6A82"),
        ("00A40400", "6700"),
        ("00A4050009A00000000386980701", "6A86"),
        ("00A4000302100100", "6A86"),
    ],
)
def test_select_finds_a_directory_by_name_or_identifier(command: str, answer: str) -> None:
    assert ask(chip(), command) == answer


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("00B0950000", bytes(range(30)).hex().upper() + "9000"),
        ("00B095001E", bytes(range(30)).hex().upper() + "9000"),
        ("00B0950C02", "0C0D9000"),
        ("00B0951C03", "6C02"),
        ("00B0951E01", "6B00"),
        ("00B0950000FF", "6700"),
        ("00B09500", "6700"),
        ("00B0960000", "6A82"),
        ("00B0970000", "6981"),
        ("00B0B50000", "6A86"),
        ("00B0000004", "6986"),
    ],
)
def test_read_binary_reads_a_transparent_file(command: str, answer: str) -> None:
    assert ask(selected(), command) == answer


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("00B201BC00", "016162639000"),
        ("00B202BC04", "096465669000"),
        ("00B209B800", "096465669000"),
        ("00B202BC05", "6C04"),
        ("00B203BC00", "6A83"),
        ("00B200BC00", "6A83"),
        ("00B208B800", "6A83"),
        ("00B201AC00", "6981"),
        ("00B201F400", "6A82"),
        ("00B201BF00", "6A86"),
        ("00B201BD00", "6A81"),
        ("00B201C403", "0400009000"),
        ("00B203C403", "0200009000"),
        ("00B204C403", "6A83"),
    ],
)
def test_read_record_reads_by_number_or_identifier_and_the_newest_of_a_cycle_first(command: str, answer: str) -> None:
    assert ask(selected(), command) == answer


def test_a_file_selected_once_is_read_without_its_short_identifier() -> None:
    one = selected()
    assert ask(one, "00A4000002EF15") == "9000"
    assert ask(one, "00B0000C02") == "0C0D9000"
    assert ask(one, "00A40000021001") != "9000"
    assert ask(one, "00B0000C02") == "6986"


@pytest.mark.parametrize(
    ("command", "answer"),
    [("B0B0950000", "6E00"), ("00FF000000", "6D00"), ("80B0950000", "6E00"), ("8050010200", "6985"), ("", "6700")],
)
def test_what_is_no_command_of_this_chip_gets_its_own_status(command: str, answer: str) -> None:
    assert ask(chip(), command) == answer


def test_a_challenge_has_the_length_asked_for_and_never_comes_twice() -> None:
    one = chip()
    seen = {ask(one, "0084000004") for _ in range(50)} | {ask(one, "0084000008") for _ in range(50)}
    assert len(seen) == 100
    assert {len(answer) for answer in seen} == {12, 20}
    assert ask(one, "0084000005") == "6700"
    assert ask(one, "0084000104") == "6A86"


def test_the_same_seed_gives_the_same_chances_and_goes_on_from_its_draws() -> None:
    first, second = Chance("a"), Chance("a")
    assert [first.bytes(4) for _ in range(3)] == [second.bytes(4) for _ in range(3)]
    assert Chance("a", draws=3).bytes(4) == first.bytes(4)
    assert Chance("b").bytes(4) != Chance("a").bytes(4)


def test_reset_forgets_the_selected_directory() -> None:
    one = selected()
    one.reset()
    assert ask(one, "00B0950000") == "6A82"


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_any_bytes_get_an_answer_with_a_status(commands: list[bytes]) -> None:
    one = selected()
    for command in commands:
        answer = one.transmit(command)
        assert 2 <= len(answer) <= 258
        assert answer[-2] & 0xF0 in (0x60, 0x90)


@given(
    st.sampled_from((0xA4, 0xB0, 0xB2, 0x84)),
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(max_size=20),
)
def test_any_parameters_of_a_known_command_get_an_answer(ins: int, p1: int, p2: int, rest: bytes) -> None:
    answer = selected().transmit(bytes((0x00, ins, p1, p2)) + rest)
    assert answer[-2:] == b"\x90\x00" or len(answer) == 2
