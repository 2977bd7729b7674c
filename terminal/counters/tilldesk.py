"""The till under the pages: one act at a time, whichever tab asks; the card that is put down does the deal."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import msgspec
from msgspec import Struct

from sync.errors import JournalError
from terminal.counters.limits import FOLLOWER_STOP_S, IDLE_S
from terminal.ports import Card
from terminal.receipt import Receipt
from terminal.till.counter import Till
from terminal.till.deal import RUNNING, Deal
from terminal.till.ledger import Ledger
from terminal.till.outside import Outside
from terminal.till.slips import receipt

T = TypeVar("T")
log = logging.getLogger(__name__)


class Standing(Struct, frozen=True):
    """The till, the `nth` time that something changed. `deal` the one that waits, or the last one that ended.

    `clerk` whose shift is open, "" for none.
    """

    nth: int
    deal: Deal | None
    clerk: str = ""
    trouble: str = ""


class TillDesk:
    """One till's. Callable from any thread."""

    def __init__(self, till: Till, place: str, outside: Outside, training: bool) -> None:
        """`place` stands on receipts."""
        self._till, self._place, self._outside, self._training = till, place, outside, training
        self._lock = threading.Lock()
        self._changed = threading.Condition()
        self._standing = Standing(1, till.ledger.running(), self._clerk())
        self._closed = False
        self._hear: Callable[[], None] = lambda: None
        self._follower: threading.Thread | None = None

    def use(self, work: Callable[[Till], T]) -> T:
        """Work at the till, alone; then everybody is told how it stands."""
        with self._lock:
            try:
                return work(self._till)
            finally:
                self._tell()

    def serve(self, card: Card) -> bool:
        """Do the deal that waits with the card that lies there; false: none waits."""
        with self._lock:
            running = self._till.ledger.running()
            if running is None:
                return False
            trouble = ""
            try:
                deal = self._till.serve(card)
            except JournalError as wrong:
                log.error("the deal stands where it stood: %s", wrong)
                deal, trouble = running, str(wrong)[:200]
            if deal.step not in RUNNING:
                self._outside.print(self.slip(deal))
            self._outside.show(deal)
            self._tell(deal, trouble)
            return True

    def idle(self) -> None:
        """Nobody stands there: the till's upkeep. A disk that fails is said in the log; the next act finds it too."""
        with self._lock:
            try:
                self._till.idle()
            except JournalError as trouble:
                log.error("the till's upkeep: %s", trouble)
            self._tell()

    def told(self, nth: int, seconds: float | None) -> Standing:
        """How it stands; waits up to `seconds`, None as long as it takes, while that is still the `nth`."""
        with self._changed:
            self._changed.wait_for(lambda: self._standing.nth != nth or self._closed, seconds)
            return self._standing

    def follow(self, hear: Callable[[], None]) -> None:
        """`hear` is called now and after each change, in a thread of its own, until `close`, and again a while after a
        disk that failed. A later one takes the place of an earlier."""
        self._hear = hear
        if self._follower is None:
            self._follower = threading.Thread(target=self._followed, name="till-follower", daemon=True)
            self._follower.start()

    def slip(self, deal: Deal) -> Receipt:
        """The receipt of a deal that has ended."""
        return self.marked(receipt(deal, self._place, *self.number()))

    def marked(self, slip: Receipt) -> Receipt:
        """Marked as a training's where it is one."""
        return replace(slip, training=self._training)

    def ledger(self) -> Ledger:
        """The till's own book, for a look."""
        return self._till.ledger

    def number(self) -> tuple[str, int]:
        """Terminal and epoch, as receipts' numbers begin."""
        return self._till.journal.identity.terminal, self._till.journal.identity.epoch

    @property
    def place(self) -> str:
        """What stands on receipts."""
        return self._place

    def close(self) -> None:
        """Give the PSAM back; nobody waits for news any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._follower is not None:
            self._follower.join(FOLLOWER_STOP_S)
        with self._lock:
            self._till.parts.chips.close()

    def _followed(self) -> None:
        nth = 0
        while not self._closed:
            nth = self.told(nth, None).nth
            try:
                self._hear()
            except JournalError as trouble:
                log.error("what follows the till's deals waits for the disk: %s", trouble)
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, IDLE_S)
                nth = 0

    def _tell(self, deal: Deal | None = None, trouble: str = "") -> None:
        """After each act: the deal that waits, else the one that ended last."""
        last = self._standing.deal
        if deal is None:
            deal = self._till.ledger.running() or (self._till.standing(last.order) if last is not None else None)
        with self._changed:
            before = self._standing
            fresh = Standing(before.nth, deal, self._clerk(), trouble)
            if fresh != before:
                self._standing = msgspec.structs.replace(fresh, nth=before.nth + 1)
                self._changed.notify_all()

    def _clerk(self) -> str:
        on = self._till.ledger.shift
        return on.clerk if on is not None else ""
