"""A request signed by the device's own key, whatever store holds it: a compact JWS over path and body.

The signature travels in a header beside the body. It needs no TLS stack that can reach the key, passes a proxy that
ends TLS, and says of a batch on a stick what it says of one on the wire.

Source: RFC 7515 (JWS, compact form), RFC 7518 3.4 (ES256: the two numbers of the signature, 32 bytes each).
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Annotated, NamedTuple

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from sync.limits import PROOF_CHARS_MAX

HEADER = "Smk-Proof"
_ES256 = ec.ECDSA(SHA256())
_HALF = 32

Serial = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{1,40}\Z")]
"""A certificate's serial number, at most 160 bits, in hex."""
Instance = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{16}\Z")]
"""A number that a program draws when it starts and never keeps: two devices with one key differ in it."""


class BadProof(ValueError):
    """No proof, or not one of this request. The message says why."""


class Protected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JWS header: one algorithm only, and the certificate by its serial number."""

    alg: str
    kid: Serial


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed: where the request goes, the SHA-256 of its body as sent, and which running program asks."""

    path: Annotated[str, msgspec.Meta(max_length=200)]
    sha256: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    instance: Instance


class Proof(NamedTuple):
    """A proof as read, not yet verified."""

    serial: str
    claims: Claims
    signed: bytes
    signature: bytes


_headers = msgspec.json.Decoder(Protected)
_claims = msgspec.json.Decoder(Claims)


def prove(key: ec.EllipticCurvePrivateKey, serial: str, path: str, body: bytes, instance: str) -> str:
    """The header's value for a request to `path` with `body`. Raises what the key's store raises."""
    claims = Claims(path, sha256(body).hexdigest(), instance)
    signed = b".".join(_b64(msgspec.json.encode(part)) for part in (Protected("ES256", serial), claims))
    r, s = decode_dss_signature(key.sign(signed, _ES256))
    signature = r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")
    return (signed + b"." + _b64(signature)).decode("ascii")


def read_proof(text: str) -> Proof:
    """Parse the header's value. Raises BadProof."""
    if not text:
        raise BadProof("the request is not signed")
    if len(text) > PROOF_CHARS_MAX or not text.isascii() or text.count(".") != 2:
        raise BadProof("not a compact JWS")
    parts = text.split(".")
    try:
        header = _headers.decode(_unb64(parts[0]))
        claims = _claims.decode(_unb64(parts[1]))
        signature = _unb64(parts[2])
    except (ValueError, msgspec.DecodeError, RecursionError) as wrong:
        raise BadProof(f"not a proof: {wrong}") from wrong
    if header.alg != "ES256" or len(signature) != 2 * _HALF:
        raise BadProof("only ES256 is taken")
    return Proof(header.kid, claims, f"{parts[0]}.{parts[1]}".encode("ascii"), signature)


def verify(proof: Proof, public_key: ec.EllipticCurvePublicKey, path: str, body: bytes) -> None:
    """Raises BadProof unless `public_key` signed exactly this request."""
    r, s = (int.from_bytes(proof.signature[at : at + _HALF], "big") for at in (0, _HALF))
    try:
        public_key.verify(encode_dss_signature(r, s), proof.signed, _ES256)
    except InvalidSignature as wrong:
        raise BadProof("the signature is not by this certificate's key") from wrong
    if proof.claims.path != path:
        raise BadProof(f"signed for {proof.claims.path}")
    if proof.claims.sha256 != sha256(body).hexdigest():
        raise BadProof("signed for another body")


def _b64(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def _unb64(text: str) -> bytes:
    """Strict base64url without padding. Raises ValueError."""
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _b64(raw).decode("ascii") != text:
        raise ValueError("not base64url")
    return raw
