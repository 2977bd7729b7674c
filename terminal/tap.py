"""The way of a tap, from the card in the field to the outcome: heal, read, decide, debit, close. Pure.

Everything outside is behind `Desk`: the chips, the journal, the hot list. Each room is entered once
(ARCHITECTURE.md, The way of a tap; docs/healing.md).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from apdu.errors import LinkLost, Malformed, PsamError, StatusError, Torn
from apdu.profile import Profile
from apdu.psam import Psam, check_mac2
from apdu.purse.debit import Declined, Draft, Order, Receipt, debit
from apdu.purse.heal import Healing, heal
from apdu.purse.lock import lock
from apdu.purse.read import Purse, read, select
from apdu.script import Script
from sync.errors import JournalError
from sync.events import Admitted, Alarm, AnyEvent, Done, Grey, Held, LoadHeld, Locked, LockTried, Refused, Service, Void
from tariffs.asks import Ride
from tariffs.decide import decide
from tariffs.pack import Pack
from tariffs.verdict import Admit, Charge, Reason, Verdict, Warning
from tariffs.wallet import SettledRide, Wallet
from terminal import translate
from terminal.ports import Medium

T = TypeVar("T")

DECLINED = {"poor": Reason.POOR, "replayed": Reason.REPLAYED, "no_key": Reason.FOREIGN_ISSUER}


class Outcome(Struct, frozen=True):
    """What became of a tap. `served`: the rider may pass. Amounts in fen, None where there is none.

    `days`: until card or concession end. `seq`: the journal row to mark as signalled, 0 for none. `trouble`: "",
    "psam" (open it again) or "journal" (close). `repeated`: shown again, nothing happened.
    """

    reason: Reason
    served: bool = False
    amount_fen: int | None = None
    balance_fen: int | None = None
    card: str = ""
    card_class: str = ""
    warnings: tuple[Warning, ...] = ()
    why: tuple[tuple[str, str], ...] = ()
    days: int | None = None
    seq: int = 0
    trouble: str = ""
    repeated: bool = False


class Memory(Struct, frozen=True):
    """What the journal knows of this card.

    `open`: its drafts without an outcome, by row number; `greyed`: those of them that have a GREY. `healed`: a draft
    that was healed as DONE, with nobody admitted for it yet. `repeat`: the outcome to show again, when the same card
    comes back within seconds.
    """

    open: tuple[tuple[int, Held], ...] = ()
    greyed: frozenset[int] = frozenset()
    healed: tuple[int, Held] | None = None
    seen: frozenset[tuple[str, int]] = frozenset()
    counter_floor: int = 0
    repeat: Outcome | None = None


class Met(Struct, frozen=True):
    """A card that was read, with all that is known of it. `settled`: its youngest draft that is shown to be paid."""

    purse: Purse
    wallet: Wallet
    memory: Memory
    settled: tuple[int, Held] | None


class Situation(Struct, frozen=True):
    """All that a tap is told: one reading of the clock, the tables in force, the duty, the card's medium."""

    at: datetime
    medium: Medium
    uid: bytes
    profiles: tuple[Profile, ...]
    pack: Pack
    service: Service
    trip_began_at: datetime | None


class Desk(Protocol):
    """The tap's way out."""

    @property
    def psam(self) -> Psam:
        """The open PSAM. Raises PsamError when there is none."""
        ...

    def converse(self, script: Script[T], as_held: Callable[[Any], Held | LoadHeld] | None = None) -> T:
        """Run a conversation with the chips; a draft becomes durable through `as_held`."""
        ...

    @property
    def held_seq(self) -> int:
        """The row of the draft that was held last."""
        ...

    def keep(self, event: AnyEvent) -> int:
        """Make a row durable; its number. Raises JournalError."""
        ...

    def close(self, event: AnyEvent) -> int:
        """Like `keep`, for the outcome of a debit: never raises; what cannot be written is kept in memory."""
        ...

    def recall(self, number: str, uid: str) -> Memory:
        """What is known of the card; by uid where its number is hidden."""
        ...

    def written_at(self, seq: int) -> datetime:
        """When a row was written, as the clock of this visit has it."""
        ...

    def hot_level(self, number: str) -> int | None:
        """The hot list's level of a card, None when it is not on the list."""
        ...

    def lock_tried(self, uid: str) -> str:
        """The card of a chip whose lock went out and whose answer was lost; "" when there is none."""
        ...

    def staff(self, card: str) -> Outcome:
        """A driver's card: sign on or off."""
        ...


