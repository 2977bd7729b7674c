"""Parsers of what the journal holds and what travels between terminal and backend."""

import zlib
from base64 import b64encode
from datetime import UTC, datetime

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sync.backend.authority import BadRequest, certificate_builder, read_request
from sync.batch import BadBatch, Batch, heads, pack, unpack
from sync.carried import BadCarried, public_of, seal, unseal
from sync.chain import Identity
from sync.code import BadCode, parts_of
from sync.entitlements import BadDelta, Listed, Person, build_delta, read_delta
from sync.events import AnyEvent, LoadHeld
from sync.keystore import certificate_of
from sync.loading import Ask, mac1_data, mac2_data, tac_data, unfit
from sync.proof import BadProof, prove, read_proof, verify
from sync.record import GENESIS, BadRow, Row, decode, encode
from sync.session import understand, understand_enrolment
from terminal.credential import NotCertified, certificate_in
from tests.fuzz.parser import Parser, text
from tests.rows import AT, HELD, IDENTITY, done, grey, refused

EVENTS: tuple[AnyEvent, ...] = (HELD, done(1), grey(1), refused())
ROWS = [encode(Row(*IDENTITY[:2], nth, nth, AT, "rtc", "boot", nth, event)) for nth, event in enumerate(EVENTS, 1)]
WHO = b'{"terminal":"00330401","epoch":1,"first_serial":1}'
ANSWER = (
    b'{"terminal":"00330401","epoch":1,"ack_through":4,"want_from":5,"quarantined":[2],"server_time":"'
    + AT.encode()
    + b'","versions":{"pack":"1"},"retry_after":5}'
)


def packed(text: bytes) -> bytes:
    """What is inside a gzip is fuzzed too: nothing of it survives a changed byte of the outside."""
    press = zlib.compressobj(1, wbits=31)
    return press.compress(text) + press.flush()


def opened(raw: bytes) -> bytes:
    """The inside of a gzip."""
    return zlib.decompress(raw, 31)


def batch(raw: bytes) -> object:
    """A batch that is accepted is packed and read back the same."""
    found = unpack(raw)
    assert unpack(pack(found)) == found
    return found


def batches() -> list[bytes]:
    """Rows, and a damaged one among them."""
    rows = (*ROWS, b"\x00damaged")
    return [pack(Batch("00330401", 1, 1, rows, GENESIS, heads(GENESIS, rows)[-1]))]


def answer(raw: bytes) -> object:
    """An answer with any status: the first byte chooses; never an error."""
    status = (200, 200, 409, 413, 500, 502)[raw[0] % 6] if raw else 200
    return understand(Identity("00330401", 1, 1), 10, 8, status, "", raw[1:])


def delta(raw: bytes) -> object:
    """A delta's header and all its lines."""
    header, lines = read_delta(raw)
    return header, [*lines]


def deltas() -> list[bytes]:
    """One of each kind."""
    sealed = b64encode(bytes(40)).decode()
    return [
        build_delta("insured", 0, 1, AT, [Person("0" * 32, 1, "k1", sealed)]),
        build_delta("employer", 1, 2, AT, [Listed("0" * 32, 1)]),
    ]


STICK = bytes(range(32))
CARRIED = seal(STICK, batches()[0], 200, ANSWER)


def carried(raw: bytes) -> object:
    """An answer on a stick that is believed is the one that the backend signed."""
    found = unseal(public_of(STICK), batches()[0], raw)
    assert found == (200, ANSWER)
    return found


def requests() -> list[bytes]:
    """A certificate request."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "00330401")])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(KEY, SHA256())
    return [made.public_bytes(Encoding.DER)]


def certificates() -> list[bytes]:
    """A certificate in both forms."""
    day = datetime(2024, 5, 6, tzinfo=UTC)
    made = certificate_builder(x509.Name([]), x509.Name([]), KEY.public_key(), day, 1).sign(KEY, SHA256())
    return [made.public_bytes(form) for form in (Encoding.DER, Encoding.PEM)]


def certified(raw: bytes) -> object:
    """The answer to a request for a certificate that is believed is for this device's key."""
    found = certificate_in(200, raw, KEY)
    assert found.public_key() == KEY.public_key()
    return found


def certified_answers() -> list[bytes]:
    """One for the right key."""
    certificate = b64encode(certificates()[0]).decode("ascii")
    return [msgspec.json.encode({"certificate": certificate, "root": certificate})]


def proof(raw: bytes) -> object:
    """A proof that verifies is the one that was made."""
    found = read_proof(text(raw))
    verify(found, KEY.public_key(), "/v1/x", b"body")
    return found


def proofs() -> list[bytes]:
    """A proof."""
    return [prove(KEY, "ab12", "/v1/x", b"body", "0" * 16).encode("ascii")]


LOAD_QUESTION = Ask(
    "00330401", 1, 7,
    LoadHeld(
        "0" * 20, "1" * 20, "cash", "", "3140" + "0" * 16, "01020304", "A0", "mohurd", 1, 100, 500, "000000330401",
        "01", "00", "11223344", "55667788", "0" * 16, "3140FF0000000000", "0017",
    ),
)  # fmt: skip


def load_question(raw: bytes) -> object:
    """What a counter asks; what is in range has its three messages for the keys."""
    held = msgspec.json.decode(raw, type=Ask).load
    return unfit(held) or (mac1_data(held), mac2_data(held, "20261124080000"), tac_data(held, "20261124080000"))


KEY = ec.generate_private_key(ec.SECP256R1())
PARSERS = (
    Parser("row", decode, (BadRow,), lambda: ROWS),
    Parser("batch", batch, (BadBatch,), batches),
    Parser("batch-inside", lambda raw: batch(packed(raw)), (BadBatch,), lambda: [*map(opened, batches())]),
    Parser("answer", answer, (), lambda: [b"\x00" + ANSWER, b'\x02{"problem":"not_enrolled","detail":""}']),
    Parser(
        "load-question",
        load_question,
        (msgspec.DecodeError, UnicodeDecodeError),
        lambda: [msgspec.json.encode(LOAD_QUESTION)],
    ),
    Parser("carried", carried, (BadCarried,), lambda: [CARRIED]),
    Parser("certificate-request", read_request, (BadRequest,), requests),
    Parser("certificate", certificate_of, (ValueError,), certificates),
    Parser("certified", certified, (NotCertified,), certified_answers),
    Parser("proof", proof, (BadProof,), proofs),
    Parser("code", lambda raw: parts_of(text(raw)), (BadCode,), lambda: [b"7KQD-9XMR-2FWB-HT5J-0000-1111-2222"]),
    Parser("enrolment", lambda raw: understand_enrolment("00330401", 200, raw), (), lambda: [WHO]),
    Parser("delta", delta, (BadDelta,), deltas),
    Parser("delta-inside", lambda raw: delta(packed(raw)), (BadDelta,), lambda: [*map(opened, deltas())]),
)
