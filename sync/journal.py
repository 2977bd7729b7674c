"""The journal: what happened, durable before anybody is told.

Rows are appended and never change. An outcome is a new row that names its HELD row. "Acknowledged" (by the backend)
and "signalled" (to the rider) are numbers beside the table. Everything here may be called from any thread: one lock,
one connection, one fdatasync for each row.
"""

import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import apsw

from sync import recall
from sync.chain import Damage, Identity, Stored, check_row
from sync.errors import DamagedJournal, JournalError, JournalFull
from sync.events import AnyEvent, BillDone, BillHeld, BillVoid, Done, Grey, Held, Void
from sync.limits import BILL_BYTES_MAX, CHECKPOINT_PAGES, ROW_BYTES_MAX, SERIAL_MAX, VERIFY_ROWS
from sync.recall import NOBODY, Draft, Recalled, Seen, decoded
from sync.record import GENESIS, Row, chain, encode
from sync.reserve import Reserve
from sync.schema import TROUBLES, as_stored, connect, last_stored, said
from sync.store import Statement, Store
from sync.totals import Totals, count

Clock = Literal["synced", "rtc", "restored", "unknown"]

Outcome = Done | Void | Grey | BillDone | BillVoid

_INSERT = "INSERT INTO row VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"
_NUMBER = "UPDATE number SET value = ? WHERE name = ?"


class Unsent(NamedTuple):
    """Rows that the backend has not acknowledged: how many, the money of DONE and GREY in them, time of the oldest."""

    rows: int
    fen: int
    oldest_at: str


class _Columns(NamedTuple):
    """What lies beside a row's bytes, so that a card's rows are found and money is summed without decoding."""

    card: str | None
    uid: str | None
    held: int | None
    fen: int


def _found_by(event: AnyEvent) -> tuple[str | None, str | None, int | None]:
    """Card, chip and held row of an event that has them."""
    return getattr(event, "card", "") or None, getattr(event, "uid", "") or None, getattr(event, "held", None)


