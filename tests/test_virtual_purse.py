"""The simulated purse against the published and the synthetic vectors, and its rules one by one."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu import crypto
from apdu.virtual import elsewhere
from apdu.virtual.cards import Card, image, personalise
from apdu.virtual.chance import Chance
from apdu.virtual.purse import PurseKeys
from apdu.virtual.spec import CardSpec

VECTORS: dict[str, dict[str, Any]] = {
    one["id"]: one
    for one in json.loads((Path(__file__).parent / "vectors" / "card-vectors.json").read_text("utf-8"))["vectors"]
}
SELECT = "00A4040009A00000000386980701"
SPEC = CardSpec(serial="0000000000000001", balance_fen=10000, counter=5)


class Scripted(Chance):
    """Randoms from a vector."""

    def __init__(self, *randoms: str) -> None:
        super().__init__("")
        self._randoms = [bytes.fromhex(one) for one in randoms]

    def bytes(self, length: int) -> bytes:
        value = self._randoms.pop(0)
        assert len(value) == length
        return value


def card_of(spec: CardSpec = SPEC, *randoms: str) -> Card:
    card = personalise(spec)
    assert card.chip is not None
    if randoms:
        card.chip.chance = Scripted(*randoms)
    if spec.kind == "jiaxing":
        ask(card, SELECT)
    return card


def ask(card: Card, text: str) -> str:
    assert card.chip is not None
    return card.chip.transmit(bytes.fromhex(text)).hex().upper()


def debit(
    card: Card, opened: str, amount: int, kind: int, at: str = "20100315081530", terminal: str = "314000000001"
) -> str:
    """The DEBIT command for an INIT answer, made from the card's own purchase key."""
    assert card.purse is not None
    answer = bytes.fromhex(opened)
    tail = bytes.fromhex("00000010")
    key = crypto.session_key(card.purse.keys.purchase, answer[11:15], answer[4:6], tail[2:])
    moment = bytes.fromhex(at)
    deal = amount.to_bytes(4, "big") + bytes((kind,)) + bytes.fromhex(terminal) + moment
    return f"805401000F{tail.hex()}{moment.hex()}{crypto.mac(key, deal).hex()}08"


def test_a_simple_purchase_answers_as_the_vector_says() -> None:
    vector = VECTORS["SYN-PURCHASE-06"]
    given_, expected = vector["inputs"], vector["expected"]
    card = card_of(SPEC, given_["card_random"])
    assert ask(card, given_["init_apdu"]) == given_["init_answer"] + "9000"
    assert ask(card, expected["debit_apdu"]) == expected["debit_answer"] + "9000"
    assert ask(card, expected["prove_apdu"]) == expected["prove_answer"] + "9000"
    assert ask(card, "00B201C417") == expected["log_record"] + "9000"
    assert ask(card, "805C000204") == expected["balance_after"] + "9000"


def test_a_composite_purchase_answers_as_the_vector_says() -> None:
    vector = VECTORS["SYN-CAPP-09"]
    given_, expected = vector["inputs"], vector["expected"]
    spec = replace(SPEC, balance_fen=0x267A, counter=6, records=("092E00" + "FF" * 45,))
    card = card_of(spec, given_["card_random"])
    assert ask(card, given_["init_apdu"]) == given_["init_answer"] + "9000"
    assert ask(card, expected["capp_cache_apdu"]) == "9000"
    assert ask(card, expected["debit_apdu"]) == expected["debit_answer"] + "9000"
    assert ask(card, expected["prove_apdu"]) == expected["prove_answer"] + "9000"
    assert ask(card, "00B201C400") == expected["log_record"] + "9000"
    assert ask(card, "00B201BC30") == expected["capp_cache_apdu"][10:] + "9000"
    assert ask(card, "805C000204") == expected["balance_after"] + "9000"


def test_the_published_purchase_answers_its_published_mac2() -> None:
    vector = VECTORS["EDEP-PURCHASE-1"]
    given_, expected = vector["inputs"], vector["expected"]
    card = card_of(replace(SPEC, balance_fen=0x1000, counter=0), given_["card_random"])
    assert card.purse is not None
    dtk = bytes.fromhex(VECTORS["EDEP-TACKEY-1"]["inputs"]["DTK"])
    card.purse.keys = PurseKeys(bytes.fromhex(given_["DPK"]), bytes(16), dtk, bytes(16))
    opened = ask(card, given_["init_apdu"])
    assert opened[8:30] == given_["init_answer"][8:]
    paid = ask(card, f"805401000F{given_['terminal_seq']}{given_['datetime']}{expected['MAC1']}08")
    assert paid == VECTORS["EDEP-TAC-PURCHASE-1"]["expected"]["TAC"] + expected["MAC2"] + "9000"


