"""The demo's story, scene by scene; each line is what happened on the device, not what was planned."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from apdu.virtual.spec import HOLDER_KINDS, CardSpec
from sync.events import Done, Held
from sync.journal import Journal
from sync.link import Link
from sync.worker import Worker
from terminal.box import JOURNAL
from terminal.demo.stage import MERCHANT, OTHER_TERMINAL, Stage
from terminal.drivers.clock import SystemClock
from terminal.duty import OnDuty, service
from terminal.identity import known_or_first
from terminal.ports import Light, Signal
from terminal.signal import columns, yuan

MARK = {Light.GREEN: "✔", Light.RED: "✘", Light.YELLOW: "↻", Light.BLUE: "⚿", Light.OFF: " "}
CLASSES = {"01": "普通", "10": "学生", "11": "60-69岁", "20": "70岁以上", "21": "爱心", "70": "司机"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the story: a heading (no signal) or a tap with its signal; `expected`: the outcome that must come."""

    text: str
    signal: Signal | None = None
    expected: tuple[str, ...] = ()


Scene = Callable[[Stage, random.Random], Iterator[Line]]


def who(spec: CardSpec) -> str:
    """A card in a few words."""
    if spec.kind == "tunion":
        return {"2900": "上海交通联合卡", "3310": "杭州交通联合卡"}.get(spec.city, "外地交通联合卡")
    if spec.kind == "mifare":
        return "旧 M1 卡"
    if spec.city != "3140":
        return "外地市民卡"
    return f"{HOLDER_KINDS[spec.holder_kind]} {CLASSES.get(spec.main_type, '')}"


def tapped(stage: Stage, name: str, *expected: str) -> Line:
    """A tap and its line."""
    return Line(who(stage.cards[name]), stage.tap(name), expected)


def shown(line: Line, told: set[tuple[str, ...]]) -> list[str]:
    """A line of the story as a person reads it; what the screen explains is shown the first time only (`told`)."""
    if line.signal is None:
        return [line.text]
    signal = line.signal
    amount = "" if signal.amount_fen is None else f"{yuan(signal.amount_fen)}元"
    balance = "" if signal.balance_fen is None else f"余额 {yuan(signal.balance_fen)}"
    head = _wide(f"{signal.zh} · {signal.en}", 36)
    lines = [f"  {MARK[signal.light]} {_wide(line.text, 26)} {head} {amount:>7} {balance}".rstrip()]
    if signal.zh_detail and (signal.outcome, *signal.zh_detail) not in told:
        told.add((signal.outcome, *signal.zh_detail))
        lines += [f"      {'；'.join(signal.zh_detail)}", f"      {'; '.join(signal.en_detail)}"]
    return lines


def _wide(text: str, width: int) -> str:
    """Text filled with blanks to `width` columns; a Chinese character takes two."""
    return text + " " * (width - columns(text))


def sign_on(stage: Stage, chance: random.Random) -> Iterator[Line]:
    """The driver begins route 1."""
    yield Line("— 司机签到，1 路 · the driver signs on, route 1")
    yield tapped(stage, "driver", "signed_on")


def passengers(stage: Stage, chance: random.Random) -> Iterator[Line]:
    """All classes of cards, and riders by seed."""
    yield Line("— 1 路乘客 · riders of route 1: half price by card, classes, groups, other cities")
    for name in ("ordinary", "new_resident", "city_pass", "b_card"):
        yield tapped(stage, name, "fare")
    yield tapped(stage, "student", "concession")
    yield tapped(stage, "senior", "concession")
    yield tapped(stage, "senior_free", "free_class")
    yield tapped(stage, "love", "free_class")
    for name in ("shanghai", "hangzhou"):
        yield tapped(stage, name, "interop")
    yield tapped(stage, "low", "fare")
    yield Line("— 同车再刷：学生第二次全价，普通卡带人 · the same cards again on this bus")
    time.sleep(1.1)
    yield tapped(stage, "student", "repeat_full_fare")
    yield tapped(stage, "ordinary", "group")
    for name in [name for name in stage.cards if name.startswith("rider_")]:
        yield tapped(stage, name, "fare", "concession", "free_class")


def refusals(stage: Stage, chance: random.Random) -> Iterator[Line]:
    """Cards that may not pass; the listed one is locked, and its next SELECT proves it."""
    yield Line("— 拒绝的卡 · cards that may not pass")
    yield tapped(stage, "poor", "poor")
    yield tapped(stage, "expired", "expired")
    yield tapped(stage, "foreign_city", "foreign_city")
    yield tapped(stage, "unlisted", "foreign_issuer")
    yield tapped(stage, "mifare", "not_a_purse")
    yield tapped(stage, "listed", "hot_listed")
    yield Line("— 黑名单卡已锁：再次选择应用即被卡拒绝 · the listed card is locked: its next SELECT says so")
    yield tapped(stage, "listed", "locked")


