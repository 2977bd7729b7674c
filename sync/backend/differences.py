"""Our books beside the issuer's, for one merchant: where every fen of the closed days is, and what does not fit."""

from typing import Any

import msgspec

from sync.backend.database import OUTCOMES
from sync.backend.days import Sum, booked_fen
from sync.backend.store import Database
from sync.limits import DIFFERENCES_MAX

# The fate of a delivered line: by its file's settlement and the issuer's last word about it.
_FATE = """case when reason = '00' then 'adjusted' when reason = '09' then 'adjusted_refused'
    when reason = '04' then 'held' when reason not in ('', '10') then 'refused'
    when settled = '' then 'waiting' else 'confirmed' end"""
FATES = ("confirmed", "adjusted", "waiting", "held", "refused", "adjusted_refused")
_DELIVERED = "delivered join issuer_file on issuer_file.name = delivered.file"


class RefusedLine(msgspec.Struct, frozen=True):
    """A delivered debit that the issuer does not pay, or not yet. `file` and `serial` find it in the XF file."""

    file: str
    serial: int
    terminal: str
    card: str
    amount_fen: int
    reason: str
    day: str


class SumsDiffer(msgspec.Struct, frozen=True):
    """One outcome of the issuer's settlement of a day that is not what its lines come to here."""

    name: str
    day: str
    outcome: str
    theirs: int
    theirs_fen: int
    ours: int
    ours_fen: int


class Comparison(msgspec.Struct, frozen=True):
    """`fates`: delivered lines by what became of them. `booked_fen`: what the closed days come to; it is the delivered
    debits that are booked as paid (`delivered_fen`), and those that no file delivered (`undelivered_fen`); the rest,
    `unexplained_fen`, must be 0. `unknown`: refusals of lines that are not ours."""

    merchant: str
    fates: dict[str, Sum]
    booked_fen: int
    delivered_fen: int
    undelivered_fen: int
    unexplained_fen: int
    refused: list[RefusedLine]
    sums: list[SumsDiffer]
    unknown: list[RefusedLine]

    @property
    def agrees(self) -> bool:
        """Whether nothing is left to explain. Refused lines are explained: by the issuer's reason."""
        return not (self.unexplained_fen or self.sums or self.unknown)


def compared(database: Database, merchant: str) -> Comparison:
    """Compare our books with the issuer's answers."""
    query = f"""select {_FATE} as fate, count(*) as count, sum(delivered.amount_fen) as fen,
        sum(charge.paid_fen) as paid from {_DELIVERED} join charge using (terminal, epoch, seq)
        where issuer_file.merchant = ? group by {_FATE}"""
    fates = {fate: Sum(0, 0, 0) for fate in FATES}
    for line in database.query(query, (merchant,)):
        fates[line["fate"]] = Sum(int(line["count"]), int(line["fen"]), int(line["paid"]))
    query = """select case when file in ('', '-') then 0 else 1 end as delivered, sum(booked_fen) as fen
        from charge where merchant = ? and booked_day <> '' group by 1"""
    booked = {line["delivered"]: int(line["fen"]) for line in database.query(query, (merchant,))}
    query = "select report from day where merchant = ?"
    days = sum(msgspec.json.decode(line["report"])["total_fen"] for line in database.query(query, (merchant,)))
    total = booked_fen(database, merchant)
    return Comparison(
        merchant=merchant,
        fates=fates,
        booked_fen=days,
        delivered_fen=booked.get(1, 0),
        undelivered_fen=booked.get(0, 0),
        unexplained_fen=days - total,
        refused=_refused(database, merchant),
        sums=_sums(database, merchant),
        unknown=_lines(database, "select * from refusal where known = 0 and merchant = ?", merchant),
    )


def _refused(database: Database, merchant: str) -> list[RefusedLine]:
    query = f"""select delivered.file, serial, terminal, card, amount_fen, reason, reason_day as day
        from {_DELIVERED} where issuer_file.merchant = ? and reason not in ('', '00', '10')"""
    return _lines(database, query, merchant)


def _lines(database: Database, query: str, merchant: str) -> list[RefusedLine]:
    ordered = f"{query} order by day desc, file, serial limit {DIFFERENCES_MAX}"
    names = RefusedLine.__struct_fields__
    return [RefusedLine(*(line[name] for name in names)) for line in database.query(ordered, (merchant,))]


def _sums(database: Database, merchant: str) -> list[SumsDiffer]:
    found = []
    for line in database.table("settlement").rows_where("merchant = ?", (merchant,), order_by="day, name"):
        ours = _ours(database, merchant, line["day"])
        for outcome in OUTCOMES:
            theirs = (int(line[outcome]), int(line[f"{outcome}_fen"]))
            if theirs != ours[outcome]:
                found.append(SumsDiffer(line["name"], line["day"], outcome, *theirs, *ours[outcome]))
    return found


def _ours(database: Database, merchant: str, day: str) -> dict[str, tuple[int, int]]:
    """What the issuer's lines of a settlement day come to: refusals by reason, the rest of its files confirmed."""
    fates: dict[str, tuple[int, int]] = dict.fromkeys(OUTCOMES, (0, 0))
    query = """select count(*) as count, sum(amount_fen) as fen,
        case reason when '00' then 'adjusted' when '09' then 'adjusted_refused' else 'refused' end as fate from refusal
        where merchant = ? and day = ? and reason <> '10' group by 3"""
    for line in database.query(query, (merchant, day)):
        fates[line["fate"]] = (int(line["count"]), int(line["fen"]))
    query = f"""select count(*) as count, coalesce(sum(amount_fen), 0) as fen from {_DELIVERED}
        where issuer_file.merchant = ? and settled = ? and not exists (select 1 from refusal
            where refusal.file = delivered.file and refusal.serial = delivered.serial
            and refusal.terminal = delivered.terminal and refusal.day = settled and refusal.reason <> '10')"""
    confirmed: dict[str, Any] = next(database.query(query, (merchant, day)))
    fates["confirmed"] = (int(confirmed["count"]), int(confirmed["fen"]))
    return fates
