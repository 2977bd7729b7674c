"""The counter at work: one patient at a time through the steps of step.py; every effect is here, every rule elsewhere.

The order that matters: the bill is durable under its operation before anything moves; the centre is asked what it makes
of it; only then the outcome is kept, and only then the receipt is printed and money taken. An answer that does not come
is asked for again, under the same operation; nothing is settled twice.
"""

import logging
import time
from contextlib import suppress
from dataclasses import replace
from typing import Literal, NamedTuple

from sync import settling
from sync.asking import NoAnswer
from sync.entitlements import ListName
from sync.events import (
    AnyEvent,
    BillCorrected,
    BillDone,
    BillHeld,
    BillVoid,
    CounterOff,
    CounterOn,
    Evidence,
    HolderChecked,
    ListState,
)
from sync.record import Row
from sync.settling import BadCase, Case
from sync.statement import Comparison
from tariffs.copay.claim import Claim
from tariffs.copay.claims import read_claim
from tariffs.faults import PackFaults
from terminal.chipcard import NotServed, read_in
from terminal.hospital import limits
from terminal.hospital.closing import Closing
from terminal.hospital.ledger import Ledger, Made, Shift
from terminal.hospital.limits import PACKED_BYTES_MAX
from terminal.hospital.lookup import Entitled, LookUp, Parts, case_of
from terminal.hospital.patient import Patient, admitted
from terminal.hospital.step import Cue, Step, after
from terminal.hospital.words import CANCEL_UNCLEAR, EXPOSED, NO_REST, NOT_CANCELLED
from terminal.standing import CLOSED
from terminal.upkeep import Upkeep

log = logging.getLogger(__name__)


class Draft(NamedTuple):
    """A pre-settled bill: nothing is durable, nothing has moved. `cancels`/`replaces` an earlier operation or ""."""

    person: str
    case: Case
    provisional: bool
    states: dict[ListName, ListState]
    cancels: str = ""
    replaces: str = ""


class Standing(NamedTuple):
    """A bill that stands, for the receipt."""

    row: Row
    held: BillHeld
    case: Case
    by: str


