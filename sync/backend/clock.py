"""The backend's clock: China's time, wherever its machine stands. Days are China's, and so are the times of loads."""

from datetime import datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))
"""One offset and no summer time since 1991."""


def now() -> str:
    """This moment as the books write it: ISO 8601 to the second."""
    return datetime.now(CHINA).isoformat(timespec="seconds")
