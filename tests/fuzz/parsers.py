"""Every parser of the product, by name. A new one is a line in the list of its room."""

from tests.fuzz import chips, issuer, library, network, outside, signing, talks
from tests.fuzz.tables import behind

TEXTS = {one.name: one for room in (chips, talks, outside, network, issuer, library, signing) for one in room.PARSERS}
BEHIND_TOML = {
    "configuration": 0, "card-profile": 0, "chip-profile": 0, "pack": 1, "signals": 0, "tac-keys": 0, "vault-keys": 0,
    "ils-profile": 0, "lending": 0,
}  # fmt: skip
"""Parsers of TOML, and how many bytes of their inputs stand before the document."""

TABLES = [behind(TEXTS[name], prefix) for name, prefix in BEHIND_TOML.items()]
PARSERS = TEXTS | {one.name: one for one in TABLES}
