"""The library's desk: the reader by card, lending, returning, renewing, fees, what is at home, the exceptions."""

import logging
import threading
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from apdu.errors import ApduError
from apdu.social.masked import masked_name
from sync.batch import Seq
from sync.vault import BadVault, Unsealable
from terminal.chipcard import NotServed
from terminal.counters.limits import WAIT_S_MAX
from terminal.counters.place import Place
from terminal.counters.visits import Person
from terminal.faces.table import load_signals
from terminal.faces.web.page import COUNTER, Act, Ask, House, Nothing, Page, Refused, Who
from terminal.faces.web.pages.card import Token, Visit, person
from terminal.faces.web.pages.till import Shown, order, recovered, shown, used
from terminal.library import build, fees
from terminal.library.card import contact_number
from terminal.library.counter import BadItem, Counter
from terminal.library.desk import slip_of
from terminal.library.exceptions import listed, standing
from terminal.library.limits import ITEM_CHARS_MAX
from terminal.library.replay import replay, settle
from terminal.library.results import Outcome, Result
from terminal.ports import ReaderLost
from terminal.receipt import layout
from terminal.till.deal import Deal

Item = Annotated[str, msgspec.Meta(min_length=1, max_length=ITEM_CHARS_MAX)]
FEE_FEN_MAX = 1_000_000
COLUMNS = 40
PURSE_DIGITS = 20
log = logging.getLogger(__name__)


class Whose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A visit."""

    visit: Token


class OfReader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A visit, and an item's barcode."""

    visit: Token
    item: Item


class OfItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An item's barcode."""

    item: Item


