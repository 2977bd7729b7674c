"""What of a stick's offers a device takes, and from which day. Pure.

Of the editions whose day has come only the newest counts; those of later days wait for theirs. What is in force is not
taken again, and what a technician went back from is not taken by itself.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal, NamedTuple

from config.editions import State
from config.signing.contents import Entry

How = Literal["new", "waiting", "in force", "previous", "overtaken", "unwanted"]


class Planned(NamedTuple):
    """One offer. `day`: from when it will hold, None where nothing changes; `instead_of`: what it replaces."""

    entry: Entry
    how: How
    day: date | None = None
    instead_of: str = ""


def editions(offered: Sequence[Entry], state: State, configured: str, today: date) -> list[Planned]:
    """For the offers of one kind, as they were published one by one; `configured` holds while no edition does."""
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


def hot_lists(offered: Iterable[Entry], current: str, today: date) -> list[Planned]:
    """For hot lists and their deltas: the way to the newest list, by deltas alone where they lead there.

    What is taken comes first, in the order in which it is applied. `current` "" = there is no list yet.
    """
    entries = list(offered)
    deltas = {entry.before: entry for entry in entries if entry.kind == "hotlist-delta"}
    wholes = [entry for entry in entries if entry.kind == "hotlist"]
    way = _led(deltas, current)
    whole = max(wholes, key=lambda entry: age(entry.version), default=None)
    if whole is not None and age(whole.version) > age(way[-1].version if way else current):
        way = [whole, *_led(deltas, whole.version)]
    taken, version = list[Planned](), current
    for entry in way:
        taken.append(Planned(entry, "new", today, version))
        version = entry.version
    left = [entry for entry in entries if entry not in way]
    return taken + [Planned(entry, "in force" if entry.version == current else "overtaken") for entry in left]


def releases(offered: Sequence[Entry], current: str, previous: str, today: date) -> list[Planned]:
    """For releases of the program: of those whose day has come the one that was published last."""
    come = [entry for entry in offered if entry.in_force_from <= today]

    def planned(entry: Entry) -> Planned:
        if entry.version == current:
            return Planned(entry, "in force")
        if entry.version == previous:
            return Planned(entry, "previous")
        if entry.in_force_from > today:
            return Planned(entry, "waiting", entry.in_force_from, current)
        return Planned(entry, "new", today, current) if entry is come[-1] else Planned(entry, "overtaken")

    return [planned(entry) for entry in offered]


def age(version: str) -> tuple[str, int]:
    """By which hot lists are compared: the day, then the revision; no list is the oldest."""
    day, _, revision = version.partition(".")
    return day, int(revision) if revision.isdecimal() and len(revision) < 9 else 0


def _led(deltas: dict[str, Entry], start: str) -> list[Entry]:
    """The deltas that lead on from a version, each to a newer one."""
    way, at = list[Entry](), start
    while at and at in deltas and age(deltas[at].version) > age(at):
        way.append(deltas[at])
        at = deltas[at].version
    return way
