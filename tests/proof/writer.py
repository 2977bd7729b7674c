"""A process that serves taps into a journal and notes what was told to be durable, until somebody ends it."""

import os
import random
import signal
import struct
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from config.durable import replace_durably
from sync.errors import JournalError
from sync.journal import Journal
from sync.limits import ROW_BYTES_MAX
from sync.record import encode
from tests.rows import AT, IDENTITY, done, held

ROWS_MAX = 100_000
STATE = "state"
STATE_SHARE = 0.2
"""Of the taps that are followed by a new state file."""
STATE_BYTES = 6_000
"""More than a page, so that half of it can be missing."""
DISK_GONE = 3
OPENING_SECONDS = 0.1
"""A new journal opens in some 50 ms, an old one in 10."""
NOTES = 6
TAP_SECONDS = 0.01
"""A tap takes 2 to 8 ms, as the disk is."""
PATIENCE_SECONDS = 30
_NOTE = struct.Struct(">cI")


class Told(NamedTuple):
    """What one life of the writer was told: rows that returned, the last state that returned, -1 for none."""

    rows: list[bytes]
    state: int


def state(number: int) -> bytes:
    """The content of a state file, recognisable to its last byte."""
    return number.to_bytes(4, "big") * (STATE_BYTES // 4)


def start(journal: Path, notes: Path, seed: int) -> int:
    """Fork a writer; its process id. The caller has no connection of SQLite open."""
    child = os.fork()
    if child == 0:
        for number in (signal.SIGINT, signal.SIGTERM):  # they may be meant for the whole group: SIGKILL alone ends it
            signal.signal(number, signal.SIG_IGN)
        try:
            with open(notes, "wb", buffering=0) as out:
                write(journal, lambda kind, raw: out.write(_NOTE.pack(kind, len(raw)) + raw), random.Random(seed))
        except (JournalError, OSError):  # the disk is gone
            os._exit(DISK_GONE)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    return child


def end(child: int) -> None:
    """Kill it. Raises AssertionError when it had ended by itself, but for a disk that was gone."""
    os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (-signal.SIGKILL, DISK_GONE), f"the writer ended by itself with {status}"


def write(path: Path, note: Callable[[bytes, bytes], object], chance: random.Random) -> None:
    """Taps, acknowledgements, quiet moments and state files, in any order, until the end."""
    journal = Journal.open(path, IDENTITY, "boot")
    while journal.last_seq < ROWS_MAX:
        row = journal.hold(held(counter=journal.last_seq & 0xFFFF), AT, "rtc", 0)
        note(b"R", encode(row))
        if chance.random() < 0.8:  # the others stay open, as a torn card leaves them
            note(b"R", encode(journal.keep(done(row.seq), AT, "rtc", 0)))
            journal.mark_signalled(journal.last_seq)
        if chance.random() < 0.2:
            journal.acknowledge(chance.randint(journal.acknowledged, journal.last_seq))
        if chance.random() < 0.1:
            journal.idle()
        if chance.random() < STATE_SHARE:
            replace_durably(path.with_name(STATE), state(row.seq))
            note(b"S", row.seq.to_bytes(4, "big"))


def notes_of(path: Path) -> Told:
    """What a writer noted before its end; a note that was being written counts as not told."""
    rows: list[bytes] = []
    last = -1
    for kind, raw in _notes(path.read_bytes() if path.exists() else b""):
        if kind == b"R":
            rows.append(raw)
        else:
            last = int.from_bytes(raw, "big")
    return Told(rows, last)


def _notes(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + _NOTE.size <= len(raw):
        kind, length = _NOTE.unpack_from(raw, at)
        at += _NOTE.size
        if at + length > len(raw):
            return
        yield kind, raw[at : at + length]
        at += length


class Book:
    """One journal over many lives of its writer, and what its writers were told."""

    def __init__(self, folder: Path, notes: Path) -> None:
        self.journal = folder / "journal.db"
        self.notes = notes
        self.rows: list[bytes] = []
        self.state = -1

    def start(self, seed: int) -> int:
        """The next life."""
        self.notes.unlink(missing_ok=True)
        return start(self.journal, self.notes, seed)

    def wait(self, chance: random.Random) -> None:
        """Until a random moment: while the journal opens, or during any of its first taps."""
        if chance.random() < 0.2:
            time.sleep(chance.uniform(0, OPENING_SECONDS))
            return
        notes, deadline = chance.randint(1, NOTES), time.monotonic() + PATIENCE_SECONDS
        while len(notes_of(self.notes).rows) < notes:
            assert time.monotonic() < deadline, "the writer does not write"
            time.sleep(0.001)
        time.sleep(chance.uniform(0, TAP_SECONDS))

    def check(self) -> None:
        """After its end: all that was told is there, at most one row more, and the journal is whole.

        Raises AssertionError, which says what is missing.
        """
        told = notes_of(self.notes)
        self.rows += told.rows
        try:
            journal = Journal.open(self.journal, IDENTITY, "check")
        except JournalError as wrong:
            raise AssertionError(f"the journal cannot be opened: {wrong}") from wrong
        try:
            found = [stored.raw for stored in journal.rows(0, ROWS_MAX, ROWS_MAX * ROW_BYTES_MAX)]
            damage, drafts = journal.verify(), {draft.row.seq for draft in journal.open_drafts_all()}
            acknowledged = journal.acknowledged
        finally:
            journal.close()
        assert found[: len(self.rows)] == self.rows, f"of {len(self.rows)} rows told durable {len(found)} are found"
        assert len(found) <= len(self.rows) + 1, "rows that nobody wrote"
        assert damage is None, damage
        closed = {seq - 1 for seq, raw in enumerate(found, 1) if b'"DONE"' in raw}
        held_rows = {seq for seq, raw in enumerate(found, 1) if b'"HELD"' in raw}
        assert drafts == held_rows - closed, "open drafts are HELD rows without an outcome"
        assert 0 <= acknowledged <= len(found)
        self.rows = found
        self._check_state(max(self.state, told.state))

    def _check_state(self, told: int) -> None:
        """The file is one state, whole: the last that was told, or the one that was being written."""
        path = self.journal.with_name(STATE)
        raw = path.read_bytes() if path.exists() else b""
        number = int.from_bytes(raw[:4], "big") if raw else -1
        assert raw == (state(number) if raw else b""), f"a state file in parts: {raw[:16].hex()}"
        assert number >= told, f"state {told} was told durable, {number} is found"
        self.state = number