class Journal:
    """One terminal's journal of one epoch, open. Made by `Journal.open`."""

    def __init__(self, path: Path, identity: Identity, boot_id: str, vfs: str | None) -> None:
        self.identity = identity
        self.path = path
        self._vfs = vfs
        self._boot_id = boot_id
        self._reserve = Reserve(path.with_name(path.name + ".reserve"))
        self._lock = threading.RLock()
        self._open()

    def _open(self) -> None:
        """Open the file and load what is kept in memory. Raises JournalError."""
        connection = connect(self.path, self.identity, self._vfs)
        try:
            self._load(connection, self.path, self.identity)
        except BaseException as wrong:
            connection.close(force=True)
            if isinstance(wrong, TROUBLES):
                raise said(self.path, wrong) from wrong
            raise
        if self._vfs is None:
            self._store.lengthen_wal()

    def _load(self, connection: apsw.Connection, path: Path, identity: Identity) -> None:
        self._store = Store(connection, path)
        last = last_stored(connection, identity, path)
        self._last_seq = last.seq if last else 0
        self._head = last.head if last else GENESIS
        numbers = dict(connection.execute("SELECT name, value FROM number"))
        told = connection.execute("SELECT signalled FROM row ORDER BY seq DESC LIMIT 1").get
        if numbers.keys() != {"acknowledged", "signalled", "drafts"} or not all(
            isinstance(value, int) and 0 <= value <= self._last_seq for value in (*numbers.values(), told or 0)
        ):
            raise DamagedJournal(f"{path}: {numbers} does not fit {self._last_seq} rows: keep the file, enrol anew")
        self._acknowledged: int = numbers["acknowledged"]
        self._signalled: int = max(numbers["signalled"], told or 0)
        self._written: dict[str, int] = numbers
        self._drafts, self._written_drafts = recall.drafts(connection, numbers["drafts"])
        self._cards = recall.cards(connection)
        self._unsent_fen = self._fen(self._acknowledged, self._last_seq)
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
        assert not isinstance(event, Held | BillHeld), "a debit or a bill is held, not kept"
        with self._lock:
            try:
                return self._append(event, at, clock, mono_ms)
            except JournalFull:
                if not isinstance(event, Outcome) or not self._reserve.release():
                    raise
                return self._append(event, at, clock, mono_ms)

    def hold(self, event: Held | Callable[[int], BillHeld], at: str, clock: Clock, mono_ms: int) -> Row:
        """Append a debit that is about to be sent, with room for its outcome. Raises JournalError: nothing may move.

        A bill is made from the number of its own row: its name and what it seals are bound to that.
        """
        with self._lock:
            self._reserve.ensure()
            return self._append(event if isinstance(event, Held) else event(self._last_seq + 1), at, clock, mono_ms)

    def ensure_reserve(self) -> None:
        """Make sure that a debit could be held now, as far as room goes. Raises JournalFull."""
        self._reserve.ensure()

    def _append(self, event: AnyEvent, at: str, clock: Clock, mono_ms: int) -> Row:
        seq = self._last_seq + 1
        serial = self.identity.first_serial + self._last_seq
        if serial > SERIAL_MAX:
            raise JournalFull(f"serial {serial} does not fit the issuer's files: enrol under a new terminal number")
        row = Row(self.identity.terminal, self.identity.epoch, seq, serial, at, clock, self._boot_id, mono_ms, event)
        raw = encode(row)
        limit = BILL_BYTES_MAX if isinstance(event, BillHeld) else ROW_BYTES_MAX
        assert len(raw) <= limit, f"a row of {len(raw)} bytes"
        head = chain(self._head, raw)
        columns = self._columns(event)
        kind = type(event).__struct_config__.tag
        insert = (_INSERT, (seq, raw, head, kind, *columns, self._signalled))
        acknowledged = {"acknowledged": self._acknowledged}
        self._store.commit([insert, *self._numbers(acknowledged)])
        self._last_seq, self._head = seq, head
        self._written |= acknowledged
        self._unsent_fen += columns.fen
        if isinstance(event, Held):
            self._cards.add(event.card)
        recall.follow(self._drafts, row)
        return row

    def _columns(self, event: AnyEvent) -> _Columns:
        fen = self._counted_fen(event) if isinstance(event, Done | Void | Grey) else 0
        return _Columns(*_found_by(event), fen)

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
        """Row `seq`, None where there is none."""
        with self._lock, self._store.reading() as connection:
            return recall.row_at(connection, seq)

    def open_drafts(self, card: str) -> list[Draft]:
        """The card's drafts that a visit may still heal, oldest first, those closed unhealed among them."""
        with self._lock:
            return [draft for draft in self._drafts.values() if draft.held.card == card]

    def open_bills(self) -> list[Row]:
        """Every BILL_HELD row without an outcome, oldest first: nobody here knows whether it stands."""
        with self._lock, self._store.reading() as connection:
            return recall.open_bills(connection)

    def open_drafts_all(self, before: int | None = None) -> list[Draft]:
        """Every draft without an outcome, oldest first; with `before` those held before that row."""
        with self._lock:
            return [
                draft for seq, draft in self._drafts.items() if not draft.greyed and (before is None or seq < before)
            ]

    def recall(self, card: str, limit: int) -> list[Recalled]:
        """The card's latest rows with their outcomes, newest first."""
        with self._lock, self._store.reading() as connection:
            return recall.recall(connection, card, limit)

    def lock_of(self, uid: str) -> Row | None:
        """The latest LOCK_TRIED or LOCKED row of a chip, by its UID: a locked chip hides its card number."""
        with self._lock, self._store.reading() as connection:
            return recall.lock_of(connection, uid)

    def seen(self, card: str) -> Seen:
        """The (random, counter) pairs of the card's last debits, and the counter of the last that is DONE."""
        if card not in self._cards:  # most riders of a day are new here: no query for them
            return NOBODY
        with self._lock, self._store.reading() as connection:
            return recall.seen(connection, card)

    def outcomes_of(self, seq: int) -> tuple[Row, ...]:
        """The outcomes that name HELD row `seq`, oldest first."""
        with self._lock, self._store.reading() as connection:
            return recall.outcomes(connection, seq)

    def last_duty(self) -> Row | None:
        """The last SIGN_ON or SIGN_OFF: who drives, after a restart."""
        with self._lock, self._store.reading() as connection:
            return recall.last_duty(connection)

    def totals(self, since: int, shift: int, trip: str | None = None) -> Totals:
        """What `shift` (one `trip` of it) took, from row `since` (its SIGN_ON) to the last."""
        rows: list[Row] = []
        after = since - 1
        while part := self.rows(after, VERIFY_ROWS, VERIFY_ROWS * ROW_BYTES_MAX):
            rows += [decoded(stored.raw) for stored in part]
            after = part[-1].seq
        return count(rows, shift, trip)

    # Reading, for the backend

    @property
    def acknowledged(self) -> int:
        """Rows up to this number are the backend's, as far as it said."""
        return self._acknowledged

    def acknowledge(self, seq: int) -> None:
        """The backend has committed the rows up to `seq`; lower than before means that it lost some and wants them.

        Written with the next row, or by `flush`: forgetting it costs a repetition.
        """
        with self._lock:
            if not 0 <= seq <= self._last_seq:
                raise JournalError(f"row {seq} cannot be acknowledged: the last one is {self._last_seq}")
            with self._store.reading():
                change = self._fen(*sorted((self._acknowledged, seq)))
            self._unsent_fen += change if seq < self._acknowledged else -change
            self._acknowledged = seq

    def rows(self, after: int, limit_rows: int, limit_bytes: int) -> list[Stored]:
        """The rows after number `after`, in order, as long as both limits allow, but one at least if there is one."""
        with self._lock, self._store.reading() as connection:
            query = "SELECT seq, raw, head FROM row WHERE seq > ? ORDER BY seq LIMIT ?"
            found = as_stored(self.path, connection.execute(query, (after, limit_rows)))
        size = 0
        for place, row in enumerate(found):
            size += len(row.raw)
            if place and size > limit_bytes:
                return found[:place]
        return found

    def head_at(self, seq: int) -> bytes:
        """The chain's head after row `seq`; before row 1 it is all zeros."""
        if seq == 0:
            return GENESIS
        with self._lock, self._store.reading() as connection:
            head = connection.execute("SELECT head FROM row WHERE seq = ?", (seq,)).get
        if not isinstance(head, bytes):
            raise DamagedJournal(f"{self.path} has no row {seq}: keep the file for its records, enrol a new journal")
        return head

    def unsent(self) -> Unsent:
        """What the backend does not have yet."""
        with self._lock:
            first = self._acknowledged + 1
            if first > self._last_seq:
                return Unsent(0, 0, "")
            if self._oldest[0] != first and (row := self.row(first)):
                self._oldest = (first, row.at)
            return Unsent(self._last_seq - self._acknowledged, self._unsent_fen, self._oldest[1])

    def _fen(self, after: int, through: int) -> int:
        query = "SELECT coalesce(sum(fen), 0) FROM row WHERE seq > ? AND seq <= ?"
        return int(self._store.connection.execute(query, (after, through)).get)

    # Numbers, upkeep

    @property
    def signalled(self) -> int:
        """The outcome of rows up to this number was shown to its rider."""
        return self._signalled

    def mark_signalled(self, seq: int) -> None:
        """The outcome of row `seq` was shown. Written beside the next row, or by `flush`."""
        with self._lock:
            assert 0 <= seq <= self._last_seq
            self._signalled = max(self._signalled, seq)

    def _numbers(self, numbers: Mapping[str, int]) -> list[Statement]:
        """What writes those numbers that are not written yet."""
        return [(_NUMBER, (value, name)) for name, value in numbers.items() if self._written[name] != value]

    def flush(self) -> None:
        """Make the numbers and the table of drafts durable, if they changed. Raises JournalError."""
        with self._lock:
            numbers = {"acknowledged": self._acknowledged, "signalled": self._signalled, "drafts": self._last_seq}
            if numbers != self._written:
                drafts = recall.draft_changes(self._written_drafts, self._drafts)
                self._store.commit([*drafts, *self._numbers(numbers)])
                self._written = numbers
                self._written_drafts = {seq: draft.greyed for seq, draft in self._drafts.items()}

    def idle(self) -> None:
        """Nobody in the field: write the numbers and copy a long WAL back. Raises JournalError."""
        with self._lock:
            self.flush()
            if self._store.wal_pages >= CHECKPOINT_PAGES:
                self._store.checkpoint()

    def verify(self) -> Damage | None:
        """Walk the whole chain and what lies beside it; the first damage, None when all is as it was written.

        A tap waits at most for VERIFY_ROWS rows.
        """
        before: Stored | None = None
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
        if found != (type(row.event).__struct_config__.tag, *_found_by(row.event)):
            return Damage(row.seq, f"the columns {found} do not say what the row says")
        return None

    def snapshot(self, target: Path) -> None:
        """Write a copy to a new file, for queries by other programs. Raises JournalError."""
        with self._lock:
            self._store.snapshot(target)

    def close(self) -> None:
        """Write the numbers, copy the WAL back, give the file back."""
        with self._lock, contextlib.closing(self._store), contextlib.suppress(JournalError):
            self.flush()
