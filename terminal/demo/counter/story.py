"""The day, scene by scene; each yields what happened and whether it is what had to happen."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tariffs.money import yuan_text
from terminal.demo.counter.hands import Hands
from terminal.demo.counter.stage import Stage


class Line(NamedTuple):
    """One line of the story. `good`: it went as it had to; None: nothing was claimed."""

    text: str
    good: bool | None = None


Scene = Callable[[Stage, Hands], Iterator[Line]]


def library(stage: Stage, hands: Hands) -> Iterator[Line]:
    """Readers, books, an outage of the library's system, and what it is told afterwards."""
    yield Line("图书馆 · the library's desk")
    hands.open("library")
    stage.put_down("wang")
    reader = hands.reader()
    yield Line(f"  {reader['name']} …{reader['tail']} 可借 · may borrow", reader["known"] and not reader["blocked"])
    for item in ("B0001", "B0004"):
        hands.lend(item)
    hands.take_back("B0001")
    hands.picture("library")
    holders = [stage.library.shelf.books[item].holder for item in ("B0001", "B0004")]
    yield Line("  借二还一 · two lent, one taken back", holders == ["", stage.cards["wang"].number20])
    slip = hands.act("library_slip")["lines"]
    yield Line(f"  凭条 · a slip of {len(slip)} lines", any("平凡的世界" in line or "三体" in line for line in slip))
    stage.lift()
    stage.put_down("zhao")
    yield Line("  停借的读者 · a reader who may not borrow", bool(hands.reader()["blocked"]))
    stage.lift()
    stage.library.__exit__()
    stage.put_down("li")
    hands.open("library")
    hands.reader()
    hands.lend("B0006")
    waiting = hands.get("library_open")["standing"]["waiting"]
    yield Line("  图书馆系统不可达，按本地规则借出 · the library's system is away: lent by local rules", waiting == 1)
    hands.pay_fee(150)
    paid = hands.deal("done")
    told = hands.get(f"library_fee_told?order={paid['order']}")["done"]
    yield Line("  欠费 1.50 从电子钱包，稍后报给图书馆 · a fee from the purse, told later", told["outcome"] == "queued")
    stage.reopen_library()
    came = hands.act("library_replay")
    yield Line(f"  补传 · told afterwards: {came}", (came["done"], came["stuck"], came["left"]) == (2, 0, 0))
    fees = stage.library.shelf.borrowers[stage.cards["li"].number20].paid
    yield Line("  图书馆系统收到一次 · the library's system has it once", [yuan for yuan, _ in fees] == ["1.50"])
    stage.lift()


def market(stage: Stage, hands: Hands) -> Iterator[Line]:
    """A shift of sales: paid, too little, pulled away and back, refunded, and offline."""
    yield Line("市场 · the market's till")
    hands.open("market")
    hands.act("till_shift")
    hands.sell([("鱼 fish", 1250), ("青菜 greens", 300)])
    stage.put_down("wang")
    paid = hands.deal("done")
    hands.picture("market")
    yield Line("  收款 · sold 15.50", paid["balance_fen"] == stage.cards["wang"].balance_fen - 1550)
    number = next(line.removeprefix("No. ") for line in paid["lines"] if line.startswith("No. "))
    stage.lift()
    hands.sell([("豆腐 tofu", 200)])
    stage.put_down("poor")
    refused = _refused(hands)
    yield Line(f"  余额不足，未扣款 · {refused['why_en']}", refused["step"] == "asked")
    stage.lift()
    yield Line("  放弃 · given up", hands.act("till_leave")["step"] == "left")
    stage.chips.remote.tear("after", ins="54")
    hands.sell([("鸡蛋 eggs", 880)])
    stage.put_down("pass")
    yield Line("  卡在扣款时拿走 · pulled away in the debit", hands.deal("unclear")["step"] == "unclear")
    stage.lift()
    stage.put_down("pass")
    healed = hands.deal("done")
    yield Line("  放回同一张卡，只扣一次 · the same card again: paid once", healed["amount_fen"] == 880)
    stage.lift()
    noted = hands.act("till_refund", {"receipt": number, "fen": 300})
    yield Line("  退款记录 3.00 · a refund noted", "退款" in "".join(noted.get("lines", [])))
    stage.stop_backend()
    hands.sell([("年糕 rice cake", 600)])
    stage.put_down("li")
    yield Line("  断网照常收款 · sold while the backend is away", hands.deal("done")["amount_fen"] == 600)
    stage.lift()


def topup(stage: Stage, hands: Hands) -> Iterator[Line]:
    """Loads: refused offline, from cash, from the account, a refund given back, pulled away and back."""
    yield Line("充值台 · the top-up desk")
    hands.open("topup")
    refused = Hands.load(hands, 5000)
    yield Line(f"  断网不充值 · {str(refused.get('en', ''))[:60]}", refused.get("problem") == "offline")
    stage.start_backend()
    yield Line("  后台恢复，补传 · the backend is back, the rows follow", stage.drain())
    for name, fen, source in (("li", 5000, "cash"), ("wang", 10_000, "account")):
        stage.put_down(name)
        hands.visit()
        hands.load(fen, source)
        done = hands.deal("done")
        left = yuan_text(done["balance_fen"] or 0)
        yield Line(f"  {source} {yuan_text(fen)} · 余额 balance {left}", done["amount_fen"] == fen)
        if source == "account":
            hands.picture("topup")
            stage.drain()
            [due] = hands.get(f"topup_due?visit={hands.visit()}")
            stage.lift()
            hands.load(due["amount_fen"], "refund", due["operation"])  # as its button on the page does
            stage.put_down(name)
            yield Line("  退款到原卡 3.00 · the refund is on the card", hands.deal("done")["amount_fen"] == 300)
        stage.lift()
    stage.chips.remote.tear("after", ins="52")
    hands.load(2000)
    stage.put_down("poor")
    yield Line("  卡在写卡时拿走 · pulled away in the load", hands.deal("unclear")["step"] == "unclear")
    stage.lift()
    stage.put_down("poor")
    yield Line("  放回同一张卡，只充一次 · the same card again: loaded once", hands.deal("done")["amount_fen"] == 2000)
    stage.lift()


def close(stage: Stage, hands: Hands) -> Iterator[Line]:
    """The shift is closed; everything goes to the backend."""
    stand = hands.get("till?nth=0")
    report = hands.act("till_z")["lines"]
    yield from (Line(f"  {line}") for line in report)
    sums = (stand["total_fen"], stand["loads_fen"])
    yield Line("  班次合计 · the shift adds up", sums == (1550 + 880 + 600, 5000 + 10_000 + 300 + 2000))
    yield Line("  全部上传 · everything is sent", stage.drain())


SCENES: tuple[Scene, ...] = (library, market, topup, close)


def _refused(hands: Hands) -> dict[str, Any]:
    nth = 0
    while True:
        found = hands.get(f"till?nth={nth}")
        if found["deal"]["why_en"]:
            return dict(found["deal"])
        nth = found["nth"]
