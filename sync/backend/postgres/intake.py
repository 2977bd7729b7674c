"""Taking batches into PostgreSQL: one transaction for as many as wait together, and no word before its commit.

The stream's row is locked, so two collectors never judge the same stream at once; locks are taken in the order of the
keys. What is judged new is new, so the rows of all batches go by one COPY right into the partitions. Only where hands
in the database have put rows beyond what their stream says does COPY meet one that is there; then all go into the
connection's own temporary table, and from there what is missing: half the speed, and nothing is lost.
"""

from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Any, NamedTuple

from psycopg import Cursor
from psycopg.errors import UniqueViolation
from psycopg.rows import tuple_row

from sync.backend.books import raise_alarm
from sync.backend.database import TABLES
from sync.backend.intake import Taken, note_condition, quarantined, set_aside
from sync.backend.judgement import BROKEN, CONFLICT, Aside, Judged, Kept, Stream, judge, kind_of, overlap
from sync.backend.postgres.schema import Link
from sync.backend.postgres.tables import PostgresDatabase
from sync.backend.refusals import Refusals
from sync.batch import Batch
from sync.record import HEAD_BYTES

Key = tuple[str, int]
_COLUMNS = "terminal, epoch, seq, kind, raw, head"
_COPY = f"copy %s ({_COLUMNS}) from stdin (format binary)"
_INSERT = "insert into fresh_row select incoming.*, current_date from incoming on conflict do nothing"
_STRANGERS = """select terminal, epoch, seq from incoming join fresh_row using (terminal, epoch, seq)
    where incoming.raw != fresh_row.raw"""
_BEGIN = b"PGCOPY\n\xff\r\n\x00" + bytes(8)  # no flags, no extension
_END = b"\xff\xff"
_COUNT, _LENGTH = Struct("!h"), Struct("!i")  # of fields; of one
_NUMBER, _NUMBER_LENGTH = Struct("!iq"), Struct("!iqi")  # a bigint with its length; and the next field's length
_HEAD = _LENGTH.pack(HEAD_BYTES)
_MEANT = "(select * from unnest(%s::text[], %s::bigint[]))"


def prepare(link: Link) -> None:
    """Give a new connection the table that its COPY fills."""
    assert tuple(TABLES["row"][0]) == tuple(_COLUMNS.split(", "))
    link.execute("create temporary table incoming (like fresh_row) on commit delete rows")
    link.execute("alter table incoming drop column taken")
    link.commit()


class Meant(NamedTuple):
    """A batch with what was judged of it; None: not enrolled."""

    batch: Batch
    judged: Judged | None


def take_together(
    link: Link, batches: Sequence[Batch], now: str, refusals: Refusals | None = None
) -> list[Taken | None]:
    """Take batches of different streams as `sync.backend.intake.take` takes one, without the books; None for a batch
    whose stream is not enrolled. `refusals` as for judge. Runs inside the caller's transaction."""
    assert len({(batch.terminal, batch.epoch) for batch in batches}) == len(batches)
    streams = _locked(link, batches)
    known = [(batch, streams.get((batch.terminal, batch.epoch))) for batch in batches]
    found = [Meant(batch, _judged(link, stream, batch, refusals)) for batch, stream in known]
    strangers = _store(link, found)
    _move(link, found, now)
    for batch, _ in sorted((meant for meant in found if meant.judged), key=lambda meant: meant.batch.terminal):
        note_condition(PostgresDatabase(link), batch, now)
    return [None if judged is None else _taken(link, batch, judged, strangers, now) for batch, judged in found]


def _locked(link: Link, batches: Sequence[Batch]) -> dict[Key, Stream]:
    sql = f"""select terminal, epoch, first_serial, ack, head from stream
        where (terminal, epoch) in {_MEANT} order by terminal, epoch for update"""
    with link.cursor(binary=True, row_factory=tuple_row) as cursor:
        cursor.execute(sql, ([batch.terminal for batch in batches], [batch.epoch for batch in batches]))
        return {(terminal, epoch): Stream(*stream) for terminal, epoch, *stream in cursor}


def _judged(link: Link, stream: Stream | None, batch: Batch, refusals: Refusals | None) -> Judged | None:
    if stream is None:
        return None
    known = dict[int, bytes]()
    if numbers := overlap(stream, batch):
        sql = "select seq, raw from row where terminal = %s and epoch = %s and seq between %s and %s"
        with link.cursor(binary=True, row_factory=tuple_row) as cursor:
            known |= cursor.execute(sql, (batch.terminal, batch.epoch, numbers[0], numbers[-1])).fetchall()
    return judge(stream, batch, known, refusals)


def _store(link: Link, found: Iterable[Meant]) -> set[tuple[str, int, int]]:
    """Store the rows that are kept; those that lie there already with other bytes."""
    copied = b"".join(binary_rows(batch, judged.kept) for batch, judged in found if judged is not None)
    if not copied:
        return set()
    with link.cursor(row_factory=tuple_row) as cursor:
        try:
            with link.transaction():
                _copy(cursor, "fresh_row", copied)
            return set()
        except UniqueViolation:
            _copy(cursor, "incoming", copied)
            cursor.execute(_INSERT)
            return set(cursor.execute(_STRANGERS).fetchall())


def _copy(cursor: Cursor[Any], table: str, rows: bytes) -> None:
    with cursor.copy((_COPY % table).encode()) as copy:
        copy.write(_BEGIN + rows + _END)


def binary_rows(batch: Batch, kept: Sequence[Kept]) -> bytes:
    """Rows as COPY takes them in binary. Source: PostgreSQL 15, COPY, "Binary Format"."""
    terminal = batch.terminal.encode()
    start = _COUNT.pack(6) + _LENGTH.pack(len(terminal)) + terminal + _NUMBER.pack(8, batch.epoch)
    parts: list[bytes] = []
    for seq, raw, head, row in kept:
        kind = b"" if row is None else kind_of(row).encode()
        parts += (start, _NUMBER_LENGTH.pack(8, seq, len(kind)), kind, _LENGTH.pack(len(raw)), raw, _HEAD, head)
    return b"".join(parts)


def _move(link: Link, found: Iterable[Meant], now: str) -> None:
    moved = [(batch, judged.stream) for batch, judged in found if judged is not None]
    sql = """update stream set ack = new.ack, head = new.head, contact = %s
        from unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bytea[]) as new (terminal, epoch, ack, head)
        where stream.terminal = new.terminal and stream.epoch = new.epoch"""
    terminals = [batch.terminal for batch, _ in moved], [batch.epoch for batch, _ in moved]
    link.execute(sql, (now, *terminals, [stream.ack for _, stream in moved], [stream.head for _, stream in moved]))


def _taken(link: Link, batch: Batch, judged: Judged, strangers: set[tuple[str, int, int]], now: str) -> Taken:
    database = PostgresDatabase(link)
    key = (batch.terminal, batch.epoch)
    aside = [*judged.aside]
    if strangers:
        aside += [Aside(kept.seq, kept.raw, CONFLICT) for kept in judged.kept if (*key, kept.seq) in strangers]
    for each in aside:
        set_aside(database, batch, each, now)
    if judged.other_history:
        raise_alarm(database, (*key, judged.stream.ack), "other_history", now, BROKEN)
    is_plain = not aside and len(judged.kept) == len(batch.rows)
    return Taken(judged.stream.ack, [] if is_plain else quarantined(database, batch))
