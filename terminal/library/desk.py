"""The desk: one line at a time, scanned or typed, becomes an act; a reader's acts become a slip."""

import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import SimpleQueue

from apdu.social.masked import masked_name
from config.model import Peripherals
from terminal.library.counter import BadItem, Counter
from terminal.library.results import Outcome, ReaderView, Result
from terminal.receipt import Receipt

CARD_DIGITS = 20
HELP = (
    "借 lend · 还 return · 续 renew：切换 switch；20 位卡号或 card：读者 the reader；其余为条码 all else is a barcode",
    "完 end：读者结束，打印凭条 end of the reader, slip · 查 who：读者情况 · ? 帮助 help",
)
MODES = {"借": "lend", "lend": "lend", "还": "return", "return": "return", "续": "renew", "renew": "renew"}
NAMES = {"lend": "借 lend", "return": "还 return", "renew": "续 renew"}


@dataclass(slots=True)
class Desk:
    """What the desk is about: the mode, the reader, the acts since the last slip. `card` reads the card put down."""

    counter: Counter
    card: Callable[[], tuple[str, str] | None]
    mode: str = "lend"
    reader: tuple[str, str] | None = None
    done: list[Result] = field(default_factory=list)

    def take(self, line: str) -> list[str]:
        """What is said to one line of input."""
        word = line.strip()
        if not word:
            return []
        if word in MODES:
            self.mode = MODES[word]
            return [f"— {NAMES[self.mode]}"]
        if word in ("?", "？", "help"):
            return list(HELP)
        try:
            return self._reader(word) or [self._item(word)]
        except BadItem as wrong:
            return [f"✗ {wrong}"]

    def slip(self) -> Receipt | None:
        """The slip of what was done since the last one, then nobody stands there; None when nothing was."""
        results, self.done, self.reader = self.done, [], None
        if not results:
            return None
        return slip_of(results, self.counter)

    def _reader(self, word: str) -> list[str]:
        """The words about a reader; empty: it was none."""
        if word == "card":
            self.reader = self.card()
            return self._view() if self.reader else ["✗ 没有读到可用的卡 · no card that could be read"]
        if len(word) == CARD_DIGITS and word.isascii() and word.isdigit():
            self.reader = (word, "typed")
            return self._view()
        if word in ("查", "who"):
            return self._view() if self.reader else ["✗ 请先放卡或扫描卡号 · the reader's card first"]
        return []

    def _view(self) -> list[str]:
        assert self.reader is not None
        return reader_lines(self.counter.reader(*self.reader))

    def _item(self, item: str) -> str:
        if self.mode == "return":
            result = self.counter.give_back(item)
        elif self.reader is None:
            return "✗ 请先放卡或扫描卡号 · the reader's card first"
        elif self.mode == "lend":
            result = self.counter.lend(*self.reader, item)
        else:
            result = self.counter.renew(self.reader[0], item)
        if result.outcome in (Outcome.DONE, Outcome.QUEUED):
            self.done.append(result)
        return result.line()


def slip_of(results: list[Result], counter: Counter, training: bool = False) -> Receipt:
    """The slip of a reader's acts, one or more."""
    rows = []
    for result in results:
        due = result.due or result.outcome.zh
        rows.append((f"{NAMES.get(result.act, '费 fee').split()[0]} {result.item} {result.title}".strip(), due))
    identity = counter.journal.identity
    number = f"{identity.terminal}-{identity.epoch}-{results[-1].seq}"
    at = f"{counter.clock.read().at:%Y-%m-%d %H:%M}"
    footer = ("离线办理，以图书馆系统为准",) if any(r.outcome is Outcome.QUEUED for r in results) else ()
    return Receipt("图书馆凭条 Library slip", tuple(rows), number, (at, *footer), training)


def reader_lines(found: ReaderView) -> list[str]:
    """A reader for the clerk's eyes; the name is masked, for others look on."""
    if not found.known:
        return ["✗ 未登记的读者，可现场办理 · not a reader yet: offer to enrol"]
    state = "✗ " + "；".join(found.blocked) if found.blocked else "✓ 可借 · may borrow"
    where = "联网 · online" if found.online else "离线，只知本机记录 · offline: only what this counter knows"
    name = masked_name(found.name) if found.name else "读者 reader"
    fee = [f"欠费 owes {found.fee}"] if found.fee else []
    return [f"{name} · {state} · {where}", *fee, *(f"  {item}" for item in found.items)]


def serve(desk: Desk, peripherals: Peripherals, say: Callable[[str], object]) -> None:
    """Work until the end of the input; slips go to the printer when there is one."""
    from terminal.drivers.printer import ReceiptPrinter
    from terminal.drivers.scanner import Scanner

    lines: SimpleQueue[str | None] = SimpleQueue()
    printer = None
    if peripherals.printer:
        printer = ReceiptPrinter(peripherals.printer, peripherals.printer_baud, peripherals.columns)
    scanner = None
    if peripherals.scanner:
        scanner = Scanner(peripherals.scanner, lines.put, peripherals.scanner_baud, peripherals.scanner_prefix)
    threading.Thread(target=_typed, args=(lines,), daemon=True).start()
    say(HELP[0])
    say(HELP[1])
    try:
        for line in _until_end(lines):
            if line.strip() in ("完", "end"):
                slip = desk.slip()
                if slip is not None and printer is not None and not printer.print(slip):
                    say("✗ 打印机未就绪，凭条未打印（业务已记录） · no slip: the printer is not ready; the acts stand")
                say("—")
            else:
                for told in desk.take(line):
                    say(told)
    finally:
        for device in (scanner, printer):
            if device is not None:
                device.close()


def _typed(lines: "SimpleQueue[str | None]") -> None:
    for line in sys.stdin:
        lines.put(line)
    lines.put(None)


def _until_end(lines: "SimpleQueue[str | None]") -> Iterator[str]:
    while (line := lines.get()) is not None:
        yield line
