"""Which roots of the backend's authority a device believes, and how it learns another one over the one it knows."""

from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature


def learned(
    known: Sequence[x509.Certificate],
    root: x509.Certificate,
    former: x509.Certificate | None = None,
    link: x509.Certificate | None = None,
) -> list[x509.Certificate]:
    """What is believed after the backend told its `root`, the `former` one that it still believes, and the `link`.

    A root that is not known is believed only when a known one vouches for it: the link has the root's name and key and
    a known root's signature. A known one is forgotten when the backend no longer names it. Else all stays as it was.
    """
    if root not in known and not (link is not None and any(_vouches(one, link, root) for one in known)):
        return list(known)
    return [root, *(one for one in known if one == former and one != root)]


def _vouches(known: x509.Certificate, link: x509.Certificate, root: x509.Certificate) -> bool:
    try:
        limits = link.extensions.get_extension_for_class(x509.BasicConstraints).value
        if not limits.ca or link.subject != known.subject or root.subject != known.subject:
            return False  # a device's own certificate has a known root's signature too
        link.verify_directly_issued_by(known)
        root.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return link.public_key() == root.public_key()
