"""The purse's cryptography against published and recomputed vectors (tests/vectors/card-vectors.json)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apdu import crypto

VECTORS = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parent / "vectors/card-vectors.json").read_text("utf-8"))["vectors"]
}
h = bytes.fromhex


def inputs(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return VECTORS[name]["inputs"], VECTORS[name]["expected"]


@pytest.mark.parametrize("name", ["EDEP-PURCHASE-1", "SYN-PURCHASE-06", "SYN-CAPP-09"])
def test_a_purchase_has_the_published_session_key_and_macs(name: str) -> None:
    given, expected = inputs(name)
    tail = h(given["terminal_seq"])[2:]
    key = crypto.session_key(h(given["DPK"]), h(given["card_random"]), h(given["offline_seq"]), tail)
    assert key == h(expected["session_key"])
    data = h(given["amount"] + given["type"] + given["terminal"] + given["datetime"])
    assert crypto.mac(key, data) == h(expected["MAC1"])
    assert crypto.mac(key, h(given["amount"])) == h(expected["MAC2"])


def test_a_tac_has_the_vectors_value() -> None:
    given, expected = inputs("EDEP-TAC-PURCHASE-1")
    assert crypto.tac(h(given["DTK"]), h(given["data"])) == h(expected["TAC"])


def test_diversification_goes_city_first_then_serial() -> None:
    given, expected = inputs("SYN-DIVERSIFY-3DES")
    city, serial = h(given["factor_city"]), h(given["factor_serial"])
    for master, child in (("purchase", "DPK"), ("load", "DLK"), ("tac", "DTK"), ("maintenance", "DAMK")):
        derived = crypto.diversify(crypto.diversify(h(given[f"master_{master}"]), city), serial)
        assert derived == h(expected[child])
    assert crypto.diversify(h(given["master_purchase"]), city) == h(expected["city_purchase"])


@pytest.mark.parametrize("name", ["SYN-APP-BLOCK", "SYN-APP-UNBLOCK"])
def test_secure_messaging_starts_from_the_cards_challenge(name: str) -> None:
    given, expected = inputs(name)
    assert crypto.retail_mac(h(given["DAMK"]), h(given["data"]), h(given["iv"]))[:4] == h(expected["MAC4"])


def test_a_retail_mac_pads_a_full_block_too() -> None:
    given, expected = inputs("ISO9797-1-PAD2")
    key = h(given["key"])
    assert crypto.retail_mac(key, h(given["data_1"]), bytes(8)) == h(expected["alg3_pad2_1"])
    assert crypto.retail_mac(key, h(given["data_2"]), bytes(8)) == h(expected["alg3_pad2_2"])
    assert crypto.mac(key[:8], h(given["data_1"])) == h(expected["alg1_pad2_1"])[:4]


def test_block_ciphers_have_their_textbook_values() -> None:
    given, expected = inputs("NIST-SP800-67-TDEA")
    assert crypto.encrypt(h(given["key"]), h(given["plaintext"])[:24]) == h(expected["ciphertext"])
    given, expected = inputs("DES-CLASSIC")
    assert crypto.encrypt(h(given["key"]), h(given["plaintext"])) == h(expected["ciphertext"])
    assert crypto.decrypt(h(given["key"]), h(expected["ciphertext"])) == h(given["plaintext"])


def test_keys_of_a_wrong_length_are_refused() -> None:
    calls: list[Callable[[], bytes]] = [
        lambda: crypto.diversify(bytes(8), bytes(8)),
        lambda: crypto.session_key(bytes(16), bytes(4), bytes(2), bytes(3)),
        lambda: crypto.mac(bytes(16), b""),
        lambda: crypto.retail_mac(bytes(8), b"", bytes(8)),
        lambda: crypto.tac(bytes(8), b""),
        lambda: crypto.encrypt(bytes(5), bytes(8)),
    ]
    for call in calls:
        with pytest.raises(ValueError):
            call()
