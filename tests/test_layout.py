"""Records, TLV and card profiles: one table both ways, any bytes a value or Malformed."""

import contextlib
from datetime import datetime
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.errors import Malformed
from apdu.layout import FORMS, Field, Layout
from apdu.profile import LOG, BadProfile, parse_profiles
from apdu.tlv import find
from tests.chips import profiles

LAYOUTS = [LOG] + [
    layout
    for profile in profiles()
    for layout in (profile.ef15, *(f.layout for f in profile.files), *(c.layout for c in profile.caches))
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: f"{layout.name}-{layout.size}")
@given(data=st.data())
def test_what_parses_builds_to_the_same_bytes(layout: Layout, data: st.DataObject) -> None:
    digit = st.integers(0, 99).map(lambda n: int(str(n), 16))
    byte = st.one_of(st.just(0), digit, st.integers(0, 255))
    raw = bytes(data.draw(st.lists(byte, min_size=layout.size, max_size=layout.size)))
    try:
        values = layout.parse(raw)
    except Malformed:
        values = layout.parse_leniently(raw)
        assert set(values) == {field.name for field in layout.fields}
        return
    assert layout.build(values) == raw


@given(st.sampled_from(sorted(FORMS)), st.binary(min_size=1, max_size=8))
def test_each_form_reads_any_bytes_or_says_malformed(form: str, raw: bytes) -> None:
    layout = Layout("one", [Field("value", form, len(raw))])
    with contextlib.suppress(Malformed):
        assert layout.build(layout.parse(raw)) == raw


def test_a_record_of_another_length_is_malformed() -> None:
    with pytest.raises(Malformed):
        LOG.parse(bytes(22))
    with pytest.raises(Malformed):
        LOG.parse_leniently(bytes(24))


def test_the_published_log_sample_reads_as_published() -> None:
    """SocialSisterYi/T-Union_Master, docs/card_data_format.md."""
    values = LOG.parse(bytes.fromhex("042D000000000001F40930008900034020241229141740"))
    assert values["sequence"] == 1069 and values["amount"] == 500 and values["type"] == "09"
    assert values["terminal"] == "300089000340" and values["when"] == "20241229141740"


def test_the_published_travel_sample_reads_as_published() -> None:
    """Same source: a T-Union travel record, 48 bytes."""
    travel = next(c.layout for p in profiles() if p.name == "tunion" for c in p.caches if c.layout.name == "travel")
    raw = "0400003000890003400108001900300000000001F400000E0120241229141740100001011000FFFFFFFF000000000000"
    values = travel.parse(bytes.fromhex(raw))
    assert values["type"] == "04" and values["amount"] == 500 and values["balance_after"] == 3585
    assert values["written_at"] == datetime(2024, 12, 29, 14, 17, 40)


@given(st.binary(max_size=64))
def test_tlv_reads_any_bytes_or_says_malformed(raw: bytes) -> None:
    try:
        value = find(raw, 0x6F, 0xA5, 0x9F0C)
        assert value is None or value in raw
    except Malformed:
        pass


def test_tlv_finds_a_nested_value_beside_others() -> None:
    fci = bytes.fromhex("6F138408A000000386980701A5079F0801029F0C00")
    assert find(fci, 0x6F, 0xA5, 0x9F0C) == b""
    assert find(fci, 0x6F, 0x84) == bytes.fromhex("A000000386980701")
    assert find(fci, 0x6F, 0xA5, 0x88) is None


def test_the_shipped_profiles_name_their_doubts() -> None:
    shipped = {profile.name: profile for profile in profiles()}
    assert list(shipped) == ["jiaxing", "jiaxing_b", "tunion"]
    assert not shipped["jiaxing"].verified and not shipped["jiaxing_b"].verified
    assert shipped["jiaxing_b"].match and shipped["jiaxing_b"].until is not None
    assert shipped["jiaxing_b"].ef15.size == shipped["jiaxing"].ef15.size == 30


@given(st.text(max_size=200))
def test_any_text_is_a_profile_or_bad(text: str) -> None:
    with pytest.raises(BadProfile):
        parse_profiles([text])


@given(st.data())
def test_a_damaged_profile_is_bad_and_says_where(data: st.DataObject) -> None:
    lines = (files("apdu") / "profiles/jiaxing.toml").read_text("utf-8").splitlines()
    victim = data.draw(st.integers(0, len(lines) - 1))
    damaged = "\n".join(line for number, line in enumerate(lines) if number != victim)
    try:
        parse_profiles([damaged])
    except BadProfile as wrong:
        assert "profile" in str(wrong)
