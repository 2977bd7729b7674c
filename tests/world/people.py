"""Riders and their cards, and what the chips themselves remember: the one book that no terminal writes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from apdu.virtual.cards import Card, personalise
from apdu.virtual.spec import CardSpec

SHANGHAI = "02002900FFFFFFFF"
KINDS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"main_type": "10"},
    {"main_type": "11"},
    {"main_type": "20"},
    {"capp_by_number": True},
    {"kind": "jiaxing_b"},
    {"kind": "tunion", "city": "2900", "issuer": SHANGHAI},
    {"balance_fen": 100},
    {"log_step": 0},
)


class Debit(NamedTuple):
    """One debit as the chip made it: its counter before, its amount, the PSAM and the time that it was told."""

    card: str
    counter: int
    amount_fen: int
    psam: str
    when: str
    at_ms: int


@dataclass
class Rider:
    """One person with one card. `owed`: debits that let nobody pass yet; `entries`: its last pass, by terminal."""

    card: Card
    number: str
    loaded_fen: int = 0
    loads: int = 0
    owed: list[Debit] = field(default_factory=list)
    entries: dict[str, int] = field(default_factory=dict)


def rider(serial: int, kind: dict[str, Any], note: Callable[[Debit], None], now_ms: Callable[[], int]) -> Rider:
    """A rider with a new card; `note` gets each debit that the chip makes."""
    values = {"balance_fen": 3_000, **kind}
    spec = CardSpec(f"{serial:016d}" if values.get("kind") != "tunion" else f"2900{serial:012d}", **values)
    card = personalise(spec)
    made = Rider(card, spec.number20)
    purse = card.purse
    assert purse is not None
    commit = purse._commit

    def noted(after: Any, record: bytes, cached: Any) -> None:
        before = purse.memory
        commit(after, record, cached)
        if after.counter != before.counter:
            amount, psam, when = before.balance_fen - after.balance_fen, record[10:16].hex(), record[16:23].hex()
            debit = Debit(made.number, before.counter, amount, psam, when, now_ms())
            made.owed.append(debit)
            note(debit)

    purse._commit = noted  # type: ignore[method-assign]
    return made
