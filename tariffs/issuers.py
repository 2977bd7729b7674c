"""The network's list of issuers, and by when a change of it must hold on a terminal (docs/transit.md). Pure.

    issuer,change,day
    02003310FFFFFFFF,added,2026-11-01
    0400,deleted,2026-11-20

The list is the network's and nobody edits it; which cards ride is the pack's `[[accepted]]`. An issuer that was added
must be accepted within 30 days, one that was deleted refused within 7.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import NamedTuple

from tariffs.faults import Fault, PackFaults
from tariffs.limits import ACCEPTED_MAX, ISSUER_LIST_CHARS_MAX
from tariffs.rules import Scheme

FILE = "issuers.csv"
WITHIN = {"added": timedelta(days=30), "deleted": timedelta(days=7)}
_CODE = re.compile(r"[0-9]{4}|(?:[0-9A-F]{2}){1,8}")
_HEADER = ["issuer", "change", "day"]


class Change(NamedTuple):
    """One line. `issuer` as the pack names it: a city's four digits, or the issuer's id in hex."""

    issuer: str
    change: str
    day: date

    @property
    def by(self) -> date:
        """The last day on which a terminal may do otherwise."""
        return self.day + WITHIN[self.change]


def parse_issuers(raw: bytes) -> tuple[Change, ...]:
    """Read a list (CSV, UTF-8, a header line). Raises PackFaults with everything that is wrong."""
    try:
        text = raw.decode("utf-8-sig")
        rows = list(csv.reader(text.splitlines(), strict=True)) if len(text) <= ISSUER_LIST_CHARS_MAX else []
    except (UnicodeDecodeError, csv.Error) as wrong:
        raise PackFaults((Fault(FILE, 0, "", "", f"无法读取：{wrong}", f"cannot be read: {wrong}"),)) from wrong
    if not rows or rows[0] != _HEADER or len(rows) > ACCEPTED_MAX:
        zh = f"首行须为 {','.join(_HEADER)}，至多 {ACCEPTED_MAX} 行"
        en = f"must begin {','.join(_HEADER)}, and have at most {ACCEPTED_MAX} lines"
        raise PackFaults((Fault(FILE, 1, "", "", zh, en),))
    found = [(line, _change(row)) for line, row in enumerate(rows[1:], start=2) if row]
    zh, en = "须为 发卡方代码,added 或 deleted,日期", "must be a code, added or deleted, a day"
    faults = tuple(Fault(FILE, line, "", "", zh, en) for line, change in found if change is None)
    if faults:
        raise PackFaults(faults)
    return tuple(change for _, change in found if change is not None)


def differing(changes: tuple[Change, ...], schemes: Mapping[str, Scheme], today: date) -> Iterator[Change]:
    """The changes of which this pack does the contrary on `today`, the most urgent first; an issuer's last counts."""
    last = {change.issuer: change for change in changes if change.day <= today}
    accepted = {code for scheme in schemes.values() for code, terms in scheme.accepted.items() if terms.at(today)}
    open_ = [change for change in last.values() if (change.change == "added") is not (change.issuer in accepted)]
    yield from sorted(open_, key=lambda change: (change.by, change.issuer))


def _change(row: list[str]) -> Change | None:
    try:
        issuer, change, day = row
        found = Change(issuer, change, date.fromisoformat(day))
    except ValueError:
        return None
    return found if _CODE.fullmatch(issuer) and change in WITHIN and len(day) == 10 else None
