"""Bounds of a counter's readers, each with its reason."""

VISITS_KEPT = 32
"""Who was here last, by token: a page loaded anew goes on with its reader; older ones put the card down again."""

SCANS_KEPT = 32
"""Codes that a page may still ask for: a clerk does not scan so many while one question is on its way."""

TROUBLE_S = 1.0
"""Between two tries to open a reader that is gone."""

IDLE_S = 10.0
"""Between two rounds of the till's upkeep while nobody stands there: a day's end and old rows have time."""

FOLLOWER_STOP_S = 15.0
"""What follows a deal, the library's system that is told of a fee, may need its answer's time when the counter ends."""

WAIT_S_MAX = 10.0
"""How long one question waits for a change: shorter than any proxy's or browser's patience."""

PORT = 8460
"""Where a counter's pages are when [web] port names no other."""
