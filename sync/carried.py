"""An answer that travels on a stick: the backend's words about one batch, under its signature.

On a wire TLS says whose answer it is; a stick passes through hands. So the answer is bound to the bytes of its batch
and signed (Ed25519, RFC 8032), and a terminal believes only the key that its configuration names.
"""

from hashlib import sha256
from typing import Annotated

import msgspec

from sync.limits import CARRIED_BYTES_MAX

_CONTEXT = b"citizen-card carried answer 1\n"
Hex64 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Hex128 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{128}\Z")]


class BadCarried(ValueError):
    """Bytes that are no answer to this batch under this key. The message says why."""


class Carried(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An answer on a stick: SHA-256 of its batch's bytes, the status and body as over HTTP, and the signature (hex)."""

    batch: Hex64
    status: Annotated[int, msgspec.Meta(ge=200, le=599)]
    signature: Hex128
    body: msgspec.Raw


_decoder = msgspec.json.Decoder(Carried)


def seal(private: bytes, batch: bytes, status: int, body: bytes) -> bytes:
    """The answer's file. `private`: 32 bytes; `batch`: its bytes as they were sent; `body`: JSON, as over HTTP."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    digest = sha256(batch).hexdigest()
    signature = Ed25519PrivateKey.from_private_bytes(private).sign(_signed(digest, status, body))
    return msgspec.json.encode(Carried(digest, status, signature.hex(), msgspec.Raw(body)))


def unseal(public: bytes, batch: bytes, raw: bytes) -> tuple[int, bytes]:
    """Status and body of the answer to `batch`. `public`: 32 bytes. Raises BadCarried."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        if len(raw) > CARRIED_BYTES_MAX:
            raise BadCarried(f"{len(raw)} bytes are no answer")
        carried = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise BadCarried(f"torn or no answer: {wrong}") from wrong
    if carried.batch != sha256(batch).hexdigest():
        raise BadCarried("the answer to another batch")
    body = bytes(carried.body)
    try:
        key = Ed25519PublicKey.from_public_bytes(public)
        key.verify(bytes.fromhex(carried.signature), _signed(carried.batch, carried.status, body))
    except (InvalidSignature, ValueError) as wrong:
        raise BadCarried("not signed by this terminal's backend") from wrong
    return carried.status, body


def new_key() -> bytes:
    """A fresh private key, 32 bytes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate().private_bytes_raw()


def public_of(private: bytes) -> bytes:
    """The 32 bytes that terminals are told."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def _signed(digest: str, status: int, body: bytes) -> bytes:
    return _CONTEXT + digest.encode() + status.to_bytes(2, "big") + body
