"""The authority's root makes way for another: for a time both are believed, and the old one vouches for the new.

The link is the new root's key under the old root's signature. Devices that know the old root alone reach a collector
over it, and learn the new root with their next certificate (terminal/trust.py). Every step leaves files with which the
same command goes on.

Source: RFC 4210, 4.4 ("new with old"); RFC 5280, 6.1.4 (l): self-issued certificates do not count in a path's length.
"""

import os
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sync.backend.authority import (
    FORMER,
    FORMER_KEY,
    LINK,
    ROOT,
    ROOT_KEY,
    Authority,
    BadAuthority,
    read_overlap,
    read_passphrase,
    read_root,
)
from sync.backend.registry import Registry, State
from sync.keystore import write_new

_NEXT = "next"
"""The folder in which the new root is made; while it is there the change is under way."""


def rotate(folder: Path, passphrase_file: Path, now: datetime) -> x509.Certificate:
    """Change the root in `folder` for a new one under the same passphrase. Raises BadAuthority, OSError."""
    place = folder / _NEXT
    if not (place / LINK).exists():
        if read_overlap(folder) is not None:
            raise BadAuthority(f"{folder}: the former root is still believed: smk authority former --end first")
        old = Authority.read(folder, passphrase_file)
        for left in place.glob("*"):  # of a try that was cut off
            left.unlink()
        new = Authority.create(place, read_passphrase(passphrase_file), old.root.subject, now)
        write_new(place / LINK, old.vouch(new.root).public_bytes(Encoding.PEM), 0o644)
    for name, former in ((ROOT_KEY, FORMER_KEY), (ROOT, FORMER)):
        if (place / name).exists():
            _copy(folder / name, folder / former)
            os.replace(place / name, folder / name)
    os.replace(place / LINK, folder / LINK)
    place.rmdir()
    return read_root(folder)


def _copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    write_new(target, source.read_bytes(), source.stat().st_mode & 0o777)


def behind(folder: Path, registry: Registry) -> list[str]:
    """Terminals whose certificate is the former root's: they have not learned the new one. Raises BadAuthority."""
    root = read_root(folder)
    held = [kept for kept in registry.of("") if State(kept.state) in (State.ISSUED, State.CURRENT)]
    return sorted({kept.terminal for kept in held if not signed_under(kept.certificate, root)})


def end(folder: Path) -> None:
    """Believe the former root no longer, and destroy its key."""
    for name in (FORMER_KEY, LINK, FORMER):
        (folder / name).unlink(missing_ok=True)


def signed_under(certificate: bytes, root: x509.Certificate) -> bool:
    """Whether a certificate (DER) of this authority names the key of `root` as its signer's."""
    return _key(x509.load_der_x509_certificate(certificate), x509.AuthorityKeyIdentifier) == _key(
        root, x509.SubjectKeyIdentifier
    )


def _key(certificate: x509.Certificate, kind: type[x509.AuthorityKeyIdentifier | x509.SubjectKeyIdentifier]) -> bytes:
    return certificate.extensions.get_extension_for_class(kind).value.key_identifier or b""
