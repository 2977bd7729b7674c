"""Where a backend's masters lie: plain in a file, sealed in a file, or in a PKCS#11 module that never gives them away.

The key file says which. Plain: tables [tac] and [load]. Sealed: a table [sealed], opened by a passphrase that another
file holds. In a module: a table [token] that names it and the schemes. `smk keys` makes both.

Source: RFC 7914 (scrypt); NIST SP 800-38D (GCM); PKCS #11 2.40, 2.8 (CKM_DES3_ECB), 2.15 (CKM_DES3_ECB_ENCRYPT_DATA).
"""

import ctypes
import json
import os
import struct
import tomllib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from apdu import crypto
from sync.backend.authority import BadAuthority, read_passphrase
from sync.backend.keys import BadKeys, KeyFile, Masters, UnknownScheme, read_table
from sync.keystore import KeyTrouble, Token, session_on, token_of

SALT, NONCE = 16, 12
_PLACE = b"citizen-card-terminal masters 1"


def read_masters(path: Path) -> Masters:
    """The masters that a key file holds or names. Raises BadKeys."""
    found = read_table(path)
    if "sealed" in found:
        return KeyFile.of(_opened(path, found["sealed"]), str(path))
    if "token" in found:
        return _in_token(path, found["token"])
    return KeyFile.of(found, str(path))


def seal(plain: Path, passphrase_file: Path) -> str:
    """A sealed key file's text from a plain one. Raises BadKeys, BadAuthority, OSError."""
    KeyFile.read(plain)  # nothing is sealed that could not be used
    salt, nonce = os.urandom(SALT), os.urandom(NONCE)
    cipher = AESGCM(_derived(read_passphrase(passphrase_file), salt))
    sealed = cipher.encrypt(nonce, plain.read_bytes(), _PLACE)
    table = {"passphrase_file": str(passphrase_file.absolute())}
    table |= {name: _b64(raw) for name, raw in (("salt", salt), ("nonce", nonce), ("data", sealed))}
    lines = "".join(f"{name} = {json.dumps(text, ensure_ascii=False)}\n" for name, text in table.items())
    return f"# Masters under a passphrase: AES-256-GCM, scrypt. Made by smk keys seal.\n[sealed]\n{lines}"


def _opened(path: Path, table: Any) -> dict[str, Any]:
    try:
        salt, nonce, data = (b64decode(table[name], validate=True) for name in ("salt", "nonce", "data"))
        passphrase = read_passphrase(Path(table["passphrase_file"]))
        plain = AESGCM(_derived(passphrase, salt)).decrypt(nonce, data, _PLACE)
        return tomllib.loads(plain.decode("utf-8"))
    except InvalidTag:
        raise BadKeys(f"{path}: the passphrase is not the one it was sealed with, or the file was altered") from None
    except BadAuthority as wrong:
        raise BadKeys(str(wrong)) from wrong
    except (OSError, TypeError, KeyError, ValueError, RecursionError) as wrong:
        raise BadKeys(f"{path}: [sealed] cannot be read: {wrong}") from wrong


def _derived(passphrase: bytes, salt: bytes) -> bytes:
    return Scrypt(salt, 32, 2**15, 8, 1).derive(passphrase)


