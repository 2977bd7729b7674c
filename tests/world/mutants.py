"""Known wrong programs, each planted by a patch of the real one: a world that lets one live proves nothing."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import apsw

import apdu.purse.heal
import apdu.purse.log
import apdu.script
import sync.backend.books
import sync.backend.intake
import sync.backend.service
import sync.journal
import sync.schema
import sync.session
import sync.settlement
import tariffs.decide
from apdu.errors import LinkLost
from apdu.purse.heal import Healing
from apdu.purse.log import Reach
from sync.backend.service import Backend
from sync.batch import Batch
from sync.errors import JournalError
from sync.reserve import Reserve
from sync.settlement import Ground, State, Verdict
from sync.worker import Worker
from terminal.desk import Desk
from terminal.loop import Device
from terminal.ports import Clock
from tests.world import wrong_ages, wrong_archives, wrong_counters, wrong_loans, wrong_tills
from tests.world.field import Wire
from tests.world.world import Faults

Mutant = Callable[[], Any]


def less_than_full_sync() -> Any:
    """synchronous=NORMAL: a commit may be forgotten by a power cut."""
    original = sync.schema.connect

    def careless(*arguments: Any) -> apsw.Connection:
        connection = original(*arguments)
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    return patch("sync.journal.connect", careless)


def no_hold() -> Any:
    """The draft becomes durable after the debit, together with its outcome."""

    def converse(self: Desk, script: Any, as_held: Any = None) -> Any:
        waiting: list[Any] = []
        try:
            return apdu.script.run(script, self.wires, waiting.append)
        finally:
            for draft in waiting:
                self._held_seq = self.journal.hold(as_held(draft), *self.moment.stamp()).seq

    return patch.object(Desk, "converse", converse)


def debit_sent_again() -> Any:
    """A DEBIT without an answer goes out once more."""
    original = Wire.transmit

    def transmit(self: Wire, raw: bytes) -> bytes:
        try:
            return original(self, raw)
        except LinkLost:
            if raw[1] != 0x54 or self.gone:
                raise
            return original(self, raw)

    return patch.object(Wire, "transmit", transmit)


def counter_is_evidence() -> Any:
    """A proof of n + 1 is taken for ours, whoever's debit it was."""

    def ours(_purse: Any, _draft: Any) -> Any:
        yield from ()
        return True

    return patch.object(apdu.purse.heal, "_is_ours", ours)


def healed_always_admits() -> Any:
    """A healed draft lets its rider pass at any time, on any trip."""
    return patch.object(tariffs.decide, "_is_this_ride", lambda *_arguments: True)


def acknowledged_before_commit() -> Any:
    """The backend answers, and commits with the next message."""
    late: dict[int, Batch] = {}
    original = Backend.take

    def take(self: Backend, batch: Batch) -> Any:
        before = late.pop(id(self), None)
        if before is not None:
            original(self, before)
        with self.transaction() as database:
            streams = database.query(
                "select ack from stream where terminal = ? and epoch = ?", (batch.terminal, batch.epoch)
            )
            ack = next(streams)["ack"]
        if batch.first != ack + 1:
            return original(self, batch)
        late[id(self)] = batch
        return sync.session.Answer(batch.terminal, batch.epoch, batch.last, batch.last + 1, self._now())

    return patch.object(Backend, "take", take)


def rows_deleted_at_send() -> Any:
    """A row leaves the journal as soon as it is sent."""
    original = Worker.ask

    def ask(self: Worker) -> None:
        first = self._journal.acknowledged + 1
        original(self)
        connection = self._journal._store.connection
        connection.execute("DROP TRIGGER IF EXISTS row_never_goes")
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("DELETE FROM row WHERE seq >= ? AND seq < ? - 5", (first, self._journal.last_seq))

    return patch.object(Worker, "ask", ask)


def gap_accepted() -> Any:
    """The backend takes rows that do not follow what it has."""
    original = sync.backend.intake.take

    def take(database: Any, keys: Any, batch: Batch, *rest: Any) -> Any:
        key = (batch.terminal, batch.epoch)
        stream = next(database.table("stream").rows_where("terminal = ? and epoch = ?", key), None)
        if stream is not None and batch.first > stream["ack"] + 1:
            database.table("stream").update(key, {"ack": batch.first - 1, "head": batch.prev_head})
        return original(database, keys, batch, *rest)

    return patch("sync.backend.service.take", take)


def grey_paid_twice() -> Any:
    """A grey debit is paid by the balance alone, as the issuer's rule has it: rivals are not looked at."""
    original = sync.settlement.settle

    def settle(grey: Any, others: Any, loads: Any) -> Verdict:
        later = [other for other in others if other.counter > grey.counter]
        if grey.state is State.GREY and later:
            return Verdict(Ground.BALANCE, grey.amount_fen)
        return original(grey, others, loads)

    return patch("sync.backend.books.settle", settle)


@contextmanager
def outcome_lost_on_a_full_disk() -> Iterator[None]:
    """No room is kept for an outcome, and one that cannot be written is forgotten."""

    def close(self: Desk, event: Any) -> int:
        try:
            return self.keep(event)
        except JournalError:
            return 0

    with patch.object(Desk, "close", close), patch.object(Reserve, "release", lambda _self: False):
        yield


