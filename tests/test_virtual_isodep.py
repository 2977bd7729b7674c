"""The card's side of ISO/IEC 14443: anticollision, activation, blocks, and a reader of our own to talk to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.virtual.isodep import FRAME_SIZES, IsoDepCard, State

UID = bytes.fromhex("51020304")
ATS = bytes.fromhex("0578808002")


def echo(apdu: bytes) -> bytes:
    return apdu[::-1]


def card(uid: bytes = UID, ats: bytes = ATS, **rest: object) -> IsoDepCard:
    return IsoDepCard(uid, b"\x08\x00", 0x20, ats, **({"execute": echo} | rest))  # type: ignore[arg-type]


def found(one: IsoDepCard, wake: bytes = b"\x26") -> bytes:
    """Anticollision as a reader does it; returns the UID."""
    assert one.receive(wake) == b"\x08\x00"
    uid = b""
    for code in b"\x93\x95\x97":
        level = one.receive(bytes((code, 0x20)))
        assert level is not None and level[0] ^ level[1] ^ level[2] ^ level[3] == level[4]
        sak = one.receive(bytes((code, 0x70)) + level)
        assert sak is not None
        if not sak[0] & 0x04:
            return uid + level[:4]
        assert level[0] == 0x88
        uid += level[1:4]
    raise AssertionError("no end of the cascade")


def active(one: IsoDepCard, fsdi: int = 8, cid: int = 0) -> IsoDepCard:
    found(one)
    assert one.receive(bytes((0xE0, fsdi << 4 | cid))) == one.ats
    return one


class Reader:
    """The reader's side, written for these tests from clause 7.5.4.2: rules A and B, 2 to 7."""

    def __init__(self, one: IsoDepCard, fsdi: int) -> None:
        self.card = active(one, fsdi)
        self.number = 0
        self.fsd = FRAME_SIZES[fsdi]
        self.longest = 0

    def send(self, frame: bytes) -> bytes:
        assert len(frame) + 2 <= self.card.fsc
        answer = self.card.receive(frame)
        assert answer is not None and len(answer) + 2 <= self.fsd
        self.longest = max(self.longest, len(answer) + 2)
        return answer

    def exchange(self, apdu: bytes) -> bytes:
        size = self.card.fsc - 3
        parts = [apdu[start : start + size] for start in range(0, len(apdu), size)] or [b""]
        for part in parts[:-1]:
            assert self.send(bytes((0x12 | self.number,)) + part) == bytes((0xA2 | self.number,))
            self.number ^= 1
        block = self.send(bytes((0x02 | self.number,)) + parts[-1])
        answer = b""
        while True:
            assert block[0] & 0xEF == 0x02 | self.number
            answer += block[1:]
            self.number ^= 1
            if not block[0] & 0x10:
                return answer
            block = self.send(bytes((0xA2 | self.number,)))


@pytest.mark.parametrize("uid", ["51020304", "04010203040506", "04010203040506070809"])
@pytest.mark.parametrize("wake", [b"\x26", b"\x52"])
def test_a_card_is_found_by_its_whole_uid(uid: str, wake: bytes) -> None:
    assert found(card(bytes.fromhex(uid)), wake) == bytes.fromhex(uid)


@pytest.mark.parametrize("wrong", ["9370510203045A", "937051020304", "9520", "9340", "E080", "00A40400"])
def test_a_wrong_frame_in_anticollision_meets_silence_and_sends_the_card_back(wrong: str) -> None:
    one = card()
    one.receive(b"\x26")
    assert one.receive(bytes.fromhex(wrong)) is None
    assert one.state is State.IDLE
    assert one.receive(b"\x93\x20") is None
    assert found(one) == UID


def test_a_halted_card_wakes_by_wupa_only() -> None:
    one = card()
    found(one)
    assert one.receive(b"\x50\x00") is None
    assert one.receive(b"\x26") is None
    assert found(one, b"\x52") == UID
    one.receive(b"\xff")
    assert one.state is State.HALTED


def test_deselect_is_answered_and_halts_the_card() -> None:
    one = active(card())
    assert one.receive(b"\xc2") == b"\xc2"
    assert one.receive(b"\x26") is None
    assert found(one, b"\x52") == UID


def test_power_off_forgets_everything() -> None:
    one = active(card())
    one.power_off()
    assert one.receive(b"\x02\x00\xa4") is None
    assert found(one) == UID


@pytest.mark.parametrize(("ats", "fsc"), [("01", 32), ("0200", 16), ("0275", 64), ("0578808002", 256), ("027F", 256)])
def test_the_ats_tells_the_card_s_frame_size_even_when_it_is_short(ats: str, fsc: int) -> None:
    one = active(card(ats=bytes.fromhex(ats)))
    assert one.fsc == fsc
    assert one.receive(b"\x02" + bytes(fsc - 2)) is None
    assert one.receive(b"\x02" + bytes(fsc - 3)) is not None


