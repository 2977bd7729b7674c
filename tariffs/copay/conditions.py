"""When a value holds: "care=11* level=3 age=45.." - conditions on the claim's facts, all of which must hold.

Source: docs/copay.md, "Conditions".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_CONDITION = re.compile(r"([a-z][a-z0-9_]*)(!?=)(\S+)", re.ASCII)
_RANGE = re.compile(r"([0-9]{0,9})\.\.([0-9]{0,9})", re.ASCII)


class BadCondition(ValueError):
    """A text that is no condition; the message says which part."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One fact must be (or, `negated`, must not be) one of `words`, begin with one of `starts`, or lie in a range."""

    key: str
    negated: bool
    words: frozenset[str]
    starts: tuple[str, ...]
    ranges: tuple[tuple[int, int], ...]

    def holds(self, facts: Mapping[str, str]) -> bool:
        """Whether it holds; a fact that is not told is not equal to anything."""
        fact = facts.get(self.key, "")
        found = bool(fact) and (
            fact in self.words
            or (bool(self.starts) and fact.startswith(self.starts))
            or (bool(self.ranges) and fact.isdecimal() and any(low <= int(fact) <= high for low, high in self.ranges))
        )
        return found != self.negated

    def excludes(self, other: "Condition") -> bool:
        """Whether no fact satisfies both."""
        if self.key != other.key or (self.negated and other.negated):
            return False
        if self.negated or other.negated:
            no, yes = (self, other) if self.negated else (other, self)
            return not yes.ranges and not yes.starts and not any(no.holds({no.key: word}) for word in yes.words)
        if any(other.holds({other.key: word}) for word in self.words):
            return False
        if any(self.holds({self.key: word}) for word in other.words):
            return False
        if any(a.startswith(b) or b.startswith(a) for a in self.starts for b in other.starts):
            return False
        # A prefix and a range may meet ("1*" and 10..19): taken as not excluding, which at worst asks for clearer rows.
        if (self.starts and other.ranges) or (self.ranges and other.starts):
            return False
        return not any(a[0] <= b[1] and b[0] <= a[1] for a in self.ranges for b in other.ranges)


def read_conditions(text: str) -> tuple[Condition, ...]:
    """The conditions of a cell, separated by blanks. Raises BadCondition."""
    found = [_one(part) for part in text.split()]
    if len({condition.key for condition in found}) != len(found):
        raise BadCondition(text)
    return tuple(sorted(found, key=lambda condition: condition.key))


def _one(part: str) -> Condition:
    match = _CONDITION.fullmatch(part)
    if match is None:
        raise BadCondition(part)
    words: set[str] = set()
    starts: list[str] = []
    ranges: list[tuple[int, int]] = []
    for choice in match[3].split("|"):
        if bounds := _RANGE.fullmatch(choice):
            low, high = int(bounds[1] or 0), int(bounds[2] or 999_999_999)
            if low > high or choice == "..":
                raise BadCondition(part)
            ranges.append((low, high))
        elif choice.endswith("*") and len(choice) > 1:
            starts.append(choice[:-1])
        elif choice and "*" not in choice:
            words.add(choice)
        else:
            raise BadCondition(part)
    return Condition(match[1], match[2] == "!=", frozenset(words), tuple(starts), tuple(ranges))


def exclusive(one: tuple[Condition, ...], other: tuple[Condition, ...]) -> bool:
    """Whether no claim satisfies both sets."""
    return any(a.excludes(b) for a in one for b in other)
