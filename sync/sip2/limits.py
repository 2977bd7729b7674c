"""Bounds of SIP2, each with its reason."""

VALUE_CHARS_MAX = 255
"""A field's value has 0 to 255 characters (SIP2 2.00)."""

MESSAGE_BYTES_MAX = 65_536
"""A 64 with a hundred items of 255 bytes is half of this; a server that sends more without an end is none."""

RESENDS_MAX = 3
"""98 gives "retries allowed"; three repetitions tell a bad line from a bad server."""

STRAY_FRAMES_MAX = 16
"""Late answers to earlier questions that are dropped while one waits; more means that nobody counts AY there."""

CONNECT_SECONDS = 5
"""A server in the library's own network answers a SYN within this, or is away."""

ANSWER_SECONDS_MAX = 60
"""A profile may wait no longer: the clerk and the reader wait too."""

PROFILE_BYTES_MAX = 8_192
"""A profile is twenty short lines."""
