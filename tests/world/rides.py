"""Checkers of single rides: nobody pays twice for one, nobody passes free beyond the rules, a tap has one time."""

from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from sync.events import Admitted, Done, Grey, Held
from sync.record import Row, decode
from tariffs.verdict import Reason
from terminal.tap import Outcome
from tests.world.ages import told_ages_s
from tests.world.people import Debit, Rider
from tests.world.violation import check

if TYPE_CHECKING:
    from tests.world.town import Town
    from tests.world.validator import Shown, Validator

ECHO_MS, RESTART_ECHO_MS = 4_500, 61_000
"""A signal is repeated within 3 s of the card's last moment there, or once within 60 s of a restart; and a slack."""

HEALED_S = 600
"""A healed debit is this ride within ten minutes."""


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
    row = _held_of(door, passenger, outcome)
    counter = row.event.counter if row is not None and isinstance(row.event, Held) else -1
    healed_once = False
    if row is not None and outcome.reason is Reason.HEALED and not outcome.repeated:
        _check_healed(door, row, outcome)
        # where a failing disk and the end of the process took both the outcome and what was shown, chip and journal are
        # as after an end between DEBIT and light
        healed_once = (passenger.number, counter) in door.lost
        door.lost.discard((passenger.number, counter))
    for debit in passenger.owed:
        if (debit.psam, debit.counter) == (door.psam, counter):
            passenger.owed.remove(debit)
            if not outcome.repeated:
                _check_told(door, debit, seen)
            return True
    check(healed_once, "no free ride", f"card {passenger.number[-4:]} at {door.name}: {outcome.reason.value}")
    return True


def _held_of(door: "Validator", passenger: Rider, outcome: Outcome) -> Row | None:
    """The draft whose debit let this rider pass, by the row that the outcome names."""
    rows = [decode(raw) for raw in door.told]
    if not 0 < outcome.seq <= len(rows):  # in memory
        own = (row for row in reversed(rows) if isinstance(row.event, Held) and row.event.card == passenger.number)
        return next(own, None)
    event = rows[outcome.seq - 1].event
    seq = event.names if isinstance(event, Admitted) else getattr(event, "held", 0)
    return rows[seq - 1] if seq else None


def _check_healed(door: "Validator", row: Row, outcome: Outcome) -> None:
    """A healed ride was paid a moment ago, by all that the journal can know."""
    rows = [decode(raw) for raw in door.told]
    ages_s = told_ages_s(rows, row, rows[outcome.seq - 1])
    check(min(ages_s) <= HEALED_S, "no free ride", f"{door.name}: row {row.seq} healed after {min(ages_s):.0f} s")


def _check_told(door: "Validator", debit: Debit, seen: "Shown") -> None:
    """An outcome is durable before its light, or kept in memory."""
    if seen.outcome.reason is not Reason.HEALED and door.journal is not None and door.started_ms < seen.at_ms:
        rows = [decode(raw) for raw in door.told[-20:]]
        drafts = {row.seq for row in rows if isinstance(row.event, Held) and row.event.counter == debit.counter}
        events = [*(row.event for row in rows), *door.desk.unwritten]
        done = any(isinstance(event, Done) and event.held in drafts for event in events)
        seen_by = f"card {debit.card[-4:]} passed and {door.name} has no outcome of its debit"
        check(done or not drafts, "outcome kept", seen_by)


def check_boarding(town: "Town", passenger: Rider, debits: list[Debit]) -> None:
    """One boarding costs once at each door; a second debit there stands only beside one that is grey.

    Or beside one that all rows say is past: of an earlier boot whose clock was wrong and was never synchronised.
    """
    for door in town.validators:
        here = [debit for debit in debits if debit.psam == door.psam and debit.card == passenger.number]
        if len(here) > 1:
            rows = [decode(raw) for raw in door.told]
            greyed = {row.event.held for row in rows if isinstance(row.event, Grey)}
            drafts = [_draft(rows, debit) for debit in here]
            paid = [row for row in drafts if row.seq not in greyed]
            for then, now in pairwise(paid):
                age_s = max(told_ages_s(rows, then, now))
                seen = f"card {passenger.number[-4:]} paid twice at {door.name} for one boarding, after {age_s:.0f} s"
                check(age_s > HEALED_S, "no ride charged twice", seen)


def _draft(rows: list[Row], debit: Debit) -> Row:
    return next(row for row in reversed(rows) if isinstance(row.event, Held)
                and (row.event.card, row.event.counter) == (debit.card, debit.counter))  # fmt: skip


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
