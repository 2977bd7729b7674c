"""Parsers of what comes on a stick: signed metadata, lists of contents, keys, releases, lists of issuers."""

from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from securesystemslib.signer import SSlibKey

from config.errors import ConfigError
from config.signing import contents, keys
from config.signing.contents import KINDS, ContentsFaults, Entry
from config.signing.fetch import StickFetcher
from config.signing.keys import KeyRing, make_key
from config.signing.office import Office
from config.signing.trust import Trust, fingerprint_of
from tariffs.faults import PackFaults
from tariffs.issuers import parse_issuers
from terminal import releases
from tests import memory
from tests.fuzz.parser import Parser

NOW = datetime(2026, 11, 25, tzinfo=UTC)
ENTRY = Entry("tariff", "v1", date(2026, 12, 1), "v1.zip", "说明")
PARTS = ("timestamp", "1.root", "snapshot", "targets", "city")
PASSPHRASE = "correct horse battery"


@cache
def signed() -> "tuple[Trust, Path, dict[str, Path]]":
    """A device's trust, a repository in memory, and its metadata by role; they go with the process."""
    keys.SCRYPT_LOG_N = 10
    room = Path(_folder().name)

    def made(name: str) -> SSlibKey:
        return make_key(room / "keys", name, name, PASSPHRASE)

    roles = {"root": [made(f"root-{nth}") for nth in range(3)]}
    roles |= {role: [made(role)] for role in ("targets", "snapshot", "timestamp")}
    city = made("city")
    office = Office(room / "repo", KeyRing([room / "keys"], lambda name: PASSPHRASE), NOW)
    office.found(roles)
    office.delegate("city", "", city, KINDS)
    office.publish("city", "all", ENTRY, b"1")
    trust, metadata = Trust(room / "trust"), room / "repo" / "metadata"
    trust.enrol((metadata / "1.root.json").read_bytes())
    found = {part: sorted(metadata.glob(f"*{part}.json"))[-1] for part in PARTS}
    return trust, room / "repo", found | {"2.root": metadata / "2.root.json"}


@cache
def _folder() -> "TemporaryDirectory[str]":
    return memory.folder()


def stick(raw: bytes) -> object:
    """A stick of which one file of metadata is `raw` after its first byte, which says which; nothing of it is taken
    that was not signed."""
    trust, repository, found = signed()
    path = list(found.values())[raw[0] % len(found)] if raw else found["timestamp"]
    kept = path.read_bytes() if path.exists() else None
    try:
        path.write_bytes(raw[1:])
        with trust.opened(StickFetcher(repository), NOW, ["city"], ["all"], keep=False) as opened:
            assert [(offer.entry, opened.bytes_of(offer, 9)) for offer in opened.offers] == [(ENTRY, b"1")]
            return opened.offers
    finally:
        if kept is None:
            path.unlink()
        else:
            path.write_bytes(kept)


def sticks() -> list[bytes]:
    """Each file as it was signed."""
    found = signed()[2]
    return [bytes((nth,)) + path.read_bytes() for nth, path in enumerate(found.values()) if path.exists()]


def key_file(raw: bytes) -> object:
    """A key file, and the signer that it opens to."""
    folder = Path(_folder().name) / "fuzzed"
    folder.mkdir(exist_ok=True)
    (folder / "x.key").write_bytes(raw)
    ring = KeyRing([folder], lambda name: PASSPHRASE)
    return [ring.signer(keyid) for keyid in ring.names()]


def listed(raw: bytes) -> object:
    """A list that is accepted is written and read back the same."""
    found = contents.parse(raw)
    assert contents.parse(contents.build(found)) == found
    return found


MANIFEST = b'{"version":"0.2.0","schema":2,"python":"3.11"}'
PARSERS = (
    Parser("signed-stick", stick, (ConfigError,), sticks, 8_192),
    Parser("signed-root", fingerprint_of, (ConfigError,), lambda: [signed()[2]["1.root"].read_bytes()], 8_192),
    Parser("signed-list", listed, (ContentsFaults,), lambda: [contents.build(contents.Contents((ENTRY,)))]),
    Parser(
        "signing-key",
        key_file,
        (ConfigError,),
        lambda: [(signed()[1].parent / "keys" / "city.key").read_bytes()],
        1_024,
    ),
    Parser("release", lambda raw: releases.parse_manifest(raw, "fuzzed"), (ConfigError,), lambda: [MANIFEST], 512),
    Parser("issuers", parse_issuers, (PackFaults,), lambda: [b"issuer,change,day\n0400,added,2026-11-01\n"], 1_024),
)
