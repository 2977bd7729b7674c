"""The charges that a step of the books looks at: read together, changed in memory, written together.

A step may be one terminal's batch or thousands of rows of a city: the questions to the store are as many. Of each card
that the step touches all is here from the last proven debit below what is touched or unsettled upwards: what settling
and the look at counters need.
"""

from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Any

from sync.backend.database import UNSETTLED
from sync.backend.store import Database, Record
from sync.events import Adjusted, Done, Grey, Held, Void
from sync.limits import COUNTER_MAX
from sync.record import BadRow, Row, decode
from sync.settlement import State

Key = tuple[str, int, int]

_AT_ONCE = 300
"""Keys of one question."""

_OF_KEYS = """with wanted (terminal, epoch, seq) as (values {})
    select {} from wanted join {} as found using (terminal, epoch, seq)"""
_OF_CARDS = f"""with wanted (card, low) as (values {{}}),
    known as (select card, low,
        (select min(counter) from charge where charge.card = wanted.card and {UNSETTLED}) as unsettled from wanted),
    due as (select card, case when unsettled < low then unsettled else low end as low from known)
    select found.* from due join charge as found on found.card = due.card and found.counter >= coalesce(
        (select max(counter) from charge where charge.card = due.card and proven = 1 and counter < due.low), due.low)"""


def key_of(record: Record) -> Key:
    """The HELD row's key."""
    return record["terminal"], record["epoch"], record["seq"]


def is_settled(charge: Record) -> bool:
    """Whether the charge comes to what it plainly says: nothing more to learn of it."""
    due = charge["amount_fen"] if charge["state"] == State.DONE.value else 0
    return charge["state"] != State.GREY.value and not charge["ground"] and charge["paid_fen"] == due


class Charges:
    """The charges around `rows` and `cards`. Changes are in the store only after `store`."""

    def __init__(self, database: Database, rows: Iterable[Row] = (), cards: Iterable[str] = ()) -> None:
        self.database = database
        self._by_key: dict[Key, Record] = {}
        self._of_card: dict[str, list[Record]] = {}
        self._held: dict[Key, Held] = {}
        self._opened: dict[Key, Record] = {}
        self._changed: dict[Key, Record] = {}
        self._read(list(rows), dict.fromkeys(cards, COUNTER_MAX + 1))

    def _read(self, rows: list[Row], lows: dict[str, int]) -> None:
        drafts = {(row.terminal, row.epoch, row.seq): row.event for row in rows if isinstance(row.event, Held)}
        named = {key for row in rows if (key := _named(row))} - drafts.keys()
        touched = [(held.card, held.counter) for held in drafts.values()]
        touched += [(one["card"], one["counter"]) for one in _of_keys(self.database, "charge", "found.*", named)]
        for card, counter in touched:
            lows[card] = min(counter, lows.get(card, counter))
        for card_lows in _in_parts(lows.items()):
            places = _places("(cast(? as text), cast(? as bigint))", len(card_lows))
            for charge in self.database.query(_OF_CARDS.format(places), [each for low in card_lows for each in low]):
                self._know(charge)
        for found in _of_keys(self.database, "row", "found.terminal, found.epoch, found.seq, found.raw", named):
            held = _draft(found["raw"])
            if held is not None:
                self._held[key_of(found)] = held

    def _know(self, charge: Record) -> None:
        self._by_key[key_of(charge)] = charge
        self._of_card.setdefault(charge["card"], []).append(charge)

    def open(self, charge: Record, held: Held) -> None:
        """Add the charge of a new draft."""
        key = key_of(charge)
        self._know(charge)
        self._held[key] = held
        self._opened[key] = charge

    def of(self, key: Key) -> tuple[Record, Held] | None:
        """The charge of that HELD row, and the row; None when there is no such draft."""
        charge, held = self._by_key.get(key), self._held.get(key)
        return None if charge is None or held is None else (charge, held)

    def charge(self, key: Key) -> Record | None:
        """The charge of that HELD row."""
        return self._by_key.get(key)

    def of_card(self, card: str) -> Sequence[Record]:
        """What is here of a card."""
        return self._of_card.get(card, ())

    def change(self, key: Key, **changes: Any) -> None:
        """Change a charge; the day's closing looks at it again."""
        charge = self._by_key[key]
        charge |= {**changes, "to_book": 1}
        if key not in self._opened:
            self._changed[key] = charge

    def store(self) -> None:
        """Write what was opened and changed."""
        table = self.database.table("charge")
        table.insert_all(self._opened.values())
        table.upsert_all(self._changed.values(), pk=("terminal", "epoch", "seq"))
        self._opened, self._changed = {}, {}


def _named(row: Row) -> Key | None:
    """The draft that an outcome or an adjustment is about."""
    match row.event:
        case Done() | Void() | Grey() as outcome:
            return row.terminal, row.epoch, outcome.held
        case Adjusted() as adjusted:
            return row.terminal, row.epoch, adjusted.debit
        case _:
            return None


def _draft(raw: bytes) -> Held | None:
    try:
        event = decode(raw).event
    except BadRow:
        return None
    return event if isinstance(event, Held) else None


def _of_keys(database: Database, table: str, select: str, keys: Collection[Key]) -> list[Record]:
    found: list[Record] = []
    for part in _in_parts(keys):
        places = _places("(cast(? as text), cast(? as bigint), cast(? as bigint))", len(part))
        found += database.query(_OF_KEYS.format(places, select, table), [each for key in part for each in key])
    return found


def _in_parts(given: Iterable[tuple[Any, ...]]) -> Iterable[list[tuple[Any, ...]]]:
    rest = iter(given)
    while part := list(islice(rest, _AT_ONCE)):
        yield part


def _places(one: str, count: int) -> str:
    return ", ".join([one] * count)
