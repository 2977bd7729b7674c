"""Power cuts and kills of the journal's process, one after another through every touch of a tap, counted per point.

Each trial: a card is served, and the process ends at one touch of the outside. The next process finds the disk as such
an end leaves it; the card comes back; then chip and journal must agree, and nothing that was told may be missing.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from sync.events import Done, Grey, Held, Void
from sync.record import decode
from tests.world.field import NO_FAULT
from tests.world.people import KINDS, Rider, rider
from tests.world.run import quiet
from tests.world.town import Town
from tests.world.validator import Validator
from tests.world.violation import Violation, check
from tests.world.world import Faults

TRIALS_A_TOWN = 250
"""A journal is begun anew after so many: each start reads what is there, and a day has no more rows."""
HELD = "between hold and outcome"


class Cuts(NamedTuple):
    """How many trials ended the process, at which points, how many between hold and outcome, and what was wrong."""

    trials: int
    points: Counter[str]
    held: int
    violations: list[str]


def cut(trials: int, by: str, seed: int = 0, each: Callable[[], None] = lambda: None) -> Cuts:
    """Make `trials` ends of the process, each `by` "power" or "kill"."""
    points: Counter[str] = Counter()
    violations: list[str] = []
    held = done = 0
    with quiet():
        while done < trials:
            town = Town(seed, Faults(mistake="", no_battery=0.0))
            with closing(town), town.unreal_time():
                try:
                    for number in range(min(TRIALS_A_TOWN, trials - done)):
                        _trial(town, by, number + done)
                        done += 1
                        each()
                except Violation as broken:
                    violations.append(f"seed {seed}, trial {done}: {broken}")
                    done += 1
                held += sum(count for what, count in town.cuts.items() if what.endswith(HELD))
                points.update({what[3:]: count for what, count in town.cuts.items() if what.startswith("at ")})
            seed += 1
    return Cuts(done, points, held, violations)


def _trial(town: Town, by: str, number: int) -> None:
    """One end of the process: at the number-th touch of a tap, or beyond its last one at a random touch."""
    validator = town.validators[0]
    passenger = rider(number + 1_000, KINDS[number % 2], town.debits.append, lambda: town.time.now_ms)
    machine = validator.machine
    deaths = sum(town.cuts.values())
    machine.by, machine.die_in = by, 1 + town.chance.randrange(75)
    before = len(town.debits)
    passed = _tap(town, validator, passenger)
    machine.die_in = 0
    if sum(town.cuts.values()) == deaths and by == "power":  # the tap was over before
        validator.power_cut()
    for _ in range(4):
        if passed:
            break
        town.time.pass_ms(4_000)
        passed = _tap(town, validator, passenger)
    check(passed, "served", f"card {passenger.number[-4:]} is never served again")
    debits = town.debits[before:]
    check(len(debits) == 1, "no ride charged twice", f"{len(debits)} debits of one ride: {by} at {machine.ended_at}")
    _compare(validator, passenger, len(debits))


def _tap(town: Town, validator: Validator, passenger: Rider) -> bool:
    shown = validator.present(passenger, NO_FAULT, NO_FAULT, 0)
    return any(seen.outcome.served for seen in shown)


def _compare(validator: Validator, passenger: Rider, debits: int) -> None:
    """The journal's own word on this card: every draft has an outcome, and as many are DONE as the chip counted."""
    rows = [decode(raw) for raw in validator.told[-30:]]
    drafts = {row.seq for row in rows if isinstance(row.event, Held) and row.event.card == passenger.number}
    outcomes = [row.event for row in rows if isinstance(row.event, Done | Void | Grey) and row.event.held in drafts]
    closed = {outcome.held for outcome in outcomes}
    check(closed == drafts, "healed", f"drafts {drafts - closed} of card {passenger.number[-4:]} stay open")
    done = sum(isinstance(outcome, Done) for outcome in outcomes)
    check(done == debits, "balanced", f"card {passenger.number[-4:]}: {debits} debits, {done} DONE")
