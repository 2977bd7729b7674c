"""Bounds of a till, each with its reason."""

ITEMS_MAX = 40
"""Lines of one sale: with their names they fit a journal row of 8 KiB."""

ITEM_NAME_BYTES_MAX = 96
"""UTF-8 bytes of a line's name: 32 Chinese characters, one line of a receipt."""

CARD_SECONDS = 60.0
"""How long a till waits for a card unless it is told otherwise: somebody looks for it in a bag."""