def test_a_tunion_purchase_leaves_the_records_of_the_published_samples() -> None:
    sample, expected = VECTORS["SAMPLE-TUNION-RECORDS"]["inputs"], VECTORS["SAMPLE-TUNION-RECORDS"]["expected"]
    spec = replace(SPEC, kind="tunion", issuer="02002900FFFFFFFF", counter=expected["ef18_seq"] - 1)
    card = card_of(spec)
    assert ask(card, "00A4040008A000000632010105").startswith("6F31")
    amount = expected["ef18_amount_fen"]
    opened = ask(card, f"805003020B01{amount:08X}{expected['ef18_terminal']}0F")
    trip = "27027D010100" + "00" * 8 + "01" + "55" * 113
    assert ask(card, "80DC02D080" + trip) == "9000"
    assert ask(card, "80DC00F030" + sample["ef1e"]) == "9000"
    assert ask(card, "00B201F400") == "6A83"
    opened = ask(card, f"805003020B01{amount:08X}{expected['ef18_terminal']}0F")
    assert ask(card, "80DC02D080" + trip) == "9000"
    assert ask(card, "80DC00F030" + sample["ef1e"]) == "9000"
    assert ask(card, debit(card, opened, amount, 9, "20241229141740", expected["ef18_terminal"])).endswith("9000")
    assert ask(card, "00B201C417") == sample["ef18"] + "9000"
    assert ask(card, "00B201F430") == sample["ef1e"] + "9000"
    assert ask(card, "00B202F400") == "6A83"
    assert ask(card, "00B202D480") == trip + "9000"


@pytest.mark.parametrize(("vector", "locked"), [("SYN-APP-BLOCK", 0), ("SYN-APP-UNBLOCK", 1)])
def test_the_vectors_of_the_lock_commands_lock_and_unlock(vector: str, locked: int) -> None:
    one = VECTORS[vector]
    card = card_of(replace(SPEC, locked=locked), one["inputs"]["challenge"])
    assert ask(card, "0084000004") == one["inputs"]["challenge"] + "9000"
    assert ask(card, one["expected"]["apdu"]) == "9000"
    assert card.purse is not None
    assert card.purse.memory.lock == 1 - locked
    assert ask(card, SELECT) == ("6A81" if not locked else ask(card_of(), SELECT))


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        (SPEC, "9000"),
        (replace(SPEC, locked=1), "6A81"),
        (replace(SPEC, locked=1, locked_sw=0x6283), "6283"),
        (replace(SPEC, locked=2), "9303"),
        (replace(SPEC, locked=2, locked_sw=0x6283), "9303"),
    ],
)
def test_select_tells_a_locked_application(spec: CardSpec, status: str) -> None:
    assert ask(card_of(spec), SELECT)[-4:] == status
    assert ask(card_of(spec), "00A4000C021001") == status


@pytest.mark.parametrize(
    "command", ["805C000204", "00B0950000", "805001020B01000000003140000000010F", "805A000602000608"]
)
def test_a_locked_application_does_nothing_but_unlock(command: str) -> None:
    assert ask(card_of(replace(SPEC, locked=1)), command) == "6A81"


def test_a_lock_command_needs_a_fresh_challenge_and_the_right_mac() -> None:
    card = card_of(SPEC)
    assert ask(card, "841E000004CDBAA68E") == "6984"
    ask(card, "0084000004")
    assert ask(card, "841E000004CDBAA68E") == "6988"
    assert ask(card, "841E000004CDBAA68E") == "6984"
    ask(card, "0084000004")
    ask(card, "805C000204")
    assert ask(card, "841E000004CDBAA68E") == "6984"
    ask(card, "0084000004")
    assert ask(card, "841E000003CDBAA6") == "6700"


def test_a_card_that_is_locked_for_ever_stays_so() -> None:
    card = card_of(replace(SPEC, locked=2))
    assert card.purse is not None and card.chip is not None
    challenge = bytes.fromhex(ask(card, "0084000004")[:8])
    mac = crypto.retail_mac(card.purse.keys.maintenance, bytes.fromhex("8418000004"), challenge + bytes(4))[:4]
    assert ask(card, f"8418000004{mac.hex()}") == "9303"
    assert card.purse.memory.lock == 2


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("805001020B01000027113140000000010F", "9401"),
        ("805001020B02000000003140000000010F", "9403"),
        ("805001020B0100000000314000000001", "9000"),
        ("805001020B01000000003140000000010C", "6C0F"),
        ("805001020A010000000031400000000F", "6700"),
        ("805001010B01000000003140000000010F", "6A86"),
        ("805401000F00000010201003150815300000000008", "6985"),
        ("805200000B201003150815300000000004", "6985"),
        ("80DC09B830" + "092E00" + "00" * 45, "6985"),
        ("805A000602000508", "9406"),
        ("805A0006020005", "9406"),
        ("805A000602000510", "6C08"),
        ("805C030204", "6A86"),
        ("805C000104", "6A86"),
        ("805C000205", "6C04"),
        ("80CA000009", "6985"),
        ("8099000000", "6D00"),
    ],
)
def test_each_refusal_has_its_own_status(command: str, status: str) -> None:
    assert ask(card_of(), command)[-4:] == status


