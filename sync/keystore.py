"""Where a private key lies: in a file, or in a PKCS#11 token (a TPM, a secure element, a security module).

Both are cryptography's own `EllipticCurvePrivateKey`, so that certificates, requests and proofs are signed alike. A
token's key never leaves it. python-pkcs11 is imported only when a token is named (extra `pkcs11`).

Source: PKCS #11 2.40; RFC 7512 (the pkcs11: URI).
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from urllib.parse import parse_qsl, unquote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

_one_at_a_time = threading.RLock()
CURVE = ec.SECP256R1()


class KeyTrouble(Exception):
    """A key that cannot be read, made or used. The message names the place, never a secret."""


class Token(NamedTuple):
    """A place in a PKCS#11 token: the module's library, the token's label, the PIN's file."""

    module: str
    label: str
    pin_file: Path


def token_of(uri: str) -> Token:
    """Parse "pkcs11:token=LABEL?module-path=/…/lib.so&pin-source=file:/…". Raises KeyTrouble."""
    scheme, _, rest = uri.partition(":")
    path, _, query = rest.partition("?")
    attributes = dict(part.partition("=")[::2] for part in path.split(";"))
    options = dict(parse_qsl(query))
    label, module = unquote(attributes.pop("token", "")), options.pop("module-path", "")
    pin = options.pop("pin-source", "").removeprefix("file:")
    if scheme != "pkcs11" or not (label and module and pin) or attributes or options:
        form = "pkcs11:token=LABEL?module-path=/…/lib.so&pin-source=file:/…"
        raise KeyTrouble(f"{uri!r}: write {form}")
    return Token(module, label, Path(pin))


@cache
def open_session(token: Token) -> Any:
    """The session of python-pkcs11 on the token, logged in: a process has one. Raises KeyTrouble."""
    try:
        import pkcs11
    except ImportError as wrong:
        raise KeyTrouble("python-pkcs11 is not installed: pip install 'citizen-card-terminal[pkcs11]'") from wrong
    try:
        pin = token.pin_file.read_text("utf-8").strip()
        return pkcs11.lib(token.module).get_token(token_label=token.label).open(rw=True, user_pin=pin)
    except (OSError, UnicodeDecodeError, RuntimeError, pkcs11.PKCS11Error) as wrong:
        raise KeyTrouble(f"PKCS#11 token {token.label!r}: {type(wrong).__name__} {wrong}") from wrong


@contextmanager
def session_on(token: Token) -> Iterator[Any]:
    """The token's session; what the token says against a use of it becomes KeyTrouble, and the next use logs in anew.

    A token that lacks an object has said so and goes on. A session does one thing at a time, so one thread has it.
    """
    with _one_at_a_time:
        yield from _used(token)


def _used(token: Token) -> Iterator[Any]:
    session = open_session(token)
    import pkcs11

    try:
        yield session
    except (pkcs11.NoSuchKey, pkcs11.MultipleObjectsReturned) as wrong:
        raise KeyTrouble(f"PKCS#11 token {token.label!r}: {type(wrong).__name__} {wrong}") from wrong
    except pkcs11.PKCS11Error as wrong:
        open_session.cache_clear()
        with suppress(pkcs11.PKCS11Error):
            session.close()
        raise KeyTrouble(f"PKCS#11 token {token.label!r}: {type(wrong).__name__} {wrong}") from wrong