class Tap:
    """One visit of one card."""

    def __init__(self, desk: Desk, situation: Situation) -> None:
        self.desk = desk
        self.now = situation
        self.card = ""
        self.service = situation.service
        self.grey_records: set[str] = set()

    def serve(self) -> Outcome:
        """Serve the card; every trouble becomes an outcome that tells the rider what to do."""
        if self.now.medium is Medium.STORAGE:
            return self._guarded(lambda: self._refuse(Reason.NOT_A_PURSE, "storage chip"))
        if self.now.medium is Medium.UNCLEAR:
            return Outcome(Reason.ONE_CARD_ONLY)
        return self._guarded(self._visit)

    def _guarded(self, step: Callable[[], Outcome]) -> Outcome:
        try:
            try:
                return step()
            except StatusError as trouble:
                return self._refuse(Reason.UNREADABLE, str(trouble))
            except Malformed as trouble:  # its bytes may tell of the rider's travels: they stay out of the record
                return self._refuse(Reason.UNREADABLE, trouble.what)
        except LinkLost:
            return Outcome(Reason.PRESENT_AGAIN, card=self.card)
        except PsamError:
            return Outcome(Reason.OUT_OF_SERVICE, card=self.card, trouble="psam")
        except JournalError:
            return Outcome(Reason.OUT_OF_SERVICE, card=self.card, trouble="journal")

    def _visit(self) -> Outcome:
        met = self._meet()
        return met if isinstance(met, Outcome) else self._served_by(met)

    def _meet(self) -> Met | Outcome:
        """Find the purse, settle what is open of it, read it; an outcome where that already ends the visit."""
        purse = self.desk.converse(select(self.now.profiles))
        if purse is None:
            return self._refuse(Reason.NOT_A_PURSE, "no application of the profiles")
        self.card = purse.number
        self.service = replace(self.service, profile=purse.profile.name)
        memory = self.desk.recall(purse.number, self.now.uid.hex().upper())
        if memory.repeat is not None:
            return replace(memory.repeat, trouble="", repeated=True)
        try:
            settled = self._heal(purse, memory)
        except LinkLost:
            return Outcome(Reason.PRESENT_SAME_CARD, card=self.card)
        if purse.locked:
            return self._locked()
        purse = self.desk.converse(read(purse, translate.unasked(purse, self.now.pack)))
        wallet = translate.wallet_of(purse, self.desk.hot_level(purse.number), self.now.at.date())
        if self.grey_records & {record.hex().upper() for record in purse.raw.values()}:
            wallet = replace(wallet, last_ride=None)  # a grey tap counts for no repeat and no transfer
        return Met(purse, wallet, memory, settled)

    def _served_by(self, met: Met) -> Outcome:
        """What the visit is for, once the card is known."""
        if met.wallet.card_class == "driver":
            return self.desk.staff(met.purse.number)
        return self._decided(met, decide(met.wallet, self._ride(met.settled), self.now.at, self.now.pack))

    def _decided(self, met: Met, verdict: Verdict) -> Outcome:
        purse, wallet = met.purse, met.wallet
        if isinstance(verdict, Charge):
            return self._charge(purse, wallet, verdict, met.memory)
        if isinstance(verdict, Admit):
            return self._admit(verdict, wallet, met.settled)
        outcome = self._refuse(verdict.reason, f"level {wallet.hot_level}" if verdict.lock else "")
        if verdict.lock:
            self._lock(purse, wallet)
        return outcome

    # healing

    def _heal(self, purse: Purse, memory: Memory) -> tuple[int, Held] | None:
        """Settle every open draft of this card; the youngest that is shown to be paid: it may be this very ride."""
        ours = memory.healed
        for seq, row in memory.open:
            if purse.locked:
                if seq not in memory.greyed:
                    self.desk.keep(Grey(held=seq, tac="", why="card_locked"))
            elif row.aid == purse.profile.aid.hex().upper():
                healing = self.desk.converse(heal(purse, self.desk.psam, translate.open_draft(row)))
                if healing.kind != "GREY" or seq not in memory.greyed:
                    self._settle(seq, healing)
                if healing.kind == "GREY":
                    self.grey_records |= set(row.cached[:1])
                if healing.kind == "DONE":
                    ours = (seq, row)
        return ours

    def _settle(self, seq: int, healing: Healing) -> int:
        tac = healing.tac.hex().upper()
        event: AnyEvent
        if healing.kind == "DONE":
            event = Done(held=seq, tac=tac, by="prove", mac2="unchecked")
        elif healing.kind == "VOID":
            event = Void(held=seq, why=healing.why)
        else:
            event = Grey(held=seq, tac=tac, why=healing.why)
        return self.desk.close(event)

    def _ride(self, settled: tuple[int, Held] | None) -> Ride:
        service, healed = self.service, None
        if settled is not None:
            seq, row = settled
            boarded_at = self.desk.written_at(seq).replace(tzinfo=None, microsecond=0)
            healed = SettledRide(row.service.vehicle, row.service.trip, boarded_at, row.amount)
        return Ride(
            service.line,
            service.direction,
            service.vehicle,
            service.trip,
            self.now.trip_began_at,
            service.stop or "",
            healed,
        )

    # the three verdicts

    def _charge(self, purse: Purse, wallet: Wallet, charge: Charge, memory: Memory) -> Outcome:
        order = Order(
            purse,
            self.desk.psam,
            charge.amount_fen,
            translate.purchase_type(charge),
            translate.when(self.now.at),
            lambda opened: translate.compose(purse, charge, self.desk.psam.number, opened),
            memory.seen,
            memory.counter_floor,
            charge.reserve_fen,
        )

        def as_held(draft: Draft) -> Held:
            return translate.held(draft, charge, wallet, self.now.uid, self.service)

        try:
            result = self.desk.converse(debit(order), as_held)
        except Torn as torn:
            return self._torn(torn, purse, wallet, charge)
        if isinstance(result, Declined):
            needed = charge.amount_fen + charge.reserve_fen
            outcome = self._refuse(DECLINED[result.why], f"{needed} fen")
            return replace(outcome, amount_fen=needed, balance_fen=result.balance_fen)
        return self._close(result, wallet, charge)

    def _close(self, receipt: Receipt, wallet: Wallet, charge: Charge) -> Outcome:
        seq, tac = self.desk.held_seq, receipt.tac.hex().upper()
        after = receipt.draft.opened.balance_fen - charge.amount_fen
        if receipt.mac2 == "false":
            return self._false_card(seq, tac)
        closed = self.desk.close(Done(held=seq, tac=tac, by="debit", mac2=receipt.mac2))
        return self._served(charge, wallet, after, closed, "psam" if receipt.mac2 == "unchecked" else "")

    def _false_card(self, seq: int, tac: str) -> Outcome:
        self.desk.close(Grey(held=seq, tac=tac, why="mac2_false"))
        closed = self.desk.close(Alarm(what="false_card", detail=f"row {seq}: the PSAM refuses MAC2"))
        return Outcome(Reason.FALSE_CARD, card=self.card, seq=closed)

    def _served(self, charge: Charge, wallet: Wallet, after: int, seq: int, trouble: str = "") -> Outcome:
        warnings = charge.warnings
        if after < charge.low_balance_fen:
            warnings = (Warning.LOW_BALANCE, *warnings)
        days = None
        if charge.warnings:
            days = (min(wallet.end, wallet.class_end or wallet.end) - self.now.at.date()).days
        return Outcome(
            charge.reason,
            True,
            charge.amount_fen,
            after,
            self.card,
            wallet.card_class,
            warnings,
            charge.why,
            days,
            seq,
            trouble,
        )

    def _torn(self, torn: Torn, purse: Purse, wallet: Wallet, charge: Charge) -> Outcome:
        """The debit's outcome is not known: a card that still answers is healed at once, another at its next visit."""
        again = Outcome(Reason.PRESENT_SAME_CARD, card=self.card)
        if isinstance(torn.cause, LinkLost):
            return again
        seq, draft = self.desk.held_seq, torn.draft
        row = translate.held(draft, charge, wallet, self.now.uid, self.service)
        try:
            healing = self.desk.converse(heal(purse, self.desk.psam, translate.open_draft(row)))
            if healing.kind == "DONE" and self.desk.converse(check_mac2(healing.mac2)) == "false":
                return self._false_card(seq, healing.tac.hex().upper())
        except (LinkLost, StatusError, Malformed):
            return again
        closed = self._settle(seq, healing)
        if healing.kind == "DONE":
            # the rider passes on this row: a later tap of the card is another ride
            self.desk.close(Admitted(card=self.card, reason=charge.reason.value, names=seq, service=self.service))
            return self._served(charge, wallet, draft.opened.balance_fen - charge.amount_fen, closed)
        if isinstance(torn.cause, StatusError):
            return self._refuse(Reason.UNREADABLE, str(torn.cause))  # it would say no again
        return Outcome(Reason.PRESENT_AGAIN, card=self.card)

    def _admit(self, admit: Admit, wallet: Wallet, settled: tuple[int, Held] | None) -> Outcome:
        names, row = settled or (0, None)
        seq = self.desk.keep(Admitted(card=self.card, reason=admit.reason.value, names=names, service=self.service))
        paid = (row.amount, row.balance - row.amount) if row else (None, None)
        return Outcome(admit.reason, True, paid[0], paid[1], self.card, wallet.card_class, seq=seq)

    def _refuse(self, reason: Reason, detail: str = "") -> Outcome:
        uid = self.now.uid.hex().upper()
        event = Refused(card=self.card, uid=uid, reason=reason.value, detail=detail, service=self.service)
        return Outcome(reason, card=self.card, seq=self.desk.keep(event))

    # locking

    def _locked(self) -> Outcome:
        uid = self.now.uid.hex().upper()
        if number := self.desk.lock_tried(uid):  # a locked chip may hide its number, the lock's row has it
            self.desk.keep(Locked(card=number, uid=uid, by="select"))
        return self._refuse(Reason.LOCKED)

    def _lock(self, purse: Purse, wallet: Wallet) -> None:
        """Lock a listed card's application; after a lost answer its next SELECT tells."""
        card, uid, aid = self.card, self.now.uid.hex().upper(), purse.profile.aid.hex().upper()
        self.desk.keep(LockTried(card=card, uid=uid, aid=aid, level=wallet.hot_level or 0))
        try:
            if self.desk.converse(lock(purse, self.desk.psam)):
                self.desk.keep(Locked(card=card, uid=uid, by="answer"))
        except LinkLost:
            pass  # LOCK_TRIED stands open
