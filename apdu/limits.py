"""Bounds of this room, each with its reason."""

CHAIN_MAX = 4
"""GET RESPONSE rounds for one command: the longest answer of a purse is 128 bytes, one round; four leave room."""

LOG_RECORDS_MAX = 10
"""Purse log records read while healing: the cyclic file holds at least ten (docs/cards.md, Files)."""

AMOUNT_MAX_FEN = 100_000
"""No purse on a bus holds more than 1,000 yuan; a larger amount is our mistake, not a fare."""
