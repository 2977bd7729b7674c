"""The simulated PSAM against the vectors, its state rule, and both its sides."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu import crypto
from apdu.virtual import issuer
from apdu.virtual.chance import Chance
from apdu.virtual.chip import Chip
from apdu.virtual.issuer import make_psam
from apdu.virtual.psam import Psam
from apdu.virtual.t0 import T0

VECTORS: dict[str, dict[str, Any]] = {
    one["id"]: one
    for one in json.loads((Path(__file__).parent / "vectors" / "card-vectors.json").read_text("utf-8"))["vectors"]
}
TERMINAL = bytes.fromhex("314000000001")
PURCHASE = VECTORS["SYN-PURCHASE-06"]["expected"]
COMPOSITE = VECTORS["SYN-CAPP-09"]["expected"]


def ask(chip: Chip | T0, text: str) -> str:
    return chip.transmit(bytes.fromhex(text)).hex().upper()


def psam(sequence: int = 16, safe_code: bool = False) -> Psam:
    one = make_psam(TERMINAL, sequence, Chance("psam"), safe_code)
    assert ask(one, "00A40000021001").endswith("9000")
    return one


def test_mac1_and_mac2_are_the_vectors_for_both_kinds_of_purchase() -> None:
    one = psam()
    for expected in (PURCHASE, COMPOSITE):
        assert ask(one, expected["psam_init_apdu"]) == expected["psam_init_answer"] + "9000"
        assert ask(one, expected["psam_credit_apdu"]) == "9000"


@pytest.mark.parametrize("vector", ["SYN-APP-BLOCK", "SYN-APP-UNBLOCK"])
def test_lock_commands_are_signed_as_the_vectors_say(vector: str) -> None:
    one, expected = psam(), VECTORS[vector]["expected"]
    assert ask(one, "801A45011000000000000000013140FF0000000000") == "9000"
    assert ask(one, expected["psam_cipher_apdu"]) == expected["MAC4"] + "9000"
    assert ask(one, expected["psam_cipher_apdu"]) == "6985"


def test_the_tac_key_joins_its_halves_inside() -> None:
    one = psam()
    data = "0000009606" + "314000000001" + "00000010" + "20100315081530"
    assert ask(one, "801A44001000000000000000013140FF0000000000") == "9000"
    assert ask(one, "80FA050020" + "00" * 8 + data + "8000") == PURCHASE["TAC"] + "9000"


def test_the_other_scheme_has_its_own_keys() -> None:
    one = psam()
    ask(one, "80700000" + PURCHASE["psam_init_apdu"][8:])
    ask(one, "00A40000028011")
    answer = ask(one, PURCHASE["psam_init_apdu"])
    assert answer.endswith("9000") and answer[8:16] != PURCHASE["MAC1"]
    assert ask(one, "801A45011000000000000000013140FF0000000000") == "6A88"
    assert ask(one, "801A4502100000000000000001" + issuer.SHANGHAI) == "9000"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("00B0970001", "019000"),
        ("00A4040008BDA8C9E8B2BF0000", None),
        ("00A4040005A000000632", None),
        ("00A40000028011", None),
        ("00A40000021003", "6A82"),
        ("00B0960006", "6A82"),
    ],
)
def test_the_selected_df_is_kept_and_answers_for_its_own_files(command: str, answer: str | None) -> None:
    one = psam()
    if answer is None:
        assert ask(one, command).startswith("6F") and ask(one, "00B0970001") == "019000"
    else:
        assert ask(one, command) == answer


def test_the_master_file_tells_the_terminal_number() -> None:
    one = make_psam(TERMINAL, 1, Chance(""))
    assert ask(one, "00B0960006") == "3140000000019000"
    assert len(ask(one, "00B0950000")) == 28 + 4
    assert ask(one, PURCHASE["psam_init_apdu"]) == "6985"


def test_the_fci_is_built_as_in_the_sample() -> None:
    answer = ask(psam(), "00A40000021001")
    assert answer.startswith("6F288408BDA8C9E8B2BF0000A51C9F0C1901") and len(answer) == 84 + 4


@pytest.mark.parametrize("between", ["reset", "again", "select", "used", "wrong"])
def test_a_session_dies_with_its_use_a_reset_a_select_or_the_next_one(between: str) -> None:
    one = psam()
    ask(one, PURCHASE["psam_init_apdu"])
    if between == "reset":
        one.reset()
        ask(one, "00A40000021001")
    elif between == "again":
        ask(one, COMPOSITE["psam_init_apdu"])
        assert ask(one, PURCHASE["psam_credit_apdu"]) == "9302"
    elif between == "select":
        ask(one, "00A40000021001")
    elif between == "used":
        assert ask(one, PURCHASE["psam_credit_apdu"]) == "9000"
    else:
        assert ask(one, "807200000400000000") == "9302"
    assert ask(one, PURCHASE["psam_credit_apdu"]) == "6985"


@given(st.lists(st.sampled_from(["init", "reset", "credit", "refused"]), max_size=20))
def test_a_terminal_sequence_never_comes_twice(steps: list[str]) -> None:
    one, seen = psam(sequence=0xFFFF), []
    for step in steps:
        if step == "reset":
            one.reset()
            ask(one, "00A40000021001")
        elif step == "credit":
            ask(one, PURCHASE["psam_credit_apdu"])
        else:
            command = PURCHASE["psam_init_apdu"] if step == "init" else "8070000004" + "00" * 4
            answer = ask(one, command)
            seen += [answer[:8]] if answer.endswith("9000") else []
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("factors", [1, 2, 3])
def test_one_two_or_three_factors_derive_the_key_from_the_highest_down(factors: int) -> None:
    parts = [bytes.fromhex("0000000000000001"), issuer.city_factor("3140"), b"\x01" * 8][:factors]
    key = issuer.MOHURD.purchase
    for part in reversed(parts):
        key = crypto.diversify(key, part)
    head = bytes.fromhex(PURCHASE["psam_init_apdu"])[5:25]
    data = head + b"".join(parts)
    answer = ask(psam(), f"80700000{len(data):02X}{data.hex()}08")
    session = crypto.session_key(key, head[:4], head[4:6], b"\x00\x10")
    assert answer[8:16] == crypto.mac(session, head[6:11] + TERMINAL + head[11:18]).hex().upper()


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("807001001C" + "00" * 28, "6A86"),
        ("807000001B" + "00" * 27, "6700"),
        ("8070000024" + "00" * 36, "6A80"),
        ("8070000024" + "00" * 10 + "06" + "00" * 7 + "0101" + "00" * 16, "6A88"),
        ("8070000024" + "00" * 10 + "06" + "00" * 7 + "0200" + "00" * 16, "6A88"),
        ("807200000400000000", "6985"),
        ("8072000005" + "00" * 5, "6700"),
        ("801A450110" + "00" * 8, "6700"),
        ("801A45030800" + "00" * 15, "6700"),
        ("801A450310" + "00" * 16, "6A88"),
        ("801A4C0110" + "00" * 16, "6A88"),
        ("801A050110" + "00" * 16, "6A86"),
        ("80FA050010" + "00" * 16, "6985"),
        ("80FA050008" + "00" * 8, "6700"),
        ("80FA000010" + "00" * 16, "6A86"),
        ("80CA000009" + "00" * 9, "6985"),
        ("8050010200", "6D00"),
    ],
)
def test_each_refusal_of_the_psam_has_its_own_status(command: str, status: str) -> None:
    assert ask(psam(), command) == status


def test_a_terminal_sequence_at_its_end_refuses_for_good() -> None:
    one = psam(sequence=0xFFFFFFFF)
    assert ask(one, PURCHASE["psam_init_apdu"])[:8] == "FFFFFFFF"
    assert ask(one, PURCHASE["psam_init_apdu"]) == "9402"


def test_a_psam_that_wants_the_safe_code_signs_nothing_before_it() -> None:
    one = psam(safe_code=True)
    assert ask(one, PURCHASE["psam_init_apdu"]) == "6985"
    good = issuer.safe_code(issuer.MOHURD, bytes.fromhex("0000000000000001")).hex()
    assert ask(one, "80CA000009" + good[:-2] + "00") == "9302"
    assert ask(one, "80CA000009" + good) == "9000"
    assert ask(one, PURCHASE["psam_init_apdu"]) == PURCHASE["psam_init_answer"] + "9000"


def test_over_t0_an_answer_waits_for_get_response() -> None:
    one = T0(make_psam(TERMINAL, 16, Chance("psam")))
    assert ask(one, "00A40000021001") == "612A"
    assert ask(one, "00C0000000") == "6C2A"
    fci = ask(one, "00C000002A")
    assert fci.startswith("6F28") and fci.endswith("9000") and len(fci) == 88
    assert ask(one, "00C000002A") == "6985"
    assert ask(one, PURCHASE["psam_init_apdu"]) == "6108"
    assert ask(one, "00C0000004") == PURCHASE["psam_init_answer"][:8] + "6104"
    assert ask(one, "00C0000004") == PURCHASE["MAC1"] + "9000"
    assert ask(one, PURCHASE["psam_credit_apdu"]) == "9000"


def test_over_t0_a_wrong_length_is_corrected_and_a_reset_forgets_what_waits() -> None:
    one = T0(make_psam(TERMINAL, 16, Chance("psam")))
    assert ask(one, "00B0960000") == "6C06"
    assert ask(one, "00B0960007") == "6C06"
    assert ask(one, "00B0960006") == "3140000000019000"
    assert ask(one, "0084000008")[-4:] == "9000"
    assert ask(one, "00A40000021001") == "612A"
    one.reset()
    assert ask(one, "00C000002A") == "6985"
    assert ask(one, PURCHASE["psam_init_apdu"]) == "6985"
    assert ask(one, "00C0010008") == "6A86"


@given(st.lists(st.binary(max_size=300), max_size=10))
def test_any_bytes_to_the_psam_get_an_answer(commands: list[bytes]) -> None:
    one = T0(psam())
    for command in commands:
        assert len(one.transmit(command)) >= 2


@given(st.sampled_from((0x70, 0x72, 0x1A, 0xFA, 0xCA, 0xC0)), st.binary(max_size=60))
def test_any_parameters_to_the_psam_get_an_answer(ins: int, rest: bytes) -> None:
    for one in (psam(), T0(psam())):
        assert len(one.transmit(bytes((0x80, ins)) + rest)) >= 2