class TokenKey(ec.EllipticCurvePrivateKey):
    """A P-256 key pair in a token, found by its label."""

    def __init__(self, token: Token, label: str) -> None:
        """Raises KeyTrouble when the token has no such pair."""
        import pkcs11

        self.label = label
        self._token = token
        with session_on(token) as session:
            public = session.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, label=label)
            self._public = _point(bytes(public[pkcs11.Attribute.EC_POINT]))

    @classmethod
    def make(cls, token: Token, label: str) -> "TokenKey":
        """Have the token make a new key pair that it never gives away. Raises KeyTrouble."""
        import pkcs11
        from pkcs11 import Attribute
        from pkcs11.constants import DEFAULT
        from pkcs11.util.ec import encode_named_curve_parameters

        # What the key may do is the module's choice for a key of this kind: a TPM refuses to be told.
        public = dict.fromkeys((Attribute.ENCRYPT, Attribute.WRAP, Attribute.VERIFY), DEFAULT)
        uses = (Attribute.DECRYPT, Attribute.UNWRAP, Attribute.SIGN, Attribute.DERIVE)
        with session_on(token) as session:
            curve = {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
            parameters = session.create_domain_parameters(pkcs11.KeyType.EC, curve, local=True)
            parameters.generate_keypair(
                store=True,
                label=label,
                mechanism=pkcs11.Mechanism.EC_KEY_PAIR_GEN,
                public_template=public,
                private_template=dict.fromkeys(uses, DEFAULT),
            )
        return cls(token, label)

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """DER-encoded ECDSA over SHA-256 of `data`. Raises KeyTrouble."""
        import pkcs11

        assert isinstance(signature_algorithm, ec.ECDSA) and isinstance(signature_algorithm.algorithm, SHA256)
        digest = sha256(data).digest()
        with session_on(self._token) as session:
            private = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=self.label)
            raw = bytes(private.sign(digest, mechanism=pkcs11.Mechanism.ECDSA))
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Its public half."""
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        """P-256."""
        return CURVE

    @property
    def key_size(self) -> int:
        """256."""
        return CURVE.key_size

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> bytes:
        """Not for this key."""
        self._refuse()

    def private_numbers(self) -> ec.EllipticCurvePrivateNumbers:
        """Not for this key: it stays in its token."""
        self._refuse()

    def private_bytes(self, *_: Any) -> bytes:
        """Not for this key: it stays in its token."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise KeyTrouble("a token's key signs, and nothing else")

    def remove(self) -> None:
        """Take the pair out of the token: a renewed certificate has another. Raises KeyTrouble."""
        import pkcs11

        with session_on(self._token) as session:
            for kind in (pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.ObjectClass.PUBLIC_KEY):
                session.get_key(object_class=kind, label=self.label).destroy()

    def __copy__(self) -> "TokenKey":
        return self

    def __deepcopy__(self, memo: Any) -> "TokenKey":
        return self


def _point(der: bytes) -> ec.EllipticCurvePublicKey:
    """CKA_EC_POINT is the uncompressed point in a DER octet string; some modules leave the string's frame out."""
    point = der[2:] if len(der) == 67 and der[:2] == b"\x04\x41" else der
    return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point)


def key_text(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A file's key as PEM (PKCS#8), not encrypted: a device starts with nobody beside it to type a passphrase."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_key(text: bytes, place: str, passphrase: bytes | None = None) -> ec.EllipticCurvePrivateKey:
    """A P-256 key from PEM. Raises KeyTrouble."""
    try:
        key = load_pem_private_key(text, passphrase)
    except (ValueError, TypeError) as wrong:  # also a wrong passphrase
        raise KeyTrouble(f"{place}: no key can be read there ({wrong})") from wrong
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != CURVE.name:
        raise KeyTrouble(f"{place}: not a P-256 key")
    return key


def certificate_of(raw: bytes) -> x509.Certificate:
    """A certificate from DER or PEM that somebody else sent. Raises ValueError."""
    try:
        return x509.load_pem_x509_certificate(raw) if raw[:1] != b"\x30" else x509.load_der_x509_certificate(raw)
    except x509.InvalidVersion as wrong:  # the one trouble of a parser here that is no ValueError
        raise ValueError(str(wrong)) from wrong


def write_new(path: Path, raw: bytes, mode: int) -> None:
    """Write a file that was not there, readable as `mode` says from its first byte on, durably.

    Raises FileExistsError: a key is never overwritten.
    """
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
