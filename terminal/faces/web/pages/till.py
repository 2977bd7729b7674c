"""The till under the market's and the top-up desk's pages: the shift, the deal that waits for a card, refunds."""

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Annotated, Any, TypeVar

import msgspec

from terminal.counters.limits import WAIT_S_MAX
from terminal.counters.tilldesk import TillDesk
from terminal.faces.table import load_signals
from terminal.faces.web.page import COUNTER, Act, Ask, House, Nothing, Page, Refused, Who
from terminal.receipt import Receipt, layout
from terminal.signal import Signals
from terminal.till.counter import Till
from terminal.till.deal import RUNNING, Deal, Step
from terminal.till.outside import Outside
from terminal.till.slips import refund_slip, shift_report
from terminal.till.words import Refused as Refusal
from terminal.till.words import told as in_words

T = TypeVar("T")
COLUMNS = 40
FEN_MAX = 10_000_000
Fen = Annotated[int, msgspec.Meta(ge=1, le=FEN_MAX)]

SHAPES = {
    Step.ASKED: ("card", "blue", "请放卡", "put the card down"),
    Step.UNCLEAR: ("hand", "yellow", "请放回同一张卡", "put the same card down again"),
    Step.DONE: ("check", "green", "交易成功", "done"),
    Step.LEFT: ("cross", "red", "已取消，未扣款", "given up, nothing was taken"),
    Step.DOUBT: ("clock", "yellow", "待确认，请保留凭条", "to be confirmed: keep the receipt"),
}