@contextmanager
def clock_read_twice() -> Iterator[None]:
    """Each row reads the clock for itself."""
    clocks: dict[int, Clock] = {}
    begin, keep = Device.serve, Desk.keep

    def serve(self: Device, card: Any) -> Any:
        clocks[id(self.desk)] = self.plugs.clock
        return begin(self, card)

    def keep_now(self: Desk, event: Any) -> int:
        if id(self) in clocks:
            self._stamp = clocks[id(self)].read().stamp()
        return keep(self, event)

    with patch.object(Device, "serve", serve), patch.object(Desk, "keep", keep_now):
        yield


def torn_is_void() -> Any:
    """A torn debit is taken for one that did not happen."""

    def heal(_purse: Any, _psam: Any, _draft: Any) -> Any:
        yield from ()
        return Healing("VOID", b"", "counter_unmoved")

    return patch("terminal.tap.heal", heal)


def acknowledged_beyond_what_was_sent() -> Any:
    """What the backend has counts as sent, whoever sent it: this was a fault of the real program."""
    original = sync.session.understand

    def understand(identity: Any, last_seq: int, _sent: int, *rest: Any) -> Any:
        return original(identity, last_seq, last_seq, *rest)

    return patch("sync.worker.understand", understand)


def shown_for_ever() -> Any:
    """An outcome of before a restart is shown each time for a minute: this was a fault of the real program."""
    original = Desk.remember

    def remember(self: Desk, outcome: Any, mono_ms: int) -> None:
        if not outcome.repeated:
            original(self, outcome, mono_ms)

    return patch.object(Desk, "remember", remember)


def loads_by_time_alone() -> Any:
    """A load counts where a terminal's clock puts it: this was a fault of the real program."""
    return patch("sync.settlement._successive", lambda _loads: set())


def any_end_of_a_log_is_believed() -> Any:
    """A log that ends at once says that no debit happened: this was a fault of the real program."""
    original = apdu.purse.log.read_log

    def log(types: Any, counter: int) -> Any:
        found = yield from original(types, counter)
        return found and (found[0], Reach.BEFORE if found[1] is Reach.ENDED else found[1])

    return patch("apdu.purse.heal.read_log", log)


TORN = Faults(mistake="", often={"torn": 40})
TWINS = Faults(mistake="duplicate", batch_rows=5, often={"sync": 20})
RUSH = Faults(mistake="", end=0.5, often={"rush": 60})
FULL = Faults(mistake="", psam=0.6)
OLD_BACKUPS = Faults(mistake="", often={"backend": 20, "network": 20, "sync": 40})
CLOCKS = Faults(mistake="", often={"torn": 30, "clock": 20, "load": 30})
JUMPS = Faults(mistake="", end=0.4, jump=0.5, often={"torn": 20})
RESTARTS = Faults(mistake="", card=0.0, psam=0.0, end=0.9, jump=0.5, no_battery=0.0, often={"clock": 20, "torn": 0})
LOST = Faults(mistake="", card=0.0, psam=0.6, end=0.5, often={"rush": 80, "torn": 0})
FALSE_ENDS = Faults(mistake="", false_ends=0.5, often={"torn": 40})
ALL = Faults()

class Kept(NamedTuple):
    """A mutant of the kept list: the patch, the weather in which it is looked for, where, for how many days, and the
    seed to begin with: one that finds it soon."""

    patch: Mutant
    weather: Faults
    place: str = "buses"
    days: int = 1
    seed: int = 0


RESTORED = Faults(often={"backend": 0, "restored": 12, "two_offline": 20, "corrections": 40, "sync": 40})
BUSY = Faults(end=0.5, often={"two_offline": 20})
REFUNDS = Faults(often={"cancel": 30})
OFFLINE = Faults(often={"two_offline": 60, "network": 0, "sync": 0})

ARCHIVES = Faults(mistake="", end=0.5, retained_rows=20, often={"idle": 40, "migrate": 16, "backend": 8, "torn": 20})
UNPAID = Faults(end=0.0, often={"two_offline": 80, "cancel": 60, "network": 0, "sync": 0})
WRONG_CLOCKS = Faults(often={"clock": 20, "lists": 20})
LONG = Faults(retained_rows=20, end=0.3, often={"cancel": 30, "restored": 4})

AWAY = Faults(often={"away": 30, "lend": 60, "replay": 20})
EXPORTS = Faults(end=0.5, often={"away": 20, "koc": 60, "lend": 60})
LATE_CLOCKS = Faults(end=0.0, often={"away": 20, "clock": 60, "lend": 60})
LOADS = Faults(card=0.6, often={"load": 60})
TILL_CLOCKS = Faults(often={"clock": 60, "sell": 60})
LOST_GRANTS = Faults(often={"restored": 4, "clock": 0})
BAD_LINES = Faults(often={"line": 30, "replay": 60, "koc": 0, "backend": 0})

