"""The money of one claim while it is settled: where each fen stands, what was counted, and the steps so far."""

from msgspec import Struct, field

from tariffs.copay.bill import Step
from tariffs.copay.claim import Claim, Entitlement, Key
from tariffs.copay.parameters import FUNDS, PARTS
from tariffs.copay.periods import period_key
from tariffs.copay.policy import Scene

_NOTHING, _UNPAID = dict.fromkeys(PARTS, 0), dict.fromkeys(FUNDS, 0)


class Books(Struct):
    """`parts`: what is still the person's, by part; their sum falls as funds, hospital and accounts pay.

    `brought`: what the lines brought into each part. `funds`: paid so far by field. `merged`: parts that the pool took
    in, and that are one for the lines' shares. `funds_from`, `hospital_from`: what these paid of each part.
    `periods`: names of this claim's periods. `adopted`: what the card counted beyond the entitlement.
    """

    claim: Claim
    entitlement: Entitlement
    scene: Scene
    year_start: tuple[int, int]
    steps: list[Step]
    brought: dict[str, int]
    parts: dict[str, int] = field(default_factory=_NOTHING.copy)
    funds: dict[str, int] = field(default_factory=_UNPAID.copy)
    counted: dict[Key, int] = field(default_factory=dict)
    merged: tuple[str, ...] = ("scope",)
    funds_from: dict[str, int] = field(default_factory=_NOTHING.copy)
    hospital_from: dict[str, int] = field(default_factory=_NOTHING.copy)
    accounts_from: dict[str, int] = field(default_factory=dict)
    deductible: int = 0
    periods: dict[str, str] = field(default_factory=dict)
    adopted: dict[Key, int] = field(default_factory=dict)

    def key(self, name: str, period: str) -> Key | None:
        """The accumulator of this claim's own period; None for one that ends with the visit."""
        found = self.periods.get(period)
        if found is None:
            institution = self.scene.facts.get("institution", "")
            found = period_key(period, self.claim.day, self.claim.stay, institution, self.year_start)
            self.periods[period] = found
        return (name, found) if found else None

    def so_far(self, key: Key | None) -> int:
        """What was counted before this claim."""
        if key is None:
            return 0
        counted = self.entitlement.counted.get(key, 0)
        if self.adopted:
            counted += self.adopted.get(key, 0)
        return counted if counted > 0 else 0

    def adopt(self, key: Key | None, value: int) -> bool:
        """Take `value` for what was counted before, where less is known; what is missing is counted. Whether it was."""
        missing = value - self.so_far(key)
        if key is None or missing <= 0:
            return False
        self.adopted[key] = missing
        self.count(key, missing)
        return True

    def count(self, key: Key | None, value: int) -> None:
        """Count `value` for this claim."""
        if key and value:
            self.counted[key] = self.counted.get(key, 0) + value

    def total(self, parts: tuple[str, ...]) -> int:
        """What stands in these parts."""
        return sum([self.parts[part] for part in parts])

    def take(self, amount: int, parts: tuple[str, ...]) -> dict[str, int]:
        """Take `amount` out of the parts, in their order; what was taken from those that it came from."""
        taken: dict[str, int] = {}
        for part in parts:
            if not amount:
                break
            if there := self.parts[part]:
                taken[part] = there if there < amount else amount
                self.parts[part] = there - taken[part]
                amount -= taken[part]
        assert not amount, "more is taken than there is"
        return taken

    def fund(self, field: str, amount: int, parts: tuple[str, ...]) -> None:
        """The fund `field` pays `amount` of the parts."""
        self.funds[field] += amount
        for part, taken in self.take(amount, parts).items():
            self.funds_from[part] += taken
