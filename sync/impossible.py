"""What the counters of one honest card cannot show: two debits beside each other, each proven by its TAC."""

from datetime import datetime, timedelta

from sync.limits import CLOCKS_APART_HOURS, DEBITS_A_DAY_MAX

Seen = tuple[int, str]
"""A proven debit: the card's counter as INIT gave it, and the terminal's time, YYYYMMDDhhmmss."""


def impossible(one: Seen, other: Seen) -> str:
    """Why both cannot come from one card, as an alarm's name; "" when they can.

    "counter_paid_twice": the same counter has two valid TACs. "counter_went_back": the higher counter is hours older.
    "counter_jumped": more debits lie between them than a day has room for.
    """
    (low, earlier), (high, later) = sorted((one, other))
    if low == high:
        return "counter_paid_twice"
    passed = _moment(later) - _moment(earlier)
    if passed < -timedelta(hours=CLOCKS_APART_HOURS):
        return "counter_went_back"
    if high - low > DEBITS_A_DAY_MAX * (1 + max(0, passed.days)):
        return "counter_jumped"
    return ""


def _moment(text: str) -> datetime:
    """A time that no calendar has counts as the first: it can prove nothing."""
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S")
    except ValueError:
        return datetime.min
