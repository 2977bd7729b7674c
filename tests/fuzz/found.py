"""Inputs that once broke a parser, by its name: each stays a test for ever."""

from base64 import b64decode

from tests.fuzz.shipped import CARD_PROFILES, CHIP_PROFILES

EDITION = b'{"active":{"version":"%b","in_force_from":"2026-11-01","sha256":"00"},"waiting":[]}'
BEYOND = (
    "U01LSE9UMQrtKDUBAAAAAAEAAAAAAAAARAwAAAAAAAACAAAAAAAAAAEAAAAAAAAAAgAAAAAAAAAAAAAAAVMAAAIAAAAAAAAAAQAAAAAAAAAC"
    "AAAAAAAAAAEDAAAAAAAA"
)
"""A hot list whose index leads past its last card."""
DEEP = b"a=" + b"[" * 2_000
MANY = b"a=" + b"{b=" * 1_300


def sized(size: str) -> bytes:
    """A card profile whose first field has that size."""
    profile = CARD_PROFILES[0]
    assert '["issuer", "hex", 2]' in profile
    return profile.replace('["issuer", "hex", 2]', f'["issuer", "hex", {size}]', 1).encode()


def unnamed(name: str) -> bytes:
    """A chip profile in which that name of a file or field is a table."""
    assert name in CHIP_PROFILES[0]
    return CHIP_PROFILES[0].replace(name, name.replace('"card"', "{}").replace('"employer"', "{}"), 1).encode()


FOUND: dict[str, list[bytes]] = {
    "card-profile": [DEEP, MANY, *map(sized, ("99999999999", "9223372036854775807", "1" + "0" * 40, "inf", "-5", "0"))],
    "chip-profile": [DEEP, MANY, *map(unnamed, ('name = "card"', '["2A", "employer"'))],
    "tac-keys": [DEEP, MANY],
    "vault-keys": [DEEP, MANY],
    "hot-map": [b64decode(BEYOND)],
    "identity": [b"[" * 3_000, b'{"terminal":"00330401","epoch":1e999,"first_serial":1}'],
    "shelf": [EDITION % b"\xff", b'{"active":null,"x":' + b"[" * 1_500],
}
