"""SIP2 messages: one table for both directions (docs/library.md, "The messages").

A message is a two-digit command, a fixed part of columns without ids, then fields of a two-letter id and a value, each
closed by "|", in any order. Source: 3M Standard Interchange Protocol 2.00 (document revision 2.12).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sync.sip2.errors import BadMessage
from sync.sip2.limits import MESSAGE_BYTES_MAX, VALUE_CHARS_MAX

DATE_CHARS = 18
ASK_RESEND = "97"
"""The terminal asks the server to send its last answer again."""
RESEND_ASKED = "96"
"""The server asks the terminal to send its last message again."""


class Shape(NamedTuple):
    """One message: its name, the columns of its fixed part with their widths, the ids that must be there."""

    name: str
    fixed: tuple[tuple[str, int], ...] = ()
    required: tuple[str, ...] = ()


_DATE = ("date", DATE_CHARS)
_PATRON = (("flags", 14), ("language", 3), _DATE)
_COUNTS = tuple((name, 4) for name in ("holds", "overdue", "charged", "fines", "recalls", "unavailable_holds"))
_ONLINE = tuple((name, 1) for name in ("online", "checkin", "checkout", "renewal", "status_update", "offline_ok"))
_LENT = (("ok", 1), ("renewal", 1), ("magnetic", 1), ("desensitize", 1), _DATE)

SHAPES: dict[str, Shape] = {
    "93": Shape("login", (("uid_algorithm", 1), ("password_algorithm", 1)), ("CN", "CO")),
    "94": Shape("login answer", (("ok", 1),)),
    "99": Shape("terminal status", (("status", 1), ("print_width", 3), ("version", 4))),
    "98": Shape(
        "server status",
        (*_ONLINE, ("timeout", 3), ("retries", 3), ("time", DATE_CHARS), ("version", 4)),
        ("AO", "BX"),
    ),
    "23": Shape("patron status", (("language", 3), _DATE), ("AO", "AA", "AC", "AD")),
    "24": Shape("patron status answer", _PATRON, ("AO", "AA", "AE")),
    "63": Shape("patron information", (("language", 3), _DATE, ("summary", 10)), ("AO", "AA")),
    "64": Shape("patron information answer", (*_PATRON, *_COUNTS), ("AO", "AA", "AE")),
    "11": Shape(
        "checkout",
        (("renewal_policy", 1), ("no_block", 1), _DATE, ("nb_due_date", DATE_CHARS)),
        ("AO", "AA", "AB", "AC"),
    ),
    "12": Shape("checkout answer", _LENT, ("AO", "AA", "AB", "AJ", "AH")),
    "09": Shape("checkin", (("no_block", 1), _DATE, ("return_date", DATE_CHARS)), ("AP", "AO", "AB", "AC")),
    "10": Shape(
        "checkin answer",
        (("ok", 1), ("resensitize", 1), ("magnetic", 1), ("alert", 1), _DATE),
        ("AO", "AB", "AQ"),
    ),
    "29": Shape(
        "renew", (("third_party", 1), ("no_block", 1), _DATE, ("nb_due_date", DATE_CHARS)), ("AO", "AA")
    ),
    "30": Shape("renew answer", _LENT, ("AO", "AA", "AB", "AJ", "AH")),
    "17": Shape("item information", (_DATE,), ("AO", "AB")),
    "18": Shape(
        "item information answer", (("circulation", 2), ("security", 2), ("fee_type", 2), _DATE), ("AB", "AJ")
    ),
    "37": Shape(
        "fee paid", (_DATE, ("fee_type", 2), ("payment_type", 2), ("currency", 3)), ("BV", "AO", "AA")
    ),
    "38": Shape("fee paid answer", (("ok", 1), _DATE), ("AO", "AA")),
    "35": Shape("end session", (_DATE,), ("AO", "AA")),
    "36": Shape("end session answer", (("ok", 1), _DATE), ("AO", "AA")),
    "01": Shape("block patron", (("retained", 1), _DATE), ("AO", "AL", "AA", "AC")),
    "25": Shape("enable patron", (_DATE,), ("AO", "AA")),
    "26": Shape("enable patron answer", _PATRON, ("AO", "AA", "AE")),
    "19": Shape("item status", (_DATE,), ("AO", "AB", "CH")),
    "20": Shape("item status answer", (("ok", 1), _DATE), ("AB",)),
    "15": Shape("hold", (("mode", 1), _DATE), ("AO", "AA")),
    "16": Shape("hold answer", (("ok", 1), ("available", 1), _DATE), ("AO", "AA")),
    "65": Shape("renew all", (_DATE,), ("AO", "AA")),
    "66": Shape("renew all answer", (("ok", 1), ("renewed", 4), ("unrenewed", 4), _DATE), ("AO",)),
    ASK_RESEND: Shape("please send again"),
    RESEND_ASKED: Shape("please send again"),
}

ANSWER: dict[str, str] = {
    "93": "94", "99": "98", "23": "24", "63": "64", "11": "12", "09": "10", "29": "30", "17": "18", "37": "38",
    "35": "36", "01": "24", "25": "26", "19": "20", "15": "16", "65": "66",
}  # fmt: skip
"""Each question and the message that answers it."""

ASKING = frozenset({"93", "99", "23", "63", "17", "35"})
"""Questions that change nothing: repeating one is safe whatever became of the first."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `fixed` in the order of its shape; `fields` in the order of the wire, repeated ids included."""

    code: str
    fixed: dict[str, str]
    fields: tuple[tuple[str, str], ...] = ()

    def first(self, identifier: str) -> str:
        """The first value of a field, "" when there is none."""
        return next((value for name, value in self.fields if name == identifier), "")

    def every(self, identifier: str) -> tuple[str, ...]:
        """All values of a repeated field."""
        return tuple(value for name, value in self.fields if name == identifier)

    def missing(self) -> tuple[str, ...]:
        """Required ids that are not there: some servers leave them out of a refusal."""
        return tuple(name for name in SHAPES[self.code].required if name not in {field for field, _ in self.fields})


