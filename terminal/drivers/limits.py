"""Bounds of the drivers, each with its reason."""

SILENCE_S_MAX = 0.300
"""A card that falls silent stalls the reader no longer than this (FWI up to 8): a rider waits behind it."""

RETRIES_MAX = 5
"""Repetitions of one block: a link that damages six frames in a row is a card on its way out."""

EXTENSIONS_MAX = 64
"""Waiting time extensions for one command: at FWI 4 (4.8 ms) they still cover the 300 ms of a slow signature."""

EXTENSION_S_MAX = 5.0
"""Once so much was granted for one command, no more is: the longest single wait of the standard is 4.95 s."""

RESPONSE_MAX = 258
"""Bytes of one answer: a short APDU returns 256 and the status; a card that chains on speaks another language."""

ATS_S_MAX = 0.030
"""Wait for the answers to RATS and DESELECT: the standard allows 4.8 ms; the rest is the reader's own slowness."""

GUARD_S_MAX = 0.300
"""Longest start-up guard time that is waited for: cards ask for up to 39 ms, and a queue does not wait for seconds."""

ACTIVATIONS = 2
"""Tries to activate a card within one poll: one at the edge of the field mostly succeeds 50 ms later."""

FIELD_S_MAX = 0.9
"""A simulated field answers within milliseconds even when empty; nfcpy gives up on a dead one after 1 s."""

CHIP_MS_MAX = 500
"""A chip is seen by pcscd up to 400 ms after it got power; without one in the slot an opening takes so long."""

CLOCK_JUDGED_MS = 1000
"""The trust in the clock is looked up anew after so long: it changes in minutes, and a tap should not pay for it."""

CLOCK_STEP_S = 1.0
"""Wall time that lags less behind is not a step back: the kernel slews, and monotonic time is counted in whole ms."""

BOARD_LINES = 4
"""Signals that wait for the board: it shows one at a time, and riders follow each other slower than it reads."""

BOARD_WRITE_S = 0.5
"""A healthy board takes 100 bytes within 0.1 s even at 9600 baud; pyserial's default is to wait for ever."""

BOARD_OPEN_S = 1.0
"""Time between two tries to open a board that was unplugged."""

VOICE_S_MAX = 10.0
"""No announcement is longer; a player that still runs hangs."""
