"""The journal: what happened, durable before anybody is told.

Rows are appended and never change. An outcome is a new row that names its HELD row. "Acknowledged" (by the backend)
and "signalled" (to the rider) are numbers beside the table. Everything here may be called from any thread: one lock,
one connection, one fdatasync for each row.
"""

import contextlib
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, TypeVar

import apsw

from sync import recall, till_rows
from sync.archive import Archive
from sync.chain import Damage, Identity, Stored, check_row
from sync.columns import columns
from sync.errors import JournalError, JournalFull
from sync.events import AnyEvent, BillHeld, Done, Grey, Held, LoadHeld, Outcome, SignOn, Void
from sync.limits import (
    ARCHIVE_STEP_ROWS,
    BILL_BYTES_MAX,
    CHECKPOINT_PAGES,
    RETAINED_DAYS,
    RETAINED_ROWS,
    ROW_BYTES_MAX,
    SERIAL_MAX,
    VERIFY_ROWS,
)
from sync.numbers import ALL, WITH_A_ROW, Unsent, read_numbers
from sync.recall import Draft, Recalled, Seen, decoded
from sync.record import GENESIS, Row, chain, encode
from sync.reserve import Reserve
from sync.schema import TROUBLES, connect, last_stored, said
from sync.store import Store
from sync.totals import Totals, count
from sync.weave import GiveWay
from sync.whole import Whole

T = TypeVar("T")
Clock = Literal["synced", "rtc", "restored", "unknown"]

