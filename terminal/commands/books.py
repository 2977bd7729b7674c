"""Commands about money on record: journal, shift, reconcile, backend."""

import json
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sync.errors import JournalError
from terminal.commands.say import answer, as_json, counted, fail, speaking

if TYPE_CHECKING:
    from sync.salvage import Salvage

journal_file = click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group(short_help="Verify and list a journal.")
def journal() -> None:
    """A closed journal, or the snapshot of a running device (kill -USR1 PID writes DATA/snapshot.db)."""


@journal.command("verify")
@journal_file
@as_json
@speaking
def journal_verify(path: Path, as_json: bool) -> None:
    """Walk the hash chain; name the first damage. Exit status 1 when there is one."""
    from sync.chain import first_damage
    from sync.closed import closed

    with closed(path) as journal:
        identity, rows = journal.identity, journal.last - journal.first + 1
        watched = counted(journal.rows(), rows, "核对 verifying", not as_json)
        damage = first_damage(identity, watched, journal.first)
    shown: dict[str, Any] = {**identity._asdict(), "rows": rows, "damage": damage._asdict() if damage else None}
    whole = f"完整 · whole: {rows} rows of terminal {identity.terminal}, epoch {identity.epoch}"
    answer(shown, as_json, lambda: [whole if damage is None else f"损坏 · damaged at row {damage.seq}: {damage.what}"])
    if damage is not None:
        sys.exit(1)


@journal.command("show")
@journal_file
@click.option("--card", help="Only rows of this card number (20 digits).")
@click.option("--last", type=int, default=50, show_default=True, help="How many rows, counted from the end.")
@as_json
@speaking
def journal_show(path: Path, card: str | None, last: int, as_json: bool) -> None:
    """List rows: number, time, kind, and what they hold."""
    from sync.closed import closed
    from sync.corrected import true_times
    from sync.record import decode

    with closed(path) as journal:
        found = journal.of_card(card, last) if card is not None else journal.rows(max(journal.last - last, 0))
        raws = [stored.raw for stored in found]
    true = true_times(map(decode, raws))
    rows: list[dict[str, Any]] = [json.loads(raw) for raw in raws]
    for row in rows:
        if row["seq"] in true:
            row["true_at"] = true[row["seq"]]
    answer(rows, as_json, lambda: [_row_line(row) for row in rows])


@journal.command("salvage")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--to", "target", type=click.Path(path_type=Path), help="Write what was found to this new file.")
@as_json
@speaking
def journal_salvage(source: Path, target: Path | None, as_json: bool) -> None:
    """Read what can be read of SOURCE, a journal's file or a data directory, on a removed or damaged disk.

    Names every missing row by its number; exit status 1 when one is missing. The source is not changed. A result that
    is whole can go into a device as DATA/journal.db, with DATA/identity.json; another can be read (smk journal show).
    """
    from sync import salvage

    parts = [salvage.read_source(path) for path in salvage.sources(source)]
    rows = (stored for part in parts for stored in salvage.found_in(part))
    expected = sum(len(part.database) + len(part.wal) for part in parts) // salvage.ROW_BYTES
    found = counted(rows, expected, "读取 reading", not as_json)
    result = salvage.salvaged(found, salvage.acknowledged_in(parts[-1]), sum(part.unread for part in parts))
    if target is not None:
        salvage.write(target, result)
    shown = {
        **result.identity._asdict(),
        "rows": len(result.rows),
        "last": result.rows[-1].seq,
        "missing": result.missing,
        "missing_unsent": result.missing_unsent,
        "alone": result.alone,
        "acknowledged": result.acknowledged,
        "unread_bytes": result.unread,
        "whole": result.whole,
    }
    answer(shown, as_json, lambda: _salvage_lines(result))
    if not result.whole:
        sys.exit(1)


def _salvage_lines(result: "Salvage") -> list[str]:
    whose, last = result.identity, result.rows[-1].seq
    known = "?" if result.acknowledged is None else str(result.acknowledged)
    lines = [
        f"终端 terminal {whose.terminal}, epoch {whose.epoch}: 找到 found {len(result.rows)} rows, 1 … {last}",
        f"后台已确认至 · the backend has the rows up to: {known}",
    ]
    lines += [f"缺失 · missing: {_numbers(gap)}" for gap in result.missing]
    lines += [f"缺失且未上传 · missing and never sent, money: {_numbers(gap)}" for gap in result.missing_unsent]
    if result.alone:
        lines.append(f"无法由链核对 · not confirmed by the chain: {', '.join(map(str, result.alone))}")
    if result.unread:
        lines.append(f"磁盘读不出 · not given by the disk: {result.unread} bytes")
    if result.others:
        lines.append(f"另有他期或残留的记录 · rows of other epochs, or taken back: {result.others}")
    lines.append(f"{last} 之后的记录无从得知 · what came after row {last} cannot be known here: ask the backend")
    return [*lines, "完整 · whole" if result.whole else "不完整 · not whole"]


