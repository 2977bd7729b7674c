"""The operator's view: every terminal with what it said last, and the figures that are watched."""

from datetime import datetime
from typing import Any

import msgspec

from sync.backend.advice import advice
from sync.backend.store import Database
from sync.condition import Condition
from sync.limits import REPORT_ALARMS_MAX, SILENT_HOURS

_TERMINALS = """select stream.terminal, stream.epoch, stream.ack, stream.contact, condition.at, condition.told,
    condition.epoch as told_epoch
    from terminal join stream using (terminal, epoch) left join condition on condition.terminal = stream.terminal
    order by stream.terminal"""


class TerminalHealth(msgspec.Struct, frozen=True):
    """One terminal. `contact`: its last message, "" for none yet; `unsent`, `unsent_fen`, `oldest_at`: what it had that
    is not here, as far as it said; `clock_seconds`: how far its clock was from this one's, None when it said nothing;
    `signs`: what a person should look at."""

    terminal: str
    epoch: int
    contact: str
    silent_minutes: int | None
    unsent: int
    unsent_fen: int
    oldest_at: str
    clock: str
    clock_seconds: int | None
    kind: str
    merchant: str
    mode: str
    software: str
    pack: str
    hot_list: str
    troubles: dict[str, str]
    quarantined: int
    signs: list[str]


class Health(msgspec.Struct, frozen=True):
    """All of them at `at`; `versions` that the backend tells; `alarms`: how many, and the latest with
    what to do."""

    at: str
    terminals: list[TerminalHealth]
    versions: dict[str, str]
    quarantined: int
    alarms: int
    latest: list[dict[str, Any]]


def health(database: Database, now: str, versions: dict[str, str]) -> Health:
    """How the fleet is. `now`: ISO 8601 with offset."""
    query = "select terminal, count(*) as count from quarantine group by terminal"
    aside = {line["terminal"]: int(line["count"]) for line in database.query(query)}
    order = f"select * from alarm order by at desc, terminal, epoch, seq limit {min(50, REPORT_ALARMS_MAX)}"
    return Health(
        at=now,
        terminals=[_terminal(line, now, aside) for line in database.query(_TERMINALS)],
        versions=versions,
        quarantined=sum(aside.values()),
        alarms=database.table("alarm").count,
        latest=[line | msgspec.structs.asdict(advice(line["what"])) for line in database.query(order)],
    )


def unsent_rows(database: Database, terminal: str) -> range:
    """The numbers of rows that a terminal's journal said it has and that are not here."""
    query = """select stream.ack, condition.told from condition join stream using (terminal, epoch)
        where terminal = ?"""
    for line in database.query(query, (terminal,)):
        return range(line["ack"] + 1, max(line["ack"], _told(line).last) + 1)
    return range(0)


def _told(line: dict[str, Any]) -> Condition:
    return msgspec.json.decode(line["told"], type=Condition)


def _unsent(told: Condition | None, ack: int) -> int:
    return max(0, told.last - ack) if told else 0


def _terminal(line: dict[str, Any], now: str, aside: dict[str, int]) -> TerminalHealth:
    moment = datetime.fromisoformat(now)
    contact: str = line["contact"]
    silent = int((moment - datetime.fromisoformat(contact)).total_seconds() // 60) if contact else None
    # What an earlier journal of this terminal said is no word about this one.
    told = _told(line) if line["told_epoch"] == line["epoch"] else None
    unsent = _unsent(told, line["ack"])
    off = _seconds_off(told.at, line["at"]) if told else None
    quarantined = aside.get(line["terminal"], 0)
    signs = [
        name
        for name, holds in (
            ("never_heard", silent is None),
            ("silent", silent is not None and silent >= SILENT_HOURS * 60),
            ("says_nothing", told is None and silent is not None),
            ("closed", told is not None and told.mode == "closed"),
            ("trouble", bool(told and told.troubles)),
            ("clock", bool(told and (told.clock in ("restored", "unknown") or abs(off or 0) > 120))),
            ("quarantine", quarantined > 0),
        )
        if holds
    ]
    return TerminalHealth(
        terminal=line["terminal"],
        epoch=line["epoch"],
        contact=contact,
        silent_minutes=silent,
        unsent=unsent,
        unsent_fen=told.unsent_fen if told and unsent else 0,
        oldest_at=told.oldest_at if told and unsent else "",
        clock=told.clock if told else "",
        clock_seconds=off,
        kind=told.kind if told else "",
        merchant=told.merchant if told else "",
        mode=told.mode if told else "",
        software=told.software if told else "",
        pack=told.pack if told else "",
        hot_list=told.hot_list if told else "",
        troubles=told.troubles if told else {},
        quarantined=quarantined,
        signs=signs,
    )


def _seconds_off(theirs: str, ours: str) -> int | None:
    """How far the terminal's clock was ahead when its word came; None when its time cannot be read."""
    try:
        return int((datetime.fromisoformat(theirs) - datetime.fromisoformat(ours)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
