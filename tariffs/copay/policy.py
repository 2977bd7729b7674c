"""A policy in memory: dated rows, found by parameter, day and facts; every value found brings its row along."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from tariffs.copay.claim import BadClaim
from tariffs.copay.conditions import Condition
from tariffs.copay.row import Row, Value
from tariffs.dated import Dated

T = TypeVar("T")


class NoRule(BadClaim):
    """The policy has no value that this claim cannot do without: nothing is guessed."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One payer after another: its name, the field that it fills, and its policy items (S001, C, EC01).

    `needed`: a claim for which it has no ratio is not settled.
    """

    name: str
    field: str
    zh: str
    en: str
    code: str
    deductible_code: str
    over_code: str
    needed: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """Rows of one parameter with the same conditions, in the order of time."""

    conditions: tuple[Condition, ...]
    rows: Dated[Row]


Memory = dict[Hashable, tuple[Any, bool]]
"""What was looked up for one kind of claim, and whether an unverified value was in it."""

SCENES_MAX = 4_096
"""Scenes remembered: the days, kinds of person and hospital of a busy counter; then all are forgotten."""

REMEMBERED_MAX = 100_000
"""Items and terms remembered for one kind of claim; a national catalogue has about 60,000 items."""


class Policy:
    """A policy; immutable. `parsed_rows` are all rows as they were read, `item_tables` those that name an item.

    `facts`: what its conditions may ask for. `bands`: a layer's bands ("basic.band.1", …) that have a start on any day.
    """

    __slots__ = (
        "accounts",
        "bands",
        "currency",
        "decimals",
        "facts",
        "item_parameters",
        "item_tables",
        "layers",
        "name",
        "notice",
        "parsed_rows",
        "scenes",
        "tables",
        "told",
        "version",
    )

    def __init__(
        self,
        *,
        name: str,
        version: str,
        currency: str,
        decimals: int,
        notice: tuple[str, str],
        layers: tuple[Layer, ...],
        accounts: tuple[str, ...],
        facts: frozenset[str],
        rows: Iterable[tuple[Row, tuple[Condition, ...]]],
    ) -> None:
        """`rows` with their conditions; of rows with one parameter, conditions and day the one known last holds."""
        self.name = name
        self.version = version
        self.currency = currency
        self.decimals = decimals
        self.notice = notice
        self.layers = layers
        self.accounts = accounts
        self.facts = facts
        self.parsed_rows = tuple(rows)
        self.tables, self.item_tables = _indexed(self.parsed_rows)
        self.item_parameters = frozenset(self.tables) | {parameter for parameter, _ in self.item_tables}
        self.bands = _bands(self.tables)
        self.told = tuple(sorted({one.key for _, conditions in self.parsed_rows for one in conditions} - OF_LINES))
        self.scenes: dict[tuple[object, ...], Memory] = {}

    @property
    def unverified(self) -> tuple[Row, ...]:
        """Rows that nobody has confirmed."""
        return tuple(row for row, _ in self.parsed_rows if not row.verified)

    def as_known(self, day: date) -> "Policy":
        """The policy as it was known on `day`: rows that became known later are not in it."""
        return Policy(
            name=self.name,
            version=self.version,
            currency=self.currency,
            decimals=self.decimals,
            notice=self.notice,
            layers=self.layers,
            accounts=self.accounts,
            facts=self.facts,
            rows=[pair for pair in self.parsed_rows if pair[0].known <= day],
        )

    def at(self, day: date, facts: Mapping[str, str]) -> "Scene":
        """What holds on a day for these facts."""
        key = (day, *map(facts.get, self.told))
        memory = self.scenes.get(key)
        if memory is None:
            if len(self.scenes) >= SCENES_MAX:
                self.scenes.clear()
            memory = self.scenes[key] = {}
        return Scene(self, day, facts, memory)


OF_LINES = frozenset({"item", "class", "category"})
"""Facts that belong to a line, not to a claim."""


class Scene:
    """A policy on one day for one set of facts. `unverified`: a value that took part has no verified source.

    `memory` is shared by all claims with the same day and facts, as far as the policy asks for them.
    """

    __slots__ = ("day", "facts", "memory", "policy", "unverified")

    def __init__(self, policy: Policy, day: date, facts: Mapping[str, str], memory: Memory) -> None:
        self.policy = policy
        self.day = day
        self.facts = facts
        self.memory = memory
        self.unverified = False

    def remembered(self, key: Hashable, make: Callable[..., T], *what: object) -> T:
        """What `make` returns of this scene (and of `what`), looked up once for all claims like this one."""
        found = self.memory.get(key)
        if found is None:
            if len(self.memory) >= REMEMBERED_MAX:
                self.memory.clear()
            before, self.unverified = self.unverified, False
            found = self.memory[key] = (make(self, *what), self.unverified)
            self.unverified |= before
        value: T = found[0]
        self.unverified |= found[1]
        return value

    def after(self, before: "Scene") -> "Scene":
        """This scene; what took part in an earlier one of the same claim counts as well."""
        self.unverified |= before.unverified
        return self

    def row(self, parameter: str) -> Row | None:
        """The row in force whose conditions hold, that with the most conditions before others."""
        choices = self.policy.tables.get(parameter)
        return self._found(choices, self.facts) if choices else None

    def item_row(self, parameter: str, facts: Mapping[str, str]) -> Row | None:
        """The same for an item line: `facts` hold "item" too, and rows that name the item go before all others."""
        if parameter not in self.policy.item_parameters:
            return None
        named = self.policy.item_tables.get((parameter, facts["item"]))
        if named and (found := self._found(named, facts)):
            return found
        choices = self.policy.tables.get(parameter)
        return self._found(choices, facts) if choices else None

    def _found(self, choices: tuple[Choice, ...], facts: Mapping[str, str]) -> Row | None:
        for choice in choices:
            for condition in choice.conditions:
                if not condition.holds(facts):
                    break
            else:
                row = choice.rows.at(self.day)
                if row is not None and row.value is not None and (row.last is None or self.day <= row.last):
                    self.unverified |= not row.verified
                    return row
        return None

    def value(self, parameter: str, default: Value) -> Value:
        """The value in force, or `default`."""
        row = self.row(parameter)
        return default if row is None else row.value

    def number(self, parameter: str, default: int) -> int:
        """A value that is a number."""
        value = self.value(parameter, default)
        assert isinstance(value, int), parameter
        return value

    def maybe(self, parameter: str) -> int | None:
        """A value that is a number, None where no row holds."""
        value = self.value(parameter, None)
        assert value is None or isinstance(value, int), parameter
        return value

    def word(self, parameter: str, default: str) -> str:
        """A value that is a word."""
        value = self.value(parameter, default)
        assert isinstance(value, str), parameter
        return value

    def parts(self, parameter: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A value that is a list of parts."""
        value = self.value(parameter, default)
        assert isinstance(value, tuple), parameter
        return value


