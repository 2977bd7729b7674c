"""On what terms a card rides: the class's rules and what each fare product costs it, ready for the tap."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tariffs.verdict import Reason


class Repeat(StrEnum):
    """What a further tap of the same card on the same vehicle and trip means."""

    GROUP = "group"  # for a companion, who pays what the card pays
    FULL_FARE = "full_fare"  # for somebody without the concession, who pays the cash fare
    REFUSE = "refuse"  # the card is personal


@dataclass(frozen=True, slots=True)
class Price:
    """What one ride costs on these terms, and why, in words (Chinese, English).

    `cash_fare_fen`: what it costs in cash. `group`: the leg's group (GTFS), by which transfers are found.
    """

    amount_fen: int
    cash_fare_fen: int
    product: str
    group: str
    reason: Reason
    why: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """The rules of one class of local cards, or of one family of other cities' cards.

    `id`: the class, "" for other cities' cards.
    `taps_max`: taps in one ride, the first one included. `always_composite`: the family takes no simple purchase.
    `keeps_record`: composite where the card can, because a transfer or the repeat rule needs the record.
    `expired_as`: the class by which an expired concession is charged, "" where there is none. `usual`: no concession.
    `rate_percent`: of the cash fare, None for a class that has fares of its own. `fares`: product to fen, of legs and
    transfers. `prices`: by network, of the rides that depend on nothing else (neither stop nor hour).
    """

    id: str
    name_zh: str
    name_en: str
    repeat: Repeat
    taps_max: int
    transfers: bool
    always_composite: bool
    keeps_record: bool
    expired_as: str
    usual: bool
    rate_percent: int | None
    fares: Mapping[str, int]
    prices: Mapping[str, Price]
