"""Cards as they are issued: layouts, keys, and the image of their memory."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu import crypto
from apdu.virtual import issuer
from apdu.virtual.cards import image, personalise, restore
from apdu.virtual.spec import HOLDER_KINDS, BadSpec, CardSpec

JIAXING = CardSpec(serial="0000000000000001", holder_kind="XJ", main_type="10", sub_type="02", end="20261231")
SHANGHAI = CardSpec(
    serial="0123456789012345", kind="tunion", city="2900", issuer=issuer.SHANGHAI, main_type="03", holder_kind="CT"
)


def ask(spec: CardSpec, *texts: str) -> list[str]:
    chip = personalise(spec).chip
    assert chip is not None
    return [chip.transmit(bytes.fromhex(text)).hex().upper() for text in texts]


def test_a_jiaxing_card_has_the_ministry_s_public_file_and_shows_it_at_select() -> None:
    fci, public, head, types = ask(
        JIAXING, "00A4040009A00000000386980701", "00B095001E", "00B201BC30", "00A40000023F0000"
    )
    ef15 = "314031400001" + b"XJ".hex() + "01020001000000000000000120100101202612311002"
    assert public == ef15.upper() + "9000"
    assert fci == "6F328409A00000000386980701A5259F0801029F0C1E" + ef15.upper() + "9000"
    assert head == "092E00" + "00" * 45 + "9000"
    assert types.startswith("6F")


def test_the_master_file_of_a_jiaxing_card_tells_its_type() -> None:
    assert ask(JIAXING, "00B0850012")[0] == "1002012010010101" + "00" * 10 + "9000"


def test_the_older_card_differs_in_version_industry_and_interop_only() -> None:
    select = "00A4040009A00000000386980701"
    new, old = ask(JIAXING, select)[0], ask(replace(JIAXING, kind="jiaxing_b"), select)[0]
    at = new.index("9F0C1E") + 6
    assert [i for i in range(0, 60, 2) if new[at + i : at + i + 2] != old[at + i : at + i + 2]] == [10, 18, 22]


def test_a_tunion_card_has_its_files() -> None:
    fci, city, metro, bus, log = ask(
        SHANGHAI, "00A4040008A000000632010105", "00B097003C", "00B201D400", "00B202D480", "00B201F400"
    )
    ef15 = issuer.SHANGHAI + "0201" + "0310" + "0123456789012345" + "2010010120401231" + "0000"
    assert fci == "6F318408A000000632010105A5259F0801029F0C1E" + ef15 + "9000"
    assert city == "0000015629002900000103" + "00" * 49 + "9000"
    assert (metro[:14], bus[:14], len(bus)) == ("27017D01010001", "27027D01010001", 260)
    assert log == "6A83"


def test_a_tunion_balance_has_two_forms() -> None:
    assert ask(SHANGHAI, "00A4040008A000000632010105", "805C000204", "805C030204")[1:] == ["000013889000"] * 2


def test_a_card_that_is_not_enabled_says_so() -> None:
    assert ask(replace(JIAXING, enabled=False), "00A40000021001", "00B0950801")[1] == "009000"
    assert ask(replace(SHANGHAI, enabled=False), "00A40000021001", "00B0950802")[1] == "00009000"


@pytest.mark.parametrize(("spec", "lock"), [(JIAXING, "00B201BC03"), (SHANGHAI, "00B202D400")])
def test_the_composite_lock_flag_stands_in_the_record(spec: CardSpec, lock: str) -> None:
    locked = ask(replace(spec, composite_lock=1), "00A40000021001", lock[:8] + "00")[1]
    assert locked[:6] == "092E01" if spec is JIAXING else locked[10:12] == "01"


def test_records_can_be_given_whole() -> None:
    ride = "092E00" + "AB" * 45
    assert ask(replace(JIAXING, records=(ride,)), "00A40000021001", "00B209B800")[1] == ride + "9000"


def test_cards_of_other_worlds_have_no_purse() -> None:
    assert personalise(replace(JIAXING, kind="mifare")).chip is None
    assert personalise(replace(JIAXING, kind="mifare")).sak == 0x08
    foreign = replace(JIAXING, kind="foreign")
    assert ask(foreign, "00A4040009A00000000386980701", "00A4040008A000000632010105") == ["6A82", "6A82"]


def test_each_kind_of_holder_shows_in_the_public_file() -> None:
    seen = {ask(replace(JIAXING, holder_kind=kind), "00A40000021001")[0] for kind in HOLDER_KINDS}
    assert len(seen) == len(HOLDER_KINDS)


def test_the_card_s_keys_are_those_of_the_diversification_vector() -> None:
    keys = issuer.card_keys(issuer.MOHURD, bytes.fromhex("0000000000000001"), issuer.city_factor("3140"))
    assert [key.hex().upper() for key in keys] == [
        "8C7DA3D33E914E11F4F4FD8CA9172AC0",
        "DF5EFDAF6B5573C6CE3201E19E17A311",
        "1A3815270AE1FBF12C060E4A329848BA",
        "79B9F0E289ADA4F76FED980CBF564F34",
    ]
    assert crypto.diversify(issuer.MOHURD.purchase, issuer.city_factor("3140")).hex().upper().startswith("53FA94F1")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"serial": "1"}, "serial"),
        ({"serial": "zz"}, "serial"),
        ({"serial": 5}, "serial"),
        ({"kind": "oyster"}, "kind"),
        ({"holder_kind": "??"}, "holder_kind"),
        ({"issuer": "0200"}, None),
        ({"issuer": "020029"}, "issuer"),
        ({"kind": "tunion"}, "issuer"),
        ({"uid": "01"}, "uid"),
        ({"ats": "0"}, "ats"),
        ({"records": ["x"]}, "records[0]"),
        ({"balance_fen": -1}, "balance_fen"),
        ({"counter": 65536}, "counter"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_description_is_refused_by_the_field_s_name(change: dict[str, Any], named: str | None) -> None:
    raw = JIAXING.to_json() | change
    if named is None:
        assert CardSpec.from_json(raw).to_json() == raw
        return
    with pytest.raises(BadSpec, match=named.replace("[", r"\[")):
        CardSpec.from_json(raw)


def test_a_description_without_a_serial_is_refused() -> None:
    with pytest.raises(BadSpec, match="serial"):
        CardSpec.from_json({})


specs = st.builds(
    CardSpec,
    serial=st.text("0123456789ABCDEF", min_size=16, max_size=16),
    kind=st.sampled_from(("jiaxing", "jiaxing_b", "mifare", "foreign")),
    holder_kind=st.sampled_from(tuple(HOLDER_KINDS)),
    balance_fen=st.integers(0, 0x7FFFFFFF),
    counter=st.integers(0, 0xFFFF),
    enabled=st.booleans(),
    locked=st.integers(0, 2),
    uid=st.sampled_from(("", "01020304", "04010203040506", "04010203040506070809")),
)


@given(specs, st.lists(st.sampled_from(["00A40000021001", "805001020B01000000003140000000010F", "0084000004"])))
def test_a_card_and_its_image_through_json_are_the_same_card(spec: CardSpec, commands: list[str]) -> None:
    card = personalise(spec, seed=3)
    if card.chip is not None:
        for command in commands:
            card.chip.transmit(bytes.fromhex(command))
    picture = image(card)
    again = restore(json.loads(json.dumps(picture)), seed=3)
    assert image(again) == picture
    if card.chip is not None and again.chip is not None:
        assert card.chip.chance.bytes(8) == again.chip.chance.bytes(8)