class Fee(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fee in fen: paid in cash, or to be paid from the purse."""

    visit: Token
    fen: Annotated[int, msgspec.Meta(ge=1, le=FEE_FEN_MAX)]


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An exception by the number of its row."""

    seq: Seq


class Reader(msgspec.Struct, frozen=True):
    """A reader for the clerk's eyes: `name` masked, `tail` the card's last digits, `blocked` why lending is closed."""

    online: bool
    known: bool
    name: str
    tail: str
    blocked: tuple[str, ...]
    items: tuple[str, ...]
    fee: str
    words: str


class Done(msgspec.Struct, frozen=True):
    """How an act ended. `outcome` "done", "queued", "refused" or "unclear", with `shape` and words for the eye.

    `alert`: keep the item aside. `due` a day, or as the library system wrote it. `seq` the journal's row.
    """

    act: str
    item: str
    title: str
    outcome: str
    shape: str
    zh: str
    en: str
    due: str
    words: str
    alert: bool
    seq: int


class Paid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The order of a fee that a purse has paid."""

    order: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{20}\Z")]


class FeeTold(msgspec.Struct, frozen=True):
    """What the library system made of it. `done` null: it was not told yet; ask again."""

    done: Done | None


class Slip(msgspec.Struct, frozen=True):
    """What was done for a reader, as the slip has it. `printed`: the printer took it."""

    lines: tuple[str, ...]
    printed: bool


class Replayed(msgspec.Struct, frozen=True):
    """What telling the library system came to. `away`: why it broke off."""

    done: int
    stuck: int
    not_done: int
    left: int
    away: str


def page(house: House) -> Page | None:
    """Only at a library's counter. Raises ConfigError, BadVault, JournalError."""
    library = house.configuration.library
    if house.place is None or not library.branch:
        return None
    desk = _Desk(house, house.place, build.over(library, house.journal, house.clock, house.place.precedence))
    return Page(
        "library",
        "图书馆",
        "Library",
        COUNTER,
        asks=(
            Ask("library_reader", "读者", "A reader: what is at home, owed", Whose, Reader, desk.reader, COUNTER),
            Ask("library_fee_told", "缴费已报否", "What came of a fee", Paid, FeeTold, desk.fee_told, COUNTER),
            Ask("library_open", "待传与例外", "What waits, and exceptions", Nothing, Any, desk.open, COUNTER),
        ),
        acts=(
            Act("library_contact", "读芯片", "Read the contact chip", Nothing, Visit, desk.contact, COUNTER),
            desk.act("lend", "借", "Lend", OfReader),
            desk.act("renew", "续", "Renew", OfReader),
            desk.act("return", "还", "Take back", OfItem),
            desk.act("fee", "收费", "Take a fee", Fee),
            *desk.paying(),
            Act("library_slip", "凭条", "End of the reader: the slip", Nothing, Slip, desk.slip, COUNTER),
            Act("library_replay", "补传", "Tell the library system", Nothing, Replayed, desk.replay, COUNTER),
            Act("library_settle", "了结", "An exception was seen to by hand", Row, Nothing, desk.settle, COUNTER),
        ),
    )


class _Desk:
    """The counter behind the page; one act at a time, whichever tab asks."""

    def __init__(self, house: House, place: Place, counter: Counter) -> None:
        self._house, self._place, self._counter = house, place, counter
        self._lock = threading.Lock()
        self._done: dict[str, list[Result]] = {}
        self._told_fees = threading.Condition()
        self._till = place.till
        self._earlier: list[Deal] = []
        if self._till is not None:
            self._till.use(fees.forget)
            self._earlier = self._till.use(fees.earlier)
            self._till.follow(self._tell_fees)

    def reader(self, _who: Who | None, query: Whose) -> Reader:
        """Who stands there and what is open."""
        card, family = person(self._place, query.visit)
        with self._lock:
            found = _known(lambda: self._counter.reader(card, family))
        name = masked_name(found.name) if found.name else ""
        tail = card[-4:]
        return Reader(found.online, found.known, name, tail, found.blocked, found.items, found.fee, found.words)

    def open(self, _who: Who | None, _query: Nothing) -> Any:
        """How the library system stands, and each open act."""
        with self._lock:
            acts = _known(lambda: listed(self._counter, False))
            return {"standing": standing(self._counter), "acts": [one.shown() | {"line": one.line()} for one in acts]}

    def contact(self, _who: Who, _operation: str, _body: Nothing) -> Visit:
        """The card in the slot."""
        try:
            with self._place.precedence:
                found = contact_number(self._place.openers.contact, self._house.configuration.hospital.chips)
        except NotServed as no:
            raise Refused(no.reason, no.zh, no.en) from no
        except (ReaderLost, ApduError) as trouble:
            en = f"the chip could not be read: {trouble}"[:200]
            raise Refused("no_chip", "没有读到芯片，请重插", en) from trouble
        if found is None:
            raise Refused("no_number", "芯片上没有卡号", "the chip bears no card number")
        return Visit(self._place.visits.known(Person(*found)))

    def act(self, name: str, zh: str, en: str, body: type[msgspec.Struct]) -> Act:
        """One of the four acts that the library system is told."""
        return Act(f"library_{name}", zh, en, body, Done, getattr(self, f"_{name}"), COUNTER, self.recover)

    def _lend(self, who: Who, name: str, body: OfReader) -> Done:
        card, family = person(self._place, body.visit)
        return self._told(who, lambda: self._counter.lend(card, family, body.item, order(name)))

    def _renew(self, who: Who, name: str, body: OfReader) -> Done:
        card, _ = person(self._place, body.visit)
        return self._told(who, lambda: self._counter.renew(card, body.item, order(name)))

    def _return(self, who: Who, name: str, body: OfItem) -> Done:
        return self._told(who, lambda: self._counter.give_back(body.item, order(name)))

    def _fee(self, who: Who, name: str, body: Fee) -> Done:
        card, _ = person(self._place, body.visit)
        return self._told(who, lambda: self._counter.fee(card, body.fen, "00", order(name)))

    # a fee from the purse: asked for here, paid by the card on the reader, told to the library system by the follower

    def paying(self) -> tuple[Act, ...]:
        """The act that takes a fee from the purse, where there is a till."""
        till = self._till
        if till is None:
            return ()
        signals = load_signals()

        def pay(who: Who, name: str, body: Fee) -> Shown:
            card, _ = person(self._place, body.visit)
            if len(card) != PURSE_DIGITS:
                raise Refused("no_purse", "请把市民卡放到读卡器上", "put the card on the contactless reader")
            deal = used(till, lambda at: fees.ask(at, order(name), body.fen, who.name, card))
            self._place.outside.show(deal)
            return shown(till, signals, deal)

        zh, en = "从电子钱包收费", "Take a fee from the purse"
        return (Act("library_pay", zh, en, Fee, Shown, pay, COUNTER, lambda name: recovered(till, name)),)

    def fee_told(self, _who: Who | None, query: Paid) -> FeeTold:
        """What came of telling; waits for it, 10 seconds at most."""

        def found() -> Done | None:
            with self._lock:
                result = _known(lambda: self._counter.found(query.order))
            return _shown(result) if result is not None else None

        with self._told_fees:
            return FeeTold(self._told_fees.wait_for(found, WAIT_S_MAX))

    def _tell_fees(self) -> None:
        """After each change of the till, in its follower's thread. Raises JournalError."""
        assert self._till is not None
        try:
            with self._lock:
                fees.tell(self._counter, self._till.use(lambda till: fees.untold(self._counter, till, self._earlier)))
                self._earlier = []
        except (BadItem, Unsealable, BadVault) as wrong:
            log.error("a fee that was paid cannot be told to the library system: %s", wrong)
        with self._told_fees:
            self._told_fees.notify_all()

    def recover(self, name: str) -> Done | None:
        """What became of an act that a power cut interrupted."""
        with self._lock:
            found = self._counter.found(order(name))
        return _shown(found) if found is not None else None

    def slip(self, who: Who, _operation: str, _body: Nothing) -> Slip:
        """The acts since the last slip of this clerk, on paper where there is a printer."""
        results = self._done.pop(who.name, [])
        if not results:
            raise Refused("nothing_done", "没有可打印的业务", "nothing was done since the last slip")
        slip = slip_of(results, self._counter, self._place.training)
        return Slip(tuple(layout(slip, COLUMNS)), self._place.outside.print(slip))

    def replay(self, _who: Who, _operation: str, _body: Nothing) -> Replayed:
        """All that waits goes to the library system."""
        with self._lock:
            return Replayed(*_known(lambda: replay(self._counter)))

    def settle(self, _who: Who, _operation: str, body: Row) -> Nothing:
        """That row leaves the list."""
        with self._lock:
            if not settle(self._counter, body.seq):
                raise Refused("no_row", f"没有未了结的第 {body.seq} 行", f"there is no open row {body.seq}")
        self._house.wake()
        return Nothing()

    def _told(self, who: Who, do: Callable[[], Result]) -> Done:
        with self._lock:
            result = _known(do)
        if result.outcome is not Outcome.REFUSED:
            self._done.setdefault(who.name, []).append(result)
        return _shown(result)


def _known(do: Callable[[], Any]) -> Any:
    """What it gives; what the counter cannot do is said to the clerk."""
    try:
        return do()
    except BadItem as wrong:
        zh, _, en = str(wrong).partition(" · ")
        raise Refused("bad_item", zh, en) from wrong
    except (Unsealable, BadVault) as wrong:
        raise Refused("keys", "个人数据密钥不符，请找技术员", f"the keys do not fit: {wrong}") from wrong


def _shown(result: Result) -> Done:
    told = result.outcome
    words = (told.name.lower(), told.shape, told.zh, told.en)
    return Done(result.act, result.item, result.title, *words, result.due, result.words, result.alert, result.seq)