def _b64(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")


class TokenMasters:
    """Masters in a PKCS#11 module. A card's key is all that leaves it: the issuer's is derived inside."""

    def __init__(self, token: Token, tac: Sequence[str], load: Sequence[str]) -> None:
        """`tac`, `load`: the schemes whose masters lie there."""
        self._token = token
        self._schemes = {"tac": frozenset(tac), "load": frozenset(load)}

    @property
    def loads(self) -> bool:
        """See Masters."""
        return bool(self._schemes["load"])

    def schemes(self) -> list[tuple[str, str]]:
        """See Masters."""
        return [(table, scheme) for table, names in self._schemes.items() for scheme in sorted(names)]

    def dtk(self, scheme: str, issuer_factor: bytes, serial_factor: bytes) -> bytes:
        """See TacKeys. Raises KeyTrouble too."""
        return self._diversified("tac", scheme, issuer_factor, serial_factor)

    def dlk(self, scheme: str, issuer_factor: bytes, serial_factor: bytes) -> bytes:
        """See LoadKeys. Raises KeyTrouble too."""
        return self._diversified("load", scheme, issuer_factor, serial_factor)

    def _diversified(self, table: str, scheme: str, issuer_factor: bytes, serial_factor: bytes) -> bytes:
        if scheme not in self._schemes[table]:
            raise UnknownScheme(scheme)
        from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
        from pkcs11.constants import DEFAULT

        issuer = crypto.spread(issuer_factor)
        # python-pkcs11 builds this mechanism's parameter for AES only; for DES3 it passes on what it is given.
        kept = ctypes.create_string_buffer(issuer, len(issuer))
        parameter = struct.pack("@PL", ctypes.addressof(kept), len(issuer))
        inside = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.ENCRYPT: True}
        with session_on(self._token) as session:
            master = session.get_key(object_class=ObjectClass.SECRET_KEY, label=label_of(table, scheme))
            derived = master.derive_key(
                KeyType.DES2,
                128,
                mechanism=Mechanism.DES3_ECB_ENCRYPT_DATA,
                mechanism_param=parameter,
                template=inside | {Attribute.TOKEN: False, Attribute.VALUE_LEN: DEFAULT},  # a DES key has one length
            )
            try:
                return bytes(derived.encrypt(crypto.spread(serial_factor), mechanism=Mechanism.DES3_ECB))
            finally:
                derived.destroy()


def bring_in(masters: KeyFile, uri: str) -> str:
    """Bring a file's masters into a module, where they stay; the text of the key file that names them.

    Raises KeyTrouble, also when one of this name is there: none is overwritten.
    """
    from pkcs11 import Attribute, KeyType, ObjectClass

    token = token_of(uri)
    found = masters.masters()
    with session_on(token) as session:
        for table, scheme in found:
            named = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: label_of(table, scheme)}
            if list(session.get_objects(named)):
                raise KeyTrouble(f"PKCS#11 token {token.label!r} has a key {label_of(table, scheme)!r} already")
        for (table, scheme), key in found.items():
            session.create_object(
                {
                    Attribute.CLASS: ObjectClass.SECRET_KEY,
                    Attribute.KEY_TYPE: KeyType.DES2,
                    Attribute.LABEL: label_of(table, scheme),
                    Attribute.VALUE: key,
                    Attribute.TOKEN: True,
                    Attribute.PRIVATE: True,
                    Attribute.SENSITIVE: True,
                    Attribute.EXTRACTABLE: False,
                    Attribute.ENCRYPT: True,
                    Attribute.DERIVE: True,
                }
            )
    schemes = {table: sorted(scheme for one, scheme in found if one == table) for table in ("tac", "load")}
    lists = "".join(f"{table} = {json.dumps(names)}\n" for table, names in schemes.items())
    return f"# Masters in a PKCS#11 module. Made by smk keys import.\n[token]\nuri = {json.dumps(uri)}\n{lists}"


def label_of(table: str, scheme: str) -> str:
    """A master's label in a module."""
    return f"{table}-{scheme}"


def _in_token(path: Path, table: Any) -> TokenMasters:
    try:
        token = token_of(table["uri"])
        schemes = [table["tac"], table.get("load", [])]
        if not all(isinstance(names, list) and all(isinstance(one, str) for one in names) for names in schemes):
            raise ValueError("tac and load are lists of schemes")
        masters = TokenMasters(token, *schemes)
        for name, names in zip(("tac", "load"), schemes, strict=True):
            for scheme in names:  # what is missing is said at the start, not with the first tap
                masters._diversified(name, scheme, bytes(8), bytes(8))
    except KeyTrouble as wrong:
        raise BadKeys(str(wrong)) from wrong
    except (TypeError, KeyError, ValueError, AttributeError) as wrong:
        raise BadKeys(f"{path}: [token] cannot be read: {type(wrong).__name__} {wrong}") from wrong
    return masters


def check_values(masters: Masters) -> dict[str, str]:
    """Six hex digits for each master that two holders of it compare: of its card key for factors of zeros."""
    ways = {"tac": masters.dtk, "load": masters.dlk}
    return {
        label_of(table, scheme): crypto.encrypt(ways[table](scheme, bytes(8), bytes(8)), bytes(8))[:3].hex().upper()
        for table, scheme in masters.schemes()
    }
