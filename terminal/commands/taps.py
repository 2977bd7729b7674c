"""The real taps of journals, for the commands that look at them."""

from collections.abc import Sequence
from pathlib import Path

from sync.closed import read_closed
from sync.record import decode
from terminal import box
from terminal.whatif.journal import taps_of
from terminal.whatif.replay import Tapped

PROFILES = ("jiaxing", "jiaxing_b", "tunion")


def taps_in(journals: Sequence[Path]) -> list[Tapped]:
    """The paid taps of closed journals or snapshots, in the order of time. Raises JournalError."""
    profiles = {profile.name: profile for profile in box.load_profiles(PROFILES)}
    return taps_of((decode(stored.raw) for path in journals for stored in read_closed(path)[1]), profiles)