class Since(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was told last; the answer waits up to 10 seconds for something else. 0: at once."""

    nth: int = 0


class Shown(msgspec.Struct, frozen=True):
    """A deal for the clerk's eyes. `step` "asked", "unclear", "done", "left" or "doubt", with shape, light, words.

    `why_zh`, `why_en`: what the last card, the till or the backend said. `lines` its receipt, once it has ended.
    """

    order: str
    what: str
    step: str
    amount_fen: int
    items: tuple[tuple[str, int], ...]
    tail: str
    balance_fen: int | None
    shape: str
    light: str
    zh: str
    en: str
    why_zh: str
    why_en: str
    lines: tuple[str, ...]


class Stand(msgspec.Struct, frozen=True):
    """The till. `clerk` whose shift is open, "" for none; `total_fen` debited in it, `loads_fen` loaded."""

    nth: int
    clerk: str
    shift: int
    sales: int
    total_fen: int
    loads: int
    loads_fen: int
    deal: Shown | None
    trouble: str


class Lines(msgspec.Struct, frozen=True):
    """A slip as it is printed. `printed`: the printer took it."""

    lines: tuple[str, ...]
    printed: bool


class ToGiveBack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The number of a receipt of this till, and what is to be given back of it."""

    receipt: Annotated[str, msgspec.Meta(max_length=40)]
    fen: Fen


def page(house: House) -> Page | None:
    """Only at a till."""
    if house.place is None or house.place.till is None:
        return None
    at = _AtTill(house, house.place.till, house.place.outside)
    return Page(
        "till",
        asks=(Ask("till", "收银台", "The till and the deal that waits", Since, Stand, at.standing, COUNTER),),
        acts=(
            Act("till_shift", "开班", "Open a shift", Nothing, Nothing, at.begin, COUNTER),
            Act("till_x", "中途查账", "X report", Nothing, Lines, partial(at.report, False), COUNTER),
            Act("till_z", "日结", "Z close", Nothing, Lines, partial(at.report, True), COUNTER),
            Act("till_leave", "放弃", "Give the deal up", Nothing, Shown, at.leave, COUNTER),
            Act("till_copy", "重打小票", "The receipt once more, marked a copy", Nothing, Lines, at.again, COUNTER),
            Act("till_refund", "退款", "Note a refund", ToGiveBack, Lines, at.refund, COUNTER, at.refunded),
        ),
    )


class _AtTill:
    """What is asked of the till, and done at it, whatever is sold."""

    def __init__(self, house: House, desk: TillDesk, outside: Outside) -> None:
        self._house, self._desk, self._outside = house, desk, outside
        self._signals = load_signals()

    def standing(self, _who: Who | None, query: Since) -> Stand:
        """How the till stands."""
        told, ledger = self._desk.told(query.nth, WAIT_S_MAX), self._desk.ledger()
        on, totals = ledger.shift, ledger.totals
        clerk, shift = (on.clerk, on.shift) if on is not None else ("", ledger.last_shift)
        total_fen = totals.sales_fen + totals.fees_fen
        sums = (totals.sales + totals.fees, total_fen, totals.loads, totals.loads_fen)
        deal = shown(self._desk, self._signals, told.deal) if told.deal is not None else None
        return Stand(told.nth, clerk, shift, *sums, deal, told.trouble)

    def begin(self, who: Who, _operation: str, _body: Nothing) -> Nothing:
        """A clerk's shift begins."""
        used(self._desk, lambda till: till.open_shift(who.name))
        return Nothing()

    def report(self, is_z: bool, _who: Who, _operation: str, _body: Nothing) -> Lines:
        """X or Z."""
        totals = used(self._desk, lambda till: till.z() if is_z else till.x())
        return self._slip(shift_report(totals, is_z, self._now(), self._desk.place, *self._desk.number()))

    def leave(self, _who: Who, _operation: str, _body: Nothing) -> Shown:
        """The deal that waits is given up."""
        deal = used(self._desk, lambda till: till.give_up())
        self._outside.show(None)
        if deal.step is Step.DOUBT:
            self._outside.print(self._desk.slip(deal))
        return shown(self._desk, self._signals, deal)

    def again(self, _who: Who, _operation: str, _body: Nothing) -> Lines:
        """The last receipt once more."""
        deal = self._desk.told(0, 0).deal
        if deal is None or deal.step in RUNNING:
            raise Refused("no_receipt", "没有可重打的小票", "there is no receipt to print again")
        return self._slip(self._desk.slip(deal), copy=True)

    def refund(self, who: Who, operation: str, body: ToGiveBack) -> Lines:
        """A refund is noted."""
        terminal, epoch = self._desk.number()
        seq = body.receipt.strip().removeprefix(f"{terminal}-{epoch}-")
        if not (seq.isascii() and seq.isdecimal() and len(seq) < 12):
            raise Refused("bad_receipt", "不是本机的小票号", f"no receipt of this till ({terminal}-{epoch}-…)")
        noted = used(self._desk, lambda till: own(till, who).refund(order(operation), int(seq), body.fen))
        return self._slip(refund_slip(noted, self._now(), self._desk.place, terminal, epoch))

    def refunded(self, operation: str) -> Lines | None:
        """The refund of an act that a power cut interrupted, not printed again; None: none was noted under it."""
        noted = self._desk.ledger().refunds.get(order(operation))
        if noted is None:
            return None
        made = refund_slip(noted, self._now(), self._desk.place, *self._desk.number())
        return Lines(tuple(layout(self._desk.marked(made), COLUMNS)), False)

    def _slip(self, made: Receipt, copy: bool = False) -> Lines:
        marked = self._desk.marked(made)
        return Lines(tuple(layout(marked, COLUMNS, copy)), self._outside.print(marked, copy))

    def _now(self) -> str:
        return self._house.clock.read().at.isoformat()


def order(operation: str) -> str:
    """The page's name of an act as the till has it."""
    return sha256(operation.encode()).hexdigest()[:20]


def used(desk: TillDesk, work: Callable[[Till], T]) -> T:
    """Work at the till; what it does not do is said to the clerk."""
    try:
        return desk.use(work)
    except Refusal as no:
        raise Refused(no.why, no.zh, no.en + (f" ({no.detail})" if no.detail else "")) from no


def own(till: Till, who: Who) -> Till:
    """The till, for whose shift it is; a program works in any. Raises Refused."""
    on = till.ledger.shift
    if on is not None and on.clerk != who.name and not who.program:
        zh, en = f"操作员 {on.clerk} 的班次未结", f"the shift of clerk {on.clerk} is open: close it, or open yours"
        raise Refused("other_shift", zh, en)
    return till


def recovered(desk: TillDesk, operation: str) -> Any:
    """The deal of an act that a power cut interrupted; None: nothing was done under it."""
    deal = desk.use(lambda till: till.standing(order(operation)))
    return shown(desk, load_signals(), deal) if deal is not None else None


def shown(desk: TillDesk, signals: Signals, deal: Deal) -> Shown:
    """A deal for the clerk's eyes."""
    shape, light, zh, en = SHAPES[deal.step]
    why_zh = why_en = ""
    if deal.why:
        why_zh, why_en = in_words(deal.why)
    elif deal.reason is not None and deal.step is not Step.DONE:
        signal = signals.signal(deal.reason, deal.amount_fen, deal.balance_fen)
        why_zh, why_en = " ".join((signal.zh, *signal.zh_detail)), " ".join((signal.en, *signal.en_detail))
    lines = () if deal.step in RUNNING else tuple(layout(desk.slip(deal), COLUMNS))
    return Shown(
        deal.order, deal.what, deal.step.value, deal.amount_fen, deal.items, deal.card[-4:], deal.balance_fen,
        shape, light, zh, en, why_zh, why_en, lines,
    )  # fmt: skip