def torn(stage: Stage, chance: random.Random) -> Iterator[Line]:
    """Cards that leave too early, and how each heals."""
    notice = chance.random() < 0.5
    yield Line("— 扣款前离开，再刷：未扣，照常付费 · gone before DEBIT, back again: not taken, pays now")
    stage.chips.remote.tear("before", ins="54", notice=notice)
    yield tapped(stage, "torn_before", "present_same_card")
    yield tapped(stage, "hangzhou", "interop", "group", "repeat_full_fare", "passed_back")
    yield tapped(stage, "torn_before", "fare")
    yield Line("— 扣款后离开，再刷：已扣，放行不再扣 · gone after DEBIT, back again: taken once, admitted")
    stage.chips.remote.tear("after", ins="54", notice=not notice)
    yield tapped(stage, "torn_after", "present_same_card")
    yield tapped(stage, "torn_after", "healed")
    yield Line("— 扣款前离开，在另一辆车付了同样的钱 · gone before DEBIT, then paid the same fare on another bus")
    stage.chips.remote.tear("before", ins="54", notice=notice)
    yield tapped(stage, "torn_then_elsewhere", "present_same_card")
    yield pay_elsewhere(stage, "torn_then_elsewhere")
    yield tapped(stage, "torn_then_elsewhere", "fare")
    yield Line("— 扣款后离开，只在另一辆车再刷：灰记录，由后台裁定 · gone after DEBIT, seen again on another bus only")
    stage.chips.remote.tear("after", ins="54", notice=notice)
    yield tapped(stage, "torn_away", "present_same_card")
    yield pay_elsewhere(stage, "torn_away")


def offline(stage: Stage, chance: random.Random) -> Iterator[Line]:
    """The backend goes away and nobody on the bus notices; a card torn before a restart heals after it."""
    stage.stop_backend()
    yield Line("— 后台断开；3 路；刷卡照常 · the backend is away; route 3; taps go on")
    yield tapped(stage, "driver", "signed_off")
    time.sleep(1.1)
    yield tapped(stage, "driver", "signed_on")
    for name in ("ordinary", "senior"):
        yield tapped(stage, name, "group", "transfer", "concession", "fare", "passed_back")
    yield Line("— 刷卡时断电重启：重启后同卡补全 · torn, then the device restarts: healed after it")
    stage.chips.remote.tear("after", ins="54", notice=False)
    yield tapped(stage, "torn_restart", "present_same_card")
    stage.restart_device()
    yield tapped(stage, "torn_restart", "healed")
    yield Line(f"    未上传 {stage.box.journal.unsent().rows} 条 · rows waiting for the backend")


def reconnect(stage: Stage, chance: random.Random) -> Iterator[Line]:
    """The backend is back."""
    stage.start_backend()
    yield Line("— 后台恢复，补传 · the backend is back, the rows follow")
    if not stage.drain():
        yield Line("    未能传完 · rows are still waiting", None, ("drained",))
    yield tapped(stage, "driver", "signed_off")
    stage.drain()


SCENES: tuple[Scene, ...] = (sign_on, passengers, refusals, torn, offline, reconnect)


def pay_elsewhere(stage: Stage, name: str) -> Line:
    """Another bus takes 1 yuan by its own PSAM; its record lies in its own journal and goes to the backend."""
    clock = SystemClock()
    moment = clock.read()
    spec = stage.cards[name]
    paid = stage.chips.remote.purchase_elsewhere(name, 100, moment.at.strftime("%Y%m%d%H%M%S"))
    link = Link(f"http://127.0.0.1:{stage.port}")
    folder = stage.folder / "bus-2"
    folder.mkdir(exist_ok=True)
    journal = Journal.open(folder / JOURNAL, known_or_first(folder, OTHER_TERMINAL, link.address), clock.boot_id)
    try:
        seq = journal.hold(_elsewhere_row(spec, paid), *moment.stamp()).seq
        journal.keep(Done(held=seq, tac=str(paid["tac"]), by="debit", mac2="checked"), *moment.stamp())
        worker = Worker(journal, link, lambda versions: None, lambda what, detail: None)
        worker.start()
        deadline = time.monotonic() + 10
        while journal.unsent().rows and time.monotonic() < deadline:
            time.sleep(0.02)
        worker.stop(5)
    finally:
        journal.close()
    return Line(f"    3 路的车收了 1.00 元 · the bus on route 3 took 1.00 yuan (TAC {paid['tac']})")


def _elsewhere_row(spec: CardSpec, paid: dict[str, object]) -> Held:
    """The other bus's HELD row, from what its deal returned."""
    duty = OnDuty(1, "3", 0, "3001", "", "", None)
    return Held(
        card=spec.number20,
        uid="",
        aid="A00000000386980701",
        main_type=spec.main_type,
        sub_type=spec.sub_type,
        card_valid=spec.end,
        app_start=spec.start,
        app_valid=spec.end,
        counter=int(str(paid["counter"])),
        psam=str(paid["terminal"]),
        psam_counter=int(str(paid["terminal_sequence"])),
        balance=int(str(paid["balance_before_fen"])),
        amount=int(str(paid["amount_fen"])),
        when=str(paid["moment"]),
        type=str(paid["type"]),
        key_version=str(paid["key_version"]),
        algorithm=str(paid["algorithm"]),
        random=str(paid["random"]),
        mac1=str(paid["mac1"]),
        serial_factor=spec.serial,
        issuer_factor=f"{spec.city}FF0000000000",
        cached=[],
        scheme="mohurd",
        card_class="ordinary",
        reason="fare",
        product="",
        cash_fare=200,
        service=service(duty, MERCHANT, "", ""),
    )
