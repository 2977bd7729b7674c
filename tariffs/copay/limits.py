"""Bounds of medical settlement, each with its reason."""

SUM_MAX_MINOR = 10**12
"""The largest amount in minor units: ten thousand million yuan; more is a slip of the pen."""

COUNT_MAX = 100_000
"""The largest count or rounding unit in a policy."""

PERCENT_MAX = 10
"""The largest factor: ten times."""

LINES_MAX = 2_000
"""Item lines of one claim: a long stay has several hundred."""

CLAIM_BYTES_MAX = 1024 * 1024
"""One claim as JSON: 2,000 lines of about 400 bytes."""

LAYERS_MAX = 20
"""Layers of a policy: the national interface has eight funds."""

DAYS_MAX = 10_000
"""Days that one claim counts: 27 years in hospital."""
