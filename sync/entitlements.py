"""Who is insured, on the device: 870,000 persons found by a keyed hash, each sealed, kept current by daily deltas.

The file from the centre carries references and sealed values only; this device opens a value when its person stands at
the counter. Three lists besides (persons, top-ups, employers), each with its own version and age. A delta takes force
whole or not at all.
"""

import gzip
import zlib
from base64 import b64decode
from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import apsw
import msgspec

from sync.errors import StoreTrouble
from sync.limits import DELTA_BYTES_MAX, SEALED_PERSON_BYTES_MAX
from sync.vault import Sealed, Unsealable, Vault

APPLICATION_ID = 0x534D4B45  # "SMKE"
ListName = Literal["insured", "person", "topup", "employer"]
"""The store's parts: the insured, and the three lists of the blocked. Each is told anew by its own deltas."""

_TABLES = """
CREATE TABLE insured(ref BLOB PRIMARY KEY, version INTEGER NOT NULL, key TEXT NOT NULL, sealed BLOB NOT NULL)
    STRICT, WITHOUT ROWID;
CREATE TABLE listed(list TEXT NOT NULL, ref BLOB NOT NULL, level INTEGER NOT NULL, PRIMARY KEY(list, ref))
    STRICT, WITHOUT ROWID;
CREATE TABLE told(list TEXT PRIMARY KEY, version INTEGER NOT NULL, at TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""

Ref = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
Version = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class BadDelta(ValueError):
    """A delta that was not taken; what was in force stays in force. The message says why."""


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line: which list, from which version (0: a whole list) to which, when it was true at the centre."""

    list: ListName
    since: Version
    version: Version
    at: str
    count: int
    digest: str


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """One changed person as of its own `version`: base64 of the sealed value, "" when no longer insured."""

    ref: Ref
    version: Version
    key: str
    sealed: str


class Listed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """One changed entry of a list: the level of the block, 0 when it was taken off."""

    ref: Ref
    level: Annotated[int, msgspec.Meta(ge=0, le=5)]


class Told(NamedTuple):
    """A list's version and when it was true at the centre (ISO 8601); version 0 and "" for one that never came."""

    version: int
    at: str

    def age_seconds(self, now: datetime) -> int | None:
        """How old it is; None when it never came."""
        return max(0, int((now - datetime.fromisoformat(self.at)).total_seconds())) if self.at else None


_header = msgspec.json.Decoder(Header)
_person = msgspec.json.Decoder(Person)
_listed = msgspec.json.Decoder(Listed)