_INSERT = "INSERT INTO row VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Journal:
    """One terminal's journal of one epoch, open. Made by `Journal.open`."""

    def __init__(self, path: Path, identity: Identity, boot_id: str, vfs: str | None) -> None:
        self.identity = identity
        self.path = path
        self._vfs = vfs
        self.boot_id = boot_id
        self._reserve = Reserve(path.with_name(path.name + ".reserve"))
        self._lock = threading.RLock()
        self._open()

    def _open(self) -> None:
        """Open the file and load what is kept in memory. Raises JournalError."""
        connection = connect(self.path, self.identity, self._vfs)
        try:
            self._load(connection, self.path, self.identity)
        except BaseException as wrong:
            Store(connection, self.path).close()
            if isinstance(wrong, TROUBLES):
                raise said(self.path, wrong) from wrong
            raise
        if self._vfs is None:
            self._store.lengthen_wal()

    def _load(self, connection: apsw.Connection, path: Path, identity: Identity) -> None:
        self._store = Store(connection, path)
        self._archive = Archive(path, identity, self._vfs)
        last = last_stored(connection, identity, path)
        self._last_seq = last.seq if last else 0
        self._head = last.head if last else GENESIS
        self._written = read_numbers(connection, path, self._last_seq)
        self._whole = Whole(path, connection, self._archive, self._written.archived)
        self._now, self._drafts, self._written_drafts = recall.counted(connection, self._written)
        self._oldest: tuple[int, str] = (0, "")
        with contextlib.suppress(JournalFull):  # the first draft will say so
            self._reserve.ensure()

    @classmethod
    def open(cls, path: Path, identity: Identity, boot_id: str, vfs: str | None = None) -> "Journal":
        """Open the journal of `identity` at `path`, or create it. Raises JournalError with what to do."""
        return cls(path, identity, boot_id, vfs)

    def reopen(self) -> None:
        """Open the file anew after the disk failed under a write. Raises JournalError while it still fails.

        What the last write left, whole or not at all, is found there like after a power cut.
        """
        with self._lock:
            self._store.close()
            self._open()

    # Writing

    def keep(self, event: AnyEvent, at: str, clock: Clock, mono_ms: int) -> Row:
        """Append `event`; it is durable when this returns. Raises JournalError: nothing was written.

        An outcome that finds the disk full takes the room that was reserved when it was held.
        """
        assert not isinstance(event, Held | BillHeld | LoadHeld), "a debit, load or bill is held, not kept"
        with self._lock:
            try:
                return self._append(event, at, clock, mono_ms)
            except JournalFull:
                if not isinstance(event, Outcome) or not self._reserve.release():
                    raise
                return self._append(event, at, clock, mono_ms)

    def hold(self, event: Held | LoadHeld | Callable[[int], BillHeld], at: str, clock: Clock, mono_ms: int) -> Row:
        """Append a debit or load about to be sent, with room for its outcome. Raises JournalError: nothing may move.

        A bill is made from the number of its own row: its name and what it seals are bound to that.
        """
        with self._lock:
            self._reserve.ensure()
            made = event if isinstance(event, Held | LoadHeld) else event(self._last_seq + 1)
            return self._append(made, at, clock, mono_ms)

    def ensure_reserve(self) -> None:
        """Make sure that a debit could be held now, as far as room goes. Raises JournalFull."""
        self._reserve.ensure()

    def _append(self, event: AnyEvent, at: str, clock: Clock, mono_ms: int) -> Row:
        seq = self._last_seq + 1
        serial = self.identity.first_serial + self._last_seq
        if serial > SERIAL_MAX:
            raise JournalFull(f"serial {serial} does not fit the issuer's files: enrol under a new terminal number")
        row = Row(self.identity.terminal, self.identity.epoch, seq, serial, at, clock, self.boot_id, mono_ms, event)
        raw = encode(row)
        limit = BILL_BYTES_MAX if isinstance(event, BillHeld) else ROW_BYTES_MAX
        assert len(raw) <= limit, f"a row of {len(raw)} bytes"
        head = chain(self._head, raw)
        beside = columns(event)
        fen = self._counted_fen(event) if isinstance(event, Done | Void | Grey) else 0
        now, written = self._now, self._written
        insert = (_INSERT, (seq, raw, head, *beside, fen, now.signalled))
        if now.acknowledged == written.acknowledged:
            self._store.commit((insert,))
        else:
            self._store.commit([insert, *now.changes(written, WITH_A_ROW)])
            self._written = written._replace(acknowledged=now.acknowledged, acknowledged_fen=now.acknowledged_fen)
        self._last_seq, self._head = seq, head
        if fen or clock == "synced":
            self._now = now._replace(total_fen=now.total_fen + fen, synced=seq if clock == "synced" else now.synced)
        recall.follow(self._drafts, row)
        return row

    def _counted_fen(self, event: Done | Void | Grey) -> int:
        """What the outcome adds to DONE and GREY money: the held amount, once."""
        draft = self._drafts.get(event.held)
        held = draft.held if draft else self._held(event.held)
        if isinstance(event, Void):
            return 0
        if draft and not draft.greyed:
            return held.amount
        earlier = recall.outcomes(self._store.connection, event.held)
        return 0 if any(isinstance(row.event, Done | Grey) for row in earlier) else held.amount

    def _held(self, seq: int) -> Held:
        row = recall.row_at(self._store.connection, seq)
        assert row is not None and isinstance(row.event, Held)
        return row.event

    # Reading, for a tap

    @property
    def last_seq(self) -> int:
        """The number of the last row, 0 for none."""
        return self._last_seq

    @property
    def head(self) -> bytes:
        """The chain's head after the last row (32 bytes)."""
        return self._head

    def row(self, seq: int) -> Row | None:
        """Row `seq`, None where there is none. Raises JournalError, also when it lies in a file that is gone."""
        with self._lock, self._store.reading():
            return self._whole.row(seq)

    def open_drafts(self, card: str) -> list[Draft]:
        """The card's drafts that a visit may still heal, oldest first, those closed unhealed among them."""
        with self._lock:
            return self._drafts.of(card)

    def open_loans(self) -> list[Row]:
        """Every act of a library counter without an end, with the rows that name it, oldest first."""
        return self.read(recall.open_loans)

    def bills(self, since: int = 1) -> list[Row]:
        """A counter's rows from row `since` on: who signed in and out, bills, outcomes, corrections."""
        return self.read(lambda connection: recall.bills(connection, since))

    def open_drafts_all(self, before: int | None = None) -> list[Draft]:
        """Every draft without an outcome, oldest first; with `before` those held before that row."""
        with self._lock:
            return [
                draft for seq, draft in self._drafts.items() if not draft.greyed and (before is None or seq < before)
            ]

    def recall(self, card: str, limit: int) -> list[Recalled]:
        """The card's latest rows with their outcomes, newest first."""
        return self.read(recall.recall, card, limit)

    def lock_of(self, uid: str) -> Row | None:
        """The latest LOCK_TRIED or LOCKED row of a chip, by its UID: a locked chip hides its card number."""
        return self.read(recall.lock_of, uid)

    def seen(self, card: str) -> Seen:
        """The (random, counter) pairs of the card's last debits, and the counter of the last that is DONE."""
        return self.read(recall.seen, card)

    def outcomes_of(self, seq: int) -> tuple[Row, ...]:
        """The outcomes that name row `seq`, oldest first, also those in the archive. Raises JournalError as `row`."""
        return self.read(lambda _connection: self._whole.outcomes(seq))

    def last_duty(self) -> Row | None:
        """The last SIGN_ON or SIGN_OFF: who drives, after a restart."""
        return self.read(recall.last_duty)

    def totals(self, since: int, shift: int, trip: str | None = None) -> Totals:
        """What `shift` (one `trip` of it) took, from row `since` (its SIGN_ON) to the last."""
        rows: list[Row] = []
        after = since - 1
        while part := self.rows(after, VERIFY_ROWS, VERIFY_ROWS * ROW_BYTES_MAX):
            rows += [decoded(stored.raw) for stored in part]
            after = part[-1].seq
        return count(rows, shift, trip)

    def read(self, query: Callable[..., T], *asked: object) -> T:
        """What a query of sync/recall or sync/till_rows finds. Raises JournalError."""
        with self._lock:
            try:
                return query(self._store.connection, *asked)
            except TROUBLES as wrong:
                raise said(self.path, wrong) from wrong

    # Reading, for the backend

    @property
    def acknowledged(self) -> int:
        """Rows up to this number are the backend's, as far as it said."""
        return self._now.acknowledged

    def acknowledge(self, seq: int) -> None:
        """The backend has committed the rows up to `seq`; lower than before means that it lost some and wants them.

        Written with the next row, or by `flush`: forgetting it costs a repetition.
        """
        with self._lock:
            if not 0 <= seq <= self._last_seq:
                raise JournalError(f"row {seq} cannot be acknowledged: the last one is {self._last_seq}")
            now = self._now
            with self._store.reading():
                change = self._whole.fen(*sorted((now.acknowledged, seq)))
            fen = now.acknowledged_fen + (change if seq > now.acknowledged else -change)
            self._now = now._replace(acknowledged=seq, acknowledged_fen=fen)

    def rows(self, after: int, limit_rows: int, limit_bytes: int) -> list[Stored]:
        """The rows after number `after`, in order, as long as both limits allow, but one at least if there is one."""
        with self._lock, self._store.reading():
            found = self._whole.rows(after, limit_rows)
        size = 0
        for place, row in enumerate(found):
            size += len(row.raw)
            if place and size > limit_bytes:
                return found[:place]
        return found

    def head_at(self, seq: int) -> bytes:
        """The chain's head after row `seq`; before row 1 it is all zeros."""
        with self._lock, self._store.reading():
            return self._whole.head_at(seq)

    def unsent(self) -> Unsent:
        """What the backend does not have yet. A row that cannot be read, or whose file is gone, has no time."""
        with self._lock:
            now, first = self._now, self._now.acknowledged + 1
            if first > self._last_seq:
                return Unsent(0, 0, "")
            if self._oldest[0] != first:
                self._oldest = (first, self._whole.at(first))
            return Unsent(self._last_seq - now.acknowledged, now.total_fen - now.acknowledged_fen, self._oldest[1])

    # Numbers, upkeep

    @property
    def signalled(self) -> int:
        """The outcome of rows up to this number was shown to its rider."""
        return self._now.signalled

    def mark_signalled(self, seq: int) -> None:
        """The outcome of row `seq` was shown. Written beside the next row, or by `flush`."""
        with self._lock:
            assert 0 <= seq <= self._last_seq
            self._now = self._now._replace(signalled=max(self._now.signalled, seq))

    @property
    def last_synced(self) -> Row | None:
        """The last row whose wall time was synchronised, None when there is none or its file is gone."""
        with contextlib.suppress(JournalError):
            return self.row(self._now.synced)
        return None

    def flush(self) -> None:
        """Make the numbers and the table of drafts durable, if they changed. Raises JournalError."""
        with self._lock:
            numbers = self._now._replace(drafts=self._last_seq)
            if numbers != self._written:
                drafts = recall.draft_changes(self._written_drafts, self._drafts)
                self._store.commit([*drafts, *numbers.changes(self._written, ALL)])
                self._now = self._written = numbers
                self._written_drafts = {seq: draft.greyed for seq, draft in self._drafts.items()}

    def idle(self) -> None:
        """Nobody in the field: write the numbers and copy a long WAL back. Raises JournalError."""
        with self._lock:
            self.flush()
            if self._store.wal_pages >= CHECKPOINT_PAGES:
                self._store.checkpoint()

    def archive(self, now: datetime) -> int:
        """Move the oldest rows that need not stay to the archive, ARCHIVE_STEP_ROWS at most; how many. `now`: aware.

        Stay: what the backend has not acknowledged; the last RETAINED_ROWS and RETAINED_DAYS; the running shift; and,
        in journal and archive, open drafts, bills and loans, locks, the last duty, and the row at the border, whose
        head the chain goes on from. Raises JournalError.
        """
        with self._lock:
            archived, border = self._now.archived, self._retired(now)
            if border == archived:
                return 0
            self.flush()
            with self._store.reading() as connection:
                asked = "SELECT * FROM row WHERE seq > ? AND seq <= ? ORDER BY seq"
                self._archive.take(connection.execute(asked, (archived, border)).fetchall())
            moved = self._now._replace(archived=border)
            self._store.commit([*moved.changes(self._written, ALL), (recall.RETIRE, (border,))])
            self._now = self._written = moved
            self._whole.border = border
            return border - archived

    def _retired(self, now: datetime) -> int:
        """The row up to which the next rows may go; the border as it is when none may."""
        archived, duty = self._now.archived, self.last_duty()
        last = min(
            archived + ARCHIVE_STEP_ROWS,
            self._archive.end_of_file(archived + 1),
            self._now.acknowledged,
            self._last_seq - RETAINED_ROWS,
            duty.seq - 1 if duty is not None and isinstance(duty.event, SignOn) else self._last_seq,
            (self.read(till_rows.since) or self._last_seq + 1) - 1,
        )
        if last <= archived or (row := self.row(last)) is None:
            return archived
        return last if now - datetime.fromisoformat(row.at) > timedelta(days=RETAINED_DAYS) else archived

    def verify(self) -> Damage | None:
        """Walk the chain of the journal's rows and what lies beside them: the first damage, None without.

        A tap waits at most for VERIFY_ROWS rows.
        """
        before: Stored | None = None
        if (border := self._now.archived) > 1:
            before = self.rows(border - 1, 1, 1)[0]
        while part := self.rows(before.seq if before else 0, VERIFY_ROWS, VERIFY_ROWS * ROW_BYTES_MAX):
            for stored in part:
                verdict = check_row(self.identity, before, stored)
                if isinstance(verdict, Damage):
                    return verdict
                if damage := self._beside(verdict):
                    return damage
                before = stored
        return None

    def _beside(self, row: Row) -> Damage | None:
        """Whether the columns beside the row's bytes say what the bytes say."""
        query = "SELECT kind, card, uid, held FROM row WHERE seq = ?"
        with self._lock, self._store.reading() as connection:
            found = connection.execute(query, (row.seq,)).get
        if found != columns(row.event):
            return Damage(row.seq, f"the columns {found} do not say what the row says")
        return None

    def snapshot(self, target: Path, give_way: GiveWay = lambda: None) -> None:
        """Write a copy to a new file, for queries by other programs. Raises JournalError."""
        self._store.snapshot(target, self._lock, give_way)

    def close(self) -> None:
        """Write the numbers, copy the WAL back, give the file back."""
        with self._lock, contextlib.closing(self._store), contextlib.suppress(JournalError):
            self.flush()
