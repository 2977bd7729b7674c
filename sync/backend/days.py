"""The day's closing of a merchant: what it took, once, in a report that never changes afterwards.

A record is booked in the first day that is closed after it came, whatever its own date: nothing is booked twice, and a
late one shows its date. A debit that nobody can tell yet is carried over; one whose verdict changes after it was
booked is an adjustment of the next day. So the sum of all closed days is what the merchant's booked debits come to, to
the fen.
"""

from typing import Any

import msgspec

from sync.backend.health import unsent_rows
from sync.backend.report import OUTCOME
from sync.backend.store import Database, Record
from sync.limits import DAY_LINES_MAX

_DECIDED = "(state in ('done', 'void') or (state = 'grey' and ground <> 'pending'))"
_NEW = f"merchant = ? and to_book = 1 and booked_day = '' and substr(at, 1, 8) <= ? and {_DECIDED}"
_OPEN = f"merchant = ? and to_book = 1 and booked_day = '' and substr(at, 1, 8) <= ? and not {_DECIDED}"
_CHANGED = "merchant = ? and to_book = 1 and booked_day <> '' and paid_fen <> booked_fen"
_OWED = """select count(*) as count, coalesce(sum(adjustment.amount_fen), 0) as fen,
    coalesce(sum(adjustment.amount_fen), 0) as paid_fen from adjustment join charge
    on charge.terminal = adjustment.terminal and charge.epoch = adjustment.epoch and charge.seq = adjustment.debit
    where charge.merchant = ?"""
_SUMS = "count(*) as count, coalesce(sum(amount_fen), 0) as fen, coalesce(sum(paid_fen), 0) as paid_fen"


class CannotClose(ValueError):
    """A day that cannot be closed. The message says why, in both languages."""


class Sum(msgspec.Struct, frozen=True):
    """Debits: how many, what they were held for, and what they come to (fen)."""

    count: int
    fen: int
    paid_fen: int


NOTHING = Sum(0, 0, 0)


class Part(msgspec.Struct, frozen=True):
    """The debits of one outcome, one own date or one terminal."""

    name: str
    sum: Sum


class TerminalLine(msgspec.Struct, frozen=True):
    """One terminal of the merchant at the closing. `contact`: when it was last heard; `silent`: not since the day's
    end, so that rows of the day may still lie in it; `unsent`: rows that it said it has and that are not here;
    `quarantined`: rows that a person must see to; `lost`: its journal
    was lost before, and nobody knows what was in it."""

    terminal: str
    count: int
    paid_fen: int
    contact: str
    silent: bool
    unsent: int
    quarantined: int
    lost: bool


class DayReport(msgspec.Struct, frozen=True):
    """A closed day. `total_fen`: what it books, new debits and adjustments together; `before_fen`: the sum of all days
    closed before it; `carried_in` and `carried`: debits without a verdict before and after; `owed`: what riders
    are to get back for wrong debits, of all days, and `owed_before` at the last closing; `unspelled`: debits that fit
    no file of the issuer."""

    merchant: str
    day: str
    closed_at: str
    before_fen: int
    total_fen: int
    outcomes: list[Part]
    dates: list[Part]
    adjusted: Sum
    carried_in: Sum
    carried: Sum
    terminals: list[TerminalLine]
    alarms: int
    owed_before: Sum
    owed: Sum
    unspelled: int


def close(database: Database, merchant: str, day: str, now: str, early: bool = False) -> DayReport:
    """Close `day` (YYYYMMDD) of a merchant, for good. Raises CannotClose. `early`: before the day is over."""
    today = now[:10].replace("-", "")
    if day > today:  # closed for good, it would keep every day before it from being closed
        raise CannotClose(f"{day} 尚未开始 · has not begun yet")
    if day >= today and not early:
        raise CannotClose(f"{day} 尚未结束 · is not over yet: wait for midnight, or say --early")
    last = last_day(database, merchant)
    if last is not None and last.day >= day:
        raise CannotClose(f"{last.day} 已日结 · is closed already: what came later goes into the next day")
    made = _report(database, merchant, day, now, last)
    if last is None and not made.outcomes and not made.carried.count:
        raise CannotClose(f"没有商户 {merchant} 的交易 · there is no debit of merchant {merchant} up to {day}")
    adjusted = f"""insert into rebooking (terminal, epoch, seq, day, merchant, booked_day, fen)
        select terminal, epoch, seq, ?, merchant, booked_day, paid_fen - booked_fen from charge where {_CHANGED}"""
    database.execute(adjusted, (day, merchant))
    database.execute(f"update charge set to_book = 0, booked_fen = paid_fen where {_CHANGED}", (merchant,))
    booked = f"update charge set to_book = 0, booked_fen = paid_fen, booked_day = ? where {_NEW}"
    database.execute(booked, (day, merchant, day))
    text = msgspec.json.encode(made).decode()
    database.table("day").insert({"merchant": merchant, "day": day, "at": now, "report": text})
    return made


