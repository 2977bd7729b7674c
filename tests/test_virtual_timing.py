"""The timing profile as arithmetic: what each exchange must take, without a clock."""

import time

import pytest

from apdu.virtual.cards import personalise
from apdu.virtual.chance import Chance
from apdu.virtual.contact import Slot
from apdu.virtual.contactless import Field
from apdu.virtual.faults import Extension, Trigger
from apdu.virtual.issuer import make_psam
from apdu.virtual.psam import ATR
from apdu.virtual.spec import CardSpec
from apdu.virtual.t0 import T0
from apdu.virtual.timing import ESTIMATES, NO_DELAY, Timing, wait_until

SPEC = CardSpec(serial="0000000000000001")
BALANCE = b"\x03\x80\x5c\x00\x02\x04"


def opened(timing: Timing) -> Field:
    field = Field()
    field.timing = timing
    field.enter(personalise(SPEC))
    level, _ = field.receive(b"\x26") and field.receive(b"\x93\x20")
    field.receive(b"\x93\x70" + (level or b""))
    field.receive(b"\xe0\x80")
    field.receive(b"\x02\x00\xa4\x00\x00\x02\x10\x01")
    return field


def test_without_a_profile_nothing_takes_time() -> None:
    assert opened(NO_DELAY).receive(BALANCE)[1] == 0.0


def test_a_frame_costs_the_reader_the_chip_and_nine_bits_a_byte() -> None:
    answer, seconds = opened(Timing(card_ms={0x5C: 8}, frame_ms=10, air_kbit=106)).receive(BALANCE)
    assert answer is not None
    bits = (len(BALANCE) + 2 + len(answer) + 2) * 9
    assert seconds == pytest.approx(0.018 + bits / 106_000)


def test_anticollision_costs_the_reader_s_overhead_once() -> None:
    field = Field()
    field.timing = Timing(frame_ms=10)
    field.enter(personalise(SPEC))
    assert field.receive(b"\x26")[1] == pytest.approx(0.010)
    assert field.receive(b"\x93\x20")[1] == 0.0


def test_a_retransmission_costs_no_chip_time_and_more_time_is_spent_after_it_was_granted() -> None:
    field = opened(Timing(card_ms={0x5C: 8}))
    assert field.receive(BALANCE)[1] == pytest.approx(0.008)
    assert field.receive(b"\xb3")[1] == 0.0
    field.faults.extensions.append(Extension(Trigger(), 5))
    assert field.receive(b"\x02" + BALANCE[1:]) == (b"\xf2\x05", 0.0)
    assert field.receive(b"\xf2\x05")[1] == pytest.approx(0.008)


def test_the_psam_costs_its_work_and_twelve_units_a_character() -> None:
    slot = Slot(T0(make_psam(bytes.fromhex("314000000001"), 1, Chance(""))), ATR)
    slot.timing = Timing(psam_ms={0xB0: 3}, psam_baud=38400)
    answer, seconds = slot.receive(bytes.fromhex("00B0960006"))
    assert answer is not None and len(answer) == 8
    assert seconds == pytest.approx(0.003 + (5 + 8 + 1) * 12 / 38400)
    assert slot.receive(b"\x04") == (ATR, 0.0)


@pytest.mark.parametrize("profile", [NO_DELAY, ESTIMATES])
def test_a_profile_through_json_is_the_same(profile: Timing) -> None:
    assert Timing.from_json(profile.to_json()) == profile


def test_a_wait_never_ends_early() -> None:
    for seconds in (-1.0, 0.0, 0.0001, 0.001):
        moment = time.perf_counter() + seconds
        wait_until(moment)
        assert time.perf_counter() >= moment
