"""The contact chip: what is read of it, what stays behind the PIN, and that nothing personal leaves by accident."""

import contextlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.errors import ApduError, LinkLost, Malformed, StatusError
from apdu.profile import BadProfile
from apdu.script import Script, Slot, run
from apdu.social.forms import READ, last_day
from apdu.social.masked import masked_name, masked_number
from apdu.social.profile import Profile, parse_profiles
from apdu.social.read import Chip, read_free, read_protected, select
from apdu.social.verify import PinBlocked, PinWrong, fits
from apdu.tlv import simple_items
from apdu.virtual.social import PIN_TRIES, SocialChip, SocialSpec, make_social
from apdu.virtual.t0 import T0
from tests.chips import ChipWire

VECTORS = {
    one["id"]: one
    for one in json.loads((Path(__file__).parent / "vectors" / "card-vectors.json").read_text("utf-8"))["vectors"]
}
SUMS = (2012, 1200, 900, 1, 0)
ZHANG = SocialSpec("A00000001", "33041119700101001X", "张三丰", employer="嘉兴某厂", accumulators=SUMS)


def profiles() -> tuple[Profile, ...]:
    folder = files("apdu") / "profiles"
    names = ("social_jiaxing", "social_old_medical")
    return parse_profiles([(folder / f"{name}.toml").read_text("utf-8") for name in names])


def wire(chip: SocialChip) -> ChipWire:
    return ChipWire(T0(chip).transmit, t0=True)


def converse(script: Script[Any], wire: ChipWire) -> Any:
    def keep(draft: object) -> None:
        raise AssertionError("a look at the chip holds nothing")

    return run(script, {Slot.CARD: wire}, keep)


def look(spec: SocialSpec, pin: str = "") -> Any:
    """What a counter learns of the card, behind the PIN too when one is given."""
    on = wire(make_social(spec))
    profile = converse(select(profiles()), on)
    if profile is None:
        return None
    free = converse(read_free(profile), on)
    if not pin:
        return free
    behind = converse(read_protected(profile, pin), on)
    return free.joined(behind) if isinstance(behind, Chip) else behind


def test_the_published_test_card_reads_as_published() -> None:
    """TRACE-SSSE-EF05-TESTCARD: a7082633/HDOS_VC6 DEBUG/apdu.txt; years in ASCII."""
    vector = VECTORS["TRACE-SSSE-EF05-TESTCARD"]
    selected = "6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E9000"
    answers = iter([selected, "9000", vector["inputs"]["answer"] + "9000"])
    played = ChipWire(lambda raw: bytes.fromhex(next(answers)))
    profile = converse(select(profiles()), played)
    only_card = msgspec.structs.replace(profile, files=profile.files[:1])
    chip = converse(read_free(only_card), played)
    assert chip.values["card"] == {
        "card_id": vector["expected"]["tag01_card_id"],
        "category": vector["expected"]["tag02_category"],
        "version": vector["expected"]["tag03_version"],
        "organisation": vector["expected"]["tag04_init_org"],
        "issued": "2012",
        "valid_to": "2022",
        "number": vector["expected"]["tag07_card_no"],
    }
    assert chip.kind == "test" and not chip.faults


def test_a_card_is_read_freely_and_behind_its_pin() -> None:
    chip = look(ZHANG, "123456")
    assert chip.kind == "citizen" and not chip.faults
    assert chip.text("name") == "张三丰" and chip.text("id_number") == ZHANG.id_number
    assert chip.text("card_number") == "A00000001" and chip.text("valid_to") == "20321231"
    assert chip.text("region") == "330499" and chip.text("employer") == "嘉兴某厂"
    assert [chip.fact(name) for name in ("year", "inscope_fen", "pool_fen", "admissions", "unfinished")] == [
        "2012", 1200, 900, 1, 0,
    ]  # fmt: skip


def test_without_the_pin_nothing_behind_it_is_read() -> None:
    chip = look(ZHANG)
    assert set(chip.values) == {"card", "holder"} and chip.fact("region") is None
    on = wire(make_social(ZHANG))
    for text in ("00A404000F7378312E73682EC9E7BBE1B1A3D5CF", "00A4010002DF03", "00A4020002EF19"):
        on.transmit(bytes.fromhex(text))
    assert on.transmit(bytes.fromhex("00B2790029")) == bytes.fromhex("6982")


def test_an_area_without_accumulators_on_the_card_is_served_without_them() -> None:
    chip = look(without_accumulators(ZHANG), "123456")
    assert chip.fact("inscope_fen") is None and chip.text("region") == "330499"


def test_the_three_kinds_of_card_and_the_old_one_are_told_apart() -> None:
    assert look(ZHANG).kind == "citizen"
    assert look(with_kind("new_resident")).kind == "new_resident"
    assert look(with_kind("city_pass")) is None
    old = look(with_kind("old_medical"))
    assert old.kind == "old_medical" and old.profile.verified is False and old.text("name") == "张三丰"


def test_a_year_in_ascii_lasts_to_its_end() -> None:
    chip = look(SocialSpec("A00000002", "33041119700101001X", "李四", year_dates=True))
    assert chip.text("valid_to") == "2032"
    assert str(last_day("2032")) == "2032-12-31" and str(last_day("20320229")) == "2032-02-29"
    assert last_day("") is None and last_day("20320230") is None


