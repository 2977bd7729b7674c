"""The hospital counter: the steps of terminal/hospital/step.py, and of each bill the why that a patient may see."""

import threading
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec

from apdu.errors import ApduError
from sync.asking import NoAnswer
from sync.errors import StoreTrouble
from sync.settling import BadCase, Case
from sync.vault import Unsealable
from tariffs.copay.claim import Claim, Line
from terminal.chipcard import NotServed
from terminal.faces.web.page import COUNTER, Act, Ask, House, Nothing, Page, Refused, Who
from terminal.hospital.counter import Counter, Standing
from terminal.hospital.receipt import entitlement_lines, explanation, item_lines, notices, receipt, sum_lines
from terminal.hospital.statement import statement_lines
from terminal.hospital.step import Step
from terminal.ports import ReaderLost
from terminal.receipt import TRAINING

Words = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
Operation = Annotated[str, msgspec.Meta(max_length=64)]
LINES_MAX = 100
FEN_MAX = 100_000_000


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One item of the bill; `grade` A, B or C (甲乙丙)."""

    name: Words
    fen: Annotated[int, msgspec.Meta(ge=1, le=FEN_MAX)]
    grade: Literal["A", "B", "C"] = "A"


class Visit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be settled; `care` the kind of treatment, as med_type has it ("11" an ordinary outpatient's).

    `stay` the hospital's number of a stay, `admission` which one of the year it is; `replaces` a cancelled bill whose
    rest this is, or "".
    """

    items: Annotated[tuple[Item, ...], msgspec.Meta(min_length=1, max_length=LINES_MAX)]
    care: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{2,6}\Z")] = "11"
    stay: Annotated[str, msgspec.Meta(max_length=40)] = ""
    admission: Annotated[int, msgspec.Meta(ge=1, le=99)] | None = None
    replaces: Operation = ""


class HisClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A claim of the hospital's own system: `claim` as docs/copay.md, "A claim"; `replaces` as in Visit."""

    claim: dict[str, Any]
    replaces: Operation = ""


class ShownPin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The PIN that the card's holder keyed: for the chip alone, and in no repr."""

    pin: Annotated[
        str,
        msgspec.Meta(pattern=r"\A[0-9]{4,12}\Z", extra_json_schema={"format": "password", "writeOnly": True}),
    ]

    def __repr__(self) -> str:
        return "ShownPin()"


