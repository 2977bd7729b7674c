"""Bounds of this room, each with its reason."""

AWAY_MS = 30_000
"""A library system that was away is looked for again after this: a clerk does not wait for it at every book."""

ITEM_CHARS_MAX = 64
"""Barcodes and card numbers; the longest RFID item number of the trade has 32."""

ATTEMPTS = 2
"""How often one act goes out in one replay: a server that hangs up at it twice will do so again, and others wait."""

PASSWORD_BYTES_MAX = 256
"""One line with a password."""

BLOCKED_BYTES_MAX = 5_000_000
"""The longest list of blocked readers, 22 bytes a line."""

CARD_S_MAX = 30.0
"""How long the counter waits for the reader's card."""