class Counter:
    """One counter. Used by one thread; the sync thread sends the journal meanwhile."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.ledger = Ledger(parts.journal.bills())
        self._look_up = LookUp(parts, self.ledger)
        self._closing = Closing(parts, self.ledger)
        self._upkeep = Upkeep(parts.journal)
        self.step = Step.SIGNED_OUT
        self.clerk = ""
        self.patient: Patient | None = None
        self.entitled: Entitled | None = None
        self.draft: Draft | None = None
        self._pending: Made | None = None

    # the shift

    def sign_in(self, clerk: str) -> list[Made]:
        """A clerk takes the counter; a forgotten shift before is closed. The bills that nobody closed, oldest first."""
        self._go(Cue.SIGNED_IN)
        if self.ledger.on is not None:
            self._sign_off("next_sign_in")
        self.clerk = clerk
        self._keep(CounterOn(clerk, self.parts.hospital.institution, self.parts.policy.version))
        return self.ledger.open()

    def sign_out(self) -> Shift:
        """The clerk leaves; what the shift came to."""
        self._go(Cue.SIGNED_OUT)
        shift = self._sign_off("clerk")
        self.clerk = ""
        self.rest()
        return shift

    def _sign_off(self, by: str) -> Shift:
        on = self.ledger.on
        assert on is not None and isinstance(on.event, CounterOn)
        shift = self.ledger.shift(on.seq)
        self._keep(CounterOff(on.event.clerk, by, *shift))
        return shift

    # one patient

    def read_card(self, pin: str = "") -> Patient:
        """Read the card in the slot. Raises ReaderLost, ApduError, NotServed: the counter stays where it is."""
        assert self.step in (Step.READY, Step.CARD)
        if why := self.parts.closed():
            raise NotServed(why, *CLOSED[why])
        with self.parts.precedence:
            chip = read_in(self.parts.open_slot, self.parts.chips, pin)
        now = self.parts.clock.read().at
        number = admitted(chip, now.date())
        pin_shown = bool(pin) and chip.profile.pin_digits > 0
        self.patient = Patient(chip, self.parts.vault.ref("person", number), pin_shown, now.isoformat())
        if self.step is Step.READY:
            self._go(Cue.CARD_READ)
        return self.patient

    def check_holder(self, by: Literal["photo", "pin", "photo+pin"]) -> None:
        """The clerk made sure that the card is the patient's; recorded before anything else.

        Raises NotServed for a PIN check that no chip accepted.
        """
        assert self.patient is not None
        chip = self.patient.chip
        if by != "photo" and not chip.profile.pin_digits:
            raise NotServed("no_pin", "此卡没有密码，请核对照片", "this card has no PIN: compare the photo")
        if by != "photo" and not self.patient.pin_shown:
            raise NotServed("pin_not_shown", "芯片没有核验过密码", "no chip accepted a PIN of this patient")
        self._go(Cue.HOLDER_CHECKED)
        self._keep(HolderChecked(self.patient.ref, chip.kind, chip.profile.name, by, self.clerk))

    def look_up(self) -> Entitled:
        """The patient's entitlement: the centre's, or the device's own lists'. Raises NotServed, StoreTrouble."""
        assert self.patient is not None and self.step is Step.CHECKED
        self.entitled = self._look_up.find(self.patient.ref)
        self._go(Cue.ENTITLEMENT_FOUND)
        return self.entitled

    # the bill

    def price(self, claim: Claim, replaces: str = "") -> Case:
        """Pre-settle; may be repeated with other lines. Nothing is durable yet. Raises BadCase.

        `replaces`: a cancelled bill of this patient whose rest is settled, once. Raises NotServed for any other.
        The hospital's own code and level are the configuration's, whatever the claim says. What the chip counted goes
        along, as evidence, and by the policy as more (docs/copay.md, "On the card").
        """
        assert self.patient is not None and self.entitled is not None
        if replaces and not self.ledger.rest_open(replaces, self.patient.ref):
            raise NotServed(*NO_REST)
        hospital = self.parts.hospital
        own = {"institution": hospital.institution, "level": hospital.level}
        claim = replace(claim, facts={**claim.facts, **own})
        insured = settling.with_card(self.entitled.insured, self.patient.on_card)
        with self.parts.precedence:
            case = settling.settle(insured, claim, self.parts.policy)
        if len(settling.pack(case)) > PACKED_BYTES_MAX:
            raise BadCase("明细过多，请分单结算", "too many lines for one bill: settle them as two")
        self._go(Cue.PRICED)
        fresh, states = self.entitled.fresh, self.entitled.states
        self.draft = Draft(self.patient.ref, case, not fresh, states, replaces=replaces)
        return case

    def claim_of(self, raw: bytes) -> Claim:
        """The HIS's claim (docs/copay.md, "A claim"), its lines and facts; who the patient is it does not say.

        Raises BadCase with every fault.
        """
        try:
            return read_claim(raw, self.parts.policy.decimals, self.parts.policy.facts)[0]
        except PackFaults as wrong:
            zh, en = ("; ".join(fault.text(language) for fault in wrong.faults) for language in ("zh", "en"))
            raise BadCase(zh, en) from wrong

    def cancel(self, operation: str) -> Case:
        """Pre-settle the mirror of a bill of this counter; `confirm` makes it. Raises NotServed.

        What the centre corrected of the bill is taken first, where it answers: the mirror undoes that too.
        """
        made = self.ledger.made.get(operation)
        if made is None or not made.stands or made.held.cancels:
            raise NotServed("no_such_bill", "本机没有这笔已结算的单据", "this counter has no such settled bill")
        if operation in self.ledger.cancelled:
            raise NotServed("cancelled_already", "这笔已经撤销过", "this bill was cancelled before")
        if any(mirror.held.cancels == operation for mirror in self.ledger.open()):
            raise NotServed(*CANCEL_UNCLEAR)
        with suppress(NoAnswer):
            self.take_corrections()
        self._go(Cue.CANCEL_ASKED)
        states = self._look_up.states()
        case = settling.mirrored(case_of(self.parts.vault, made))
        self.draft = Draft(made.held.person, case, made.held.provisional, states, cancels=operation)
        return case

    def confirm(self) -> Standing | None:
        """Make the bill durable, ask the centre, close it. None: no answer (UNKNOWN) or the centre differs (ENTITLED,
        with its fresh accumulators: price again). Raises NotServed past the exposure limit, and where the centre does
        not cancel a bill so (READY); and JournalError.
        """
        draft = self.draft
        assert draft is not None
        with self.parts.precedence:
            evidence = self._evidence(draft)
            if draft.provisional and evidence.exposure_fen > evidence.exposure_limit_fen:
                raise NotServed(*EXPOSED)
            self._hold(draft, evidence)
        self.parts.wake()
        if draft.provisional:
            return self._close("offline")
        return self._listen()

    def _hold(self, draft: Draft, evidence: Evidence) -> None:
        """The bill is durable, under an operation of its own. Raises JournalError."""
        moment = self.parts.clock.read()
        identity = self.parts.journal.identity

        def held(seq: int) -> BillHeld:
            place = settling.bound_to(identity.terminal, identity.epoch, seq)
            operation = settling.operation(identity.terminal, identity.epoch, seq)
            return BillHeld(
                operation=operation,
                cancels=draft.cancels,
                replaces=draft.replaces,
                person=draft.person,
                institution=self.parts.hospital.institution,
                clerk=self.clerk,
                visit=draft.case.claim.day.isoformat(),
                insutype=draft.case.insured.insutype,
                med_type=draft.case.claim.facts.get("care", ""),
                provisional=draft.provisional,
                evidence=evidence,
                sums=draft.case.sums,
                sealed=self.parts.vault.seal_text(settling.pack(draft.case.named(operation)), place),
            )

        row = self.parts.journal.hold(held, *moment.stamp())
        self.ledger.follow(row)
        self._go(Cue.CONFIRMED)
        self._pending = self.ledger.open()[-1]

    def _evidence(self, draft: Draft) -> Evidence:
        exposure = self.ledger.exposure_fen(self.parts.journal.acknowledged)
        own = draft.case.sums.fund_pay_sumamt if draft.provisional else 0
        return Evidence(
            software=self.parts.software,
            policy=self.parts.policy.version,
            policy_digest=self.parts.policy_digest,
            policy_verified=not self.parts.policy.unverified,
            exposure_fen=exposure + own,
            exposure_limit_fen=self.parts.hospital.exposure_fen,
            **draft.states,
        )

    def _listen(self) -> Standing | None:
        """Ask what the centre makes of the pending operation until it says so, for a while."""
        made = self._pending
        assert made is not None
        deadline = time.monotonic() + limits.VERDICT_SECONDS
        while self.parts.centre is not None and time.monotonic() < deadline:
            try:
                verdict = self.parts.centre.verdict(made.held.operation)
            except NoAnswer as away:
                log.warning("no verdict on %s: %s", made.held.operation, away)
                break
            if verdict.state == "held":
                if verdict.agrees or self.ledger.undoes(made.held, verdict.sums):
                    return self._close("centre")
                self._differs()
                return None
            if verdict.state != "unknown":
                break
            time.sleep(limits.ASK_AGAIN_SECONDS)
        self._go(Cue.NO_ANSWER)
        return None

    def ask_again(self) -> Standing | None:
        """The outcome is unknown: ask again under the same operation; nothing is settled anew."""
        assert self.step is Step.UNKNOWN
        return self._listen()

    def settle_offline(self) -> Standing:
        """No answer comes: the bill stands as it is, and the centre books it when it arrives. Raises NotServed."""
        assert self.step is Step.UNKNOWN and self._pending is not None
        owed = self.ledger.exposure_fen(self.parts.journal.acknowledged) + self._pending.held.sums.fund_pay_sumamt
        if owed > self.parts.hospital.exposure_fen:
            raise NotServed(*EXPOSED)
        return self._close("offline")

    def nothing_moved(self) -> None:
        """The clerk says that no receipt was given and no money taken: the pending operation is void."""
        self._void(Cue.NEVER_CAME, "abandoned")

    def take_up(self, made: Made) -> None:
        """A bill that the program's end left open: its outcome is unknown until somebody says it."""
        self._go(Cue.RESTARTED)
        self._pending = made

    def _differs(self) -> None:
        """The centre has other accumulators: this operation is void, the next is priced with them. Raises NotServed."""
        assert self._pending is not None
        if self._pending.held.cancels:
            self._void(Cue.NOT_CANCELLED, "centre_differs")
            raise NotServed(*NOT_CANCELLED)
        self._void(Cue.DIFFERS, "centre_differs")
        if self.step is Step.ENTITLED and self.patient is not None:
            self.entitled = self._look_up.find(self.patient.ref)

    def _void(self, cue: Cue, why: str) -> None:
        made = self._pending
        assert made is not None
        self._keep(BillVoid(made.row.seq, made.held.operation, why))
        self._pending = self.draft = None
        self._go(cue)

    def _close(self, by: Literal["centre", "offline", "asked"]) -> Standing:
        made = self._pending
        assert made is not None
        if self.step is Step.UNKNOWN and by == "centre":
            by = "asked"
        self._keep(BillDone(made.row.seq, made.held.operation, by))
        self._pending = self.draft = None
        self._go(Cue.ANSWERED)
        self.parts.wake()
        return Standing(made.row, made.held, case_of(self.parts.vault, made), by)

    def receipt_of(self, operation: str = "") -> Standing | None:
        """A bill of this counter that stands, for its receipt once more; without a name the last one, None without any.

        A program that ended just after a bill stood cannot tell whether the patient has the receipt: the clerk can.
        """
        asked = self.ledger.made.values() if not operation else filter(None, [self.ledger.made.get(operation)])
        standing = [made for made in asked if made.stands]
        if not standing:
            return None
        made = max(standing, key=lambda made: made.closed_at)
        assert made.outcome is not None and isinstance(made.outcome.event, BillDone)
        return Standing(made.row, made.held, case_of(self.parts.vault, made), made.outcome.event.by)

    def done(self) -> None:
        """The receipt is printed; the next patient."""
        self._go(Cue.RECEIPT_GIVEN)
        self.patient = self.entitled = None
        self.rest()

    def rest(self) -> None:
        """Nobody is here: the journal's housekeeping, after each patient and whenever a face has time. Never raises."""
        self._upkeep.rest(self.parts.clock.read())

    def give_up(self) -> None:
        """The patient leaves before anything was made."""
        self._go(Cue.GIVEN_UP)
        self.patient = self.entitled = self.draft = None

    # the day

    def take_corrections(self) -> list[BillCorrected]:
        """Book what the centre corrected and is not booked here, each as a record of its own. Raises NoAnswer."""
        booked = self._closing.corrections()
        for correction in booked:
            self._keep(correction)
        return booked

    def reconcile(self, day: str) -> Comparison:
        """Compare our statement of `day` (YYYYMMDD) with the centre's. Raises NoAnswer."""
        return self._closing.compare(day)

    def _keep(self, event: AnyEvent) -> None:
        with self.parts.precedence:
            self.ledger.follow(self.parts.journal.keep(event, *self.parts.clock.read().stamp()))

    def _go(self, cue: Cue) -> None:
        self.step = after(self.step, cue)
