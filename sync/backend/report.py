"""What the backend knows, for people and for the issuer: sums by outcome, terminals, locks, the consumption file."""

from typing import Any

from sync.backend.store import Database
from sync.events import Held
from sync.issuer_files import BadFile, XfLine, build_lock_report, build_xf, build_xf_line, xf_line
from sync.limits import REPORT_ALARMS_MAX, REPORT_CARDS_MAX
from sync.record import decode

# A grey charge is told apart by what it came to; `unproven` ones were DONE for the terminal, with a wrong TAC.
OUTCOME = """case when state != 'grey' then state
    when ground in ('own_tac', 'balance', 'counter') then 'grey_paid'
    when ground = 'pending' then 'grey_open' else 'grey_void' end"""
OUTCOMES = ("done", "void", "open", "grey_open", "grey_paid", "grey_void")


def report(database: Database) -> dict[str, Any]:
    """Counts and sums (fen) by outcome, in total and for each card; rows, quarantine, alarms."""
    columns = f"{OUTCOME} as outcome, count(*) as count, sum(amount_fen) as fen, sum(paid_fen) as paid_fen"
    totals = {outcome: {"count": 0, "fen": 0, "paid_fen": 0} for outcome in OUTCOMES}
    for line in database.query(f"select {columns} from charge group by outcome"):
        totals[line.pop("outcome")] = line
    cards: dict[str, dict[str, Any]] = {}
    query = f"""select card, {columns} from charge where card in
        (select distinct card from charge order by card limit {REPORT_CARDS_MAX}) group by card, outcome"""
    for line in database.query(query):
        cards.setdefault(line.pop("card"), {})[line.pop("outcome")] = line
    for outcomes in cards.values():
        outcomes["paid_fen"] = sum(line["paid_fen"] for line in list(outcomes.values()))
    order = f"select * from alarm order by at desc, terminal, epoch, seq limit {REPORT_ALARMS_MAX}"
    return {
        "totals": totals,
        "paid_fen": sum(line["paid_fen"] for line in totals.values()),
        "adjusted_fen": next(database.query("select coalesce(sum(amount_fen), 0) as fen from adjustment"))["fen"],
        "unproven_done": database.table("charge").count_where("said = 'DONE' and proven = 0"),
        "rows": database.table("row").count,
        "quarantined": database.table("quarantine").count,
        "alarms": list(database.query(order)),
        "cards": cards,
    }


def terminals(database: Database) -> list[dict[str, Any]]:
    """Each terminal's streams: epoch, first serial, acknowledged row, last contact."""
    query = "select terminal, epoch, first_serial, ack, contact from stream order by terminal, epoch"
    return list(database.query(query))


def lock_report(database: Database, day: str) -> str:
    """The issuer's lock report of the cards locked until now; `day` YYYYMMDD."""
    return build_lock_report(day, [lock["card"] for lock in database.query("select card from lock order by card")])


def consumption(database: Database) -> str:
    """The issuer's XF file: every debit that happened, and the grey ones with their flag.

    A DONE whose TAC does not verify goes as grey; so does what nobody can tell. The issuer decides those anew.
    """
    query = """select charge.terminal, row.raw, charge.tac, charge.state from charge
        join row using (terminal, epoch, seq) where charge.state in ('done', 'grey') order by terminal, epoch, seq"""
    return build_xf([line for found in database.query(query) if (line := _line(found))])


def _line(found: dict[str, Any]) -> XfLine | None:
    """The debit's line; None for one that does not fit the file, which the books have an alarm about."""
    row = decode(found["raw"])
    assert isinstance(row.event, Held)
    line = xf_line(found["terminal"], row.serial, row.event, found["tac"], found["state"] == "grey")
    try:
        build_xf_line(line)
    except BadFile:
        return None
    return line