def test_a_counter_at_its_maximum_refuses() -> None:
    assert ask(card_of(replace(SPEC, counter=0xFFFF)), "805001020B01000000003140000000010F") == "9402"
    card = card_of(replace(SPEC, counter=0xFFFE))
    opened = ask(card, "805001020B01000000013140000000010F")
    assert ask(card, debit(card, opened, 1, 6)).endswith("9000")
    assert ask(card, "805001020B01000000003140000000010F") == "9402"


def test_init_moves_nothing_and_a_wrong_mac1_drops_the_session() -> None:
    card = card_of()
    before = image(card) | {"draws": 0}
    opened = ask(card, "805001020B01000000963140000000010F")
    good = debit(card, opened, 150, 6)
    assert ask(card, good[:-10] + "00000000" + "08") == "9302"
    assert ask(card, good) == "6985"
    assert image(card) | {"draws": 0} == before
    assert ask(card, "805001020B01000000963140000000010F")[8:12] == opened[8:12] == "0005"


def test_a_debit_of_the_wrong_length_is_refused_and_may_be_sent_again() -> None:
    card = card_of()
    good = debit(card, ask(card, "805001020B01000000963140000000010F"), 150, 6)
    assert ask(card, "805401000E" + good[10:38]) == "6700"
    assert ask(card, good[:-2] + "0F") == "6C08"
    assert ask(card, good[:-2]).endswith("9000")


@pytest.mark.parametrize("between", ["805C000204", "00B0950000", SELECT, "805A000602000608", "0084000004"])
def test_only_the_next_step_of_a_purchase_keeps_its_session(between: str) -> None:
    card = card_of()
    opened = ask(card, "805001020B01000000963140000000010F")
    ask(card, between)
    assert ask(card, debit(card, opened, 150, 6)) == "6985"


def test_power_off_drops_the_session_and_its_cached_records_but_not_the_proof() -> None:
    card = card_of()
    opened = ask(card, "805003020B01000000643140000000010F")
    assert ask(card, "80DC09B830092E00" + "AA" * 45) == "9000"
    assert card.chip is not None
    card.chip.reset()
    ask(card, SELECT)
    assert ask(card, debit(card, opened, 100, 9)) == "6985"
    assert ask(card, "00B201BC00")[:6] == "092E00"
    opened = ask(card, "805003020B01000000643140000000010F")
    paid = ask(card, debit(card, opened, 100, 9))
    card.chip.reset()
    ask(card, SELECT)
    assert ask(card, "00B201BC00") == "092E00" + "00" * 45 + "9000"
    assert ask(card, "805A000902000608") == paid[8:16] + paid[:8] + "9000"
    assert ask(card, "805A000602000608") == "9406"
    assert ask(card, "805A000902000508") == "9406"


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("80DC09BC30092E00" + "00" * 45, "6A86"),
        ("80DC08B830082E00" + "00" * 45, "6A83"),
        ("80DC09B830082E00" + "00" * 45, "6A80"),
        ("80DC09B82F092E00" + "00" * 44, "6700"),
        ("80DC09A830092E00" + "00" * 45, "6981"),
        ("80DC09D030092E00" + "00" * 45, "6A82"),
        ("80DC00C017" + "00" * 23, "6A86"),
    ],
)
def test_a_record_that_does_not_fit_is_refused_and_the_purchase_goes_on(command: str, status: str) -> None:
    card = card_of()
    opened = ask(card, "805003020B01000000643140000000010F")
    assert ask(card, command) == status
    assert ask(card, debit(card, opened, 100, 9)).endswith("9000")


def test_records_can_be_named_by_number_where_the_issuer_wants_it() -> None:
    card = card_of(replace(SPEC, capp_by_number=True))
    opened = ask(card, "805003020B01000000643140000000010F")
    assert ask(card, "80DC09B830092E00" + "AA" * 45) == "6A86"
    assert ask(card, "80DC01BC30092E00" + "AA" * 45) == "9000"
    assert ask(card, debit(card, opened, 100, 9)).endswith("9000")
    assert ask(card, "00B201BC00") == "092E00" + "AA" * 45 + "9000"


