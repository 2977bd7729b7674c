"""Bounds of this room, each with its reason."""

CHAIN_MAX = 4
"""GET RESPONSE rounds for one command: the longest answer of a purse is 128 bytes, one round; four leave room."""

LOG_RECORDS_MAX = 10
"""Purse log records read while healing: the cyclic file holds at least ten (docs/cards.md, Files)."""

AMOUNT_MAX_FEN = 100_000
"""No purse on a bus holds more than 1,000 yuan; a larger amount is our mistake, not a fare."""

TLV_DEPTH_MAX = 4
"""The deepest path that a purse's FCI has is 6F / A5 / 9F0C."""

RECORD_BYTES_MAX = 256
"""The longest answer of a short APDU: no record on a card is longer, whatever a profile says."""

MONEY_MAX_FEN = 99_999_999
"""Amounts and balances travel in eight digits in the issuer's files (docs/cards.md, XF and the issuer's files)."""
