"""Who stands at the counter: a thread of its own looks at the reader and tells the pages what lies there.

A page never holds a card's number: a visit has a token, and the number behind it stays here.
"""

import contextlib
import logging
import re
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from apdu.errors import ApduError
from apdu.profile import Profile
from apdu.purse.debit import balance
from apdu.purse.read import select
from apdu.script import Slot, Wire, run
from terminal.counters.limits import IDLE_S, SCANS_KEPT, TROUBLE_S, VISITS_KEPT
from terminal.counters.tilldesk import TillDesk
from terminal.ports import Card, ContactlessReader, Medium, ReaderLost
from terminal.precedence import Precedence

log = logging.getLogger(__name__)

CARD_NUMBER = re.compile("[0-9]{20}", re.ASCII)


class Person(NamedTuple):
    """Card number (20 digits, or as typed) and family: a profile's name, or "typed"."""

    card: str
    family: str


class Seen(Struct, frozen=True):
    """What lies on the reader, the `nth` thing that was told. `visit` "" with nobody there, or with a trouble.

    `tail` the card's last digits; `balance_fen` of its purse, None where it is not looked at. `scanner` "ready" or
    "away", "" where there is no serial one; `scans` the barcodes that came from it since what was told last.
    """

    nth: int = 1
    visit: str = ""
    tail: str = ""
    balance_fen: int | None = None
    zh: str = ""
    en: str = ""
    scanner: str = ""
    scans: tuple[str, ...] = ()


UNREADABLE = ("此卡无法识别，请换卡或扫描卡号", "this card cannot be read here: take another, or scan its number")
SEVERAL = ("请只放一张卡，放稳", "one card only, and lay it flat")


class Visits:
    """One reader's. Everything but `run` may be called from any thread."""

    def __init__(
        self,
        open_reader: Callable[[], ContactlessReader],
        profiles: tuple[Profile, ...],
        poll_s: float,
        away_s: float,
        precedence: Precedence,
        till: TillDesk | None = None,
    ) -> None:
        """`poll_s` between two looks; a card that is away for `away_s` has gone. `precedence`: held while a card is
        looked at. `till`: whose deals cards pay."""
        self._open_reader, self._profiles = open_reader, profiles
        self._poll_s, self._away_s, self._precedence, self._till = poll_s, away_s, precedence, till
        self._reader: ContactlessReader | None = None
        self._people: OrderedDict[str, Person] = OrderedDict()
        self._seen, self._idle_at = Seen(), 0.0
        self._scans: deque[tuple[int, str]] = deque(maxlen=SCANS_KEPT)
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.run, name="visits", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Stop, and give the reader back."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def told(self, nth: int, seconds: float) -> Seen:
        """What lies there now; waits up to `seconds` while it is still the `nth`."""
        with self._changed:
            self._changed.wait_for(lambda: self._seen.nth != nth or self._stop.is_set(), seconds)
            fresh = tuple(code for at, code in self._scans if 0 < nth < at)
            return replace(self._seen, scans=fresh)

    def scanned(self, code: str) -> None:
        """The serial scanner read that: a card's number names its reader, anything else goes to the page that asks."""
        if CARD_NUMBER.fullmatch(code):
            self._tell(Seen(0, self.known(Person(code, "typed")), code[-4:]))
            return
        with self._changed:
            self._scans.append((self._seen.nth + 1, code))
            self._say(self._seen)

    def scanner(self, there: bool) -> None:
        """The serial scanner was plugged in, or is gone."""
        with self._changed:
            self._say(replace(self._seen, scanner="ready" if there else "away"))

    def known(self, person: Person) -> str:
        """A token for somebody who was identified."""
        token = secrets.token_urlsafe(12)
        with self._changed:
            self._people[token] = person
            while len(self._people) > VISITS_KEPT:
                self._people.popitem(last=False)
        return token

    def person(self, token: str) -> Person | None:
        """Whose token it is; None: too long ago, or before a restart."""
        with self._changed:
            return self._people.get(token)

    # --- the thread

    def run(self) -> None:
        """Look until `close`."""
        while not self._stop.is_set():
            try:
                self._turn()
            except ReaderLost as lost:
                self._lose()
                self._tell(Seen(zh="读卡器不可用，请检查连线", en=str(lost)[:200]))
                self._stop.wait(TROUBLE_S)
        self._lose()

    def _turn(self) -> None:
        if self._reader is None:
            self._reader = self._open_reader()
            self._tell(Seen())
        card = self._reader.poll()
        if card is None:
            if self._till is not None and time.monotonic() >= self._idle_at:
                self._till.idle()
                self._idle_at = time.monotonic() + IDLE_S
            self._stop.wait(self._poll_s)
            return
        self._tell(self._look(card))
        self._until_gone(card)
        self._tell(Seen())

    def _look(self, card: Card) -> Seen:
        with self._precedence:
            return self._who(card)

    def _who(self, card: Card) -> Seen:
        if card.medium is Medium.UNCLEAR:
            return Seen(zh=SEVERAL[0], en=SEVERAL[1])
        nobody = Seen(zh=UNREADABLE[0], en=UNREADABLE[1])
        if card.medium is not Medium.ISO_DEP:
            return nobody
        try:
            wires = {Slot.CARD: card.wire}
            purse = run(select(self._profiles), wires, _hold_nothing)
        except ApduError as trouble:
            log.info("a card could not be read: %s", trouble)
            return nobody
        if purse is None or not purse.number:
            return nobody
        fen = self._balance(wires) if self._till is not None else None
        return Seen(0, self.known(Person(purse.number, purse.profile.name)), purse.number[-4:], fen)

    @staticmethod
    def _balance(wires: Mapping[Slot, Wire]) -> int | None:
        """What the purse holds; None: it does not tell, and names its holder all the same."""
        try:
            return run(balance(), wires, _hold_nothing)
        except ApduError as trouble:
            log.info("a card does not tell its balance: %s", trouble)
            return None

    def _until_gone(self, card: Card) -> None:
        """Wait until the card goes; a deal that waits is done with it meanwhile, one at most in a visit."""
        gone_since, served = None, False
        while not self._stop.is_set():
            if self._till is not None and not served and (served := self._till.serve(card)):
                self._tell(self._look(card) if card.present() else Seen())
            if self._stop.wait(self._poll_s):
                return
            if card.present():
                gone_since = None
                continue
            now = time.monotonic()
            gone_since = gone_since if gone_since is not None else now
            if now - gone_since >= self._away_s:
                return

    def _tell(self, seen: Seen) -> None:
        with self._changed:
            last = self._seen
            if replace(seen, nth=last.nth, scanner=last.scanner) != last:
                self._say(replace(seen, scanner=last.scanner))

    def _say(self, seen: Seen) -> None:
        self._seen = replace(seen, nth=self._seen.nth + 1)
        self._changed.notify_all()

    def _lose(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            with contextlib.suppress(ReaderLost, OSError):
                reader.close()


def _hold_nothing(draft: object) -> None:
    raise AssertionError("a look at a card holds nothing")
