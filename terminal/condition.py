"""What this terminal says of itself to the operator, with its batches (sync/condition.py)."""

from typing import TYPE_CHECKING

import msgspec

from config.model import Configuration
from sync.condition import Condition, cut
from sync.journal import Journal
from sync.limits import NAME_CHARS_MAX
from terminal.ports import Clock

if TYPE_CHECKING:
    from terminal.loop import Device


def of_journal(configuration: Configuration, journal: Journal, clock: Clock, kind: str, software: str) -> Condition:
    """What any terminal knows: its clock, its journal, who it is. `kind` as "bus". Raises JournalError."""
    moment, unsent = clock.read(), journal.unsent()
    return Condition(
        at=moment.at.isoformat(timespec="seconds"),
        clock=moment.trust.value,
        last=journal.last_seq,
        unsent_fen=max(0, unsent.fen),
        oldest_at=unsent.oldest_at,
        kind=kind,
        merchant=configuration.terminal.merchant,
        software=software[:NAME_CHARS_MAX],
    )


def of_device(device: "Device", clock: Clock, software: str) -> Condition:
    """What a validator knows beside that: its mode, its tables, and what does not work. Raises JournalError."""
    known = of_journal(device.configuration, device.desk.journal, clock, "bus", software)
    return msgspec.structs.replace(
        known,
        mode=device.mode.value,
        pack=device.tables.pack.version[:NAME_CHARS_MAX],
        hot_list=str(device.tables.hot_list.version)[:NAME_CHARS_MAX],
        troubles=cut(dict(device.troubles)),
    )
