"""The scenes of a clerk's day; each yields lines for the console and keeps what must hold for the end."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from sync.events import Sums
from sync.settling import Case, settle
from tariffs.copay.claim import Claim, Line
from tariffs.money import yuan_text as yuan
from terminal.chipcard import BadPin, NotServed
from terminal.demo.hospital.cast import GUESTS, LONG_STAY, SMALL, STAY, VISIT
from terminal.demo.hospital.stage import Stage
from terminal.hospital.build import Built
from terminal.hospital.counter import Counter, Standing
from terminal.hospital.lookup import case_of
from terminal.hospital.receipt import entitlement_lines, explanation, receipt, sources
from terminal.hospital.step import Step

CLERK = "0017"
OUTPATIENT, INPATIENT = "11", "21"
PIN = "123456"


class Told(NamedTuple):
    """A line of the story; `wrong` what should not have been, "" when all is as it must be."""

    text: str
    wrong: str = ""


Scene = Callable[[Stage], Iterator[Told]]


def claim(lines: tuple[Line, ...], care: str, counter: Counter) -> Claim:
    """What the HIS sends for this visit."""
    day = counter.parts.clock.read().at.date()
    return Claim("", day, {"care": care}, lines, stay=f"{day:%Y%m%d}-1" if care == INPATIENT else "")


def served(
    stage: Stage,
    built: Built,
    name: str,
    lines: tuple[Line, ...],
    care: str = OUTPATIENT,
    by: Literal["photo", "pin", "photo+pin"] = "photo",
    replaces: str = "",
) -> Iterator[Told]:
    """One patient from card to receipt, with the numbers explained."""
    counter = built.counter
    stage.insert(name)
    patient = counter.read_card(PIN if "pin" in by else "")
    counter.check_holder(by)
    stage.withdraw()
    yield Told(f"  {GUESTS[name].who}: {patient.shown}，核对 checked by {by}")
    entitled = counter.look_up()
    yield from (Told(f"  {text}") for text in entitlement_lines(entitled))
    case = counter.price(claim(lines, care, counter), replaces)
    yield from (Told(f"    {text}") for text in explanation(case))
    standing = confirmed(counter)
    if standing is None:
        yield Told("  结果未知 outcome unknown", f"{name}: {counter.step.value}")
        return
    yield from printed(counter, standing, patient.shown)


def confirmed(counter: Counter) -> Standing | None:
    """Confirm; while no answer comes ask again, as a clerk would: a busy machine answers late."""
    standing = counter.confirm()
    for _ in range(3):
        if standing is None and counter.step is Step.UNKNOWN:
            standing = counter.ask_again()
    return standing


def printed(counter: Counter, standing: Standing, shown: str) -> Iterator[Told]:
    """The receipt, and the next patient."""
    lines = receipt(standing.held, standing.case, shown, counter.parts.policy, standing.by)
    yield from (Told(f"  │ {text}") for text in lines)
    counter.done()


def money(sums: Sums) -> str:
    """Sums in a line: total, deductible, funds, account, cash."""
    return (
        f"总额 total {yuan(sums.medfee_sumamt)}, 起付线 deductible {yuan(sums.act_pay_dedc)}, "
        f"基金 funds {yuan(sums.fund_pay_sumamt)}, 账户 account {yuan(sums.acct_pay)}, "
        f"现金 cash {yuan(sums.psn_cash_pay)}"
    )


def sign_in(stage: Stage) -> Iterator[Told]:
    """The clerk takes the counter."""
    for built in stage.counters:
        left = built.counter.sign_in(CLERK)
        parts = built.counter.parts
        yield Told(
            f"  窗口 counter {built.journal.identity.terminal}: 政策 policy {parts.policy.version}, "
            f"参保 insured {parts.store.count()}, 读卡器 reader {parts.hospital.reader} (pyscard, pcscd)",
            f"{len(left)} bills were open" if left else "",
        )


def employee(stage: Stage) -> Iterator[Told]:
    """1: an employee, by PIN, the first time with a wrong one."""
    counter = stage.counters[0].counter
    stage.insert("employee")
    try:
        counter.read_card("111111")
        yield Told("  密码没有被拒绝", "the wrong PIN was accepted")
    except BadPin as wrong:
        yield Told(f"  {wrong.zh} · {wrong.en}")
    stage.withdraw()
    yield from served(stage, stage.counters[0], "employee", VISIT, by="pin")
    made = next(iter(counter.ledger.made.values()))
    yield Told("  每个数字的依据 · every number with its source:")
    again = settle(case_of(stage.vault, made).insured, case_of(stage.vault, made).claim, counter.parts.policy)
    yield from (Told(f"    {text}") for text in sources(again, counter.parts.policy))


def city_pass(stage: Stage) -> Iterator[Told]:
    """A card without the function is told so."""
    stage.insert("city_pass")
    try:
        stage.counters[0].counter.read_card()
        yield Told("  城市通卡被受理", "a city-pass card was served")
    except NotServed as refused:
        yield Told(f"  {refused.zh} · {refused.en}")
    stage.withdraw()


def retired(stage: Stage) -> Iterator[Told]:
    """2: retired, a lower deductible and a higher ratio."""
    yield from served(stage, stage.counters[0], "retired", VISIT)


def resident(stage: Stage) -> Iterator[Told]:
    """3: a resident without an account."""
    yield from served(stage, stage.counters[0], "resident", SMALL)


def child(stage: Stage) -> Iterator[Told]:
    """4: a child in hospital."""
    yield from served(stage, stage.counters[0], "child", STAY, care=INPATIENT)


def offline(stage: Stage) -> Iterator[Told]:
    """5: the centre is away, and the patient goes to two counters; each takes the deductible."""
    stage.stop_backend()
    yield Told("  中心断开；病人先后到两个窗口 · the centre is away; the patient goes to two counters")
    for built in stage.counters:
        yield from served(stage, built, "new_resident", VISIT)
        owed = built.counter.ledger.exposure_fen(built.journal.acknowledged)
        yield Told(f"  基金敞口 the funds may owe {yuan(owed)} / {yuan(built.counter.parts.hospital.exposure_fen)}")


def reconnected(stage: Stage) -> Iterator[Told]:
    """The centre is back: it settles the late bills again and books the difference."""
    stage.start_backend()
    for built in reversed(stage.counters):
        drained = built.drain()
        yield Told("  中心恢复，补传 · the centre is back, the rows follow", "" if drained else "rows are waiting")
        for correction in built.counter.take_corrections():
            yield Told(f"  更正 correction {correction.operation} ({correction.why}): {money(correction.sums)}")
    # Which counter's bill arrives first nobody can say; the other's is the one that is corrected.
    found = sum(len(built.counter.ledger.corrections) for built in stage.counters)
    yield Told(f"  更正 corrections: {found}", "" if found == 1 else "one correction was expected")


def old_card(stage: Stage) -> Iterator[Told]:
    """6: the old medical-insurance card, for a long stay with the large-amount layer."""
    yield from served(stage, stage.counters[0], "old_card", LONG_STAY, care=INPATIENT)


def cancelled(stage: Stage) -> Iterator[Told]:
    """The employee brings the class-C material back: cancel all, settle the rest."""
    counter = stage.counters[0].counter
    first = next(iter(counter.ledger.made.values())).held
    mirror: Case = counter.cancel(first.operation)
    standing = confirmed(counter)
    if standing is None:
        yield Told("  撤销结果未知", f"the cancellation is {counter.step.value}")
        return
    fits = mirror.sums == first.sums.negative()
    yield Told(f"  撤销 cancels {first.operation}", "" if fits else "the mirror is not the negative")
    yield from printed(counter, standing, GUESTS["employee"].who)
    yield from served(stage, stage.counters[0], "employee", VISIT[:-1], replaces=first.operation)


def close_of_day(stage: Stage) -> Iterator[Told]:
    """Sign out, send all, book corrections."""
    for built in stage.counters:
        shift = built.counter.sign_out()
        drained = built.drain()
        built.counter.take_corrections()
        counts = f"结算 bills {shift.bills}, 撤销 cancelled {shift.cancelled}, 暂结 provisional {shift.provisional}"
        yield Told(
            f"  窗口 counter {built.journal.identity.terminal}: {counts}; {money(shift.sums)}",
            "" if drained and built.counter.step is Step.SIGNED_OUT else "the day did not close",
        )


SCENES: tuple[tuple[str, Scene], ...] = (
    ("签到 · sign in", sign_in),
    ("1 在职职工，密码核验 · an employee, checked by PIN", employee),
    ("城市通卡 · a city-pass card", city_pass),
    ("2 退休职工 · a retired employee", retired),
    ("3 城乡居民，限价药品 · a resident; a drug with a price limit", resident),
    ("4 儿童住院 · a child in hospital", child),
    ("5 新居民，离线 · a new resident, offline", offline),
    ("中心恢复，重算与更正 · the centre settles again and corrects", reconnected),
    ("6 旧医保卡，长期住院 · the old card, a long stay", old_card),
    ("部分退费：撤销并重结 · a partial refund: cancel and settle the rest", cancelled),
    ("日终 · close of day", close_of_day),
)