class Entitlements:
    """The store, open. Used by one thread at a time."""

    def __init__(self, path: Path, vault: Vault) -> None:
        """Open the file, or create it. Raises StoreTrouble."""
        self.path = path
        self._vault = vault
        try:
            self._connection = apsw.Connection(str(path))
            for setting in ("journal_mode=WAL", "synchronous=FULL", "mmap_size=0", "trusted_schema=OFF"):
                self._connection.execute(f"PRAGMA {setting}")
            if self._connection.pragma("application_id") == 0:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.execute(_TABLES)
                self._connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                self._connection.execute("COMMIT")
            if self._connection.pragma("application_id") != APPLICATION_ID:
                raise StoreTrouble(f"{path} is another program's database: move it aside")
        except apsw.Error as wrong:
            raise StoreTrouble(f"{path}: {wrong}: move the file aside and fetch the whole lists again") from wrong

    def find(self, ref: str) -> bytes | None:
        """The person's opened value; None: not insured here. Raises Unsealable, StoreTrouble."""
        found = self._first("SELECT version, key, sealed FROM insured WHERE ref = ?", (bytes.fromhex(ref),))
        if found is None:
            return None
        version, key, sealed = found
        return self._vault.open(Sealed(str(key), _bytes(sealed)), place(ref, _whole(version)))

    def level(self, list_: ListName, ref: str) -> int:
        """The level of a block on that list, 0 for none. Raises StoreTrouble."""
        found = self._first("SELECT level FROM listed WHERE list = ? AND ref = ?", (list_, bytes.fromhex(ref)))
        return _whole(found[0]) if found else 0

    def told(self, list_: ListName) -> Told:
        """A list's version and age. Raises StoreTrouble."""
        found = self._first("SELECT version, at FROM told WHERE list = ?", (list_,))
        return Told(_whole(found[0]), str(found[1])) if found else Told(0, "")

    def count(self) -> int:
        """How many persons are insured."""
        found = self._first("SELECT count(*) FROM insured", ())
        return _whole(found[0]) if found else 0

    def apply(self, raw: bytes) -> Header:
        """Take a delta (gzip over JSON lines) into force. Raises BadDelta, StoreTrouble: nothing has changed then."""
        header, lines = read_delta(raw)
        try:
            with self._connection:  # the look at what is here belongs to it: another process may be taking a newer one
                self._check_order(header)
                if header.since == 0:
                    self._empty(header.list)
                if header.list == "insured":
                    self._take_persons(lines, header)
                else:
                    self._take_listed(lines, header)
                told = (header.list, header.version, header.at)
                self._connection.execute("INSERT OR REPLACE INTO told VALUES(?, ?, ?)", told)
        except BadDelta:
            raise
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as wrong:
            raise BadDelta(f"{header.list} {header.version}: {wrong}") from wrong
        except apsw.BusyError as wrong:
            raise StoreTrouble(f"{self.path}: another list is being taken: try again") from wrong
        except apsw.Error as wrong:
            raise StoreTrouble(f"{self.path}: {wrong}: free space; the lists before stay in force") from wrong
        return header

    def _check_order(self, header: Header) -> None:
        now = self.told(header.list)
        if header.version <= now.version:
            raise BadDelta(f"{header.list} {header.version} is not newer than {now.version}")
        if header.since not in (0, now.version):
            raise BadDelta(f"{header.list} {header.version} follows {header.since}, here is {now.version}: fetch both")

    def _empty(self, list_: ListName) -> None:
        if list_ == "insured":
            self._connection.execute("DELETE FROM insured")
        else:
            self._connection.execute("DELETE FROM listed WHERE list = ?", (list_,))

    def _take_persons(self, lines: Iterable[bytes], header: Header) -> None:
        """In the order of the references: neighbours share a page of the tree."""
        changed = sorted((_person.decode(line) for line in lines), key=lambda person: person.ref)
        self._counted(len(changed), header)
        if any(not header.since < person.version <= header.version for person in changed):
            raise BadDelta(f"{header.list}: a person of another version than {header.since} to {header.version}")
        gone = [(bytes.fromhex(person.ref),) for person in changed if not person.sealed]
        self._connection.executemany("DELETE FROM insured WHERE ref = ?", gone)
        rows = ((bytes.fromhex(p.ref), p.version, p.key, _sealed(p.sealed)) for p in changed if p.sealed)
        self._connection.executemany("INSERT OR REPLACE INTO insured VALUES(?, ?, ?, ?)", rows)

    def _take_listed(self, lines: Iterable[bytes], header: Header) -> None:
        changed = [_listed.decode(line) for line in lines]
        self._counted(len(changed), header)
        for entry in changed:
            key = (header.list, bytes.fromhex(entry.ref))
            if entry.level:
                self._connection.execute("INSERT OR REPLACE INTO listed VALUES(?, ?, ?)", (*key, entry.level))
            else:
                self._connection.execute("DELETE FROM listed WHERE list = ? AND ref = ?", key)

    def _counted(self, count: int, header: Header) -> None:
        if count != header.count:
            raise BadDelta(f"{header.list} {header.version}: {count} entries, the header says {header.count}")

    def _first(self, query: str, values: tuple[object, ...]) -> tuple[object, ...] | None:
        try:
            return next(iter(self._connection.execute(query, values)), None)
        except apsw.Error as wrong:
            raise StoreTrouble(f"{self.path}: {wrong}: move the file aside and fetch the whole lists again") from wrong

    def close(self) -> None:
        """Give the file back."""
        self._connection.close(force=True)


def place(ref: str, version: int) -> str:
    """What a person's sealed value is bound to."""
    return f"insured|{ref}|{version}"


def build_delta(list_: ListName, since: int, version: int, at: str, entries: Iterable[Person | Listed]) -> bytes:
    """A delta's bytes; the centre's side."""
    lines = [msgspec.json.encode(entry) for entry in entries]
    body = b"\n".join(lines)
    header = Header(list_, since, version, at, len(lines), sha256(body).hexdigest())
    return gzip.compress(msgspec.json.encode(header) + b"\n" + body, compresslevel=1, mtime=0)


def read_delta(raw: bytes) -> tuple[Header, Iterator[bytes]]:
    """The header and the lines of a delta whose digest fits. Raises BadDelta."""
    try:
        unpacking = zlib.decompressobj(31)
        text = unpacking.decompress(raw, DELTA_BYTES_MAX)
        if not unpacking.eof:
            raise BadDelta(f"cut off, or more than {DELTA_BYTES_MAX} bytes unpacked")
        first, _, body = text.partition(b"\n")
        header = _header.decode(first)
        if datetime.fromisoformat(header.at).tzinfo is None:
            raise BadDelta(f"{header.list} {header.version}: its time has no offset")
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError, ValueError) as wrong:
        raise wrong if isinstance(wrong, BadDelta) else BadDelta(f"not a delta: {wrong}") from wrong
    if sha256(body).hexdigest() != header.digest:
        raise BadDelta(f"{header.list} {header.version}: the digest does not fit: fetch it again")
    return header, iter(body.split(b"\n") if body else [])


def _sealed(text: str) -> bytes:
    raw = b64decode(text, validate=True)
    if len(raw) > SEALED_PERSON_BYTES_MAX:
        raise BadDelta(f"a sealed person of {len(raw)} bytes")
    return raw


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise Unsealable("the store holds something else than bytes")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise StoreTrouble("the entitlement store is damaged: move the file aside and fetch the whole lists again")
    return value
