"""The backend's TAC keys: one interface, whether they lie in a file or in a security module.

Source: docs/cards.md, "Key diversification" and "Input order".
"""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from apdu import crypto
from sync.events import Held
from sync.settlement import tac_data


class BadKeys(ValueError):
    """A key file that cannot be used. The message names the place, never a key."""


class UnknownScheme(LookupError):
    """No TAC key of this scheme here."""


class TacKeys(Protocol):
    """Where the TAC keys are. A security module would compute the TAC itself; this is the narrowest common form."""

    def dtk(self, scheme: str, issuer_factor: bytes, serial_factor: bytes) -> bytes:
        """The card's 16-byte TAC key: the scheme's master diversified by the factors (8 bytes each), issuer first.

        Raises UnknownScheme.
        """
        ...


class LoadKeys(Protocol):
    """Where the load keys are. They never leave the backend: no terminal holds one."""

    def dlk(self, scheme: str, issuer_factor: bytes, serial_factor: bytes) -> bytes:
        """The card's 16-byte load key, made like its TAC key. Raises UnknownScheme."""
        ...


class Masters(TacKeys, LoadKeys, Protocol):
    """All of a backend's masters, wherever they lie (sync/backend/masters.py)."""

    @property
    def loads(self) -> bool:
        """Whether loads can be granted."""
        ...

    def schemes(self) -> list[tuple[str, str]]:
        """Table ("tac", "load") and scheme of every master."""
        ...


class KeyFile:
    """Masters from a TOML file, 32 hex digits for each scheme: a table `tac`, and `load` where loads are granted."""

    def __init__(self, masters: dict[str, bytes], load: dict[str, bytes] | None = None) -> None:
        self._masters = masters
        self._load = load or {}

    @classmethod
    def read(cls, path: Path) -> "KeyFile":
        """Raises BadKeys with what is wrong and where."""
        return cls.of(read_table(path), str(path))

    @classmethod
    def of(cls, found: dict[str, Any], place: str) -> "KeyFile":
        """From the tables of a key file. Raises BadKeys."""
        table, load = found.get("tac"), found.get("load", {})
        if not isinstance(table, dict) or not table or not isinstance(load, dict):
            raise BadKeys(f"{place}: no table [tac] with a master key for each scheme")
        return cls(
            {scheme: _master(place, f"[tac] {scheme}", text) for scheme, text in table.items()},
            {scheme: _master(place, f"[load] {scheme}", text) for scheme, text in load.items()},
        )

    def schemes(self) -> list[tuple[str, str]]:
        """See Masters."""
        return sorted(self.masters())

    def masters(self) -> dict[tuple[str, str], bytes]:
        """Every master by its table's name and its scheme: for whoever moves them to a better place."""
        found = {("tac", scheme): key for scheme, key in self._masters.items()}
        return found | {("load", scheme): key for scheme, key in self._load.items()}

    @property
    def loads(self) -> bool:
        """Whether loads can be granted."""
        return bool(self._load)

    def dtk(self, scheme: str, issuer_factor: bytes, serial_factor: bytes) -> bytes:
        """See TacKeys."""
        return _diversified(self._masters, scheme, issuer_factor, serial_factor)

    def dlk(self, scheme: str, issuer_factor: bytes, serial_factor: bytes) -> bytes:
        """See LoadKeys."""
        return _diversified(self._load, scheme, issuer_factor, serial_factor)

    def __repr__(self) -> str:
        return f"KeyFile({', '.join(sorted(self._masters))})"


def _diversified(masters: dict[str, bytes], scheme: str, issuer_factor: bytes, serial_factor: bytes) -> bytes:
    if scheme not in masters:
        raise UnknownScheme(scheme)
    return crypto.diversify(_of_issuer(masters[scheme], issuer_factor), serial_factor)


_of_issuer = lru_cache(64)(crypto.diversify)
"""A master for one issuer's cards: the few keys that all cards share."""


def read_table(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises BadKeys."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as wrong:
        raise BadKeys(f"{path}: {wrong}") from wrong


def _master(path: str, place: str, text: object) -> bytes:
    try:
        key = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        key = b""
    if len(key) != 16:
        raise BadKeys(f"{path}: {place} is not a 16-byte key in hex")
    return key


def verifies(keys: TacKeys, held: Held, tac: str) -> bool:
    """Whether `tac` (8 hex) is the card's over the held debit. Raises UnknownScheme.

    The serial factor must be the card's own, or one card's TAC would pay for another's ride.
    """
    try:
        data, given = tac_data(held), bytes.fromhex(tac)
        serial, issuer = bytes.fromhex(held.serial_factor), bytes.fromhex(held.issuer_factor)
    except ValueError:
        return False
    if len(given) != 4 or len(serial) != 8 or len(issuer) != 8 or held.serial_factor != held.card[-16:]:
        return False
    return crypto.tac(keys.dtk(held.scheme, issuer, serial), data) == given