def test_a_memory_card_does_not_answer_rats() -> None:
    one = IsoDepCard(UID, b"\x08\x00", 0x08, b"\x01", echo)
    found(one)
    assert one.receive(b"\xe0\x80") is None


@given(
    st.lists(st.binary(min_size=1, max_size=261), min_size=1, max_size=4),
    st.integers(0, 8),
    st.integers(0, 8),
)
def test_any_length_goes_through_any_frame_sizes_both_ways(apdus: list[bytes], fsci: int, fsdi: int) -> None:
    reader = Reader(card(ats=bytes((0x02, fsci))), fsdi)
    for apdu in apdus:
        assert reader.exchange(apdu) == apdu[::-1]


@given(st.binary(min_size=1, max_size=261), st.integers(0, 8), st.integers(0, 8), st.data())
def test_each_block_sent_again_after_a_nak_is_the_same_and_nothing_runs_twice(
    apdu: bytes, fsci: int, fsdi: int, data: st.DataObject
) -> None:
    ran: list[bytes] = []

    def execute(raw: bytes) -> bytes:
        ran.append(raw)
        return raw[::-1]

    class Doubtful(Reader):
        def send(self, frame: bytes) -> bytes:
            answer = super().send(frame)
            for _ in range(data.draw(st.integers(0, 2))):
                # Rule 4: not understood; the number is the block's own, so rule 11 holds.
                number = answer[0] & 1 if frame[0] & 0xC0 == 0x00 or frame[0] & 0xE0 == 0xA0 else 0
                assert super().send(bytes((0xB2 | number,))) == answer
            return answer

    assert Doubtful(card(ats=bytes((0x02, fsci)), execute=execute), fsdi).exchange(apdu) == apdu[::-1]
    assert ran == [apdu]


def test_a_nak_for_a_block_that_never_came_is_acknowledged_and_the_block_comes_again() -> None:
    one = active(card())
    assert one.receive(b"\x02ab") == b"\x02ba"
    assert one.receive(b"\xb3") == b"\xa2"  # rule 12, also the presence check
    assert one.receive(b"\x03cd") == b"\x03dc"


def test_a_presence_check_before_the_first_block_is_acknowledged() -> None:
    assert active(card()).receive(b"\xb2") == b"\xa3"


def test_more_time_is_asked_for_before_a_slow_answer_and_again_when_not_heard() -> None:
    one = active(card(extension=lambda apdu: 10))
    assert one.receive(b"\x02ab") == b"\xf2\x0a"
    assert one.receive(b"\xb2") == b"\xf2\x0a"
    assert one.receive(b"\xf2\x0a") == b"\x02ba"
    assert one.receive(b"\xf2\x0a") is None
    assert one.receive(b"\xb2") == b"\x02ba"


def test_a_multiplier_is_never_above_what_the_standard_allows() -> None:
    assert active(card(extension=lambda apdu: 200)).receive(b"\x02ab") == b"\xf2\x3b"


def test_a_card_that_falls_silent_stays_silent_for_that_block() -> None:
    one = active(card(execute=lambda apdu: None))
    assert one.receive(b"\x02ab") is None
    assert one.receive(b"\xb2") is None


def test_blocks_with_a_card_identifier_are_for_the_card_that_has_it() -> None:
    one = active(card(), cid=3)
    assert one.receive(b"\x0a\x03ab") == b"\x0a\x03ba"
    assert one.receive(b"\x0b\x02ab") is None
    assert one.receive(b"\x03ab") is None
    assert one.receive(b"\xba\x03") == b"\x0a\x03ba"  # rule 11
    assert one.receive(b"\xbb\x03") == b"\xaa\x03"  # rule 12
    assert one.receive(b"\xca\x03") == b"\xca\x03"
    without = active(card(ats=b"\x02\x08"))
    assert without.receive(b"\x0a\x00ab") is None


def test_a_chain_without_end_is_dropped() -> None:
    one = active(card())
    number, answers = 0, []
    for _ in range(20):
        answers.append(one.receive(bytes((0x12 | number,)) + bytes(200)))
        number ^= 1
    assert None in answers


@given(st.lists(st.binary(max_size=300), max_size=40))
def test_any_frames_in_any_order_never_raise(frames: list[bytes]) -> None:
    one, two = card(), active(card())
    for frame in frames:
        one.receive(frame)
        two.receive(frame)


@given(st.lists(st.sampled_from([bytes((pcb,)) for pcb in range(256)]), max_size=30), st.binary(max_size=3))
def test_any_block_headers_in_any_order_never_raise(headers: list[bytes], rest: bytes) -> None:
    one = active(card(extension=lambda apdu: len(apdu) % 2))
    for header in headers:
        answer = one.receive(header + rest)
        assert answer is None or len(answer) + 2 <= one.fsd
