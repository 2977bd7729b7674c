"""Codes, certificate requests and the registry: one use, few tries, nothing hostile gets through."""

from base64 import b64decode, b64encode
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from sync.backend.authority import Authority, BadAuthority, BadRequest, read_request
from sync.code import BadCode, new_code, parts_of, pin_of
from sync.limits import CODE_TRIES
from sync.proof import BadProof, prove, read_proof, verify
from terminal.credential import NotCertified, certificate_in
from tests.authorities import NUMBER, City

KEY = ec.generate_private_key(ec.SECP256R1())


def request(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = KEY, name: str = "anything") -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, SHA256())
    return b64encode(made.public_bytes(Encoding.DER)).decode("ascii")


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path)


@given(st.binary(min_size=8, max_size=8), st.binary(max_size=60))
def test_a_code_reads_as_it_was_made_however_it_is_typed(chance: bytes, root: bytes) -> None:
    code = new_code(lambda size: chance[:size], root)
    assert parts_of(code)[1] == pin_of(root)
    sloppy = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert parts_of(sloppy) == parts_of(code)


@given(st.text(max_size=40))
def test_what_is_no_code_is_said(text: str) -> None:
    try:
        secret, pin = parts_of(text)
    except BadCode as wrong:
        assert text not in str(wrong) or len(text) < 3
    else:
        assert (len(secret), len(pin)) == (12, 16)


def test_a_code_is_good_for_one_key_until_it_expires(city: City) -> None:
    code = city.code()
    assert city.registry.use_code("00330402", code, "k", city.now) != ""
    assert city.registry.use_code(NUMBER, code, "k", city.now) == ""
    assert city.registry.use_code(NUMBER, code, "k", city.now) == ""  # the answer was lost
    assert city.registry.use_code(NUMBER, code, "another", city.now) != ""
    fresh = city.code()
    assert city.registry.use_code(NUMBER, code, "k", city.now) != ""
    assert city.registry.use_code(NUMBER, fresh, "k", city.now + timedelta(hours=25)) != ""
    assert city.registry.use_code(NUMBER, fresh, "k", city.now) == ""


def test_wrong_tries_burn_a_code(city: City) -> None:
    code, wrong = city.code(), city.code("00330402")
    assert not city.registry.code_is_burnt(NUMBER)
    for _ in range(CODE_TRIES):
        assert city.registry.use_code(NUMBER, wrong, "k", city.now) != ""
    assert city.registry.code_is_burnt(NUMBER)
    assert city.registry.use_code(NUMBER, code, "k", city.now) != ""


def test_a_code_lies_in_the_registry_as_a_hash_alone(city: City) -> None:
    code = city.code()
    stored = (city.folder / "registry.db").read_bytes()
    assert code.encode() not in stored and parts_of(code)[0].encode() not in stored


def test_a_certificate_names_its_terminal_whatever_the_request_says(city: City) -> None:
    asked = read_request(b64decode(request(name="00330499")))
    made = city.authority.certify(asked, NUMBER, city.now)
    assert [one.value for one in made.subject] == ["terminal", NUMBER]
    made.verify_directly_issued_by(city.authority.root)
    constraints = made.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical and not constraints.value.ca


def test_a_request_for_another_kind_of_key_or_another_s_key_is_refused() -> None:
    for key in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
        with pytest.raises(BadRequest, match="P-256"):
            read_request(b64decode(request(key)))
    raw = bytearray(b64decode(request()))
    raw[-1] ^= 1
    with pytest.raises(BadRequest):
        read_request(bytes(raw))


def test_a_certificate_of_an_unknown_kind_of_key_is_not_believed(city: City) -> None:
    made = city.authority.certify(read_request(b64decode(request())), NUMBER, city.now).public_bytes(Encoding.DER)
    strange = made.replace(bytes.fromhex("2A8648CE3D0201"), bytes.fromhex("2A8648CE3D0209"))
    assert strange != made
    told = {"certificate": b64encode(strange).decode("ascii"), "root": ""}
    with pytest.raises(NotCertified, match="cannot be read"):
        certificate_in(200, msgspec.json.encode(told), KEY)


@given(st.binary(max_size=300))
def test_bytes_that_are_no_request_are_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest):
        read_request(raw)


REQUEST = b64decode(request())


@given(st.integers(0, len(REQUEST) - 1), st.integers(1, 255))
def test_a_request_that_was_altered_is_refused_or_asks_for_the_same(at: int, by: int) -> None:
    raw = bytearray(REQUEST)
    raw[at] ^= by
    try:
        found = read_request(bytes(raw))
    except BadRequest:
        return
    # Around the signature a bit may mean nothing: what is signed is what was asked.
    assert found.tbs_certrequest_bytes == read_request(REQUEST).tbs_certrequest_bytes


@given(st.integers(0, 10_000), st.sampled_from("AZaz09-_.=é"))
def test_a_proof_that_was_altered_anywhere_is_refused(at: int, by: str) -> None:
    text = prove(KEY, "ab12", "/v1/x", b"body", "0" * 16)
    at %= len(text)
    altered = text[:at] + by + text[at + 1 :]
    if altered == text:
        return
    with pytest.raises(BadProof):
        verify(read_proof(altered), KEY.public_key(), "/v1/x", b"body")


def test_a_proof_is_of_one_path_and_one_body() -> None:
    proof = read_proof(prove(KEY, "ab12", "/v1/x", b"body", "0" * 16))
    verify(proof, KEY.public_key(), "/v1/x", b"body")
    for path, body in (("/v1/y", b"body"), ("/v1/x", b"other")):
        with pytest.raises(BadProof):
            verify(proof, KEY.public_key(), path, body)


@given(st.text(max_size=200))
def test_a_header_that_is_no_proof_is_refused(text: str) -> None:
    with pytest.raises(BadProof):
        read_proof(text)


def test_a_root_is_made_once_and_opens_with_its_passphrase_alone(tmp_path: Path, city: City) -> None:
    folder, right, wrong = city.folder / "authority", tmp_path / "right", tmp_path / "wrong"
    right.write_text("a passphrase of a test\n")
    wrong.write_text("another passphrase\n")
    with pytest.raises(BadAuthority, match="never overwritten"):
        Authority.create(folder, b"a passphrase of a test", "Test", city.now)
    assert Authority.read(folder, right).root == city.authority.root
    with pytest.raises(BadAuthority):
        Authority.read(folder, wrong)
    assert (folder / "root.key").stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED" in (folder / "root.key").read_bytes()
