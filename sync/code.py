"""The one-time enrolment code: a secret for the backend, and a fingerprint of its root for the device.

Twelve characters of secret (60 bits) and sixteen of the SHA-256 of the root's certificate (80 bits), so that the device
knows the backend before it has any certificate. Written in fours: "7KQD-9XMR-2FWB-…", in Crockford's alphabet, in which
O is read as 0, I and L as 1, and case does not matter.
"""

import hmac
from collections.abc import Callable
from hashlib import scrypt, sha256

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SECRET_CHARS, PIN_CHARS = 12, 16
SALT_BYTES = 16
_READ_AS = str.maketrans("OIL", "011", " -")


class BadCode(ValueError):
    """Not an enrolment code. The message says why, and never repeats it."""


def new_code(chance: Callable[[int], bytes], root: bytes) -> str:
    """A fresh code for the authority whose root certificate is `root` (DER); `chance(n)` gives n random bytes."""
    text = _text(chance(8), SECRET_CHARS) + pin_of(root)
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def parts_of(code: str) -> tuple[str, str]:
    """Secret and fingerprint of a code as a person typed it. Raises BadCode."""
    text = code.upper().translate(_READ_AS)
    if len(text) != SECRET_CHARS + PIN_CHARS:
        raise BadCode(f"a code has {SECRET_CHARS + PIN_CHARS} characters, this one {len(text)}")
    if not set(text) <= set(ALPHABET):
        raise BadCode("a code has digits and letters without U, and hyphens between")
    return text[:SECRET_CHARS], text[SECRET_CHARS:]


def pin_of(root: bytes) -> str:
    """The fingerprint of a root certificate (DER) that a code carries."""
    return _text(sha256(root).digest(), PIN_CHARS)


def digest_of(secret: str, salt: bytes) -> bytes:
    """What the backend keeps of a secret: scrypt, 16 MiB, some 50 ms."""
    return scrypt(secret.encode("ascii"), salt=salt, n=2**14, r=8, p=1, dklen=32)


def is_secret(secret: str, salt: bytes, digest: bytes) -> bool:
    """Whether `secret` is what was kept."""
    return hmac.compare_digest(digest_of(secret, salt), digest)


def _text(raw: bytes, chars: int) -> str:
    """The first `chars` times five bits of `raw`."""
    number = int.from_bytes(raw, "big") >> (len(raw) * 8 - chars * 5)
    return "".join(ALPHABET[number >> shift & 31] for shift in range(chars * 5 - 5, -1, -5))
