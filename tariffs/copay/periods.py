"""Periods in which amounts are counted, named so that a late claim falls into its own one."""

from datetime import date

from tariffs.copay.claim import BadClaim

PERIODS = ("visit", "stay", "day", "month", "quarter", "year", "hospital-year")
"""How long an accumulator counts. A visit counts nothing beyond itself."""


def period_key(period: str, day: date, stay: str, institution: str, year_start: tuple[int, int]) -> str:
    """The name of the period of `day`, "" for a visit. `year_start`: month and day on which the insured year begins.

    A year that begins later than 1 January bears the number of the calendar year in which it begins. Raises BadClaim
    where a stay or an institution is needed and not told.
    """
    if period == "visit":
        return ""
    if period == "day":
        return day.isoformat()
    if period == "month":
        return f"{day:%Y-%m}"
    if period == "quarter":
        return f"{day.year}Q{(day.month + 2) // 3}"
    if period == "stay":
        if not stay:
            raise BadClaim("缺少住院号 stay", "the claim names no stay")
        return f"stay:{stay}"
    year = str(day.year - ((day.month, day.day) < year_start))
    if period == "year":
        return year
    assert period == "hospital-year", period
    if not institution:
        raise BadClaim("缺少医疗机构 institution", "the claim names no institution")
    return f"{year}@{institution}"


def months_before(day: date, count: int) -> set[str]:
    """The names of the `count` months that end with the month of `day`, that one left out."""
    last = day.year * 12 + day.month - 1
    return {f"{month // 12:04d}-{month % 12 + 1:02d}" for month in range(last - count + 1, last)}