_KEPT = (
    Kept(less_than_full_sync, ALL),
    Kept(no_hold, TORN),
    Kept(debit_sent_again, ALL),
    Kept(counter_is_evidence, TORN),
    Kept(healed_always_admits, TORN),
    Kept(acknowledged_before_commit, ALL),
    Kept(rows_deleted_at_send, ALL),
    Kept(gap_accepted, OLD_BACKUPS),
    Kept(grey_paid_twice, TORN),
    Kept(outcome_lost_on_a_full_disk, FULL),
    Kept(clock_read_twice, ALL),
    Kept(torn_is_void, TORN),
    Kept(acknowledged_beyond_what_was_sent, TWINS),
    Kept(shown_for_ever, RUSH),
    Kept(loads_by_time_alone, CLOCKS),
    Kept(any_end_of_a_log_is_believed, FALSE_ENDS),
    Kept(wrong_ages.ages_by_the_wall_clock, JUMPS),
    Kept(wrong_ages.drafts_ahead_are_past, RESTARTS),
    Kept(wrong_ages.lost_outcome_admits_again, LOST),
    Kept(wrong_archives.archived_unacknowledged, ARCHIVES),
    Kept(wrong_archives.archive_not_synced, ARCHIVES),
    Kept(wrong_archives.removed_before_archived, ARCHIVES),
    Kept(wrong_archives.open_draft_archived, ARCHIVES),
    Kept(wrong_archives.archive_never_asked, ARCHIVES),
    Kept(wrong_archives.archived_rows_left_behind, ARCHIVES),
    Kept(wrong_archives.older_schema_forgets_what_is_acknowledged_and_open, ARCHIVES),
    Kept(wrong_archives.migrated_in_two_steps, ARCHIVES),
    Kept(wrong_counters.correction_booked_twice, RESTORED, "clinic", 1, 4),
    Kept(wrong_counters.corrections_by_their_number, RESTORED, "clinic", 2),
    Kept(wrong_counters.corrections_share_a_number, RESTORED, "clinic"),
    Kept(wrong_counters.bill_settled_twice, ALL, "clinic"),
    Kept(wrong_counters.cancelled_but_still_counted, REFUNDS, "clinic"),
    Kept(wrong_counters.asked_again_settles_anew, ALL, "clinic"),
    Kept(wrong_counters.receipt_before_outcome, ALL, "clinic"),
    Kept(wrong_counters.no_receipt_after_a_restart, BUSY, "clinic"),
    Kept(wrong_counters.shift_of_the_bill_not_of_its_money, BUSY, "clinic"),
    Kept(wrong_counters.refund_of_another_day_is_alone, REFUNDS, "clinic", 2),
    Kept(wrong_counters.own_bills_by_the_clock, WRONG_CLOCKS, "clinic"),
    Kept(wrong_counters.exposure_unbounded, OFFLINE, "clinic"),
    Kept(wrong_counters.refund_makes_room, UNPAID, "clinic", 2),
    Kept(wrong_counters.archived_bills_forgotten, LONG, "clinic", 4, 5),
    Kept(wrong_tills.torn_load_is_void, LOADS, "market"),
    Kept(wrong_tills.torn_load_is_done, LOADS, "market"),
    Kept(wrong_tills.torn_load_forgotten, LOADS, "market"),
    Kept(wrong_tills.sales_of_a_shift_by_their_time, TILL_CLOCKS, "market", 3),
    Kept(wrong_tills.proven_load_of_a_lost_grant_is_forgotten, LOST_GRANTS, "market", 2, 1),
    Kept(wrong_loans.loan_replayed_without_asking, BAD_LINES, "library"),
    Kept(wrong_loans.refusal_forgets_that_it_was_sent_again, BAD_LINES, "library", 3),
    Kept(wrong_loans.loan_done_before_the_answer, BAD_LINES, "library"),
    Kept(wrong_loans.loans_dropped_at_a_restart, AWAY, "library"),
    Kept(wrong_loans.loan_kept_with_the_next_one, AWAY, "library"),
    Kept(wrong_loans.no_block_everywhere, AWAY, "library"),
    Kept(wrong_loans.blocked_readers_lent_offline, AWAY, "library"),
    Kept(wrong_loans.refused_loans_leave_the_list, AWAY, "library"),
    Kept(wrong_loans.newer_loan_overtakes, AWAY, "library"),
    Kept(wrong_loans.exported_and_not_closed, EXPORTS, "library"),
    Kept(wrong_loans.newer_replayed_beside_an_export, EXPORTS, "library", 1, 7),
    Kept(wrong_loans.exported_before_it_is_written, EXPORTS, "library"),
    Kept(wrong_loans.replayed_by_the_clock, LATE_CLOCKS, "library", 1, 7),
    Kept(wrong_loans.loans_without_limit, AWAY, "library", 2),
)

MUTANTS: dict[str, Kept] = {kept.patch.__name__: kept for kept in _KEPT}
"""By name."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The program with one mutant in it, "" for none."""
    with ExitStack() as stack:
        if name:
            stack.enter_context(MUTANTS[name].patch())
        yield


