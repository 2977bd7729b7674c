"""Cryptography of the PBOC / CJ/T 166 purse: diversification, session key, MACs and TAC.

Triple DES lives in `cryptography`'s decrepit module because nobody should choose it today; the cards were issued
with it. Shorter keys are expanded to 24 bytes, since 8- and 16-byte forms are deprecated there.

The terminal itself never holds a key: these functions serve the simulated chips and the backend's TAC check.
Source: docs/cards.md, "Cryptography"; pinned by tests/vectors/card-vectors.json.
"""

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

BLOCK = 8
ZERO_IV = bytes(BLOCK)


def _cipher(key: bytes, mode: modes.ECB | modes.CBC) -> Cipher[modes.ECB | modes.CBC]:
    expanded = {8: key * 3, 16: key + key[:8], 24: key}.get(len(key))
    if expanded is None:
        raise ValueError(f"a DES key has 8, 16 or 24 bytes, not {len(key)}")
    return Cipher(TripleDES(expanded), mode)


def encrypt(key: bytes, data: bytes) -> bytes:
    """ECB encryption of whole blocks; `key` 8, 16 or 24 bytes, `data` a multiple of 8 bytes."""
    encryptor = _cipher(key, modes.ECB()).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def decrypt(key: bytes, data: bytes) -> bytes:
    """ECB decryption of whole blocks; `key` 8, 16 or 24 bytes, `data` a multiple of 8 bytes."""
    decryptor = _cipher(key, modes.ECB()).decryptor()
    return decryptor.update(data) + decryptor.finalize()


def pad(data: bytes) -> bytes:
    """ISO/IEC 9797-1 padding method 2: `80 00..`, always, a whole extra block when `data` is a multiple of 8."""
    return data + b"\x80" + bytes(-(len(data) + 1) % BLOCK)


def diversify(key: bytes, factor: bytes) -> bytes:
    """Derive a 16-byte child key: 3DES(key, factor) followed by 3DES(key, NOT factor).

    `key` 16 bytes, `factor` 8 bytes.
    """
    if len(key) != 16 or len(factor) != 8:
        raise ValueError("diversify takes a 16-byte key and an 8-byte factor")
    return encrypt(key, spread(factor))


def spread(factor: bytes) -> bytes:
    """What a key is diversified with, 16 bytes: the factor and NOT factor."""
    return factor + bytes(byte ^ 0xFF for byte in factor)


def session_key(key: bytes, random: bytes, counter: bytes, tail: bytes) -> bytes:
    """Derive the 8-byte process key: 3DES(key, random 4, counter 2, tail 2).

    For a purchase `counter` is the offline sequence and `tail` the low two bytes of the terminal sequence; for a load
    `counter` is the online sequence and `tail` is 8000.
    """
    if len(random) != 4 or len(counter) != 2 or len(tail) != 2:
        raise ValueError("session_key takes a 4-byte random, a 2-byte counter and a 2-byte tail")
    return encrypt(key, random + counter + tail)


def _cbc_last(key: bytes, data: bytes, iv: bytes) -> bytes:
    encryptor = _cipher(key, modes.CBC(iv)).encryptor()
    return (encryptor.update(data) + encryptor.finalize())[-BLOCK:]


def mac(key: bytes, data: bytes) -> bytes:
    """MAC of a transaction: single-DES CBC, zero IV, padding 80 00.. always, left 4 bytes. `key` 8 bytes."""
    if len(key) != 8:
        raise ValueError("a transaction MAC takes an 8-byte session key")
    return _cbc_last(key, pad(data), ZERO_IV)[:4]


def retail_mac(key: bytes, data: bytes, iv: bytes = ZERO_IV) -> bytes:
    """MAC of secure messaging (ISO/IEC 9797-1 algorithm 3, padding method 2): all 8 bytes; the wire carries the left 4.

    `key` 16 bytes; `iv` 8 bytes: the card's challenge, a 4-byte one followed by four zero bytes.
    """
    if len(key) != 16 or len(iv) != BLOCK:
        raise ValueError("a retail MAC takes a 16-byte key and an 8-byte IV")
    left, right = key[:8], key[8:]
    return encrypt(left, decrypt(right, _cbc_last(left, pad(data), iv)))


def tac(dtk: bytes, data: bytes) -> bytes:
    """Transaction authentication code: MAC under (left half XOR right half) of the 16-byte `dtk`; 4 bytes."""
    if len(dtk) != 16:
        raise ValueError("a TAC takes a 16-byte key")
    return mac(bytes(left ^ right for left, right in zip(dtk[:8], dtk[8:], strict=True)), data)
