"""Bounds of the counter, each with its reason."""

VERDICT_SECONDS = 6.0
"""How long a clerk waits for the centre: a batch and an answer take well below a second; a bad line three tries."""

ASK_AGAIN_SECONDS = 0.05
"""Between two questions for one verdict: the row must reach the centre first."""

CLERK_CHARS_MAX = 16
"""A clerk's work number."""

PACKED_BYTES_MAX = 40_000
"""A bill packed, before it is sealed: base64 makes four thirds of it, and the row's other members fit beside."""
