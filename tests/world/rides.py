"""Checkers of single rides: nobody pays twice for one, nobody passes free beyond the rules, a tap has one time."""

from datetime import datetime
from typing import TYPE_CHECKING

from sync.events import Done, Grey, Held
from sync.record import Row, decode
from tariffs.verdict import Reason
from tests.world.people import Debit, Rider
from tests.world.violation import check

if TYPE_CHECKING:
    from tests.world.town import Town
    from tests.world.validator import Shown, Validator

ECHO_MS, RESTART_ECHO_MS = 4_500, 61_000
"""A signal is repeated within 3 s of the card's last moment there, or once within 60 s of a restart; and a slack."""

HEALED_MS, CLOCK_RIGHT_S = 630_000, 30
"""A healed debit is this ride within ten minutes by a clock that did not jump; and a slack for the visit itself."""


def check_entry(passenger: Rider, door: "Validator", seen: "Shown") -> bool:
    """A rider who passes has paid: with a debit of this terminal's PSAM that let nobody pass yet. True: passes."""
    outcome, now_ms = seen
    if not outcome.served:
        return False
    then_ms = passenger.entries.get(door.name, -(10**9))
    after_restart = then_ms < door.started_ms and now_ms - door.started_ms <= RESTART_ECHO_MS
    if outcome.repeated and (now_ms - then_ms <= ECHO_MS or (after_restart and then_ms > 0)):
        passenger.entries[door.name] = now_ms if after_restart else then_ms
        return True
    passenger.entries[door.name] = now_ms
    lost = any(card == passenger.number for card, _ in door.lost)
    for debit in reversed(passenger.owed):
        if debit.psam == door.psam and not (lost and _is_past(debit, seen)):
            passenger.owed.remove(debit)
            if not outcome.repeated:
                _check_told(door, debit, seen)
            return True
    check(lost, "no free ride", f"card {passenger.number[-4:]} at {door.name}: {outcome.reason.value}")
    return True


def _is_past(debit: Debit, seen: "Shown") -> bool:
    """Whether a healed ride is surely not this debit's, but that of a later one whose outcome was lost."""
    return seen.outcome.reason is Reason.HEALED and seen.at_ms - debit.at_ms > HEALED_MS


def _check_told(door: "Validator", debit: Debit, seen: "Shown") -> None:
    """An outcome is durable before its light, or kept in memory; a healed ride was paid a moment ago."""
    outcome = seen.outcome
    card = debit.card[-4:]
    if outcome.reason is Reason.HEALED:
        age_ms = seen.at_ms - debit.at_ms
        by_clock = door.clock.read().at.replace(tzinfo=None) - datetime.strptime(debit.when, "%Y%m%d%H%M%S")
        clock_is_right = abs(age_ms / 1000 - by_clock.total_seconds()) < CLOCK_RIGHT_S
        check(age_ms <= HEALED_MS or not clock_is_right, "no free ride", f"card {card} healed after {age_ms // 1000} s")
    elif door.journal is not None and door.started_ms < seen.at_ms:
        rows = [decode(raw) for raw in door.told[-20:]]
        drafts = {row.seq for row in rows if isinstance(row.event, Held) and row.event.counter == debit.counter}
        events = [*(row.event for row in rows), *door.desk.unwritten]
        done = any(isinstance(event, Done) and event.held in drafts for event in events)
        check(done or not drafts, "outcome kept", f"card {card} passed and {door.name} has no outcome of its debit")


def check_boarding(town: "Town", passenger: Rider, debits: list[Debit], began_ms: int) -> None:
    """One boarding costs once at each door; a second debit there stands only beside one that is grey."""
    if town.jumped_ms >= began_ms:
        return
    for door in town.validators:
        here = [debit for debit in debits if debit.psam == door.psam and debit.card == passenger.number]
        paid = [debit for debit in here if not _is_grey(door, debit)]
        seen = f"card {passenger.number[-4:]} paid {len(paid)} times at {door.name} for one boarding"
        check(len(paid) <= 1, "no ride charged twice", seen)


def _is_grey(door: "Validator", debit: Debit) -> bool:
    rows = [decode(raw) for raw in door.told[-60:]]
    drafts = {row.seq for row in rows if isinstance(row.event, Held) and row.event.counter == debit.counter
              and row.event.card == debit.card}  # fmt: skip
    return any(isinstance(row.event, Grey) and row.event.held in drafts for row in rows)


def check_stamps(door: "Validator", before: int) -> None:
    """The rows of a debit bear one reading of the clock, and so does the time under its TAC."""
    disk = door.machine.disk
    drafts: dict[int, Row] = {}
    for raw in door.told[before:]:
        row = decode(raw)
        if isinstance(row.event, Held):
            drafts[row.seq] = row
            local = f"{datetime.fromisoformat(row.at):%Y%m%d%H%M%S}"
            check(row.event.when == local, "one clock reading", f"TAC {row.event.when}, row {local}")
        elif isinstance(row.event, Done) and row.event.by == "debit" and row.event.held in drafts:
            held = drafts[row.event.held]
            kept_in_memory = disk.fails or disk.room is not None
            same = (held.at, held.mono_ms) == (row.at, row.mono_ms)
            check(same or kept_in_memory, "one clock reading", f"HELD at {held.at}, DONE at {row.at}")