def build(message: Message) -> str:
    """The message's text, without frame. Raises BadMessage for a value that cannot stand in one."""
    shape = SHAPES[message.code]
    assert list(message.fixed) == [name for name, _ in shape.fixed], f"the fixed part of {message.code}"
    assert not message.missing(), f"{message.code} without {message.missing()}"
    for name, width in shape.fixed:
        _check(name, message.fixed[name])
        assert len(message.fixed[name]) == width, f"{name} of {message.code} has {width} characters"
    for name, value in message.fields:
        assert len(name) == 2 and name.isalnum(), name
        _check(name, value)
    text = message.code + "".join(message.fixed.values()) + "".join(f"{name}{value}|" for name, value in message.fields)
    if len(text) > MESSAGE_BYTES_MAX:
        raise BadMessage(f"a message of {len(text)} characters")
    return text


def parse(text: str) -> Message:
    """Read a message's text. Unknown fields are kept. Raises BadMessage on anything else."""
    if len(text) > MESSAGE_BYTES_MAX:
        raise BadMessage(f"a message of {len(text)} characters")
    code = text[:2]
    shape = SHAPES.get(code)
    if shape is None:
        raise BadMessage("an unknown command")
    fixed: dict[str, str] = {}
    place = 2
    for name, width in shape.fixed:
        fixed[name] = text[place : place + width]
        place += width
    if place > len(text):
        raise BadMessage(f"the fixed part of {code} is cut off")
    *parts, last = text[place:].split("|")
    if last:
        raise BadMessage(f"the last field of {code} is not closed")
    if any(len(part) < 2 or not part[:2].isalnum() for part in parts):
        raise BadMessage(f"a field of {code} has no id")
    for part in (*fixed.values(), *parts):
        if any(letter in part for letter in "|\r\n\0"):
            raise BadMessage(f"a control character in {code}")
    return Message(code, fixed, tuple((part[:2], part[2:]) for part in parts))


def stamp(moment: datetime) -> str:
    """A moment in the wire's form, local time: "YYYYMMDD    HHMMSS"."""
    return f"{moment:%Y%m%d}    {moment:%H%M%S}"


def _check(name: str, value: str) -> None:
    if len(value) > VALUE_CHARS_MAX:
        raise BadMessage(f"{name} has more than {VALUE_CHARS_MAX} characters")
    if any(letter in value for letter in "|\r\n\0"):
        raise BadMessage(f"{name} holds a character that the protocol reserves")
