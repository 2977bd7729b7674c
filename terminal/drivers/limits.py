"""Bounds of the drivers, each with its reason."""

SILENCE_S_MAX = 0.300
"""A card that falls silent stalls the reader no longer than this (FWI up to 8): a rider waits behind it."""

DISK_PULSE_S = 10.0
"""Between two durable writes of the watchdog's few bytes: 35 MB of flash a day, a dead disk is known in a minute."""

PULSE_BYTES = 16
"""What they are: a number, written over itself, so that a full disk does not stop it."""

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

LINE_WRITE_S = 0.5
"""A healthy device takes 100 bytes within 0.1 s even at 9600 baud; pyserial's default is to wait for ever."""

LINE_OPEN_S = 1.0
"""Time between two tries to open a serial device that was unplugged."""

VOICE_S_MAX = 10.0
"""No announcement is longer; a player that still runs hangs."""

DISPLAY_LINES = 2
"""Texts that wait for the customer display: only the newest is true."""

INLET_READ_S = 0.1
"""A read of a serial line waits no longer: a stop is heard, and silence is counted in these steps."""

SCAN_CHARS_MAX = 64
"""A barcode; what is longer is noise or another device on the port."""

SCAN_SILENCE_S = 0.1
"""A scanner sends a code in one go: a rest that waits longer for its end is half a code, and is dropped."""

STOP_NUMBER_DIGITS = 3
"""Digits of a stop's number on its line: up to 255."""

KEYPAD_SILENCE_S = 10.0
"""A driver presses the next key within this, or begins anew."""

NMEA_CHARS_MAX = 120
"""A sentence has 82 characters; some receivers write longer ones of their own."""

FIX_S_MAX = 10.0
"""An older position says where the bus was: receivers tell it once a second."""

PRINT_CHUNK_BYTES = 512
"""Written at a time, each within LINE_WRITE_S: half a second at 9600 baud; a whole receipt takes longer."""

PRINT_WRITE_S = 2.0
"""A printer that takes no chunk within this is stuck (paper out with flow control)."""

PRINT_JOBS = 8
"""Receipts that wait for the printer; more customers have left without theirs, and the records are safe."""

PRINT_KEPT_S = 300.0
"""A receipt that could not be printed is printed late within this; then nobody stands there for it."""

STATUS_S = 5.0
"""Time between two questions to an idle printer: a paper end is seen before the next customer."""

STATUS_ANSWER_S = 0.5
"""A printer answers DLE EOT within some ms even while it prints; silence is no answer, not "all well"."""
