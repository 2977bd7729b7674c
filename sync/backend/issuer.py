"""The issuer's files made from the books, and the issuer's answers taken into them.

A debit is delivered once, in an XF file of a closed day; what was delivered is kept as it was, so a file can be made
again, byte for byte. Answers: NS says which files are settled, SS which of their lines are not paid, and QS the sums;
each line of ours then has one fate, and what does not fit ours is shown and never dropped.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from sync.backend.books import raise_alarm
from sync.backend.days import closed
from sync.backend.store import Database, Record
from sync.events import Held
from sync.issuer_files import (
    BadFile,
    XfLine,
    build_xf,
    build_xf_line,
    parse_ns,
    parse_qs,
    parse_ss,
    xf_line,
    xf_name,
)
from sync.limits import XF_LINES_MAX
from sync.record import decode


class Refused(ValueError):
    """What cannot be made or taken. The message says why, in both languages."""


class Made(NamedTuple):
    """One XF file."""

    name: str
    lines: int
    fen: int


class Took(NamedTuple):
    """What one answer of the issuer changed. `unknown`: lines that fit none of ours; `again`: it was here before."""

    name: str
    kind: str
    lines: int
    unknown: int
    again: bool = False


def make(database: Database, merchant: str, day: str, now: str) -> list[Made]:
    """Put what the closed days up to `day` have and no file delivered yet into XF files; all files of that day.

    Done twice it makes nothing new. Raises Refused when the day is not closed.
    """
    if closed(database, merchant, day) is None:
        raise Refused(f"{day} 尚未日结 · is not closed: smk day close --merchant {merchant} --day {day}")
    while part := list(_undelivered(database, merchant, day)):
        _deliver(database, merchant, day, part, now)
    files = database.table("issuer_file").rows_where(
        "kind = 'XF' and merchant = ? and day = ?", (merchant, day), order_by="name"
    )
    return [Made(file["name"], file["lines"], file["fen"]) for file in files]


def text_of(database: Database, name: str) -> str:
    """An XF file as it was made. Raises Refused for one that was not, or that the books cannot make again."""
    file = next(database.table("issuer_file").rows_where("name = ? and kind = 'XF'", (name,)), None)
    if file is None:
        raise Refused(f"没有这个文件 · no such file was made here: {name[:40]}")
    query = """select delivered.*, row.raw from delivered join row using (terminal, epoch, seq)
        where file = ? order by terminal, epoch, seq"""
    text = build_xf([_line(found) for found in database.query(query, (name,))])
    if sha256(text.encode()).hexdigest() != file["digest"]:
        raise Refused(f"{name}: 账本与交付时不同 · the books are not as they were when it was delivered")
    return text


def _undelivered(database: Database, merchant: str, day: str) -> Iterator[Record]:
    query = f"""select charge.terminal, charge.epoch, charge.seq, charge.serial, charge.card, charge.amount_fen,
        charge.tac, case when charge.state = 'grey' then 1 else 0 end as grey, row.raw
        from charge join row using (terminal, epoch, seq)
        where charge.merchant = ? and charge.file = '' and substr(charge.at, 1, 8) <= ?
        and charge.state in ('done', 'grey') order by terminal, epoch, seq limit {XF_LINES_MAX}"""
    return database.query(query, (merchant, day))


def _deliver(database: Database, merchant: str, day: str, found: list[Record], now: str) -> None:
    batch = 1 + database.table("issuer_file").count_where("kind = 'XF' and merchant = ? and day = ?", (merchant, day))
    name = xf_name(day, merchant, batch)
    lines: list[XfLine] = []
    records: list[Record] = []
    for record in found:
        line = _line(record)
        key = (record["terminal"], record["epoch"], record["seq"])
        try:
            build_xf_line(line)
        except BadFile:  # the books have an alarm about it
            database.table("charge").update(key, {"file": "-"})
            continue
        lines.append(line)
        record.pop("raw")
        records.append({**record, "file": name, "reason": "", "reason_day": ""})
        database.table("charge").update(key, {"file": name})
    if not lines:
        return
    database.table("delivered").insert_all(records)
    text = build_xf(lines)
    _keep(database, name, "XF", merchant, day, now, len(lines), sum(line.amount for line in lines), text)


def _line(found: Record) -> XfLine:
    row = decode(found["raw"])
    assert isinstance(row.event, Held)
    return xf_line(found["terminal"], row.serial, row.event, found["tac"], bool(found["grey"]))


def take(database: Database, name: str, text: str, now: str) -> Took:
    """Take an answer of the issuer, named as it came: SS…, QS… or NS…. Raises BadFile, Refused.

    The same file again changes nothing; another one under its name is refused.
    """
    kind = name[:2].upper()
    takers = {"SS": _take_refusals, "QS": _take_sums, "NS": _take_settled}
    if kind not in takers:
        raise Refused(f"文件名须以 SS、QS 或 NS 开头 · the name begins with none of SS, QS, NS: {name[:40]}")
    digest = sha256(text.encode()).hexdigest()
    before = next(database.table("issuer_file").rows_where("name = ?", (name,)), None)
    if before is not None:
        if before["digest"] != digest:
            raise Refused(f"{name}: 同名文件内容不同 · another file was taken under this name")
        return Took(name, kind, before["lines"], 0, again=True)
    lines, fen, unknown = takers[kind](database, name, text, now)
    _keep(database, name, kind, "", "", now, lines, fen, text)
    return Took(name, kind, lines, unknown)


def _keep(
    database: Database, name: str, kind: str, merchant: str, day: str, now: str, lines: int, fen: int, text: str
) -> None:
    digest = sha256(text.encode()).hexdigest()
    file: dict[str, Any] = {"name": name, "kind": kind, "merchant": merchant, "day": day, "at": now}
    file |= {"lines": lines, "fen": fen, "digest": digest, "settled": ""}
    database.table("issuer_file").insert(file)


def _take_refusals(database: Database, name: str, text: str, now: str) -> tuple[int, int, int]:
    refusals = parse_ss(text)
    unknown = 0
    for number, (file, settled, reason, line) in enumerate(refusals, 1):
        where = "file = ? and serial = ? and terminal = ? and card = ? and amount_fen = ?"
        ours = (file, line.serial, line.terminal, line.card, line.amount)
        found = next(database.table("delivered").rows_where(where, ours), None)
        unknown += found is None
        if found is None:
            raise_alarm(database, (line.terminal, 0, line.serial), "refusal_unknown", now, f"{name} line {number}")
        elif settled >= found["reason_day"]:
            key = (found["terminal"], found["epoch"], found["seq"])
            database.table("delivered").update(key, {"reason": reason, "reason_day": settled})
        database.table("refusal").insert(
            {
                "name": name,
                "number": number,
                "file": file,
                "serial": line.serial,
                "terminal": line.terminal,
                "card": line.card,
                "merchant": line.merchant,
                "amount_fen": line.amount,
                "reason": reason,
                "day": settled,
                "known": int(found is not None),
            }
        )
    return len(refusals), sum(refusal.line.amount for refusal in refusals), unknown


def _take_settled(database: Database, _name: str, text: str, _now: str) -> tuple[int, int, int]:
    lines = parse_ns(text)
    unknown = 0
    for line in lines:
        file = next(database.table("issuer_file").rows_where("name = ? and kind = 'XF'", (line.file,)), None)
        unknown += file is None
        if file is not None:
            database.table("issuer_file").update(line.file, {"settled": line.day})
    return len(lines), 0, unknown


def _take_sums(database: Database, name: str, text: str, _now: str) -> tuple[int, int, int]:
    lines = parse_qs(text)
    if len({(line.merchant, line.day) for line in lines}) != len(lines):
        raise Refused(f"{name}: 同一商户同一天出现两次 · a merchant's day stands there twice")
    database.table("settlement").insert_all({"name": name, **line._asdict()} for line in lines)
    return len(lines), sum(line.confirmed_fen + line.adjusted_fen for line in lines), 0