def _indexed(
    rows: tuple[tuple[Row, tuple[Condition, ...]], ...],
) -> tuple[dict[str, tuple[Choice, ...]], dict[tuple[str, str], tuple[Choice, ...]]]:
    timelines: dict[tuple[str, tuple[Condition, ...]], dict[date, Row]] = {}
    for row, conditions in rows:
        line = timelines.setdefault((row.parameter, conditions), {})
        present = line.get(row.first)
        if present is None or row.known > present.known:
            line[row.first] = row
    tables: dict[str, list[Choice]] = {}
    items: dict[tuple[str, str], list[Choice]] = {}
    for (parameter, conditions), timeline in timelines.items():
        choice = Choice(conditions, Dated(timeline.items()))
        named = next((one for one in conditions if one.key == "item" and one.words and not one.negated), None)
        if named is not None and not named.starts and not named.ranges:
            for item in named.words:
                items.setdefault((parameter, item), []).append(choice)
        else:
            tables.setdefault(parameter, []).append(choice)

    def ordered(choices: list[Choice]) -> tuple[Choice, ...]:
        return tuple(sorted(choices, key=lambda choice: -len(choice.conditions)))

    return (
        {parameter: ordered(choices) for parameter, choices in tables.items()},
        {key: ordered(choices) for key, choices in items.items()},
    )


def _bands(tables: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for parameter in tables:
        layer, _, rest = parameter.partition(".")
        if rest.startswith("band.") and rest.endswith(".from"):
            found.setdefault(layer, []).append(parameter.removesuffix(".from"))
    return {layer: tuple(sorted(names)) for layer, names in found.items()}
