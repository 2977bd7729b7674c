"""Known wrong programs in how old a healed debit is, and how often it admits; each a patch of the real one."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sync.events import Admitted, AnyEvent, Done
from terminal.desk import Desk


def ages_by_the_wall_clock() -> Any:
    """How old a debit is tells the wall clock, also when it jumped meanwhile: this was a fault of the real program."""

    def written_at(self: Desk, seq: int) -> datetime:
        row = self.journal.row(seq)
        assert row is not None
        return datetime.fromisoformat(row.at)

    return patch.object(Desk, "written_at", written_at)


def drafts_ahead_are_past() -> Any:
    """A debit of before the restart, ahead of the clock, is another ride: this was a fault of the real program."""

    def written_at(self: Desk, seq: int) -> datetime:
        row = self.journal.row(seq)
        assert row is not None
        same_boot = row.boot == self.journal.boot_id
        return right(self, seq) if same_boot else datetime.fromisoformat(row.at)

    right = Desk.written_at
    return patch.object(Desk, "written_at", written_at)


@contextmanager
def lost_outcome_admits_again() -> Iterator[None]:
    """A debit whose outcome was lost from memory admits its rider at each visit of ten minutes, once healed."""
    lost: set[tuple[Path, int]] = set()
    close_it, keep_it = Desk.close, Desk.keep

    def close(self: Desk, event: AnyEvent) -> int:
        seq = close_it(self, event)
        if not seq and isinstance(event, Done):
            lost.add((self.journal.path, event.held))
        return seq

    def keep(self: Desk, event: AnyEvent) -> int:
        if isinstance(event, Admitted) and (self.journal.path, event.names) in lost:
            return self.journal.last_seq
        return keep_it(self, event)

    with patch.object(Desk, "close", close), patch.object(Desk, "keep", keep):
        yield
