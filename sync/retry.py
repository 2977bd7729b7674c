"""How long to wait after a failure: longer each time, never the same for two terminals, as the server asks."""

from sync.limits import RETRY_AFTER_SECONDS_MAX, RETRY_SECONDS_MAX, RETRY_SECONDS_MIN


def pause_seconds(tries: int, chance: float, asked_seconds: int = 0) -> float:
    """Seconds before the next attempt, after `tries` (1..) failures in a row; `chance` in [0, 1) spreads the terminals.

    Doubles from RETRY_SECONDS_MIN to RETRY_SECONDS_MAX; the upper half of each step is left to chance. Never below
    what the server asked for, which counts up to RETRY_AFTER_SECONDS_MAX.
    """
    assert tries >= 1 and 0 <= chance < 1
    step = min(RETRY_SECONDS_MAX, RETRY_SECONDS_MIN << min(tries - 1, 30))
    asked = max(0, min(asked_seconds, RETRY_AFTER_SECONDS_MAX))
    return max(step * (1 + chance) / 2, asked * (1 + chance / 10))
