"""Every parser of the product, by name. A new one is a line in the list of its room."""

from tests.fuzz import chips, issuer, library, network, outside, signing, talks

PARSERS = {one.name: one for room in (chips, talks, outside, network, issuer, library, signing) for one in room.PARSERS}
