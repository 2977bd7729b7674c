"""What it costs the backend to know who speaks: a signed request, and an enrolment; beside each the bare signatures.

An enrolment's code is kept as a slow hash, and what it brings lasts when it is answered: beside it stand the bare hash,
the two signatures and one commit in a file of the same kind.
"""

import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sync.backend.gate import CertificateRequest
from sync.backend.sql import Sql, open_sql
from sync.code import SALT_BYTES, digest_of
from sync.proof import prove
from tests.authorities import City
from tests.bench.figures import Figure, median, p99

ENROLMENTS, REQUESTS = 60, 600
BODY = bytes(5_000)
"""As long as 200 rows on the wire."""
REQUEST_TIMES_MAX, ENROL_TIMES_MAX = 6.0, 4.0
INSTANCE = "0" * 16
_ES256 = ec.ECDSA(SHA256())


def known(folder: Path) -> Iterator[Figure]:
    """Enrolments, then signed requests of one who is enrolled."""
    city, floor = City(folder), open_sql(str(folder / "floor.db"))
    floor.query("create table kept (request blob)")
    enrolled, bare = list[float](), list[float]()
    for number in range(ENROLMENTS):
        key, name = ec.generate_private_key(ec.SECP256R1()), f"{number:08d}"
        request = _request(key, name)
        asked = CertificateRequest(b64encode(request).decode("ascii"), city.code(name))
        enrolled.append(_ms(partial(city.gate.certify, name, asked, None)))
        bare.append(_ms(partial(_bare_enrolment, floor, request, key)))
    yield _over_floor("an enrolment", enrolled, bare, ENROL_TIMES_MAX, "hash, signatures, commit")

    path = f"/v1/terminals/{name}/batches"
    proof = prove(key, city.registry.of(name)[0].serial, path, BODY, INSTANCE)
    signature, public = key.sign(BODY, _ES256), key.public_key()
    heard, verified = list[float](), list[float]()
    for _ in range(REQUESTS):
        heard.append(_ms(partial(city.gate.terminal, name, path, proof, BODY, None, False)))
        verified.append(_ms(partial(public.verify, signature, BODY, _ES256)))
    yield _over_floor("a signed request of 5 kB", heard, verified, REQUEST_TIMES_MAX, "one verification")
    city.registry.sql.close()
    floor.close()


def _over_floor(name: str, ours: list[float], floor: list[float], most: float, of: str) -> Figure:
    """How many times the floor's time it takes, measured in turn."""
    times = median(ours) / median(floor)
    note = f"{median(ours):.2f} ms, p99 {p99(ours):.2f}, {1000 / median(ours):.0f}/s; bare {median(floor):.2f} ms"
    return Figure(f"{name}, over bare {of}", times, "x", most, note=note)


def _request(key: ec.EllipticCurvePrivateKey, name: str) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, SHA256())
    return made.public_bytes(Encoding.DER)


def _bare_enrolment(store: Sql, request: bytes, key: ec.EllipticCurvePrivateKey) -> None:
    """The code's hash and the two signatures of an enrolment by the libraries alone, and one commit."""
    digest_of("0" * 14, bytes(SALT_BYTES))
    read = x509.load_der_x509_csr(request)
    assert read.is_signature_valid
    key.sign(read.tbs_certrequest_bytes, _ES256)
    store.query("insert into kept (request) values (?)", request)


def _ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