def _numbers(gap: tuple[int, int]) -> str:
    return str(gap[0]) if gap[0] == gap[1] else f"{gap[0]}-{gap[1]}"


@journal.command("migrate")
@journal_file
@click.option("--to", "schema", type=int, help="The schema to bring it to; this program's own when left out.")
@as_json
@speaking
def journal_migrate(path: Path, schema: int | None, as_json: bool) -> None:
    """Bring a closed journal to the schema of an older program, before that one is installed again.

    This program reads every released schema and brings it up by itself; only the way back is a command. Open drafts,
    unsent rows and archived rows all go with it.
    """
    from sync.migrate import migrate
    from sync.tables import SCHEMA_VERSION

    to = SCHEMA_VERSION if schema is None else schema
    before, rows = migrate(path, to)
    shown = {"before": before, "schema": to, "rows": rows}
    answer(shown, as_json, lambda: [f"结构 {before} → {to}，{rows} 条记录 · schema {before} to {to}, {rows} rows"])


def _row_line(row: dict[str, Any]) -> str:
    event = dict(row["event"])
    kind, number = event.pop("kind"), event.pop("card", "")
    event.pop("service", None)
    event.pop("cached", None)
    corrected = f" → {row['true_at'][:19]}" if "true_at" in row else ""
    shown = " ".join(f"{name}={value}" for name, value in event.items() if value not in ("", None))
    card = f"…{number[-6:]}" if number else ""
    return f"{row['seq']:>6} {row['at'][:19]}{corrected} {kind:10} {card:8} {shown[:120]}"


@click.command(short_help="The end-of-shift report.")
@journal_file
@click.option("--number", type=int, help="The shift's number; the last one when left out.")
@as_json
@speaking
def shift(path: Path, number: int | None, as_json: bool) -> None:
    """The end-of-shift report, from a closed journal or a snapshot."""
    from sync.closed import closed
    from sync.record import decode
    from terminal.report import last_shift, shift_report

    with closed(path) as journal:
        began = journal.last_sign_on() if number is None else None
        rows = [decode(stored.raw) for stored in journal.rows(began - 1 if began else None)]
    wanted = number if number is not None else last_shift(rows)
    report = shift_report(rows, wanted)
    if report is None:
        fail(f"没有班次 {wanted} · there is no shift {wanted} in this journal")
    answer(report.as_dict(), as_json, report.lines)


@click.command(short_help="Compare chips, journals and backend.")
@click.option("--chips", required=True, type=click.Path(exists=True, path_type=Path), help="The chips' memory (JSON).")
@click.option(
    "--journal",
    "journals",
    required=True,
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="A closed journal; once for each device that took money from these cards.",
)
@click.option("--backend", required=True, type=click.Path(exists=True, path_type=Path), help="The backend's database.")
@click.option(
    "--files",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the XF files that were delivered, and of the issuer's SS files.",
)
@as_json
@speaking
def reconcile(chips: Path, journals: tuple[Path, ...], backend: Path, files: Path | None, as_json: bool) -> None:
    """Compare chips, journals and backend to the fen, each read by itself; with --files what was delivered, too.

    Exit status 1 when they differ.
    """
    from terminal.books import reconciled

    try:
        result, delivered = reconciled(chips, journals, backend, files)
    except (ValueError, LookupError, TypeError, OSError, sqlite3.Error, JournalError) as wrong:
        fail(f"账本读不出来 · a book cannot be read: {wrong!r}", 2)
    shown = {
        "balanced": result.balanced,
        "cards": [line._asdict() for line in result.cards],
        "faults": [fault._asdict() for fault in result.faults],
        "pending": result.pending,
    }
    if delivered is not None:
        shown["files"] = {**delivered._asdict(), "faults": [fault._asdict() for fault in delivered.faults]}

    def lines(language: str) -> list[str]:
        if delivered is None:
            return result.lines(language)
        zh = language == "zh"
        said = [f"{fault.where}: {fault.zh if zh else fault.en}" for fault in delivered.faults]
        return [*result.lines(language), delivered.line(language), *said]

    answer(shown, as_json, lambda: [*lines("zh"), *lines("en")])
    if not result.balanced or (delivered is not None and delivered.faults):
        sys.exit(1)


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    short_help="Serve the reference backend on 127.0.0.1.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def backend(arguments: tuple[str, ...]) -> None:
    """Serve the reference backend on 127.0.0.1, or (`import`, `stick-key`) work at a running one."""
    from sync.backend.__main__ import main
    from terminal.commands.back_office import COMMANDS

    if arguments and arguments[0] in COMMANDS:
        COMMANDS[arguments[0]].main(list(arguments[1:]), prog_name=f"smk backend {arguments[0]}")
    main(list(arguments), prog_name="smk backend")