def closed(database: Database, merchant: str, day: str) -> DayReport | None:
    """The report of a closed day, as it was made; None when it is not closed."""
    found = next(database.table("day").rows_where("merchant = ? and day = ?", (merchant, day)), None)
    return None if found is None else msgspec.json.decode(found["report"], type=DayReport)


def last_day(database: Database, merchant: str) -> DayReport | None:
    """The last closed day of a merchant."""
    found = database.table("day").rows_where("merchant = ?", (merchant,), order_by="day desc", limit=1)
    report = next(found, None)
    return None if report is None else msgspec.json.decode(report["report"], type=DayReport)


def closed_days(database: Database, merchant: str) -> list[Record]:
    """The days that are closed: day, and when."""
    query = f"select day, at from day where merchant = ? order by day desc limit {DAY_LINES_MAX}"
    return list(database.query(query, (merchant,)))


def booked_fen(database: Database, merchant: str) -> int:
    """What the merchant's booked debits come to: the sum of all its closed days, found without them."""
    query = "select coalesce(sum(booked_fen), 0) as fen from charge where merchant = ?"
    return int(next(database.query(query, (merchant,)))["fen"])


def _report(database: Database, merchant: str, day: str, now: str, last: DayReport | None) -> DayReport:
    whose = (merchant, day)

    def parts(what: str) -> list[Part]:
        query = f"select {what} as name, {_SUMS} from charge where {_NEW} group by {what} order by {what}"
        return [Part(line["name"], _sum(line)) for line in database.query(query, whose)]

    outcomes = parts(OUTCOME)
    query = f"""select count(*) as count, coalesce(sum(booked_fen), 0) as fen,
        coalesce(sum(paid_fen - booked_fen), 0) as paid_fen from charge where {_CHANGED}"""
    adjusted = _sum(next(database.query(query, (merchant,))))
    carried = _sum(next(database.query(f"select {_SUMS} from charge where {_OPEN}", whose)))
    terminals = _terminals(database, day, parts("terminal"), last)
    return DayReport(
        merchant=merchant,
        day=day,
        closed_at=now,
        before_fen=0 if last is None else last.before_fen + last.total_fen,
        total_fen=sum(part.sum.paid_fen for part in outcomes) + adjusted.paid_fen,
        outcomes=outcomes,
        dates=parts("substr(at, 1, 8)"),
        adjusted=adjusted,
        carried_in=NOTHING if last is None else last.carried,
        owed_before=NOTHING if last is None else last.owed,
        owed=_sum(next(database.query(_OWED, (merchant,)))),
        carried=carried,
        terminals=terminals,
        alarms=_alarms(database, [line.terminal for line in terminals], "" if last is None else last.closed_at, now),
        unspelled=database.table("charge").count_where("merchant = ? and file = '-'", (merchant,)),
    )


def _terminals(database: Database, day: str, parts: list[Part], last: DayReport | None) -> list[TerminalLine]:
    """Those with new debits, and those that the last closing knew."""
    sums = {part.name: part.sum for part in parts}
    names = sorted(sums.keys() | ({line.terminal for line in last.terminals} if last else set()))
    found = []
    for name in names:
        streams = list(database.table("stream").rows_where("terminal = ?", (name,), order_by="epoch"))
        contact = max((stream["contact"] for stream in streams), default="")
        aside = database.table("quarantine").count_where("terminal = ?", (name,))
        own = sums.get(name, NOTHING)
        silent = contact[:10].replace("-", "") <= day
        unsent = len(unsent_rows(database, name))
        found.append(TerminalLine(name, own.count, own.paid_fen, contact, silent, unsent, aside, len(streams) > 1))
    return found


def _alarms(database: Database, terminals: list[str], since: str, now: str) -> int:
    where = "terminal = ? and at > ? and at <= ?"
    return sum(database.table("alarm").count_where(where, (name, since, now)) for name in terminals)


def _sum(line: dict[str, Any]) -> Sum:
    return Sum(int(line["count"]), int(line["fen"]), int(line["paid_fen"]))
