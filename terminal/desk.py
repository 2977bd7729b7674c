"""The tap's way to the world: chips over their wires, rows into the journal, the card's past out of it."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from apdu.errors import PsamError
from apdu.psam import Psam
from apdu.script import Script, Slot, Wire, run
from config.hotlist import HotList
from config.model import Configuration
from sync import till_rows
from sync.corrected import true_times
from sync.errors import JournalError
from sync.events import (
    UNHEALED,
    Admitted,
    Alarm,
    AnyEvent,
    Done,
    Grey,
    Held,
    LoadHeld,
    LockTried,
    Service,
    SignOff,
    SignOn,
)
from sync.journal import Journal
from sync.limits import ROW_BYTES_MAX
from sync.record import Row, decode
from sync.totals import Totals
from tariffs.verdict import Reason
from terminal import duty
from terminal.backlog import Backlog, is_stopping, judge
from terminal.limits import ANCHOR_ROWS, LAST_ROWS, REPEATS_KEPT, SERVICE_DAY_ENDS_HOUR, UNSIGNALLED_MINUTES
from terminal.ports import ClockTrust, Moment
from terminal.tap import Memory, Outcome
from terminal.upkeep import Upkeep

T = TypeVar("T")
log = logging.getLogger(__name__)


class Desk:
    """One device's desk: it lives as long as the journal is open. `begin` opens each tap with its one clock reading."""

    def __init__(self, journal: Journal, configuration: Configuration, hot_list: HotList, started: Moment) -> None:
        self.journal = journal
        self.configuration = configuration
        self.hot_list = hot_list
        self.started = started
        self.moment = started
        self._stamp = started.stamp()
        self.wires: dict[Slot, Wire] = {}
        self.unwritten: list[AnyEvent] = []
        self._psam: Psam | None = None
        self._held_seq = 0
        self._backlog_told = Backlog.WITHIN
        self.upkeep = Upkeep(journal)
        self._recent: dict[str, tuple[int, Outcome]] = {}
        self._unsignalled_rows = range(journal.signalled + 1, journal.last_seq + 1)
        self._shifts = self._signed_on_at = 0
        self._last_duty: duty.OnDuty | None = None
        self.duty = self._resume()

    # --- the chips

    @property
    def psam(self) -> Psam:
        """The open PSAM. Raises PsamError when there is none."""
        if self._psam is None:
            raise PsamError("the PSAM is not open")
        return self._psam

    def plug_psam(self, psam: Psam | None, wire: Wire | None) -> None:
        """A PSAM was opened, or (None) is gone."""
        self._psam = psam
        if wire is None:
            self.wires.pop(Slot.PSAM, None)
        else:
            self.wires[Slot.PSAM] = wire

    def converse(self, script: Script[T], as_held: Callable[[Any], Held | LoadHeld] | None = None) -> T:
        """Run a conversation; a draft is made durable through `as_held` before its DEBIT or CREDIT."""

        def keep(draft: Any) -> None:
            assert as_held is not None, "a script that holds needs a row"
            self.flush()
            self._held_seq = self.journal.hold(as_held(draft), *self._stamp).seq

        return run(script, self.wires, keep)

    # --- the journal

    @property
    def held_seq(self) -> int:
        """The row of the draft that was held last."""
        return self._held_seq

    def begin(self, moment: Moment, card: Wire | None) -> None:
        """A visit begins: its moment and the card's wire."""
        self.moment = moment
        self._stamp = moment.stamp()  # every row of a tap bears it
        if card is None:
            self.wires.pop(Slot.CARD, None)
        else:
            self.wires[Slot.CARD] = card

    def keep(self, event: AnyEvent) -> int:
        """Make a row durable. Raises JournalError."""
        self.flush()
        return self.journal.keep(event, *self._stamp).seq

    def close(self, event: AnyEvent) -> int:
        """Make an outcome durable; what cannot be written is kept in memory, the device closes (docs/healing.md)."""
        try:
            return self.keep(event)
        except JournalError as trouble:
            log.error("an outcome could not be written, kept in memory: %s", trouble)
            self.unwritten.append(event)
            return 0

    def recall(self, number: str, uid: str) -> Memory:
        """What the journal knows of the card, once it knows all that this device does. Raises JournalError."""
        self.flush()
        if not number:
            return self._recall_hidden(uid)
        seen = self.journal.seen(number)
        drafts = self.journal.open_drafts(number)
        return Memory(
            open=tuple((draft.row.seq, draft.held) for draft in drafts),
            greyed=frozenset(draft.row.seq for draft in drafts if draft.greyed),
            seen=seen.pairs,
            healed=self._unadmitted(number) if seen.last_proved else None,
            counter_floor=0 if seen.last_done_counter is None else seen.last_done_counter + 1,
            repeat=self._repeat(number),
        )

    def written_at(self, seq: int) -> datetime:
        """When row `seq` was written, as the clock of this visit has it (aware). Raises JournalError.

        A row of this boot by monotonic time, whatever the clock did since. One of an earlier boot by the synchronised
        time of that boot, where both know one, else by its own; but no later than this process began.
        """
        row, now = self.journal.row(seq), self.moment
        assert row is not None
        if row.boot and row.boot == self.journal.boot_id:
            return now.at - timedelta(milliseconds=now.mono_ms - row.mono_ms)
        at = row.at
        if now.trust is ClockTrust.SYNCED and row.clock != "synced":
            beside = self.journal.rows(max(0, seq - ANCHOR_ROWS), 2 * ANCHOR_ROWS, 2 * ANCHOR_ROWS * ROW_BYTES_MAX)
            at = true_times(decode(stored.raw) for stored in beside).get(seq, at)
        return min(datetime.fromisoformat(at), self._began_at())

    def open_loads(self, number: str) -> list[Row]:
        """The card's loads without an outcome, oldest first."""
        return self.journal.read(till_rows.open_loads, number)

    def hot_level(self, number: str) -> int | None:
        """The hot list's level of a card."""
        return self.hot_list.level(number)

    def lock_tried(self, uid: str) -> str:
        """The card of a chip whose lock went out and whose answer was lost; "" when there is none."""
        lock = self.journal.lock_of(uid)
        return lock.event.card if lock is not None and isinstance(lock.event, LockTried) else ""

    def remember(self, outcome: Outcome, mono_ms: int) -> None:
        """The outcome was signalled at `mono_ms` (or the card was last seen then): repeat it for a moment.

        A repeated outcome does not prolong the moment; one of before the restart is shown now for the first time.
        """
        if outcome.repeated and outcome.card in self._recent:
            return
        if outcome.seq:
            self.journal.mark_signalled(outcome.seq)
        if outcome.card and (outcome.served or outcome.reason in (Reason.SIGNED_ON, Reason.SIGNED_OFF)):
            self._recent.pop(outcome.card, None)
            self._recent[outcome.card] = (mono_ms, outcome)
            if len(self._recent) > REPEATS_KEPT:
                self._recent.pop(next(iter(self._recent)))

    def end_service_day(self, now: datetime) -> int:
        """Close the drafts of past service days as GREY; a later visit may still add DONE or VOID. How many."""
        border = now.replace(hour=SERVICE_DAY_ENDS_HOUR, minute=0, second=0, microsecond=0)
        if border > now:
            border -= timedelta(days=1)
        old = [draft for draft in self.journal.open_drafts_all() if datetime.fromisoformat(draft.row.at) < border]
        for draft in old:
            self.keep(Grey(held=draft.row.seq, tac="", why=UNHEALED))
        return len(old)

    def backlog(self) -> Backlog:
        """How what is unsent stands to the limits, at this moment."""
        return judge(self.configuration.limits, self.journal.unsent(), self.moment.at)

    def is_stopped(self) -> bool:
        """Whether no more money may be taken before some of it is sent. Raises JournalError."""
        return is_stopping(self.configuration) and self.backlog() is Backlog.BEYOND

    def watch_backlog(self) -> None:
        """Record an alarm when unsent rows go beyond a configured limit, of warning or of stopping. Raises
        JournalError."""
        found = self.backlog()
        if found is not self._backlog_told and found is not Backlog.WITHIN:
            unsent = self.journal.unsent()
            log.warning("unsent: %s rows, %s fen, since %s", *unsent)
            what = "backlog" if found is Backlog.WARNED or not is_stopping(self.configuration) else "backlog_stop"
            if what == "backlog_stop" or self._backlog_told is Backlog.WITHIN:
                self.keep(Alarm(what, f"{unsent.rows} rows, {unsent.fen} fen, oldest {unsent.oldest_at}"))
        self._backlog_told = found

    def staff(self, card: str) -> Outcome:
        """A driver's card: end the running shift, or begin the driver's next duty. A forgotten sign-off is closed."""
        duties = self.configuration.duties_of(card)
        memory = self._repeat(card)
        if memory is not None:
            return memory
        if self.hot_level(card) is not None or not duties:
            return Outcome(Reason.UNKNOWN_DRIVER, card=card)
        at = self.moment.at.replace(tzinfo=None)
        if self.duty.driver:
            mine = self.duty.driver == card
            totals = self.sign_off("driver" if mine else "next_sign_on")
            if mine:
                return Outcome(Reason.SIGNED_OFF, amount_fen=totals.done_fen, card=card, seq=self.journal.last_seq)
        last = self._last_duty if self._last_duty is not None and self._last_duty.driver == card else None
        chosen = duty.next_duty(duties, last, at)
        on = duty.signed_on(chosen, card, self._shifts + 1, self.configuration.service.vehicle, at)
        service = duty.service(on, self.configuration.terminal.merchant, "", "")
        self._signed_on_at = self.keep(SignOn(card=card, service=service))
        self.duty = self._last_duty = on
        self._shifts += 1
        return Outcome(Reason.SIGNED_ON, card=card, seq=self._signed_on_at)

    def sign_off(self, by: str) -> Totals:
        """Close the running shift; its totals. Raises JournalError."""
        totals = self.journal.totals(self._signed_on_at, self.duty.shift)
        self.keep(SignOff(card=self.duty.driver, by=by, service=self.service("", ""), **totals._asdict()))
        self.duty = duty.unattributed(self.configuration.service)
        return totals

    def service(self, pack: str, hot_list: str, stop: str = "") -> Service:
        """What every card event carries now."""
        return duty.service(self.duty, self.configuration.terminal.merchant, pack, hot_list, stop)

    # --- inside

    def flush(self) -> None:
        """Write the outcomes that could not be written when they happened. Raises JournalError."""
        while self.unwritten:
            event = self.unwritten[0]
            if not self._is_written(event):
                self.journal.keep(event, *self._stamp)
            self.unwritten.pop(0)

    def _is_written(self, event: AnyEvent) -> bool:
        """Whether the disk has this outcome after all: a write that failed may be found when the file is reopened."""
        held = getattr(event, "held", 0)
        return bool(held) and any(row.event == event for row in self.journal.outcomes_of(held))

    def _repeat(self, number: str) -> Outcome | None:
        """The outcome to show again: the same card within seconds, or unsignalled before a restart."""
        tap = self.configuration.tap
        recent = self._recent.get(number)
        if recent is not None and self.moment.mono_ms - recent[0] <= tap.repeat_s * 1000:
            return recent[1]
        since_start_ms = self.moment.mono_ms - self.started.mono_ms
        if recent is None and self._unsignalled_rows and since_start_ms <= tap.restart_repeat_s * 1000:
            return self._unsignalled(number)
        return None

    def _unsignalled(self, number: str) -> Outcome | None:
        for recalled in self.journal.recall(number, 1):
            rows = (recalled.row, *recalled.outcomes)
            if self._began_at() - self.written_at(rows[0].seq) > timedelta(minutes=UNSIGNALLED_MINUTES):
                return None
            last, event = rows[-1], rows[0].event
            if last.seq not in self._unsignalled_rows:
                return None
            if isinstance(event, Admitted):
                return Outcome(Reason(event.reason), True, card=number, seq=last.seq)
            if isinstance(event, Held) and isinstance(last.event, Done) and last.event.by == "debit":
                after = event.balance - event.amount
                return Outcome(Reason(event.reason), True, event.amount, after, number, event.card_class, seq=last.seq)
        return None

    def _began_at(self) -> datetime:
        """When this process began, as the clock of this visit has it."""
        return self.moment.at - timedelta(milliseconds=self.moment.mono_ms - self.started.mono_ms)

    def _unadmitted(self, number: str) -> tuple[int, Held] | None:
        """The card's last debit, when it was healed as DONE and the card left again before anybody was admitted."""
        admitted = set()
        for recalled in self.journal.recall(number, LAST_ROWS):
            event = recalled.row.event
            if isinstance(event, Admitted):
                admitted.add(event.names)
            elif isinstance(event, Held):
                proved = any(isinstance(row.event, Done) and row.event.by == "prove" for row in recalled.outcomes)
                return (recalled.row.seq, event) if proved and recalled.row.seq not in admitted else None
        return None

    def _recall_hidden(self, uid: str) -> Memory:
        """A locked chip hides its number: its drafts are found by uid."""
        drafts = (draft for draft in self.journal.open_drafts_all() if draft.held.uid == uid)
        return Memory(open=tuple((draft.row.seq, draft.held) for draft in drafts))

    def _resume(self) -> duty.OnDuty:
        """The duty as the journal left it: a shift without a sign-off goes on."""
        row = self.journal.last_duty()
        if row is not None and isinstance(row.event, SignOn | SignOff):
            began = datetime.fromisoformat(row.at).replace(tzinfo=None)
            self._last_duty = duty.resumed(row.event.service, began)
            self._shifts = self._last_duty.shift
            if isinstance(row.event, SignOn):
                self._signed_on_at = row.seq
                return self._last_duty
        return duty.unattributed(self.configuration.service)