def test_a_simple_purchase_takes_no_composite_record() -> None:
    card = card_of()
    ask(card, "805001020B01000000643140000000010F")
    assert ask(card, "80DC09B830092E00" + "AA" * 45) == "6985"


@pytest.mark.parametrize(("step", "logged"), [(0, "0005"), (1, "0006")])
def test_the_log_carries_the_counter_that_the_issuer_chose(step: int, logged: str) -> None:
    card = card_of(replace(SPEC, log_step=step))
    ask(card, debit(card, ask(card, "805001020B01000000643140000000010F"), 100, 6))
    assert ask(card, "00B201C400")[:4] == logged


def test_a_forged_card_says_yes_and_changes_nothing() -> None:
    card = card_of(replace(SPEC, replays=True))
    opened = ask(card, "805001020B01000000643140000000010F")
    assert ask(card, debit(card, opened, 100, 6)).endswith("9000")
    assert ask(card, "805001020B01000000643140000000010F") == opened
    assert card.purse is not None and card.purse.memory.balance_fen == SPEC.balance_fen


def test_a_load_adds_money_once_and_leaves_a_proof_and_a_record() -> None:
    card = card_of(replace(SPEC, load_counter=7))
    deal = elsewhere.load(card, 5000, "20260305081530")
    ask(card, SELECT)
    assert ask(card, "805C000204") == f"{15000:08X}9000"
    assert ask(card, "805A000202000808")[8:] == deal["tac"] + "9000"
    assert ask(card, "00B201C400") == f"0008000000{5000:08X}02{deal['terminal']}202603050815309000"
    assert card.purse is not None and (card.purse.memory.counter, card.purse.memory.load_counter) == (5, 8)


def test_a_load_with_a_wrong_mac2_changes_nothing() -> None:
    card = card_of()
    before = image(card) | {"draws": 0}
    opened = ask(card, "805000020B010000138831400000090010")
    assert len(opened) == 36 and opened[:12] == "000027100001"
    assert ask(card, "805200000B2026030508153000000000") == "9302"
    assert ask(card, "805200000B2026030508153000000000") == "6985"
    assert ask(card, "805200010B2026030508153000000000") == "6A86"
    assert image(card) | {"draws": 0} == before


def test_a_purse_does_not_overflow() -> None:
    assert ask(card_of(), "805000020B017FFFFFFF31400000090010") == "6A80"


def test_the_safe_code_is_there_when_the_issuer_uses_it() -> None:
    answer = ask(card_of(replace(SPEC, safe_code=True)), "80CA000009")
    assert len(answer) == 22 and answer.endswith("9000")


@given(st.lists(st.tuples(st.integers(0, 3000), st.booleans()), max_size=15))
def test_money_leaves_the_purse_only_with_a_debit_and_the_log_tells_each(fares: list[tuple[int, bool]]) -> None:
    card = card_of(replace(SPEC, balance_fen=9000))
    log: list[str] = []
    balance, counter = 9000, 5
    for fare, finished in fares:
        opened = ask(card, f"805001020B01{fare:08X}3140000000010F")
        if fare > balance:
            assert opened == "9401"
        elif finished:
            assert ask(card, debit(card, opened, fare, 6)).endswith("9000")
            balance, counter = balance - fare, counter + 1
            log.insert(0, f"{counter:04X}000000{fare:08X}0631400000000120100315081530")
    assert card.purse is not None
    assert (card.purse.memory.balance_fen, card.purse.memory.counter) == (balance, counter)
    assert [one.hex().upper() for one in card.purse.log.records] == log[:10]


@given(st.data())
def test_any_bytes_to_any_card_get_an_answer(data: st.DataObject) -> None:
    spec = data.draw(st.sampled_from([SPEC, replace(SPEC, locked=1), replace(SPEC, safe_code=True)]))
    card = card_of(spec)
    heads = ["", "805001020B01000000003140000000010F", "805003020B01000000003140000000010F", "0084000004"]
    for _ in range(data.draw(st.integers(1, 5))):
        ask(card, data.draw(st.sampled_from(heads)))
        ins = data.draw(st.sampled_from((0x5C, 0x50, 0xDC, 0x54, 0x52, 0x5A, 0xCA, 0x1E, 0x18, 0x20, 0xB2)))
        command = bytes((data.draw(st.sampled_from((0x00, 0x80, 0x84))), ins)) + data.draw(st.binary(max_size=80))
        assert card.chip is not None
        answer = card.chip.transmit(command)
        assert answer[-2:] == b"\x90\x00" or len(answer) == 2
    assert card.purse is not None and card.purse.memory.balance_fen == SPEC.balance_fen
