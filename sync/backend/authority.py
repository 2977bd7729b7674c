"""The backend's own small certificate authority: one root, which signs terminals and collectors.

The root's key lies encrypted under a passphrase that a file holds; whoever signs has both. Nothing here asks the clock
or the registry: who gets a certificate is decided elsewhere (sync/backend/registry.py).

Source: RFC 5280 (certificates), RFC 2986 (requests).
"""

from datetime import datetime, timedelta
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sync.keystore import CURVE, KeyTrouble, certificate_of, key_text, read_key, write_new
from sync.limits import CERTIFICATE_DAYS, REQUEST_BYTES_MAX

ROOT, ROOT_KEY = "root.pem", "root.key"
FORMER, FORMER_KEY, LINK = "former.pem", "former.key", "link.pem"
"""While a root is changed (sync/backend/rotation.py): the one before, and the new one's key under its signature."""
ROOT_DAYS, SERVER_DAYS = 7_300, 825
EARLIER = timedelta(minutes=5)
"""A certificate begins a little before it is made: clocks of a data centre differ by seconds."""


class BadAuthority(Exception):
    """An authority that cannot be made or used. The message says why."""


class BadRequest(ValueError):
    """A certificate request that is not signed as it must be. The message says why."""


class Use(Enum):
    """Who a certificate is for; its organisational unit says so."""

    TERMINAL = "terminal"
    COLLECTOR = "collector"


class Overlap(NamedTuple):
    """A root that is still believed beside its successor, and the link: the successor's key under its signature."""

    former: x509.Certificate
    link: x509.Certificate


class Authority:
    """The root and its key. `root` is what everybody may know; `overlap`: the one before it, while it is believed."""

    def __init__(
        self, root: x509.Certificate, key: ec.EllipticCurvePrivateKey, overlap: Overlap | None = None
    ) -> None:
        self.root = root
        self.overlap = overlap
        self._key = key

    @classmethod
    def create(cls, folder: Path, passphrase: bytes, name: str | x509.Name, now: datetime) -> "Authority":
        """Make a root in `folder`, which has none. Raises BadAuthority."""
        key = ec.generate_private_key(CURVE)
        subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)]) if isinstance(name, str) else name
        builder = certificate_builder(subject, subject, key.public_key(), now, ROOT_DAYS)
        root = _as_root(builder).sign(key, SHA256())
        encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_new(folder / ROOT_KEY, encrypted, 0o600)
            write_new(folder / ROOT, root.public_bytes(Encoding.PEM), 0o644)
        except OSError as wrong:
            raise BadAuthority(f"{folder}: {wrong.strerror}: a root is made once and never overwritten") from wrong
        return cls(root, key)

    @classmethod
    def read(cls, folder: Path, passphrase_file: Path) -> "Authority":
        """Raises BadAuthority."""
        try:
            root = read_root(folder)
            passphrase = read_passphrase(passphrase_file)
            key = read_key((folder / ROOT_KEY).read_bytes(), str(folder / ROOT_KEY), passphrase)
        except OSError as wrong:
            raise BadAuthority(f"{wrong.filename}: {wrong.strerror}") from wrong
        except KeyTrouble as wrong:
            raise BadAuthority(str(wrong)) from wrong
        if key.public_key() != root.public_key():
            raise BadAuthority(f"{folder}: {ROOT} and {ROOT_KEY} do not belong together")
        return cls(root, key, read_overlap(folder))

    def vouch(self, successor: x509.Certificate) -> x509.Certificate:
        """The link: the successor's key under this root's signature, as long as the successor lives."""
        key = successor.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        begin, end = successor.not_valid_before_utc, successor.not_valid_after_utc
        builder = certificate_builder(successor.subject, self.root.subject, key, begin + EARLIER, (end - begin).days)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return _as_root(builder).add_extension(issuer, False).sign(self._key, SHA256())

    def certify(self, request: x509.CertificateSigningRequest, terminal: str, now: datetime) -> x509.Certificate:
        """A terminal's certificate for the key of a request that `read_request` gave; of its names none is taken."""
        return self._sign(request.public_key(), Use.TERMINAL, terminal, now, CERTIFICATE_DAYS, [])

    def collector(self, host: str, now: datetime) -> bytes:
        """Key and certificate of a collector that is reached as `host`, a name or an IP address, as one PEM.

        While a former root is believed the link comes with them, for devices that know that one alone.
        """
        try:
            name: x509.GeneralName = x509.IPAddress(ip_address(host))
        except ValueError:
            try:
                name = x509.DNSName(host)
            except ValueError as wrong:
                raise BadAuthority(f"{host!r} is neither a host's name nor an address") from wrong
        key = ec.generate_private_key(CURVE)
        certificate = self._sign(key.public_key(), Use.COLLECTOR, host, now, SERVER_DAYS, [name])
        chain = [certificate, *([self.overlap.link] if self.overlap else [])]
        return key_text(key) + b"".join(one.public_bytes(Encoding.PEM) for one in chain)

    def _sign(
        self, key: object, use: Use, name: str, now: datetime, days: int, hosts: list[x509.GeneralName]
    ) -> x509.Certificate:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        unit, common = (NameOID.ORGANIZATIONAL_UNIT_NAME, use.value), (NameOID.COMMON_NAME, name)
        try:
            subject = x509.Name([x509.NameAttribute(*one) for one in (unit, common)])
        except ValueError as wrong:
            raise BadAuthority(f"{name!r} is no name for a certificate: {wrong}") from wrong
        serves = use is Use.COLLECTOR
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if serves else ExtendedKeyUsageOID.CLIENT_AUTH
        usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
        builder = certificate_builder(subject, self.root.subject, key, now, days).add_extension(usage, True)
        builder = builder.add_extension(x509.BasicConstraints(False, None), True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(issuer, False)
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(hosts), False)
        return builder.sign(self._key, SHA256())


