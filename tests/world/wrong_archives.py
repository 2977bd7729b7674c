"""Known wrong programs of the journal's archive and of its way to another schema, each planted by a patch."""

from contextlib import ExitStack
from datetime import datetime
from typing import Any
from unittest.mock import patch

import apsw

import sync.tables
from sync import recall
from sync.archive import Archive
from sync.journal import Journal
from sync.numbers import ALL
from sync.schema import connect
from sync.whole import Whole

_TRIGGER = "DROP TRIGGER IF EXISTS row_never_goes"


def archived_unacknowledged() -> Any:
    """A row leaves the journal before the backend has it, and the archive takes only what the backend has."""
    original_take, original_retired = Archive.take, Journal._retired
    border: list[int] = [0]

    def retired(self: Journal, now: datetime) -> int:
        border[0] = self.acknowledged
        acknowledged = self._now
        self._store.connection.execute(_TRIGGER)
        self._now = acknowledged._replace(acknowledged=self.last_seq)
        try:
            return original_retired(self, now)
        finally:
            self._now = acknowledged

    def take(self: Archive, rows: Any) -> None:
        if kept := [row for row in rows if row[0] <= border[0]]:
            original_take(self, kept)

    return _both(patch.object(Journal, "_retired", retired), patch.object(Archive, "take", take))


def archive_not_synced() -> Any:
    """The archive's file is left to the system to write, and the journal's rows go at once."""
    original = connect

    def careless(*arguments: Any) -> apsw.Connection:
        connection = original(*arguments)
        connection.execute("PRAGMA synchronous=OFF")
        return connection

    return patch("sync.archive.connect", careless)


def removed_before_archived() -> Any:
    """Rows leave the journal first and are taken to the archive then."""

    def archive(self: Journal, now: datetime) -> int:
        with self._lock:
            archived, border = self._now.archived, self._retired(now)
            if border == archived:
                return 0
            self.flush()
            with self._store.reading() as connection:
                asked = "SELECT * FROM row WHERE seq > ? AND seq <= ? ORDER BY seq"
                rows = connection.execute(asked, (archived, border)).fetchall()
            moved = self._now._replace(archived=border)
            changes = moved.changes(self._written, ALL)
            self._store.commit([*changes, (recall.RETIRE, (border,))])
            self._now = self._written = moved
            self._whole.border = border
            self._archive.take(rows)
            return border - archived

    return patch.object(Journal, "archive", archive)


def open_draft_archived() -> Any:
    """A row goes with its age, whether a visit may still heal it or not."""
    original = Journal.archive

    def archive(self: Journal, now: datetime) -> int:
        self._store.connection.execute(_TRIGGER)
        self._store.connection.execute("PRAGMA foreign_keys=OFF")
        return original(self, now)

    return _both(
        patch.object(Journal, "archive", archive),
        patch.object(recall, "RETIRE", "DELETE FROM row WHERE seq < ?"),
        patch.object(recall, "draft_changes", lambda _written, _drafts: [("DELETE FROM draft", ())]),
    )


def archive_never_asked() -> Any:
    """A backend that lost rows gets what lies in the journal's own file alone."""
    original = Whole.rows

    def rows(self: Whole, after: int, limit: int) -> Any:
        border, self.border = self.border, 0
        try:
            return original(self, after, limit)
        finally:
            self.border = border

    return patch.object(Whole, "rows", rows)


def archived_rows_left_behind() -> Any:
    """An older program gets a journal without its archived rows."""
    return patch.object(Archive, "give_back", lambda *_arguments: None)


def older_schema_forgets_what_is_acknowledged_and_open() -> Any:
    """On the way back the numbers and the open drafts are begun anew, as if all was told."""
    original = sync.tables._to_1

    def careless(connection: apsw.Connection) -> None:
        original(connection)
        connection.execute("DELETE FROM draft")
        connection.execute("UPDATE number SET value = (SELECT max(seq) FROM row)")

    return patch.dict(sync.tables.DOWN, {2: (careless, sync.tables.KINDS_1)})


def migrated_in_two_steps() -> Any:
    """Each statement of a step is a transaction of its own: a power cut finds a file of no schema."""
    original = sync.tables._to_1

    def careless(connection: apsw.Connection) -> None:
        original(connection)
        connection.execute("COMMIT; BEGIN")

    return patch.dict(sync.tables.DOWN, {2: (careless, sync.tables.KINDS_1)})


def _both(*patches: Any) -> ExitStack:
    stack = ExitStack()
    for one in patches:
        stack.enter_context(one)
    return stack
