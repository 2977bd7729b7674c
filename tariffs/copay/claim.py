"""What is settled: one person's visit with its item lines, and what that person is entitled to on that day.

Money is whole minor units of the policy's currency (fen); prices and quantities keep the decimals of the national
interface (price 16,6; quantity 16,4). Source: docs/copay.md, "A claim".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from msgspec import Struct

QUANTITY_ONE = 10_000
"""A quantity of 1: quantities are whole ten-thousandths."""

PRICE_ONE = 1_000_000
"""A price of 1 major unit (yuan): prices are whole millionths."""

LINE_ONE = QUANTITY_ONE * PRICE_ONE
"""Quantity times price of one unit at one major unit."""

RATIO_ONE = 1_000_000
"""A ratio of 100 %: ratios are whole millionths."""

Key = tuple[str, str]
"""An accumulator: its name ("basic.paid") and its period ("2025", "2025Q1", "stay:…")."""


class BadClaim(ValueError):
    """A claim that cannot be settled as it stands; `zh` and `en` say why."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


class Parted(Struct, frozen=True, gc=False):
    """A line's amount by what becomes of it, in fen; the four add up to the line (national interface 2204)."""

    fulamt: int
    overlmt: int
    preself: int
    scope: int

    @property
    def amount(self) -> int:
        """The whole line."""
        return self.fulamt + self.overlmt + self.preself + self.scope


@dataclass(frozen=True, slots=True)
class Line:
    """One item. What is None or "" is looked up in the policy's catalogue; what stands there goes before this.

    `amount_fen` instead of a price, or beside it and then equal to quantity × price. `grade` "A", "B" or "C";
    `first_share` in millionths; `limit` the highest price in scope, in millionths a unit; `restricted` the
    catalogue's use restriction and `approval` the hospital's flag ("0", "1", "2"). `parted`: already split elsewhere.
    """

    item: str = ""
    name: str = ""
    category: str = ""
    quantity: int = QUANTITY_ONE
    price: int | None = None
    amount_fen: int | None = None
    grade: str = ""
    first_share: int | None = None
    limit: int | None = None
    restricted: bool | None = None
    approval: str = ""
    parted: Parted | None = None


@dataclass(frozen=True, slots=True)
class OnCard:
    """What the person's own chip counted in `year`: costs in scope and what the pool paid (fen).

    `read_at` when (ISO 8601), "" where nobody told it; the chip itself keeps no time of its last change.
    """

    year: int
    inscope_fen: int
    pool_fen: int
    read_at: str = ""


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What one person has left: `accounts` by name in fen, `counted` accumulators, `as_of` the day they were read.

    An accumulator that is absent is 0. `income_fen` a year, where a ceiling depends on it; None: nobody told it.
    `card`: the chip's own accumulators, None where it keeps none or nobody read them.
    """

    accounts: Mapping[str, int] = field(default_factory=dict)
    counted: Mapping[Key, int] = field(default_factory=dict)
    as_of: date | None = None
    income_fen: int | None = None
    card: OnCard | None = None

    def after(self, counted: Mapping[Key, int], paid: Mapping[str, int]) -> "Entitlement":
        """The entitlement once a bill's `counted` was added and its `accounts` were paid."""
        sums = dict(self.counted)
        for key, value in counted.items():
            sums[key] = sums.get(key, 0) + value
        left = {name: balance - paid.get(name, 0) for name, balance in self.accounts.items()}
        return Entitlement(left, sums, self.as_of, self.income_fen, self.card)


@dataclass(frozen=True, slots=True)
class Claim:
    """One settlement's input. `day` is the day of the visit: it chooses the policy's rows and the periods.

    `facts`: what conditions ask for (area, scheme, person, care, level, institution, admission …), as text. `birth`
    gives the fact "age" on `day`. `stay` ties interim settlements together; `days` counts what is paid by the day;
    `hospital_part_fen` is what the hospital carries itself.
    """

    id: str
    day: date
    facts: Mapping[str, str]
    lines: tuple[Line, ...]
    birth: date | None = None
    stay: str = ""
    days: int = 1
    hospital_part_fen: int = 0
    time: str = ""

    def all_facts(self) -> dict[str, str]:
        """The facts with the age in full years on the day of the visit."""
        facts = dict(self.facts)
        if self.birth is not None:
            had = (self.day.month, self.day.day) >= (self.birth.month, self.birth.day)
            facts["age"] = str(self.day.year - self.birth.year - (not had))
        return facts
