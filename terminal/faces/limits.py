"""Bounds of the faces, each with its reason."""

HEADLINE_COLUMNS = 20
"""A headline fits the smallest display in use, a bus validator's line of 20 columns; a Chinese character takes two."""

DETAIL_COLUMNS = 44
"""A detail line fits half of an 80-column console beside the shape, its numbers filled in."""

DETAIL_LINES = 5
"""Detail lines of a signal: more than a rider reads while walking past."""

CARD_DIGITS_SHOWN = 4
"""Digits of a card's number that a screen shows, as on a bank receipt: enough to tell two cards of one rider apart."""

VOICE_SECONDS_MAX = 3.0
"""A voice file ends before the next rider's: a door takes a rider every two to three seconds."""

VOICE_BYTES_MAX = 1_500_000
"""All voice files together: they ship with every device."""

CONSOLE_MAIL = 8
"""Events that wait for the screen: more than the riders of one second; the newest counts."""

SIGNAL_HOLD_S = 4.0
"""How long a signal stays on the screen when nobody else taps: a rider reads two lines in it while walking past."""

CONSOLE_CLOSE_S = 2.0
"""How long closing waits for the screen: one drawing of a slow processor, many times over."""
