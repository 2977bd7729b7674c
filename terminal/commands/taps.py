"""The real taps of journals, for the commands that look at them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sync.closed import closed
from sync.errors import DamagedJournal
from sync.record import BadRow, Row, decode
from terminal import box
from terminal.whatif.journal import taps_of
from terminal.whatif.replay import Tapped

PROFILES = ("jiaxing", "jiaxing_b", "tunion")


def taps_in(journals: Sequence[Path]) -> list[Tapped]:
    """The paid taps of closed journals or snapshots, in the order of time. Raises JournalError."""
    profiles = {profile.name: profile for profile in box.load_profiles(PROFILES)}
    return taps_of((row for path in journals for row in _rows(path)), profiles)


def _rows(path: Path) -> Iterator[Row]:
    """One by one: a year's journal does not fit into memory beside its taps."""
    with closed(path) as journal:
        for stored in journal.rows():
            try:
                yield decode(stored.raw)
            except BadRow as wrong:
                raise DamagedJournal(f"{path}, row {stored.seq}: {wrong}: smk journal verify tells more") from wrong
