"""A clerk at one counter: does what the screen says, tries again, starts the program again, and hands out receipts."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from apdu.errors import ApduError
from sync.asking import NoAnswer
from sync.errors import JournalError
from sync.events import BillDone, BillHeld
from sync.record import decode
from terminal.chipcard import NotServed
from terminal.hospital.counter import Standing
from terminal.hospital.step import Step
from tests.world.field import Fault
from tests.world.violation import check
from tests.world.window import EXPOSURE_FEN, Window

if TYPE_CHECKING:
    from tests.world.clinic import Clinic, Visit

GIVES_UP = (Step.CARD, Step.CHECKED, Step.ENTITLED, Step.PRICED)
TRIES = 4


class Clerk:
    """One person; what the clerk knows survives the program."""

    def __init__(self, clinic: "Clinic", window: Window) -> None:
        self.clinic = clinic
        self.window = window

    # --- at the counter

    def serve(self, visit: "Visit", replaces: str = "") -> None:
        """From card to receipt, with some patience."""
        self._patiently(lambda: visit.paid, lambda: self._serve(visit, replaces))
        self._say(f"visit {visit.number}, {sum(visit.fen)} fen of {visit.day}: {visit.paid or 'not settled'}")

    def refund(self, visit: "Visit") -> None:
        """A bill is cancelled; sometimes the rest of it is settled anew."""
        self._patiently(lambda: visit.refunded, lambda: self._cancel(visit))
        self._say(f"refund of visit {visit.number}: {visit.refunded or 'not made'}")
        if visit.refunded and len(visit.fen) > 1 and self.clinic.chance.random() < 0.5:
            rest = self.clinic.come(visit.patient, visit.day, visit.fen[1:], self.window)
            self.serve(rest, replaces=visit.paid)

    def take_corrections(self) -> None:
        """Book what the centre corrected."""
        self.do(lambda: self._take_corrections())

    def change_shift(self) -> None:
        """Sign out; whoever comes next signs in."""
        self.do(self._change_shift)

    def close_day(self) -> None:
        """Corrections, statement, sign out. What is still open on one side only passes by itself or is open here."""
        day = f"{self.window.clock.read().at:%Y%m%d}" if self.window.journal else ""
        self.do(lambda: self._close_day(day))

    def _patiently(self, is_done: Callable[[], str], action: Callable[[], None]) -> None:
        clinic = self.clinic
        for _ in range(TRIES):
            clinic.arm(self.window, 60)
            what = clinic.chance.choice(("before", "after", "garbled", "status"))
            faulty = clinic.chance.random() < clinic.faults.card / 4
            self.window.card_fault = Fault(clinic.chance.randrange(1, 20), what, 0x6F00) if faulty else Fault()
            self.do(action)
            self.window.machine.die_in = 0
            if is_done():
                return
            clinic.time.pass_ms(clinic.chance.choice((2_000, 30_000)))
            if clinic.chance.random() < 0.2:
                return

    def do(self, action: Callable[[], None]) -> None:
        """Do it at the program; one that shows trouble with its journal is ended and started again."""
        self.clinic.waiting.at = self.window
        try:
            self.window.alive(lambda: self._signed_in(action))
        except JournalError as trouble:
            self._say(f"journal: {trouble}")
            self.window.close_program()
        finally:
            self.clinic.waiting.at = None

    # --- at the program

    def _signed_in(self, action: Callable[[], None]) -> None:
        """Whoever finds the program signed out signs in, and first brings to an end what it left open."""
        counter = self.window.counter
        if counter.step is Step.SIGNED_OUT:
            left = counter.sign_in("0017")
            last = counter.receipt_of()
            if last is not None and last.held.operation not in self.clinic.receipts:
                self._say(f"{last.held.operation} stands and nobody has its receipt")
                self._hand_out(last)
            for made in left:
                counter.take_up(made)
                self._resolve()
        action()

    def _serve(self, visit: "Visit", replaces: str) -> None:
        counter = self.window.counter
        if visit.paid:
            return
        self.window.card = visit.patient.spec
        try:
            counter.read_card()
            counter.check_holder("photo")
            counter.look_up()
            counter.price(visit.claim, replaces)
            if self.clinic.chance.random() < 0.05:
                counter.give_up()
                return
            self._confirmed(visit, replaces)
        except (NotServed, ApduError) as refused:
            self._say(f"visit {visit.number}: {refused}")
            if counter.step in GIVES_UP:
                counter.give_up()

    def _confirmed(self, visit: "Visit", replaces: str) -> None:
        counter = self.window.counter
        standing = counter.confirm()
        while standing is None and counter.step is Step.ENTITLED:  # the centre knows better
            counter.price(visit.claim, replaces)
            standing = counter.confirm()
        self._printed(standing)
        self._resolve()

    def _cancel(self, visit: "Visit") -> None:
        counter = self.window.counter
        if visit.refunded:
            return
        try:
            counter.cancel(visit.paid)
            self._printed(counter.confirm())
            self._resolve()
        except NotServed as refused:
            self._say(f"refund of visit {visit.number}: {refused}")
            assert self.window.journal is not None
            archived = int(visit.paid[-8:]) <= self.window.journal._now.archived
            allowed = refused.reason == "exposed" or (refused.reason == "no_such_bill" and archived)
            stands = visit.paid not in counter.ledger.cancelled  # nothing was given back; the clerk asks again
            allowed |= refused.reason == "not_cancelled" and stands
            check(allowed, "cancelled once", f"visit {visit.number}: {refused.reason}")
        if counter.step in GIVES_UP:
            counter.give_up()

    def _resolve(self) -> None:
        """While the outcome is unknown: ask again, settle offline, or send the patient away."""
        counter, chance = self.window.counter, self.clinic.chance
        while counter.step is Step.UNKNOWN:
            match chance.choice(("ask", "ask", "offline", "leave")):
                case "ask":
                    self._printed(counter.ask_again())
                case "offline":
                    try:
                        self._printed(counter.settle_offline())
                    except NotServed:
                        counter.nothing_moved()
                case _:
                    counter.nothing_moved()

    def _printed(self, standing: Standing | None) -> None:
        if standing is not None:
            self._hand_out(standing)
            self.window.counter.done()

    def _hand_out(self, standing: Standing) -> None:
        """The patient pays and has the receipt: only for a bill that is durable, once, and within the funds' limit."""
        window, held = self.window, standing.held
        window.machine.touch("receipt")
        events = [decode(raw).event for raw in window.told]
        closed = any(isinstance(event, BillDone) and event.operation == held.operation for event in events)
        check(closed, "outcome before receipt", f"{held.operation} is not DONE in the journal")
        self._check_exposure(standing)
        self.clinic.hand_out(standing)
        window.machine.touch("receipt given")

    def _check_exposure(self, standing: Standing) -> None:
        """What the funds may owe on bills that the centre never acknowledged, counted from the rows themselves."""
        if standing.by != "offline" or standing.held.cancels:
            return
        events = [decode(raw).event for raw in self.window.told]
        done = {event.operation for event in events[self.window.acknowledged :] if isinstance(event, BillDone)}
        held = [event for event in events if isinstance(event, BillHeld) and event.operation in done]
        undone = {event.cancels for event in held}
        owed = sum(max(0, event.sums.fund_pay_sumamt) for event in held if event.operation not in undone)
        check(owed <= EXPOSURE_FEN, "exposure", f"{self.window.name}: the funds may owe {owed} fen")

    def _take_corrections(self) -> None:
        try:
            for booked in self.window.counter.take_corrections():
                self._say(f"corrected {booked.operation}: {booked.sums.fund_pay_sumamt} fen by {booked.why}")
        except NoAnswer:
            pass

    def _change_shift(self) -> None:
        if self.window.counter.step is Step.READY:
            self.window.counter.sign_out()

    def _close_day(self, day: str) -> None:
        self._take_corrections()
        try:
            self.window.counter.reconcile(day)
        except NoAnswer:
            return
        self._change_shift()

    def _say(self, what: str) -> None:
        self.clinic.say(self.window.name, what)
