"""One case under two sets of rules, and sums over many of them. Pure; a case may be a ride as well as a bill."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct


class Pair(Struct, frozen=True):
    """What `person` pays in one case, in fen, under the old rules and the new; None: not served.

    `group`: the id of those among whom it is counted. `person` is a key for counting and is never shown.
    """

    group: str
    person: str
    old: int | None
    new: int | None


class Sums(Struct, frozen=True):
    """A group's cases added up. Amounts in fen.

    `cases_*`: cases served, `gone`: served under the old rules only, `come`: under the new ones only. `more`, `less`
    and `same` count persons by what they pay in all, over the cases that both serve.
    """

    group: str
    cases_old: int
    cases_new: int
    gone: int
    come: int
    fen_old: int
    fen_new: int
    more: int
    less: int
    same: int


TOTAL = ""
"""The group of all."""


def sums(pairs: Sequence[Pair]) -> list[Sums]:
    """Each group's sums in the order in which the groups appear, then those of all (TOTAL)."""
    groups: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[pair.group].append(pair)
    return [*(_sum(group, found) for group, found in groups.items()), _sum(TOTAL, pairs)]


def changes_by_person(pairs: Iterable[Pair]) -> dict[str, int]:
    """By how many fen each person's total changes, over the cases that both rules serve."""
    changes: dict[str, int] = defaultdict(int)
    for pair in pairs:
        if pair.old is not None and pair.new is not None:
            changes[pair.person] += pair.new - pair.old
    return changes


def _sum(group: str, pairs: Sequence[Pair]) -> Sums:
    changes = changes_by_person(pairs).values()
    return Sums(
        group,
        cases_old=sum(pair.old is not None for pair in pairs),
        cases_new=sum(pair.new is not None for pair in pairs),
        gone=sum(pair.new is None and pair.old is not None for pair in pairs),
        come=sum(pair.old is None and pair.new is not None for pair in pairs),
        fen_old=sum(pair.old or 0 for pair in pairs),
        fen_new=sum(pair.new or 0 for pair in pairs),
        more=sum(change > 0 for change in changes),
        less=sum(change < 0 for change in changes),
        same=sum(change == 0 for change in changes),
    )
