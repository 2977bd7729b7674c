"""Personal data at rest: values sealed with AES-256-GCM, persons found by a keyed hash.

Every sealed value is bound to its place (the additional data of GCM), so that none can be moved to another row or
person. The key's name stands in front, so that keys can be changed and a key that is destroyed takes its data with it.
"""

import hmac
import os
import tomllib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
REF_BYTES = 16
SECRET_BYTES = 32


class BadVault(ValueError):
    """A key file that cannot be used. The message names the place, never a key."""


class Unsealable(ValueError):
    """A sealed value that was altered, moved, or sealed under a key that is not here."""


class Sealed(NamedTuple):
    """A value as the store keeps it: the key's name, and nonce and ciphertext."""

    key: str
    data: bytes


class Vault:
    """The keys of one city's personal data, by name; the first seals, all open."""

    def __init__(self, secrets: Mapping[str, bytes]) -> None:
        assert secrets and all(len(secret) == SECRET_BYTES for secret in secrets.values())
        self._ciphers = {name: AESGCM(_derived(secret, b"seal")) for name, secret in secrets.items()}
        self._current = next(iter(secrets))
        # Persons are found by the oldest key: a reference must outlive a change of keys.
        self._finder = _derived([*secrets.values()][-1], b"find")

    @classmethod
    def read(cls, path: Path) -> "Vault":
        """From a TOML file: a table `personal` with 64 hex digits for each key, newest first. Raises BadVault."""
        try:
            table = tomllib.loads(path.read_text("utf-8")).get("personal")
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as wrong:
            raise BadVault(f"{path}: {wrong}") from wrong
        if not isinstance(table, dict) or not table:
            raise BadVault(f"{path}: no table [personal] with a key: smk hospital keys makes one")
        return cls({name: _secret(path, name, text) for name, text in table.items()})

    def ref(self, kind: str, number: str) -> str:
        """The reference of a person's or an employer's number (32 hex digits); it tells nothing without the key."""
        return hmac.digest(self._finder, f"{kind}|{number}".encode(), "sha256")[:REF_BYTES].hex()

    def seal(self, plain: bytes, place: str) -> Sealed:
        """Seal `plain` for its `place`."""
        nonce = os.urandom(NONCE_BYTES)
        return Sealed(self._current, nonce + self._ciphers[self._current].encrypt(nonce, plain, place.encode()))

    def open(self, sealed: Sealed, place: str) -> bytes:
        """What was sealed for that place. Raises Unsealable."""
        cipher = self._ciphers.get(sealed.key)
        if cipher is None:
            raise Unsealable(f"the key {sealed.key!r} is not in this device's key file")
        try:
            return cipher.decrypt(sealed.data[:NONCE_BYTES], sealed.data[NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError) as wrong:
            raise Unsealable(f"a sealed value does not belong to {place.partition('|')[0]} or was altered") from wrong

    def seal_text(self, plain: bytes, place: str) -> str:
        """The same as text, for a row's JSON: key name, a dot, base64."""
        sealed = self.seal(plain, place)
        return f"{sealed.key}.{b64encode(sealed.data).decode('ascii')}"

    def open_text(self, text: str, place: str) -> bytes:
        """What `seal_text` sealed. Raises Unsealable."""
        key, _, data = text.partition(".")
        try:
            return self.open(Sealed(key, b64decode(data, validate=True)), place)
        except ValueError as wrong:
            raise wrong if isinstance(wrong, Unsealable) else Unsealable("not a sealed value") from wrong

    def __repr__(self) -> str:
        return f"Vault({', '.join(self._ciphers)})"


def new_key_file(day: str) -> str:
    """The text of a key file with one new key, named after the `day` it was made."""
    return (
        "# Keys of personal data. Whoever has this file can read names and bills: keep it readable by the program\n"
        "# alone (chmod 600), keep one copy in the safe, and never send it with the data.\n"
        f'[personal]\nk{day.replace("-", "")} = "{os.urandom(SECRET_BYTES).hex()}"\n'
    )


def _derived(secret: bytes, use: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"citizen-card-terminal " + use).derive(secret)


def _secret(path: Path, name: str, text: object) -> bytes:
    try:
        secret = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES or not name.isalnum():
        raise BadVault(f"{path}: [personal] {name[:20]!r} is not a name of letters and digits with 64 hex digits")
    return secret