def certificate_builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    """A certificate from a little before `now` for `days`, not signed yet."""
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - EARLIER).not_valid_after(now + timedelta(days=days))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)


def _as_root(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return builder.add_extension(usage, True).add_extension(x509.BasicConstraints(True, 0), True)


def read_request(raw: bytes) -> x509.CertificateSigningRequest:
    """A request (DER) for a P-256 key, signed by that key. Raises BadRequest."""
    if len(raw) > REQUEST_BYTES_MAX:
        raise BadRequest(f"a request of {len(raw)} bytes")
    try:
        request = x509.load_der_x509_csr(raw)
        key = request.public_key()
        signed = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature, x509.InvalidVersion) as wrong:
        raise BadRequest(f"not a certificate request: {wrong}") from wrong
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != CURVE.name:
        raise BadRequest("not a P-256 key")
    if not signed:
        raise BadRequest("the request is not signed by its own key")
    return request


def read_root(folder: Path) -> x509.Certificate:
    """The root's certificate. Raises BadAuthority."""
    try:
        return certificate_of((folder / ROOT).read_bytes())
    except (OSError, ValueError) as wrong:
        raise BadAuthority(f"{folder / ROOT}: {wrong}: smk authority init makes a root") from wrong


def read_overlap(folder: Path) -> Overlap | None:
    """The root before, while it is believed. Raises BadAuthority."""
    if not (folder / LINK).exists():
        return None
    try:
        return Overlap(*(certificate_of((folder / name).read_bytes()) for name in (FORMER, LINK)))
    except (OSError, ValueError) as wrong:
        raise BadAuthority(f"{folder}: {wrong}: {FORMER} and {LINK} belong together") from wrong


def read_passphrase(path: Path) -> bytes:
    """A passphrase file's first line. Raises OSError, BadAuthority when it is short."""
    passphrase = path.read_bytes().splitlines()[:1]
    if not passphrase or len(passphrase[0]) < 12:
        raise BadAuthority(f"{path}: a passphrase of at least 12 characters is needed in its first line")
    return passphrase[0]
