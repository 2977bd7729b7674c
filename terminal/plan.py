"""What of a stick's offers a device takes, and from which day. Pure.

Of the editions whose day has come only the newest counts; those of later days wait for theirs. What is in force is not
taken again, and what a technician went back from is not taken by itself.
"""

from collections.abc import Iterable
from datetime import date
from typing import Literal, NamedTuple

from config.editions import State
from config.signing.contents import Entry

How = Literal["new", "waiting", "in force", "previous", "overtaken"]


class Planned(NamedTuple):
    """One offer. `day`: from when it will hold, None where nothing changes; `instead_of`: what it replaces."""

    entry: Entry
    how: How
    day: date | None = None
    instead_of: str = ""


def editions(entries: Iterable[Entry], state: State, configured: str, today: date) -> list[Planned]:
    """For the offers of one kind, as they were published one by one; `configured` holds while no edition does."""
    offered = list(entries)
    active = state.active.version if state.active else configured
    current = [entry.in_force_from for entry in offered if entry.version == active]
    since = current[0] if current else state.active.in_force_from if state.active else date.min
    come = [(entry.in_force_from, nth) for nth, entry in enumerate(offered) if entry.in_force_from <= today]
    newest = offered[max(come)[1]] if come else None

    def planned(entry: Entry) -> Planned:
        if entry.version == active:
            return Planned(entry, "in force")
        if state.previous is not None and entry.version == state.previous.version:
            return Planned(entry, "previous")
        ordered = [one for one in state.waiting if one.edition.version == entry.version and one.ordered_for]
        if ordered:
            return Planned(entry, "waiting", ordered[0].ordered_for, active)
        if entry.in_force_from <= today and (entry is not newest or entry.in_force_from < since):
            return Planned(entry, "overtaken")
        return Planned(entry, "new", max(entry.in_force_from, today), active)

    return [planned(entry) for entry in offered]