class Bill(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bill of this counter by its operation."""

    operation: Operation


class Day(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A day as YYYYMMDD."""

    day: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{8}\Z")]


class AtCounter(msgspec.Struct, frozen=True):
    """The counter. `step` as in docs/hospital.md; `patient` masked; `lines` the pre-settled bill, `why` step by step.

    `entitlement`: what the insurance says of the patient, whose word that is, and how old. `open`: bills that a
    program's end left unclear, by operation.
    """

    step: str
    clerk: str
    patient: str
    lines: tuple[str, ...]
    why: tuple[str, ...]
    open: tuple[str, ...]
    entitlement: tuple[str, ...] = ()


class Told(msgspec.Struct, frozen=True):
    """Where the counter stands after an act, and the receipt or statement that came of it."""

    step: str
    lines: tuple[str, ...] = ()


def page(house: House) -> Page | None:
    """Only at a hospital's counter."""
    if house.place is None or house.place.hospital is None:
        return None
    at = _AtCounter(house.place.hospital, house.place.training)

    def act(
        name: str,
        zh: str,
        en: str,
        do: Callable[..., Told],
        body: type[msgspec.Struct] = Nothing,
        secret: tuple[str, ...] = (),
    ) -> Act:
        return Act(f"hospital_{name}", zh, en, body, Told, do, COUNTER, secret=secret)

    return Page(
        "hospital",
        "医院",
        "Hospital",
        COUNTER,
        asks=(Ask("hospital", "结算台", "The counter and its patient", Nothing, AtCounter, at.standing, COUNTER),),
        acts=(
            act("sign_in", "签到", "Sign in", at.sign_in),
            act("sign_out", "签退", "Sign out", at.sign_out),
            act("read", "读卡", "Read the patient's chip", at.read),
            act("check", "人卡相符", "It is the patient's own card: look the insurance up", at.check),
            act("pin", "核验密码", "Check the holder's PIN: look the insurance up", at.pin, ShownPin, ("pin",)),
            act("price", "预结算", "Pre-settle", at.price, Visit),
            act("claim", "预结算（医院系统）", "Pre-settle the hospital system's claim", at.claim, HisClaim),
            act("confirm", "结算", "Settle", at.confirm),
            act("ask", "再问中心", "Ask the centre again", at.ask),
            act("offline", "暂结", "Let it stand without the centre", at.offline),
            act("void", "作废", "Nothing was given, no money taken", at.void),
            act("give_up", "放弃", "The patient leaves", at.give_up),
            act("cancel", "撤销", "Cancel a bill: pre-settle its mirror", at.cancel, Bill),
            act("receipt", "重打", "A bill's receipt again", at.again, Bill),
            act("take_up", "核查", "Take an unclear bill up", at.take_up, Bill),
            act("day", "日对账", "Compare a day with the centre", at.day, Day),
        ),
    )


class _AtCounter:
    """The counter behind the page; one act at a time, whichever tab asks."""

    def __init__(self, counter: Counter, training: bool) -> None:
        self._counter, self._training, self._lock = counter, training, threading.Lock()

    def standing(self, _who: Who | None, _query: Nothing) -> AtCounter:
        """How it stands."""
        with self._lock:
            counter, draft = self._counter, self._counter.draft
            lines = self._shown(draft.case) if draft is not None else ()
            why = tuple(explanation(draft.case)) if draft is not None else ()
            left = tuple(made.held.operation for made in counter.ledger.open())
            patient = counter.patient.shown if counter.patient is not None else ""
            entitled = tuple(entitlement_lines(counter.entitled)) if counter.entitled is not None else ()
            return AtCounter(counter.step.value, counter.clerk, patient, lines, why, left, entitled)

    def sign_in(self, who: Who, _operation: str, _body: Nothing) -> Told:
        """A clerk takes the counter."""
        return self._do((Step.SIGNED_OUT,), lambda counter: counter.sign_in(who.name))

    def sign_out(self, _who: Who, _operation: str, _body: Nothing) -> Told:
        """The clerk leaves."""
        return self._do((Step.READY,), lambda counter: counter.sign_out())

    def read(self, _who: Who, _operation: str, _body: Nothing) -> Told:
        """The chip in the slot."""
        return self._do((Step.READY, Step.CARD), lambda counter: counter.read_card())

    def check(self, _who: Who, _operation: str, _body: Nothing) -> Told:
        """The photo is the patient's; then who the patient is to the insurance."""

        def do(counter: Counter) -> None:
            if counter.step is Step.CARD:
                counter.check_holder("photo")
            counter.look_up()

        return self._do((Step.CARD, Step.CHECKED), do)

    def pin(self, _who: Who, _operation: str, body: ShownPin) -> Told:
        """The chip in the slot accepts its holder's PIN; then who the patient is to the insurance."""

        def do(counter: Counter) -> None:
            counter.read_card(body.pin)
            counter.check_holder("pin")
            counter.look_up()

        return self._do((Step.READY, Step.CARD), do)

    def price(self, _who: Who, _operation: str, body: Visit) -> Told:
        """Pre-settle."""

        def do(counter: Counter) -> None:
            lines = tuple(Line(name=one.name, amount_fen=one.fen, grade=one.grade) for one in body.items)
            facts = {"care": body.care} | ({"admission": str(body.admission)} if body.admission else {})
            day = counter.parts.clock.read().at.date()
            counter.price(Claim("", day, facts, lines, stay=body.stay), body.replaces)

        return self._do((Step.ENTITLED, Step.PRICED), do)

    def claim(self, _who: Who, _operation: str, body: HisClaim) -> Told:
        """Pre-settle what the hospital's own system says was done."""

        def do(counter: Counter) -> None:
            counter.price(counter.claim_of(msgspec.json.encode(body.claim)), body.replaces)

        return self._do((Step.ENTITLED, Step.PRICED), do)

    def confirm(self, _who: Who, _operation: str, _body: Nothing) -> Told:
        """Settle: the receipt, or no answer, or the centre knows better."""
        return self._settled((Step.PRICED,), lambda counter: counter.confirm())

    def ask(self, _who: Who, _operation: str, _body: Nothing) -> Told:
        """Once more, under the same operation."""
        return self._settled((Step.UNKNOWN,), lambda counter: counter.ask_again())

    def offline(self, _who: Who, _operation: str, _body: Nothing) -> Told:
        """It stands, provisional."""
        return self._settled((Step.UNKNOWN,), lambda counter: counter.settle_offline())

    def void(self, _who: Who, _operation: str, _body: Nothing) -> Told:
        """Nothing moved."""
        return self._do((Step.UNKNOWN,), lambda counter: counter.nothing_moved())

    def give_up(self, _who: Who, _operation: str, _body: Nothing) -> Told:
        """The patient leaves."""
        steps = (Step.CARD, Step.CHECKED, Step.ENTITLED, Step.PRICED)
        return self._do(steps, lambda counter: counter.give_up())

    def cancel(self, _who: Who, _operation: str, body: Bill) -> Told:
        """The mirror of a bill, to be confirmed."""
        return self._do((Step.READY,), lambda counter: counter.cancel(body.operation))

    def again(self, _who: Who, _operation: str, body: Bill) -> Told:
        """A receipt again."""

        def do(counter: Counter) -> tuple[str, ...]:
            standing = counter.receipt_of(body.operation)
            if standing is None:
                raise Refused("no_bill", "没有这笔已结算的单据", "there is no such settled bill")
            return ("*** 副本 COPY ***", *self._paper(standing, ""))

        return self._do(tuple(Step), do)

    def take_up(self, _who: Who, _operation: str, body: Bill) -> Told:
        """A bill that the program's end left open."""

        def do(counter: Counter) -> None:
            found = [made for made in counter.ledger.open() if made.held.operation == body.operation]
            if not found:
                raise Refused("no_bill", "没有这笔未结的单据", "there is no such open bill")
            counter.take_up(found[0])

        return self._do((Step.READY,), do)

    def day(self, _who: Who, _operation: str, body: Day) -> Told:
        """Corrections booked, the day compared."""

        def do(counter: Counter) -> tuple[str, ...]:
            booked = counter.take_corrections()
            return (f"更正 corrections booked: {len(booked)}", *statement_lines(counter.reconcile(body.day)))

        return self._do((Step.READY, Step.SIGNED_OUT), do)

    def _settled(self, steps: tuple[Step, ...], settle: Callable[[Counter], Standing | None]) -> Told:
        """The receipt of what stands now; then the next patient."""

        def do(counter: Counter) -> tuple[str, ...]:
            shown = counter.patient.shown if counter.patient is not None else ""
            standing = settle(counter)
            if standing is None:
                return ()
            paper = self._paper(standing, shown)
            counter.done()
            return paper

        return self._do(steps, do)

    def _do(self, steps: tuple[Step, ...], do: Callable[[Counter], object]) -> Told:
        """Do it where the counter stands in one of `steps`; what it does not do is said to the clerk."""
        with self._lock:
            if self._counter.step not in steps:
                zh, en = "现在不能办此步骤，请看页面状态", "not at this step: look where the page stands"
                raise Refused("wrong_step", zh, en)
            try:
                came = do(self._counter)
            except NotServed as no:
                raise Refused(no.reason, no.zh, no.en) from no
            except BadCase as no:
                raise Refused("bad_case", no.zh, no.en) from no
            except NoAnswer as away:
                raise Refused("no_answer", "中心没有应答", f"no answer from the centre: {away}"[:200]) from away
            except (ReaderLost, ApduError) as trouble:
                en = f"the chip could not be read: {trouble}"[:200]
                raise Refused("no_chip", "没有读到芯片，请重插", en) from trouble
            except (StoreTrouble, Unsealable) as trouble:
                raise Refused("store", "参保名单无法读取，请找技术员", str(trouble)[:200]) from trouble
            return Told(self._counter.step.value, came if isinstance(came, tuple) else ())

    def _shown(self, case: Case) -> tuple[str, ...]:
        return (*item_lines(case), *sum_lines(case.sums), *notices(self._counter.parts.policy, case))

    def _paper(self, standing: Standing, shown: str) -> tuple[str, ...]:
        mark = (TRAINING,) if self._training else ()
        return (*mark, *receipt(standing.held, standing.case, shown, self._counter.parts.policy, standing.by))
