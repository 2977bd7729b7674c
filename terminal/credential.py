"""What this device proves itself with: a key made here, the authority's certificate for it, the authority's root.

In DATA/credential: `current.pem` (key and certificate; of a key in a token its label and the certificate), `root.pem`,
and while a request is under way `next.pem`, so that one whose answer was lost is asked again with the same key.
"""

import logging
import secrets
import ssl
import threading
from base64 import b64decode, b64encode
from pathlib import Path
from typing import NamedTuple

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from config.durable import replace_durably
from sync.code import parts_of, pin_of
from sync.keystore import CURVE, KeyTrouble, TokenKey, certificate_of, key_text, read_key, token_of
from sync.link import Link
from sync.proof import HEADER, prove
from sync.session import Problem
from terminal.identity import CREDENTIAL
from terminal.trust import learned

log = logging.getLogger(__name__)

CURRENT, NEXT, ROOT = "current.pem", "next.pem", "root.pem"
_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)  # OpenSSL's X509_V_FLAG_NO_CHECK_TIME, for which Python has no name
_LABEL = b"# key "


class NotCertified(Exception):
    """The backend gave no certificate. The message says why."""


class Certified(msgspec.Struct, frozen=True):
    """The backend's answer, DER in base64: the certificate and the root; while another root is still believed, that one
    and the link from it to the root."""

    certificate: str
    root: str
    former: str = ""
    link: str = ""


