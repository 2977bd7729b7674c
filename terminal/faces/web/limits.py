"""Bounds of the web face, each with its reason."""

SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 5
"""A guess costs whoever stole the file 16 MiB and a fifth of a second: one of OWASP's equal choices."""

SCRYPT_BYTES_MAX = 32 * 1024 * 1024
"""What OpenSSL may take for it: those 16 MiB and some more."""

PASSWORD_CHARS_MIN, PASSWORD_CHARS_MAX = 8, 128
"""Shorter ones are guessed; longer ones are no password, and hashing them is work for whoever asks."""

FAILURES_MAX = 5
"""Wrong passwords in a row before an account is locked: a clerk mistypes twice, not five times."""

LOCK_OUT_S = 15 * 60
"""How long it stays locked: 480 guesses a day at most, and a clerk who forgot asks the technician meanwhile."""

ACCOUNTS_MAX = 200
"""Clerks and programs of one device: a library's whole staff."""

ACCOUNTS_BYTES_MAX = 256 * 1024
"""So many in JSON, amply."""

ACCOUNTS_LOCK_S = 1.0
"""How long a change of the accounts waits for another one, which takes some milliseconds."""

SESSIONS_MAX = 64
"""People logged in at once; the one who did nothing for the longest gives way."""

SESSION_IDLE_S = 30 * 60
"""A clerk who left for lunch is logged out; one who serves a long queue is not."""

SESSION_S_MAX = 12 * 3600
"""No shift is longer."""

BODY_BYTES_MAX = 64 * 1024
"""The longest body: a pack is loaded by command, not here."""

OPERATION_CHARS_MIN, OPERATION_CHARS_MAX = 16, 64
"""An operation's name: a UUID has 36; one that is guessed or repeated by chance would be another's."""

OPERATIONS_KEPT = 20_000
"""Answers kept for whoever lost one: weeks of a busy counter."""

REQUEST_S = 10.0
"""How long a request may take to arrive, on the same machine: who sends no more of it gives the place back."""

STREAMS_MAX = 16
"""Pages that listen at once: a browser's tabs, a kiosk, a program or two."""

STREAM_ITEMS = 8
"""Events that wait for one page; the newest counts."""

HEARTBEAT_S = 15.0
"""A silent stream says that it lives: a page that hears nothing for twice as long says that the terminal is away."""

STATUS_S = 5.0
"""Where no loop tells the device's state it is asked for so often."""

RETRY_S = 2.0
"""Between two tries to open the port: who held it may have gone."""

STOP_S = 2.0
"""How long closing waits for the server."""

SEARCH_ROWS_MAX = 200
"""Rows in one answer of a search: more than anybody reads."""

DAY_ROWS_MAX = 20_000
"""Rows that a day's chart looks at: a bus door takes 3,000 riders a day, two rows each."""

LOG_LINES_KEPT = 300
"""The log's last lines in memory: an hour of trouble."""

LOG_LINE_CHARS_MAX = 400
"""A line of it: three on a screen."""
