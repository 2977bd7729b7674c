"""The gate before the application: what terminals say is signed by their keys.

What TLS showed (sync/backend/peer.py) must agree with the signature; a key in a token has no part in TLS, so its
terminals show nothing there. Loopback without an authority has no gate.
"""

import binascii
from base64 import b64decode
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from sync.backend.authority import Authority, BadRequest, read_request
from sync.backend.custody import Custody
from sync.backend.registry import Kept, Met, Registry, Standing, State, fingerprint, serial_of
from sync.backend.rotation import signed_under
from sync.batch import path_of
from sync.proof import BadProof, Proof, read_proof, verify

Told = Callable[[str, str, str], None]
"""Takes an alarm: terminal, what, detail."""


NO_PROOF = "批次旁没有签名，请在终端重新导出 · no proof lies beside the batch: smk sync export again at the terminal"


class Refused(Exception):
    """A request that does not pass. `problem` as in sync.session.Problem; `standing` for the terminal's screen."""

    def __init__(self, problem: str, detail: str, standing: str = "", status: int = 403) -> None:
        super().__init__(detail)
        self.problem, self.standing, self.status = problem, standing, status


class CertificateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A terminal asks for a certificate: PKCS#10 (DER, base64), its code when it has none, where its key lies."""

    request: Annotated[str, msgspec.Meta(max_length=4_096)]
    code: Annotated[str, msgspec.Meta(max_length=64)] = ""
    in_token: bool = False


class Gate:
    """Decides who passes. `now`: ISO 8601 with offset; `told` gets what people must hear."""

    def __init__(
        self, authority: Authority, registry: Registry, now: Callable[[], str], told: Told = lambda *_: None
    ) -> None:
        self.authority = authority
        self.registry = registry
        self.custody = Custody(registry)
        self.told = told
        self._now = now

    def now(self) -> datetime:
        """The present moment."""
        return datetime.fromisoformat(self._now())

    def terminal(
        self, terminal: str, path: str, proof: str, body: bytes, peer: x509.Certificate | None, tls: bool
    ) -> Met:
        """What a request of `terminal` ("" for any) comes to; `peer` is what TLS showed. Raises Refused."""
        read, kept = self._signed(terminal, path, proof, body)
        if tls and (peer is None or serial_of(peer) != kept.serial) and not (kept.in_token and peer is None):
            raise Refused("not_yours", "TLS shows no certificate, or another than the one that signed")
        met = self.registry.meet(kept, read.claims.instance, self.now())
        if met.alarm:
            detail = f"program {read.claims.instance}, certificate {kept.serial[:16]}"
            self.told(kept.terminal, met.alarm, detail)
        if met.refused == "stopped":
            raise Refused("not_enrolled", "a second device has this identity; this one is stopped", "stopped")
        if met.refused:
            raise Refused("not_enrolled", "the certificate was revoked: smk enrol --code")
        asked, standing = path.rpartition("/")[2], Standing(met.standing)
        if met.expired and asked not in ("batches", "certificate"):
            raise Refused("expired", "an expired certificate uploads and renews, and does nothing else")
        if standing is not Standing.IN_SERVICE and asked != "batches":
            raise Refused("out_of_service", f"the terminal is {standing.value}: it uploads, and does nothing else")
        if self.authority.overlap is not None and not signed_under(kept.certificate, self.authority.root):
            return met._replace(renew=True)  # with the next certificate it learns the new root
        return met

    def carried(self, terminal: str, proof: str, body: bytes) -> None:
        """Let a batch that came on a stick pass when it is the terminal's own. Raises Refused.

        Without a proof the operator's word stands for it, but only for a terminal that never had a certificate. No
        program runs on a stick, and a stick may be older than a renewal: only a revoked certificate stops it.
        """
        if not proof:
            if self.registry.of(terminal):
                raise Refused("not_signed", NO_PROOF)
            return
        _, kept = self._signed(terminal, path_of(terminal), proof, body)
        if kept.state == State.REVOKED.value:
            raise Refused("not_enrolled", "the certificate was revoked: smk enrol --code")

    def _signed(self, terminal: str, path: str, proof: str, body: bytes) -> tuple[Proof, Kept]:
        """The proof of a request and the certificate whose key made it. Raises Refused."""
        try:
            read = read_proof(proof)
            kept = self.registry.find(read.serial)
            if kept is None:
                raise Refused("not_enrolled", "this certificate is not of this authority: smk enrol --code")
            key = x509.load_der_x509_certificate(kept.certificate).public_key()
            assert isinstance(key, ec.EllipticCurvePublicKey)
            verify(read, key, path, body)
        except BadProof as wrong:
            raise Refused("not_signed", str(wrong)) from wrong
        if terminal and terminal != kept.terminal:
            raise Refused("not_yours", f"the certificate is terminal {kept.terminal}'s, not {terminal}'s")
        return read, kept

    def certify(self, terminal: str, asked: CertificateRequest, met: Met | None) -> bytes:
        """The certificate (DER) that a terminal asks for: with its code, or signed (`met`). Raises Refused."""
        try:
            request = read_request(b64decode(asked.request, validate=True))
        except (BadRequest, binascii.Error) as wrong:
            raise Refused("bad_request", str(wrong), status=400) from wrong
        now = self.now()
        if met is None:
            standing = self.registry.standing(terminal)[0]
            if standing is not Standing.IN_SERVICE:
                raise Refused("cannot_enrol", f"the terminal is {standing.value}: smk terminal return {terminal}")
            trouble = self.registry.use_code(terminal, asked.code, fingerprint(request), now)
            if trouble:
                if self.registry.code_is_burnt(terminal):
                    self.told(terminal, "enrolment_guessed", "the code was tried in vain until it was burnt")
                raise Refused("cannot_enrol", trouble)
        certificate = self.authority.certify(request, terminal, now)
        note = self.registry.enrol if met is None else self.registry.renew
        return note(terminal, certificate, asked.in_token)
