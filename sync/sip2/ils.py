"""What the counter asks a library system, and what its answers mean. Questions are messages, answers are values."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from sync.sip2.errors import BadMessage
from sync.sip2.messages import Message, stamp
from sync.sip2.profile import IlsProfile

CHARGED = frozenset({"04", "05", "07"})
"""Circulation statuses of an item that a reader has: charged, charged and not to be recalled yet, recalled."""
IN_HOUSE = frozenset({"03", "06", "08", "09", "10"})
"""Statuses of an item that no reader has: available, in process, on the hold shelf, to be re-shelved, in transit."""
UNKNOWN_READER = "YYYY" + " " * 10
YES = "Y"


class Desk(NamedTuple):
    """Who asks: institution (AO), terminal password (AC), branch or desk (CP, AP)."""

    institution: str
    terminal_password: str
    branch: str


def login(user: str, password: str, desk: Desk) -> Message:
    """93."""
    fields = (("CN", user), ("CO", password), ("CP", desk.branch))
    return Message("93", {"uid_algorithm": "0", "password_algorithm": "0"}, fields)


def terminal_status() -> Message:
    """99: all is well here, 80 columns, version 2.00."""
    return Message("99", {"status": "0", "print_width": "080", "version": "2.00"})


def patron_information(desk: Desk, language: str, at: datetime, reader: str) -> Message:
    """63, with the list of charged items: position 2 of the summary."""
    fixed = {"language": language, "date": stamp(at), "summary": "  Y       "}
    fields = (("AO", desk.institution), ("AA", reader), ("AC", desk.terminal_password), ("BP", "1"), ("BQ", "200"))
    return Message("63", fixed, fields)


def item_information(desk: Desk, at: datetime, item: str) -> Message:
    """17."""
    fields = (("AO", desk.institution), ("AB", item), ("AC", desk.terminal_password))
    return Message("17", {"date": stamp(at)}, fields)


def checkout(desk: Desk, at: datetime, reader: str, item: str, due: datetime, no_block: bool) -> Message:
    """11. The item stays out of reach of a renewal: "renewal policy" N."""
    fixed = {"renewal_policy": "N", "no_block": YES if no_block else "N", "date": stamp(at), "nb_due_date": stamp(due)}
    fields = (("AO", desk.institution), ("AA", reader), ("AB", item), ("AC", desk.terminal_password), ("BI", "N"))
    return Message("11", fixed, fields)


def checkin(desk: Desk, at: datetime, returned: datetime, item: str, no_block: bool) -> Message:
    """09."""
    fixed = {"no_block": YES if no_block else "N", "date": stamp(at), "return_date": stamp(returned)}
    fields = (
        ("AP", desk.branch), ("AO", desk.institution), ("AB", item), ("AC", desk.terminal_password), ("BI", "N"),
    )  # fmt: skip
    return Message("09", fixed, fields)


def renew(desk: Desk, at: datetime, reader: str, item: str, due: datetime, no_block: bool) -> Message:
    """29."""
    fixed = {"third_party": "N", "no_block": YES if no_block else "N", "date": stamp(at), "nb_due_date": stamp(due)}
    fields = (("AO", desk.institution), ("AA", reader), ("AB", item), ("AC", desk.terminal_password))
    return Message("29", fixed, fields)


def fee_paid(desk: Desk, at: datetime, reader: str, yuan: str, payment: str, operation: str) -> Message:
    """37. `payment` two digits (00 cash, 02 card or purse); `operation` our own name of the payment."""
    fixed = {"date": stamp(at), "fee_type": "01", "payment_type": payment, "currency": "CNY"}
    fields = (
        ("BV", yuan), ("AO", desk.institution), ("AA", reader), ("AC", desk.terminal_password), ("BK", operation),
    )  # fmt: skip
    return Message("37", fixed, fields)


def end_session(desk: Desk, at: datetime, reader: str) -> Message:
    """35."""
    return Message("35", {"date": stamp(at)}, (("AO", desk.institution), ("AA", reader)))


@dataclass(frozen=True, slots=True)
class Server:
    """98. `offline_ok` is read and shown, never trusted: servers that say Y may ignore no block."""

    online: bool
    checkin: bool
    checkout: bool
    renewal: bool
    offline_ok: bool


@dataclass(frozen=True, slots=True)
class Patron:
    """24 or 64. `blocked`: positions of the flags that forbid lending by the profile. `fee` as the server wrote it."""

    known: bool
    name: str
    blocked: tuple[int, ...]
    charged: tuple[str, ...]
    charged_count: int | None
    fee: str
    words: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """12, 10, 30 or 38: whether it was done, and what the server adds. `alert`: a hold waits for this item."""

    ok: bool
    renewed: bool
    alert: bool
    title: str
    due: str
    words: str


@dataclass(frozen=True, slots=True)
class Item:
    """18. `status` two digits."""

    status: str
    title: str
    due: str

    @property
    def out(self) -> bool | None:
        """Whether a reader has it; None when the status does not tell (lost, missing, other)."""
        return True if self.status in CHARGED else False if self.status in IN_HOUSE else None


def server(answer: Message) -> Server:
    """Read a 98."""
    names = ("online", "checkin", "checkout", "renewal", "offline_ok")
    return Server(*(answer.fixed[name] == YES for name in names))


def patron(answer: Message, profile: IlsProfile) -> Patron:
    """Read a 24 or 64. `BL N` is an unknown reader, not a blocked one."""
    flags = answer.fixed["flags"]
    unknown = answer.first("BL") == "N" or (flags == UNKNOWN_READER and not answer.first("AE"))
    count = answer.fixed.get("charged", "").strip()
    return Patron(
        known=not unknown,
        name=answer.first("AE"),
        blocked=tuple(place for place in profile.blocking_flags if flags[place] == YES),
        charged=tuple(item.strip() for item in answer.every("AU")),
        charged_count=int(count) if count.isascii() and count.isdigit() else None,
        fee=answer.first("BV"),
        words=_words(answer),
    )


def verdict(answer: Message) -> Verdict:
    """Read a 12, 10, 30 or 38. Raises BadMessage when it says neither yes nor no."""
    ok = answer.fixed["ok"]
    if ok not in "01YN":
        raise BadMessage(f"{answer.code} says neither yes nor no")
    return Verdict(
        ok=ok in "1Y",
        renewed=answer.fixed.get("renewal") == YES,
        alert=answer.fixed.get("alert") == YES,
        title=answer.first("AJ"),
        due=answer.first("AH"),
        words=_words(answer),
    )


def item(answer: Message) -> Item:
    """Read an 18."""
    return Item(answer.fixed["circulation"], answer.first("AJ"), answer.first("AH"))


def due_day(text: str, profile: IlsProfile) -> date | None:
    """The day of an AH under the profile's format; None when it is only text."""
    if not profile.due_format:
        return None
    try:
        return datetime.strptime(text, profile.due_format).date()
    except ValueError:
        return None


def _words(answer: Message) -> str:
    """The server's words for the screen."""
    return " ".join(part for part in answer.every("AF") if part)
