"""The end of a run: trouble ceases, every card and terminal comes once more, and the books are compared."""

import sqlite3
from collections import Counter
from contextlib import closing
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sync.events import Alarm, Held
from sync.reconcile import CardBook, JournalBook, reconcile
from sync.record import decode
from terminal.books import backend_book
from tests.world.people import Rider
from tests.world.violation import check

if TYPE_CHECKING:
    from tests.world.station import Station
    from tests.world.town import Town
    from tests.world.validator import Validator

SYNCS_MAX = 400


def settle(town: "Town") -> None:
    """Bring everything in order and compare. Raises Violation."""
    with town.unreal_time():
        town.mend()
        for validator in town.validators:
            validator.idle()
            check(validator.journal is not None, "ready", f"{validator.name} does not start on a good disk")
        for passenger in town.riders:
            _come_back(town, passenger)
        for validator in town.validators:
            validator.idle()
            send_all(validator)
        town.backend.restart()
        for validator in town.validators:
            _check_journal(validator)
        _check_drafts_told(town)
        if town.mistake:
            _check_mistake_is_told(town)
        else:
            _compare(town)


def _come_back(town: "Town", passenger: Rider) -> None:
    """The card visits each terminal that holds a draft of it, or none of them, and takes one more ride after that.

    Where nobody serves it any more it goes back in any case: no later ride tells.
    """
    town.time.pass_ms(90_000)
    assert passenger.card.purse is not None
    if passenger.card.purse.memory.balance_fen < 1_500:
        town.load(passenger, 3_000)
    returns = town.chance.random() < 0.5  # if not, the backend alone must tell
    if returns:
        _go_back(town, passenger)
    town.time.pass_ms(6 * 3_600_000)
    if not town.board(passenger, town.validators[0], faulty=False) and not returns:
        _go_back(town, passenger)


def _go_back(town: "Town", passenger: Rider) -> None:
    for validator in town.validators:
        assert validator.journal is not None
        if validator.journal.open_drafts(passenger.number):
            town.board(passenger, validator, faulty=False)
            town.time.pass_ms(5_000)


def send_all(station: "Station") -> None:
    """Until the backend has every row. Raises Violation when it never does."""
    for _ in range(SYNCS_MAX):
        station.sync()
        assert station.journal is not None
        if station.journal.acknowledged == station.journal.last_seq or station.worker.standing().stranded:
            return
    check(False, "sync ends", f"{station.name} still has {station.journal and station.journal.unsent()}")


def _check_journal(validator: "Validator") -> None:
    check_rows(validator)
    check(validator.desk.unwritten == [], "outcomes", f"{validator.name} still keeps outcomes in memory")


def check_rows(station: "Station") -> None:
    """The chain holds, and every row that was called durable is there as it was."""
    journal = station.journal
    assert journal is not None
    damage = journal.verify()
    check(damage is None, "hash chain", f"{station.name}: {damage}")
    found = [stored.raw for stored in station.rows()]
    check(found[: len(station.told)] == station.told, "durable", f"{station.name}: rows differ from what it told")
    check(len(found) <= len(station.told) + 1, "durable", f"{station.name}: rows that nobody wrote")


def _check_drafts_told(town: "Town") -> None:
    """Every debit of a chip was held first, by the terminal whose PSAM it names, for that amount and time."""
    held: Counter[tuple[str, int, str, str, int]] = Counter()
    for validator in town.validators:
        events = [decode(raw).event for raw in validator.told]
        own = {(e.card, e.counter, e.psam, e.when, e.amount) for e in events if isinstance(e, Held)}
        held.update(own)
    for debit in town.debits:
        key = (debit.card, debit.counter, debit.psam, debit.when, debit.amount_fen)
        check(held[key] >= 1, "held before debit", f"no terminal held {debit}")


def _compare(town: "Town") -> None:
    """Cards, journals and backend, to the fen; every debit paid once; every grey one settled; no false alarm."""
    path = town.backend.folder / "live" / "backend.db"
    book, _ = backend_book(path)
    journals = []
    for validator in town.validators:
        assert validator.journal is not None
        journals.append(JournalBook(validator.journal.identity, validator.rows()))
    compared = reconcile([_card_book(passenger) for passenger in town.riders], journals, book)
    check(compared.balanced, "balanced to the fen", "; ".join(f"{f.where}: {f.en}" for f in compared.faults[:5]))
    paid: Counter[tuple[str, int]] = Counter()
    for charge in book.charges.values():
        happened = charge.state == "done" or charge.ground in ("own_tac", "balance", "counter")
        paid[charge.card, charge.counter] += happened
        is_open = charge.state == "open" or charge.ground == "pending"
        check(not is_open or _is_locked(town, charge.card), "grey settled", f"{charge}")
    for debit in town.debits:
        if not _is_locked(town, debit.card):
            times = paid[debit.card, debit.counter]
            check(times == 1, "paid once", f"{debit} has {times} paid records")
    check(sum(paid.values()) <= len(town.debits), "paid once", "more paid records than debits")
    false = {"wrong_tac", "no_tac_key", "counter_paid_twice", "void_of_a_proven_debit", "outcome_without_draft",
             "quarantined", "other_history"}  # fmt: skip
    raised = [alarm for alarm in query(path, "select what, detail from alarm") if alarm["what"] in false]
    check(raised == [], "no false alarm", f"{[tuple(alarm) for alarm in raised[:3]]}")


def _card_book(passenger: Rider) -> CardBook:
    spec, purse = passenger.card.spec, passenger.card.purse
    assert purse is not None
    memory = purse.memory
    return CardBook(
        passenger.number, spec.balance_fen, passenger.loaded_fen, memory.balance_fen, spec.counter, memory.counter
    )


def _is_locked(town: "Town", card: str) -> bool:
    return any(r.card.purse is not None and r.card.purse.memory.lock for r in town.riders if r.number == card)


def _check_mistake_is_told(town: "Town") -> None:
    """Two terminals with one number: each row is in the books or set aside, and somebody is told."""
    path = town.backend.folder / "live" / "backend.db"
    rows = {(r["terminal"], r["epoch"], r["seq"]): r["raw"] for r in query(path, "select * from row")}
    aside = {r["digest"] for r in query(path, "select digest from quarantine")}
    differ = False
    for validator in town.validators:
        assert validator.journal is not None
        terminal, epoch, _ = validator.journal.identity
        stranded = validator.worker.standing().stranded
        for stored in validator.rows()[: validator.journal.acknowledged]:
            there = rows.get((terminal, epoch, stored.seq)) == stored.raw
            differ |= not there
            kept = there or sha256(stored.raw).hexdigest() in aside or stranded
            check(kept, "nothing lost", f"{validator.name}, row {stored.seq} is neither in the books nor set aside")
        if stranded:
            whats = {e.what for raw in validator.told if isinstance(e := decode(raw).event, Alarm)}
            check("stranded" in whats, "told", f"{validator.name} is stranded and says nothing")
    if differ:
        alarms = {alarm["what"] for alarm in query(path, "select what from alarm")}
        check(alarms & {"quarantined", "other_history"}, "told", f"two histories and only {sorted(alarms)}")


def query(path: Any, text: str) -> list[sqlite3.Row]:
    """Ask the backend's store."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(text).fetchall()