def test_a_wrong_pin_tells_how_many_tries_are_left_and_the_last_one_blocks() -> None:
    on = wire(make_social(ZHANG))
    profile = converse(select(profiles()), on)
    left = []
    for _ in range(PIN_TRIES - 1):
        verdict = converse(read_protected(profile, "000000"), on)
        assert isinstance(verdict, PinWrong)
        left.append(verdict.tries_left)
    assert left == [2, 1]
    assert converse(read_protected(profile, "000000"), on) == PinBlocked()
    assert converse(read_protected(profile, "123456"), on) == PinBlocked(), "the right one comes too late"


def test_the_right_pin_gives_all_tries_back() -> None:
    on = wire(make_social(ZHANG))
    profile = converse(select(profiles()), on)
    assert converse(read_protected(profile, "000000"), on) == PinWrong(2)
    assert isinstance(converse(read_protected(profile, "123456"), on), Chip)
    assert converse(read_protected(profile, "000000"), on) == PinWrong(2)


def test_a_pin_that_cannot_be_right_costs_no_try() -> None:
    profile, old = profiles()
    assert fits(profile, "123456") and not fits(old, "123456")
    for wrong in ("", "12345", "1234567", "12345a", "１２３４５６"):
        assert not fits(profile, wrong)


def test_a_pin_stands_in_no_text_that_could_be_logged() -> None:
    on = wire(make_social(ZHANG))
    profile = converse(select(profiles()), on)
    on.answers[0x20] = bytes.fromhex("6A80")
    with pytest.raises(StatusError) as told:
        converse(read_protected(profile, "654321"), on)
    assert "VERIFY" in str(told.value) and "654321" not in str(told.value)


def test_a_pin_is_sent_once_even_when_the_chip_asks_for_another_length() -> None:
    on = wire(make_social(ZHANG))
    profile = converse(select(profiles()), on)
    on.answers[0x20] = bytes.fromhex("6C03")
    with pytest.raises(StatusError):
        converse(read_protected(profile, "123456"), on)
    assert sum(sent.startswith("0020") for sent in on.sent) == 1


def test_what_was_read_of_a_person_is_not_in_its_repr() -> None:
    told = repr(look(ZHANG, "123456"))
    assert "张" not in told and ZHANG.id_number not in told and "A00000001" not in told


def test_masks_leave_the_first_character_and_the_last_four() -> None:
    assert masked_name("张三丰") == "张**" and masked_name("") == ""
    assert masked_number(ZHANG.id_number) == "*" * 14 + "001X"
    assert masked_number("12345678") == "*" * 8


@given(st.binary(max_size=300))
def test_any_file_is_values_faults_or_malformed(raw: bytes) -> None:
    profile = profiles()[0]
    answers = iter([b"\x90\x00", raw + b"\x90\x00", b"\x90\x00", raw + b"\x90\x00"])
    with contextlib.suppress(Malformed, StatusError):
        chip = converse(read_free(profile), ChipWire(lambda _: next(answers, b"\x6a\x82")))
        assert set(chip.values) == {"card", "holder"}


@given(st.lists(st.binary(max_size=40), max_size=12), st.sampled_from(["", "123456"]))
def test_a_hostile_chip_ends_in_a_value_or_one_of_our_errors(answers: list[bytes], pin: str) -> None:
    told = iter(answers)

    def reply(raw: bytes) -> bytes:
        answer = next(told, None)
        if answer is None:
            raise LinkLost("gone")
        return answer

    with contextlib.suppress(ApduError):
        on = ChipWire(reply)
        profile = converse(select(profiles()), on)
        if profile is not None:
            converse(read_free(profile), on)
            if fits(profile, pin):
                converse(read_protected(profile, pin), on)


@given(st.lists(st.tuples(st.integers(1, 0xFE), st.binary(max_size=300)), max_size=6))
def test_simple_tlv_reads_what_was_written(objects: list[tuple[int, bytes]]) -> None:
    raw = b""
    for tag, value in objects:
        short = len(value) < 0xFF
        raw += bytes((tag, len(value) if short else 0xFF)) + (b"" if short else len(value).to_bytes(2, "big")) + value
    assert list(simple_items(raw)) == objects


@given(st.sampled_from(sorted(READ)), st.binary(max_size=30))
def test_each_form_reads_any_bytes_or_says_malformed(form: str, raw: bytes) -> None:
    with contextlib.suppress(Malformed):
        READ[form](raw)


def test_every_shipped_chip_profile_says_that_it_is_not_verified() -> None:
    assert [profile.verified for profile in profiles()] == [False, False]


@pytest.mark.parametrize(
    "text",
    [
        "no toml",
        'name = "x"',
        (files("apdu") / "profiles" / "social_old_medical.toml").read_text("utf-8").replace('"gbk"', '"runes"'),
        (files("apdu") / "profiles" / "social_old_medical.toml").read_text("utf-8").replace("card.year", "card.yaer"),
        (files("apdu") / "profiles" / "social_old_medical.toml").read_text("utf-8").replace("00B09500", "00B095"),
    ],
)
def test_a_profile_with_a_fault_is_not_taken(text: str) -> None:
    with pytest.raises(BadProfile):
        parse_profiles([text])


def without_accumulators(spec: SocialSpec) -> SocialSpec:
    return SocialSpec.from_json({**spec.to_json(), "accumulators": ()})


def with_kind(kind: str) -> SocialSpec:
    return SocialSpec.from_json({**ZHANG.to_json(), "kind": kind})
