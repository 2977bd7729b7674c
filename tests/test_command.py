"""Commands, responses and framing."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.command import Command, Response
from apdu.errors import Malformed
from apdu.frames import exchange
from apdu.limits import CHAIN_MAX

BYTE = st.integers(0, 255)
COMMANDS = st.builds(
    Command,
    BYTE,
    BYTE,
    BYTE,
    BYTE,
    st.binary(max_size=255),
    st.one_of(st.none(), st.integers(1, 256)),
    name=st.just(""),
    repeatable=st.just(True),
)


class Wire:
    """Answers from a list and remembers what was sent."""

    def __init__(self, answers: list[str], t0: bool = False) -> None:
        self.answers = [bytes.fromhex(answer) for answer in answers]
        self.t0 = t0
        self.sent: list[str] = []

    def transmit(self, raw: bytes) -> bytes:
        self.sent.append(raw.hex().upper())
        return self.answers.pop(0)


@given(COMMANDS)
def test_a_command_survives_the_way_to_bytes_and_back(command: Command) -> None:
    assert Command.from_bytes(command.to_bytes()) == command


@given(st.binary(max_size=300))
def test_any_bytes_are_a_command_or_malformed(raw: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert Command.from_bytes(raw).to_bytes() == raw


def test_no_le_and_all_there_is_are_different_things() -> None:
    assert Command(0, 0xB0, 0x95, 0).to_bytes().hex() == "00b09500"
    assert Command(0, 0xB0, 0x95, 0, le=256).to_bytes().hex() == "00b0950000"


@given(st.binary(max_size=1))
def test_a_response_without_a_status_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        Response.from_bytes(raw)


def test_what_waits_behind_61_is_fetched_and_put_together() -> None:
    wire = Wire(["6104", "AABB6102", "CCDD9000"], t0=True)
    answer = exchange(wire, Command(0x80, 0x70, 0, 0, b"\x01", 8))
    assert answer == Response(bytes.fromhex("AABBCCDD"), 0x9000)
    assert wire.sent == ["807000000101", "00C0000004", "00C0000002"]


def test_what_waits_is_left_when_the_command_wants_no_data() -> None:
    wire = Wire(["6128"], t0=True)
    assert exchange(wire, Command(0x00, 0xA4, 0, 0, bytes.fromhex("1001"))) == Response(b"", 0x9000)
    assert len(wire.sent) == 1


def test_a_wrong_length_is_corrected_once() -> None:
    wire = Wire(["6C08", "01020304050607089000"])
    assert exchange(wire, Command(0x80, 0x5A, 0, 6, b"\x00\x06", 4)).sw == 0x9000
    assert wire.sent == ["805A000602000604", "805A000602000608"]


def test_a_debit_is_never_sent_twice_by_the_framing() -> None:
    wire = Wire(["6C08", "01020304050607089000"])
    answer = exchange(wire, Command(0x80, 0x54, 1, 0, bytes(15), 8, repeatable=False))
    assert answer.sw == 0x6C08
    assert len(wire.sent) == 1


def test_a_chip_that_never_ends_is_malformed() -> None:
    wire = Wire(["6101"] + ["006101"] * (CHAIN_MAX + 1))
    with pytest.raises(Malformed):
        exchange(wire, Command(0, 0xB0, 0, 0, le=256))
    assert len(wire.sent) == 1 + CHAIN_MAX
