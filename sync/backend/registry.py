"""Who is who: enrolment codes, certificates and what became of them, and each terminal's standing.

The registry decides, not the dates in a certificate: one that expired still uploads and renews, one that was superseded
or revoked does nothing, today. Every method takes `now`; nothing here asks a clock.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from hashlib import sha256
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sync.backend.sql import Sql
from sync.code import SALT_BYTES, BadCode, digest_of, is_secret, new_code, parts_of
from sync.limits import CODE_TRIES, FORMER_INSTANCES


class State(Enum):
    """What became of a certificate."""

    ISSUED = "issued"  # nobody has used it yet: its predecessor still counts
    CURRENT = "current"
    SUPERSEDED = "superseded"  # its successor was used: whoever still has it is a second device
    REVOKED = "revoked"


class Standing(Enum):
    """What became of a terminal."""

    IN_SERVICE = "in_service"
    RETIRED = "retired"
    REPLACED = "replaced"
    STOLEN = "stolen"


class Kept(NamedTuple):
    """A certificate as the registry has it; dates ISO 8601, UTC. `key`: its key's fingerprint; `in_token`: the key lies
    in a token, so that its TLS shows no certificate; `former`: programs that ran before `instance`; `contested`: two
    programs run with it at once, and `instance` is the one that goes on."""

    serial: str
    terminal: str
    certificate: bytes
    key: str
    in_token: int
    not_before: str
    not_after: str
    state: str
    instance: str
    former: str
    contested: int


class Met(NamedTuple):
    """What a signed request comes to. `refused`: a word for it, "" when it goes on; `renew`: ask for a new certificate
    now; `expired`: only upload and renewal; `standing` of `terminal`; `alarm`: what people must hear, "" for none."""

    refused: str
    renew: bool
    expired: bool
    standing: str
    terminal: str
    alarm: str = ""


REGISTRY = "registry.db"
"""The file of a backend on one machine, beside its books."""
WRONG_CODE = "the code is wrong, was used, or has expired"
_TABLES = (
    """create table if not exists certificate (
        serial text primary key, terminal text not null, certificate {blob} not null, key text not null,
        in_token integer not null, not_before text not null, not_after text not null, state text not null,
        instance text not null, former text not null, contested integer not null)""",
    "create index if not exists certificate_terminal on certificate (terminal)",
    """create table if not exists code (
        terminal text primary key, salt {blob} not null, digest {blob} not null, expires text not null,
        tries integer not null, used text not null)""",
    """create table if not exists standing (
        terminal text primary key, standing text not null, since text not null, detail text not null)""",
    """create table if not exists psam (
        psam text primary key, terminal text not null, since text not null, stolen text not null)""",
)
_COLUMNS = ", ".join(Kept._fields)


class Registry:
    """The tables in `sql`. Safe to call from any thread, and from several processes at once."""

    def __init__(self, sql: Sql) -> None:
        self.sql = sql
        with sql.transaction():
            for table in _TABLES:
                sql.query(table.format(blob=sql.blob))

    def new_code(self, terminal: str, root: bytes, expires: datetime, chance: Callable[[int], bytes]) -> str:
        """A code that enrols `terminal` once before `expires`; an older one of this terminal ends."""
        code, salt = new_code(chance, root), chance(SALT_BYTES)
        digest = digest_of(parts_of(code)[0], salt)
        self.sql.query(
            "insert into code (terminal, salt, digest, expires, tries, used) values (?, ?, ?, ?, 0, '') on conflict "
            "(terminal) do update set salt = excluded.salt, digest = excluded.digest, expires = excluded.expires, "
            "tries = 0, used = ''",
            terminal,
            salt,
            digest,
            _utc(expires),
        )
        return code

    def use_code(self, terminal: str, code: str, key: str, now: datetime) -> str:
        """Whether this code enrols the terminal's `key` (its fingerprint) now: "" or why not.

        A code is good for one key: a request whose answer was lost may come again. A try is counted before it is
        compared, so that many at once are no way round the limit.
        """
        try:
            secret = parts_of(code)[0]
        except BadCode as wrong:
            return str(wrong)
        found = self.sql.query(
            "update code set tries = tries + 1 where terminal = ? and expires > ? and tries < ? returning salt, digest",
            terminal,
            _utc(now),
            CODE_TRIES,
        )
        if not found or not is_secret(secret, bytes(found[0]["salt"]), bytes(found[0]["digest"])):
            return WRONG_CODE
        used = self.sql.query(
            "update code set used = ?, tries = 0 where terminal = ? and salt = ? and used in (?, ?) returning used",
            key,
            terminal,
            found[0]["salt"],
            "",
            key,
        )
        return "" if used else WRONG_CODE

    def code_is_burnt(self, terminal: str) -> bool:
        """Whether somebody has guessed at the terminal's code until it was gone."""
        return bool(self.sql.query("select 1 from code where terminal = ? and tries >= ?", terminal, CODE_TRIES))

    def enrol(self, terminal: str, certificate: x509.Certificate, in_token: bool) -> bytes:
        """Note the certificate that a code brought: every other one of the terminal ends. The one to be given (DER).

        A request whose answer was lost comes again with the same key and gets the same certificate, unless another
        device was enrolled in between.
        """
        with self.sql.transaction():
            for kept in self.of(terminal):
                if kept.state in (State.ISSUED.value, State.CURRENT.value):
                    if kept.key == fingerprint(certificate):
                        return kept.certificate
                    self._change(kept.serial, State.SUPERSEDED)
            return self._insert(terminal, certificate, State.CURRENT, in_token)

    def renew(self, terminal: str, certificate: x509.Certificate, in_token: bool) -> bytes:
        """Note a certificate that follows the current one; the one to be given (DER).

        A request whose answer was lost comes again with the same key and gets the same certificate.
        """
        with self.sql.transaction():
            for kept in self.of(terminal):
                if kept.state == State.ISSUED.value:
                    if kept.key == fingerprint(certificate):
                        return kept.certificate
                    self._change(kept.serial, State.SUPERSEDED)
            return self._insert(terminal, certificate, State.ISSUED, in_token)

    def _insert(self, terminal: str, certificate: x509.Certificate, state: State, in_token: bool) -> bytes:
        raw = certificate.public_bytes(Encoding.DER)
        dates = _utc(certificate.not_valid_before_utc), _utc(certificate.not_valid_after_utc)
        serial, key = serial_of(certificate), fingerprint(certificate)
        kept = Kept(serial, terminal, raw, key, int(in_token), *dates, state.value, "", "", 0)
        self.sql.query(f"insert into certificate ({_COLUMNS}) values ({', '.join('?' * len(kept))})", *kept)
        return raw

    def find(self, serial: str) -> Kept | None:
        """The certificate with this serial number (hex), None when it is not ours."""
        found = self.sql.query(f"select {_COLUMNS} from certificate where serial = ?", serial)
        return _kept(found[0]) if found else None

    def of(self, terminal: str) -> list[Kept]:
        """The terminal's certificates, oldest first; of every terminal for ""."""
        where, values = ("where terminal = ?", (terminal,)) if terminal else ("", ())
        order = "order by terminal, not_before, serial"
        return [_kept(row) for row in self.sql.query(f"select {_COLUMNS} from certificate {where} {order}", *values)]

    def meet(self, kept: Kept, instance: str, now: datetime) -> Met:
        """A request that this certificate's key signed, from the running program `instance`."""
        standing = self.standing(kept.terminal)[0].value
        halfway = _midst(kept.not_before, kept.not_after)
        may_renew = standing == Standing.IN_SERVICE.value
        met = Met("", may_renew and _utc(now) >= halfway, _utc(now) > kept.not_after, standing, kept.terminal)
        if kept.state in (State.SUPERSEDED.value, State.REVOKED.value):
            twin = kept.state == State.SUPERSEDED.value
            return met._replace(refused="stopped" if twin else "revoked", alarm="two_devices" if twin else "")
        if kept.state == State.ISSUED.value or kept.instance != instance:
            return self._changed(kept.serial, instance, met)
        return met._replace(renew=met.renew or bool(kept.contested))

    def _changed(self, serial: str, instance: str, met: Met) -> Met:
        """The first use of a certificate, or another program than before uses it."""
        with self.sql.transaction():
            kept = self.find(serial)
            assert kept is not None
            if kept.state == State.ISSUED.value:
                for other in self.of(kept.terminal):
                    if other.state == State.CURRENT.value:
                        self._change(other.serial, State.SUPERSEDED)
                self._change(serial, State.CURRENT)
            former = kept.former.split()
            if kept.contested and instance != kept.instance:
                return met._replace(refused="stopped", alarm="two_devices")
            contested = int(instance in former)
            names = [one for one in (*former, kept.instance) if one and one != instance][-FORMER_INSTANCES:]
            self.sql.query(
                "update certificate set instance = ?, former = ?, contested = ? where serial = ?",
                instance,
                " ".join(names),
                contested,
                serial,
            )
        return met._replace(renew=met.renew or bool(contested), alarm="two_devices" if contested else "")

    def _change(self, serial: str, state: State) -> None:
        self.sql.query("update certificate set state = ? where serial = ?", state.value, serial)

    def revoke(self, terminal: str) -> int:
        """End every certificate of the terminal at once; how many. Only a new code helps it."""
        ended = "update certificate set state = ? where terminal = ? and state in (?, ?) returning serial"
        states = (State.ISSUED.value, State.CURRENT.value)
        return len(self.sql.query(ended, State.REVOKED.value, terminal, *states))

    def standing(self, terminal: str) -> tuple[Standing, str, str]:
        """The terminal's standing, since when (YYYY-MM-DD, "" for always) and what was said of it."""
        found = self.sql.query("select standing, since, detail from standing where terminal = ?", terminal)
        if not found:
            return Standing.IN_SERVICE, "", ""
        return Standing(found[0]["standing"]), found[0]["since"], found[0]["detail"]


def _kept(row: dict[str, Any]) -> Kept:
    return Kept(**(row | {"certificate": bytes(row["certificate"])}))


def fingerprint(holder: x509.Certificate | x509.CertificateSigningRequest) -> str:
    """SHA-256 of the public key, in hex."""
    spki = holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(spki).hexdigest()


def serial_of(certificate: x509.Certificate) -> str:
    """The serial number as proofs name it."""
    return f"{certificate.serial_number:x}"


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _midst(begin: str, end: str) -> str:
    first, last = datetime.fromisoformat(begin), datetime.fromisoformat(end)
    return _utc(first + (last - first) / 2)
