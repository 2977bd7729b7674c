"""The device's loop: wait for a card, serve it, signal, wait until it is gone; mend what fails. One thread.

It decides nothing about cards or money: that is the tap's business.
"""

import gc
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from queue import Empty, Full, Queue

from apdu.command import Command
from apdu.errors import ApduError
from apdu.profile import Profile
from apdu.psam import open_psam
from apdu.script import Slot, Wire, run
from config.hotlist import HotList
from config.model import Configuration
from sync.errors import JournalError
from sync.events import Alarm, Started
from tariffs.pack import Pack
from tariffs.verdict import Reason
from terminal.desk import Desk
from terminal.limits import MAILBOX_MAX, MEND_INTERVAL_S, PSAM_CHECK_INTERVAL_S, UNCLEAR_BEFORE_SIGNAL
from terminal.mode import Cue, Mode, after
from terminal.ports import Card, Clock, ContactlessReader, ContactSlot, Face, Medium, ReaderLost, Signal, Status
from terminal.precedence import Precedence
from terminal.tap import Outcome, Situation, Tap
from terminal.whereabouts import Sighting, Whereabouts

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tables:
    """What decides taps now; swapped as a whole between two taps."""

    pack: Pack
    hot_list: HotList


Change = Callable[[Tables], Tables]
"""What swaps the tables."""


@dataclass(frozen=True, slots=True)
class Plugs:
    """How the device reaches the world; `terminal.box` fills them in."""

    open_reader: Callable[[], ContactlessReader]
    open_slot: Callable[[], ContactSlot]
    clock: Clock
    face: Face
    signal: Callable[[Outcome], Signal]
    status: Callable[["Device"], Status]
    on_tap: Callable[[], None]
    on_idle: Callable[[date], None]
    software: str
    sqlite: str
    alive: Callable[[], None] = lambda: None
    closed: Callable[[], str] = lambda: ""
    sighting: Callable[[], Sighting] = Sighting


