"""What the journal holds about a tap, as a clerk reads it: a line in a list, and its evidence with the fare's why."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from apdu.profile import Profile
from config.editions import Edition
from config.shelf import Shelf
from config.store import load_pack_files
from sync import recall
from sync.chain import Stored
from sync.events import AdjustAsked, AdjustDropped, Adjusted, Admitted, Done, Grey, Held, Refused, Void
from sync.journal import Journal
from sync.limits import RECALL_ROWS_MAX, ROW_BYTES_MAX
from sync.record import BadRow, Row, decode
from tariffs.explain import Explainer, Step
from tariffs.verdict import Reason
from terminal.box import load_profiles
from terminal.faces.limits import CARD_DIGITS_SHOWN
from terminal.faces.table import load_signals
from terminal.faces.web.page import House
from terminal.packs import parsed, shelf_of

CHUNK = 200
"""Rows read at a time: the journal is a tap's too, and it waits 2 ms for them."""

OUTCOMES = {"DONE": ("已扣款", "taken"), "VOID": ("未扣款", "not taken"), "GREY": ("待后台判定", "the backend decides")}
OPEN = ("待定", "open")


class Line(msgspec.Struct, frozen=True):
    """One tap in a list. `card` its last digits; `outcome` DONE, VOID, GREY, OPEN, REFUSED or ADMITTED, with words."""

    seq: int
    at: str
    card: str
    line: str
    amount_fen: int | None
    reason: str
    reason_zh: str
    reason_en: str
    outcome: str
    zh: str
    en: str


class Adjustment(msgspec.Struct, frozen=True):
    """One asked adjustment. `state`: "asked", "given", "refused" or "withdrawn". `seq` is the row that asked."""

    seq: int
    debit: int
    at: str
    amount_fen: int
    why: str
    asked_by: str
    state: str
    by: str


class Evidence(msgspec.Struct, frozen=True):
    """One tap with all that is known of it. `held` the row's event; `outcomes` the rows that name it.

    `steps` why it cost what it cost, under the pack of that day; `explained_by` its version, "" when that pack is not
    here any more. `left_fen` what could still be given back.
    """

    line: Line
    held: dict[str, Any]
    outcomes: tuple[dict[str, Any], ...]
    explained_by: str
    steps: tuple[Step, ...]
    adjustments: tuple[Adjustment, ...]
    left_fen: int


def latest(journal: Journal, before: int, most: int) -> Iterator[Row]:
    """Rows before number `before` (0: from the last on), newest first, of `most` that are looked at.

    A row that cannot be read hides no other. Raises JournalError.
    """
    upper = before - 1 if before else journal.last_seq
    floor = max(0, upper - most)
    while upper > floor:
        lower = max(floor, upper - CHUNK)
        rows = journal.rows(lower, upper - lower, CHUNK * ROW_BYTES_MAX)
        yield from readable(reversed(rows))
        upper = lower


def readable(stored: Iterable[Stored]) -> Iterator[Row]:
    """The rows among them that are rows; `smk journal verify` names the others."""
    for one in stored:
        with suppress(BadRow):
            yield decode(one.raw)


def line_of(journal: Journal, row: Row) -> Line | None:
    """The row as a line, None for one that is no tap."""
    event = row.event
    if not isinstance(event, Held | Refused | Admitted):
        return None
    amount = event.amount if isinstance(event, Held) else None
    if isinstance(event, Held):
        outcome, (zh, en) = _outcome(journal.outcomes_of(row.seq))
    elif isinstance(event, Refused):
        outcome, zh, en = "REFUSED", "拒绝", "refused"
    else:
        outcome, zh, en = "ADMITTED", "放行", "admitted"
    reason_zh, reason_en = reason_words(event.reason)
    card = f"…{event.card[-CARD_DIGITS_SHOWN:]}" if event.card else ""
    line = event.service.line
    return Line(row.seq, row.at, card, line, amount, event.reason, reason_zh, reason_en, outcome, zh, en)


