"""The journal's tables, and the way from each released schema to the next and back.

| schema | program | what it added |
|---|---|---|
| 1 | 0.1 | |
| 2 | 0.2 | numbers that free opening of the journal's length; archived rows; bills, loans, adjustments, tills |
"""

import apsw

APPLICATION_ID = 0x534D4B4A  # "SMKJ"
SALVAGED_ID = 0x534D4B53  # "SMKS": what was found of a journal, with holes; for reading, never for a device
SCHEMA_VERSION = 2

_BILLS = "CREATE INDEX row_bill ON row(seq) WHERE kind = 'BILL_HELD'"
_LOANS = "CREATE INDEX row_loan ON row(seq) WHERE kind = 'LOAN_ASKED'"
_ADJUSTMENTS = "CREATE INDEX row_adjust ON row(seq) WHERE kind = 'ADJUST_ASKED'"
_COUNTER = """CREATE INDEX row_counter ON row(kind, seq)
    WHERE kind IN ('SHIFT_ON', 'SHIFT_OFF', 'LOAD_HELD')"""
_NEVER_GOES_1 = "CREATE TRIGGER row_never_goes BEFORE DELETE ON row BEGIN SELECT raise(ABORT, 'no row goes'); END"
_NEVER_GOES = """
CREATE TRIGGER row_never_goes BEFORE DELETE ON row
WHEN old.seq >= (SELECT value FROM number WHERE name = 'archived')
    OR old.seq > (SELECT value FROM number WHERE name = 'acknowledged')
    OR coalesce(old.held, old.seq) IN (SELECT held FROM draft)
    OR old.kind = 'BILL_HELD' AND NOT EXISTS (SELECT 1 FROM row WHERE held = old.seq)
    OR old.kind = 'LOAD_HELD' AND NOT EXISTS (
        SELECT 1 FROM row WHERE held = old.seq AND kind IN ('LOAD_DONE', 'LOAD_VOID', 'LOAD_GREY'))
    OR old.kind = 'LOAN_ASKED' AND NOT EXISTS (SELECT 1 FROM row WHERE held = old.seq AND kind = 'LOAN_CLOSED')
BEGIN SELECT raise(ABORT, 'no row goes'); END
"""

TABLES = f"""
CREATE TABLE identity(
    only_one INTEGER PRIMARY KEY CHECK(only_one = 1),
    terminal TEXT NOT NULL, epoch INTEGER NOT NULL, first_serial INTEGER NOT NULL
) STRICT;
CREATE TABLE row(
    seq INTEGER PRIMARY KEY,
    raw BLOB NOT NULL,
    head BLOB NOT NULL CHECK(length(head) = 32),
    kind TEXT NOT NULL,
    card TEXT, uid TEXT,
    held INTEGER REFERENCES row(seq),
    fen INTEGER NOT NULL,
    signalled INTEGER NOT NULL
) STRICT;
CREATE INDEX row_card ON row(card, seq) WHERE card IS NOT NULL;
CREATE INDEX row_lock ON row(uid, seq) WHERE kind IN ('LOCK_TRIED', 'LOCKED');
CREATE INDEX row_held ON row(held, seq) WHERE held IS NOT NULL;
CREATE INDEX row_duty ON row(seq) WHERE kind IN ('SIGN_ON', 'SIGN_OFF');
{_BILLS};
{_LOANS};
{_ADJUSTMENTS};
{_COUNTER};
-- What can be derived from the rows, kept so that opening need not read them all: only those after number 'drafts'.
-- `greyed`: closed unhealed.
CREATE TABLE draft(held INTEGER PRIMARY KEY REFERENCES row(seq), greyed INTEGER NOT NULL) STRICT;
-- Numbers beside the table of rows (sync/numbers.py).
CREATE TABLE number(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO number VALUES('acknowledged', 0), ('acknowledged_fen', 0), ('signalled', 0), ('drafts', 0),
    ('total_fen', 0), ('synced', 0), ('archived', 0);
CREATE TRIGGER row_never_changes BEFORE UPDATE ON row BEGIN SELECT raise(ABORT, 'no row changes'); END;
{_NEVER_GOES};
"""

KINDS_1 = frozenset(
    "HELD DONE VOID GREY REFUSED ADMITTED LOCK_TRIED LOCKED SIGN_ON SIGN_OFF STARTED ALARM".split()  # noqa: SIM905
)
"""The events that the program of schema 1 can read."""


def _to_2(connection: apsw.Connection) -> None:
    """One walk over the rows, for their money; no row is written anew."""
    connection.execute(f"{_BILLS}; {_LOANS}; {_ADJUSTMENTS}; {_COUNTER}; DROP TRIGGER row_never_goes; {_NEVER_GOES}")
    sums = "SELECT 'acknowledged_fen', coalesce(sum(fen), 0) FROM row WHERE seq <= {acknowledged}"
    acknowledged = "(SELECT value FROM number WHERE name = 'acknowledged')"
    drafts = "(SELECT value FROM number WHERE name = 'drafts')"
    connection.execute(f"INSERT INTO number {sums.format(acknowledged=acknowledged)}")
    connection.execute(
        f"INSERT INTO number SELECT 'total_fen', coalesce(sum(fen), 0) FROM row WHERE seq <= {drafts};"
        "INSERT INTO number VALUES('synced', 0), ('archived', 0)"
    )


def _to_1(connection: apsw.Connection) -> None:
    indexes = ("row_bill", "row_loan", "row_adjust", "row_counter")
    connection.execute(";".join(f"DROP INDEX IF EXISTS {name}" for name in indexes))
    connection.execute(f"DROP TRIGGER row_never_goes; {_NEVER_GOES_1}")
    connection.execute("DELETE FROM number WHERE name NOT IN ('acknowledged', 'signalled', 'drafts')")


UP = {1: _to_2}
"""From each schema to the next, inside the caller's transaction."""

DOWN = {2: (_to_1, KINDS_1)}
"""From each schema to the one before, once its archived rows are back; and the events that the program there reads."""