class Device:
    """A device on duty."""

    def __init__(
        self, configuration: Configuration, profiles: Sequence[Profile], tables: Tables, desk: Desk, plugs: Plugs
    ) -> None:
        self.configuration = configuration
        self.profiles = tuple(profiles)
        self.tables = tables
        self.desk = desk
        self.plugs = plugs
        self.mode = Mode.STARTING
        self.troubles: dict[str, str] = {}
        self._mailbox: Queue[tuple[Change, bool]] = Queue(MAILBOX_MAX)
        self._at_next_trip: tuple[str, Change] | None = None
        self._reader: ContactlessReader | None = None
        self._slot: ContactSlot | None = None
        self._unclear = 0
        self._next_mend = 0.0
        self._next_check = 0.0
        self._last_day = ""
        self._whereabouts = Whereabouts()
        self.precedence = Precedence()

    @property
    def reader(self) -> ContactlessReader | None:
        """The contactless reader, None while there is none."""
        return self._reader

    @property
    def psam_wire(self) -> Wire | None:
        """The PSAM's wire, None while there is none."""
        return self._slot.wire if self._slot else None

    @property
    def reader_name(self) -> str:
        """The open contactless reader, "" when there is none."""
        return self._reader.name if self._reader else ""

    @property
    def psam_name(self) -> str:
        """The PC/SC reader that holds the PSAM, "" when there is none."""
        return self._slot.name if self._slot else ""

    def post(self, change: Change, between_trips: bool = False) -> bool:
        """From any thread: have `change` swap the tables in the next gap between taps. False: the mailbox is full.

        `between_trips`: in the next gap in which no driver is signed on, or another trip has begun; of several such
        changes that wait only the last is made.
        """
        try:
            self._mailbox.put_nowait((change, between_trips))
        except Full:
            return False
        return True

    def run(self, stop: threading.Event) -> None:
        """Serve until `stop` is set; a tap that has begun ends before it."""
        poll_s = self.configuration.reader.poll_ms / 1000
        self.mend()
        self.calm_collector()
        while not stop.is_set():
            if not self.step(stop):
                stop.wait(poll_s)
        self.shut()

    def step(self, stop: threading.Event) -> bool:
        """One round. True: a card was served, look again at once."""
        self.plugs.alive()
        self._read_mail()
        if self.mode is Mode.CLOSED and time.monotonic() >= self._next_mend:
            self.mend()
        if self._reader is None:
            return False
        try:
            card = self._reader.poll()
        except ReaderLost as lost:
            self._lose_reader(str(lost))
            return False
        if card is None:
            self._unclear = 0
            self._idle()
            return False
        while card is not None:
            card = self.visit(card, stop)
            self._read_mail()  # in a queue of riders there is no other gap
        return True

    def visit(self, card: Card, stop: threading.Event) -> Card | None:
        """Serve one card and wait until it has left; the next card, when one came before it was away for long."""
        outcome = self.serve(card)
        following = None
        if outcome is not None and outcome.reason not in (Reason.PRESENT_AGAIN, Reason.PRESENT_SAME_CARD):
            following = self._await_departure(card, outcome, stop)
        if self.mode is Mode.SERVING:
            self._cue(Cue.CARD_GONE)
        return following

    def serve(self, card: Card) -> Outcome | None:
        """One tap, from the card found to durable and signalled; None: told nobody (a card still on its way in)."""
        with self.precedence:
            return self._serve(card)

    def _serve(self, card: Card) -> Outcome | None:
        moment = self.plugs.clock.read()
        if card.medium is Medium.UNCLEAR:
            self._unclear += 1
            if self._unclear < UNCLEAR_BEFORE_SIGNAL:
                return None
        self._unclear = 0
        if self.mode is Mode.READY:
            self._cue(Cue.CARD_FOUND)
        self.desk.begin(moment, card.wire)
        tables = self.tables
        situation = Situation(
            moment.at,
            card.medium,
            card.uid,
            self.profiles,
            tables.pack,
            self.desk.service(tables.pack.version, tables.hot_list.version, self._stop(moment.at)),
            self.desk.duty.began_at,
        )
        outcome = Tap(self.desk, situation).serve()
        self.plugs.face.show(self.plugs.signal(outcome))
        self.desk.remember(outcome, moment.mono_ms)
        self.plugs.on_tap()
        self._after_tap(outcome)
        return outcome

    def mend(self) -> None:
        """Open what is not open; what still fails is said once and tried again later."""
        self._next_mend = time.monotonic() + MEND_INTERVAL_S
        self._try("psam", self._open_psam, self._slot is None)
        self._try("reader", self._open_reader, self._reader is None)
        self._try("journal", self._mend_journal, "journal" in self.troubles)
        self._heed_standing()
        if self.troubles:
            if self.mode is not Mode.CLOSED:
                self._cue(Cue.TROUBLE)
        else:
            self._try("journal", self._keep_started, True)
            if not self.troubles and self.mode is not Mode.READY:
                self._cue(Cue.OPENED if self.mode is Mode.STARTING else Cue.MENDED)

    def calm_collector(self) -> None:
        """From now on garbage is collected when nobody is in the field: a rider does not wait for it."""
        gc.collect()
        gc.freeze()
        gc.disable()

    def shut(self) -> None:
        """Give the devices back; the journal is closed by whoever opened it."""
        if self._reader is not None:
            self._reader.close()
        if self._slot is not None:
            self._slot.close()
        self.plugs.face.close()

    # --- inside

    def _await_departure(self, card: Card, outcome: Outcome, stop: threading.Event) -> Card | None:
        """Wait until the card has been away for `away_ms`; another card that comes before is returned at once."""
        away_s = self.configuration.tap.away_ms / 1000
        poll_s = self.configuration.reader.poll_ms / 1000
        assert self._reader is not None
        while not stop.is_set():
            while card.present() and not stop.wait(poll_s):
                self.plugs.alive()
            gone = time.monotonic()
            self.desk.remember(outcome, self.plugs.clock.read().mono_ms)
            while not stop.is_set():
                self.plugs.alive()
                try:
                    found = self._reader.poll()
                except ReaderLost as lost:
                    self._lose_reader(str(lost))
                    return None
                if found is not None and found.uid == card.uid and found.medium is card.medium:
                    card = found
                    break
                if found is not None and found.medium is not Medium.UNCLEAR:
                    return found
                if time.monotonic() - gone >= away_s:
                    return None
                stop.wait(poll_s)
        return None

    def _stop(self, at: datetime) -> str:
        """The stop of the pack where the bus stands; asked between taps as well, since a rider may tap behind it."""
        return self._whereabouts.stop(self.tables.pack.line_stops, self.desk.duty, self.plugs.sighting(), at)

    def _after_tap(self, outcome: Outcome) -> None:
        if outcome.trouble == "psam":
            self._lose_psam("the PSAM failed in a tap")
        if outcome.trouble == "journal" or self.desk.unwritten:
            self._trouble("journal", "a row could not be written")

    def _idle(self) -> None:
        """Nobody in the field: the housekeeping that may take its time."""
        now = time.monotonic()
        if now < self._next_check:
            return
        self._next_check = now + PSAM_CHECK_INTERVAL_S
        gc.collect()
        moment = self.plugs.clock.read()
        self.desk.begin(moment, None)
        self._stop(moment.at)
        try:
            self.desk.journal.idle()
            day = moment.at.strftime("%Y%m%d%H")
            if day != self._last_day:
                self._last_day = day
                self.desk.end_service_day(moment.at)
            self.desk.watch_backlog()
            self.desk.upkeep.archive(moment)
        except JournalError as wrong:
            self._trouble("journal", str(wrong))
        if self._slot is not None:
            try:
                challenge = Command(0x00, 0x84, 0x00, 0x00, le=8, name="GET CHALLENGE")
                self._slot.wire.transmit(challenge.to_bytes())
            except ApduError as lost:
                self._lose_psam(str(lost))
        self.plugs.on_idle(moment.at.date())
        self._heed_standing()
        self.plugs.face.idle(self.plugs.status(self))

    def _try(self, what: str, open_it: Callable[[], None], needed: bool) -> None:
        self.plugs.alive()
        if not needed:
            return
        try:
            open_it()
            if self.troubles.pop(what, None):
                log.warning("%s works again", what)
        except (ReaderLost, ApduError, JournalError) as trouble:
            self._trouble(what, str(trouble))

    def _heed_standing(self) -> None:
        """Close a terminal that the backend has taken out of service, and open it when it is back."""
        if why := self.plugs.closed():
            self._trouble("standing", why)
        else:
            self.troubles.pop("standing", None)

    def _open_psam(self) -> None:
        slot = self.plugs.open_slot()
        try:
            psam = run(open_psam(self.profiles), {Slot.PSAM: slot.wire}, lambda draft: None)
        except ApduError:
            slot.close()
            raise
        self._slot = slot
        self.desk.plug_psam(psam, slot.wire)

    def _open_reader(self) -> None:
        reader = self.plugs.open_reader()
        try:
            reader.poll()  # some open and only then prove to be dead; a card that lies there is found again
        except ReaderLost:
            reader.close()
            raise
        self._reader = reader

    def _mend_journal(self) -> None:
        self.desk.begin(self.plugs.clock.read(), None)
        self.desk.journal.reopen()
        self.desk.journal.ensure_reserve()
        self.desk.keep(Alarm(what="journal_failed", detail="rows could not be written for a while"))

    def _lose_reader(self, why: str) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = None
        self._trouble("reader", why)

    def _lose_psam(self, why: str) -> None:
        if self._slot is not None:
            self._slot.close()
        self._slot = None
        self.desk.plug_psam(None, None)
        self._trouble("psam", why)

    def _trouble(self, what: str, why: str) -> None:
        if self.troubles.get(what) != why:  # what a tap met, then what to do, when opening it anew has told
            log.error("%s: %s", what, why)
        if what not in self.troubles:
            self._next_mend = 0.0
        self.troubles[what] = why
        if self.mode is not Mode.CLOSED:
            self._cue(Cue.TROUBLE)

    def _cue(self, cue: Cue) -> None:
        self.mode = after(self.mode, cue)
        if self.mode is not Mode.SERVING:  # the rider waits
            self.plugs.face.idle(self.plugs.status(self))

    def _keep_started(self) -> None:
        assert self._reader is not None and self._slot is not None
        psam = self.desk.psam.number
        plugs = self.plugs
        self.desk.begin(plugs.clock.read(), None)
        self.desk.keep(Started(plugs.software, plugs.sqlite, self._reader.name, self._slot.name, psam))

    def _read_mail(self) -> None:
        duty = self.desk.duty
        while True:
            try:
                change, between_trips = self._mailbox.get_nowait()
            except Empty:
                break
            if between_trips:
                self._at_next_trip = duty.trip, change
            else:
                self._swap(change)
        if self._at_next_trip is not None and (not duty.driver or duty.trip != self._at_next_trip[0]):
            change = self._at_next_trip[1]
            self._at_next_trip = None
            self._swap(change)

    def _swap(self, change: Change) -> None:
        self.tables = change(self.tables)
        self.desk.hot_list = self.tables.hot_list