class Held(NamedTuple):
    """A key and, once it is given, the certificate for it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate | None


class Credential:
    """The credential in `data`, whose keys lie where `store` says: "" for files, or a token ("pkcs11:…").

    One for a process, whose links share it: two of them would look like two devices. Safe to call from any thread.
    """

    def __init__(self, data: Path, store: str, terminal: str) -> None:
        self._folder = data / CREDENTIAL
        self._token = token_of(store) if store else None
        self._terminal = terminal
        self._instance = secrets.token_hex(8)
        self._held: Held | None = None
        self._lock = threading.Lock()
        self.version = 1

    @property
    def is_there(self) -> bool:
        """Whether the device has a certificate."""
        return (self._folder / CURRENT).exists()

    def certificate(self) -> x509.Certificate:
        """The certificate in use. Raises KeyTrouble."""
        certificate = self._current().certificate
        assert certificate is not None
        return certificate

    def headers(self, path: str, body: bytes) -> dict[str, str]:
        """See sync.link.Credential. A key that fails is a wire that fails: nothing is lost, it is tried again."""
        if not self.is_there:
            return {}
        with self._lock:
            try:
                key, certificate = self._current()
                assert certificate is not None
                return {HEADER: prove(key, f"{certificate.serial_number:x}", path, body, self._instance)}
            except KeyTrouble as wrong:
                self._held = None
                raise OSError(str(wrong)) from wrong

    def context(self) -> ssl.SSLContext:
        """See sync.link.Credential: the authority's root alone is trusted, once it is here.

        Dates are looked at in `check`, not by this device's clock, which may be wrong by years.
        """
        if not (self._folder / ROOT).exists():
            return ssl.create_default_context()
        made = _trusting(self._folder / ROOT)
        if self._token is None and self.is_there:
            made.load_cert_chain(self._folder / CURRENT)
        return made

    def check(self, certificate: bytes) -> None:
        """See sync.link.Credential: a backend's certificate must not have ended before this device's own began, the
        latest moment of which the authority has told."""
        if not self.is_there:
            return
        try:
            ended = certificate_of(certificate).not_valid_after_utc
            began = self.certificate().not_valid_before_utc
        except (ValueError, KeyTrouble) as wrong:
            raise OSError(f"the backend's certificate cannot be checked: {wrong}") from wrong
        if ended < began:
            raise OSError(f"the backend's certificate ended on {ended:%Y-%m-%d}: smk authority collector makes another")

    def enrol(self, address: str, code: str) -> None:
        """Make a key and get a certificate for it with a technician's code.

        Raises BadCode, LinkDown, NotCertified, KeyTrouble, OSError.
        """
        _, pin = parts_of(code)
        root = _root_of(address, pin)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        replace_durably(self._folder / ROOT, root.public_bytes(Encoding.PEM))
        link = Link(address, trust=_trusting(self._folder / ROOT))
        try:
            self._ask(link, code)
        finally:
            link.close()

    def renew(self, link: Link) -> None:
        """Make another key and get a certificate for it; from then on messages are signed by that one.

        Raises LinkDown, NotCertified, KeyTrouble, OSError.
        """
        before = self._current().key
        self._ask(link, "")
        if isinstance(before, TokenKey):
            before.remove()
        log.info("certificate renewed until %s", self.certificate().not_valid_after_utc.date())

    def _ask(self, link: Link, code: str) -> None:
        """Have the key in NEXT certified, and put it in force."""
        held = self._next()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._terminal)])
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(held.key, SHA256())
        asked = {
            "request": b64encode(request.public_bytes(Encoding.DER)).decode("ascii"),
            "code": code,
            "in_token": self._token is not None,
        }
        answer = link.post(f"/v1/terminals/{self._terminal}/certificate", msgspec.json.encode(asked))
        certificate = certificate_in(answer.status, answer.body, held.key)
        self._learn(answer.body)  # before the certificate is in force: cut off between both it renews again
        replace_durably(self._folder / CURRENT, _text(held.key) + certificate.public_bytes(Encoding.PEM), 0o600)
        (self._folder / NEXT).unlink(missing_ok=True)
        with self._lock:
            self._held = Held(held.key, certificate)
            self.version += 1

    def _learn(self, answer: bytes) -> None:
        """Believe the root that the backend tells, when a root that is believed vouches for it."""
        place = self._folder / ROOT
        known = x509.load_pem_x509_certificates(place.read_bytes())
        told = msgspec.json.decode(answer, type=Certified)
        texts = [one for one in (told.root, told.former, told.link) if one]
        try:
            believed = learned(known, *(certificate_of(b64decode(one, validate=True)) for one in texts))
        except ValueError as wrong:
            log.warning("the backend's root cannot be read: %s", wrong)
            return
        if believed != known:
            replace_durably(place, b"".join(one.public_bytes(Encoding.PEM) for one in believed))
            log.info("%d roots of the backend are believed", len(believed))

    def _next(self) -> Held:
        """The key that waits for its certificate, made when there is none."""
        place = self._folder / NEXT
        if place.exists():
            return self._read(place)
        if self._token is not None:
            key: ec.EllipticCurvePrivateKey = TokenKey.make(self._token, f"smk-{secrets.token_hex(8)}")
        else:
            key = ec.generate_private_key(CURVE)
        replace_durably(place, _text(key), 0o600)
        return Held(key, None)

    def _current(self) -> Held:
        if self._held is None:
            self._held = self._read(self._folder / CURRENT)
            if self._held.certificate is None:
                raise KeyTrouble(f"{self._folder / CURRENT}: no certificate there: smk enrol --code")
        return self._held

    def _read(self, place: Path) -> Held:
        try:
            text = place.read_bytes()
            found = x509.load_pem_x509_certificates(text) if b"BEGIN CERTIFICATE" in text else []
        except (OSError, ValueError) as wrong:
            raise KeyTrouble(f"{place}: {wrong}: smk enrol --code") from wrong
        first = text.partition(b"\n")[0]
        if not first.startswith(_LABEL):
            key = read_key(text, str(place))
        elif self._token is None:
            raise KeyTrouble(f"{place}: the key lies in a token: set [sync] key to it again, or smk enrol --code")
        else:
            key = TokenKey(self._token, first.removeprefix(_LABEL).decode("ascii", "replace"))
        return Held(key, found[0] if found else None)


def _text(key: ec.EllipticCurvePrivateKey) -> bytes:
    return _LABEL + key.label.encode("ascii") + b"\n" if isinstance(key, TokenKey) else key_text(key)


def _trusting(root: Path) -> ssl.SSLContext:
    """TLS that trusts the authority's root alone and looks at no dates: this device's clock may be wrong by years."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.load_verify_locations(root)
    made.verify_flags |= _NO_CHECK_TIME
    return made


def certificate_in(status: int, body: bytes, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """The certificate in the backend's answer, which must be for `key`. Raises NotCertified."""
    try:
        if status != 200:
            raise NotCertified(msgspec.json.decode(body, type=Problem).detail)
        told = msgspec.json.decode(body, type=Certified)
        certificate = certificate_of(b64decode(told.certificate, validate=True))
        if certificate.public_key() != key.public_key():
            raise NotCertified("a certificate for another key")
    except (msgspec.DecodeError, RecursionError, ValueError, UnsupportedAlgorithm) as wrong:
        raise NotCertified(f"HTTP {status}, an answer that cannot be read ({wrong})") from wrong
    return certificate


def _root_of(address: str, pin: str) -> x509.Certificate:
    """The root that the backend shows, when it is the code's. Raises LinkDown, NotCertified."""
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE  # the pin tells, not the handshake
    link = Link(address, trust=blind)
    try:
        answer = link.get("/v1/authority")
    finally:
        link.close()
    try:
        root = certificate_of(answer.body)
    except ValueError as wrong:
        raise NotCertified(f"HTTP {answer.status}: this backend shows no authority") from wrong
    if pin_of(root.public_bytes(Encoding.DER)) != pin:
        raise NotCertified("this is not the backend that made the code, or the code is mistyped")
    return root