def _outcome(rows: tuple[Row, ...]) -> tuple[str, tuple[str, str]]:
    """DONE before VOID before GREY, as the books count."""
    kinds = {type(row.event).__name__.upper() for row in rows if isinstance(row.event, Done | Void | Grey)}
    for kind in ("DONE", "VOID", "GREY"):
        if kind in kinds:
            return kind, OUTCOMES[kind]
    return "OPEN", OPEN


@lru_cache(maxsize=64)
def reason_words(reason: str) -> tuple[str, str]:
    """A reason in words, as the rider was told."""
    try:
        row = load_signals().table.reason[Reason(reason)]
    except (ValueError, KeyError):
        return reason, reason
    return row.zh, row.en


def adjustments_of(journal: Journal, debit: int | None = None) -> list[Adjustment]:
    """Adjustments asked for, newest first; of one debit, where it is given."""
    found = []
    for one in journal.read(recall.adjustments):
        asked = one.row.event
        assert isinstance(asked, AdjustAsked)
        if debit is not None and asked.debit != debit:
            continue
        state, by = "asked", ""
        for outcome in one.outcomes:
            if isinstance(outcome.event, Adjusted):
                state, by = "given", outcome.event.confirmed_by
            elif isinstance(outcome.event, AdjustDropped):
                state, by = outcome.event.why, outcome.event.clerk
        given = one.row.seq, asked.debit, one.row.at, asked.amount_fen, asked.why, asked.clerk, state, by
        found.append(Adjustment(*given))
    return found


def left_fen(held: Held, outcome: str, adjustments: list[Adjustment]) -> int:
    """What could still be given back of a debit: nothing of one that did not happen."""
    if outcome not in ("DONE", "GREY"):
        return 0
    return held.amount - sum(one.amount_fen for one in adjustments if one.state in ("asked", "given"))


def evidence(house: House, seq: int) -> Evidence | None:
    """All of a debit, None where row `seq` is none."""
    row = house.journal.row(seq)
    if row is None or not isinstance(row.event, Held):
        return None
    line = line_of(house.journal, row)
    assert line is not None
    adjustments = adjustments_of(house.journal, seq)
    version, steps = _explained(house, row, row.event)
    outcomes = tuple(msgspec.to_builtins(one) for one in house.journal.outcomes_of(seq))
    held = msgspec.to_builtins(row.event)
    left = left_fen(row.event, line.outcome, adjustments)
    return Evidence(line, held, outcomes, version, steps, tuple(adjustments), left)


def _explained(house: House, row: Row, held: Held) -> tuple[str, tuple[Step, ...]]:
    """Why it cost that, the card remembering its rides before; nothing where the pack of that day is gone."""
    from terminal.commands.explaining import told  # loaded when somebody asks: pages open sooner without
    from terminal.whatif.journal import taps_of

    explainer = _explainer(house, held.service.pack)
    if explainer is None:
        return "", ()
    profiles: dict[str, Profile] = {one.name: one for one in load_profiles(house.configuration.cards.profiles)}
    recalled = house.journal.recall(held.card, RECALL_ROWS_MAX)
    rows = [found for one in recalled for found in (one.row, *one.outcomes)]
    taps = [tap for tap in taps_of(rows, profiles) if tap.at.isoformat(timespec="milliseconds") <= row.at]
    if not taps or taps[-1].at.isoformat(timespec="milliseconds") != row.at:
        return "", ()
    return held.service.pack, told(explainer, taps)[-1].explained.steps


def _explainer(house: House, version: str) -> Explainer | None:
    """For the pack of that version, where this device still has it. Raises ConfigError."""
    shelf, place = shelf_of(house.configuration), house.configuration.tariff.pack
    for edition in shelf.state():
        if edition.version == version:
            return _made(shelf.folder, version, edition)
    explainer = _made(Path(place), version, None)
    return explainer if explainer.pack.version == version else None


@lru_cache(maxsize=1)
def _made(place: Path, version: str, edition: Edition | None) -> Explainer:
    """Kept for the next tap that a clerk looks at, one at a time: a pack and its rows take some MiB."""
    files = Shelf(place).files(edition) if edition is not None else load_pack_files(str(place))
    return Explainer(files, parsed(files, str(place)))
