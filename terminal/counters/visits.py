"""Who stands at the counter: a thread of its own looks at the reader and tells the pages what lies there.

A page never holds a card's number: a visit has a token, and the number behind it stays here.
"""

import contextlib
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct

from apdu.errors import ApduError
from apdu.profile import Profile
from apdu.purse.read import select
from apdu.script import Slot, run
from terminal.counters.limits import TROUBLE_S, VISITS_KEPT
from terminal.ports import Card, ContactlessReader, Medium, ReaderLost

log = logging.getLogger(__name__)


class Person(NamedTuple):
    """Card number (20 digits, or as typed) and family: a profile's name, or "typed"."""

    card: str
    family: str


class Seen(Struct, frozen=True):
    """What lies on the reader, the `nth` thing that was told. `visit` "" with nobody there, or with a trouble."""

    nth: int = 1
    visit: str = ""
    zh: str = ""
    en: str = ""


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
    ) -> None:
        """`poll_s` between two looks; a card that is away for `away_s` has gone."""
        self._open_reader, self._profiles = open_reader, profiles
        self._poll_s, self._away_s = poll_s, away_s
        self._reader: ContactlessReader | None = None
        self._people: OrderedDict[str, Person] = OrderedDict()
        self._seen = Seen()
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
            return self._seen

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
                self._tell(zh="读卡器不可用，请检查连线", en=str(lost)[:200])
                self._stop.wait(TROUBLE_S)
        self._lose()

    def _turn(self) -> None:
        if self._reader is None:
            self._reader = self._open_reader()
            self._tell()
        card = self._reader.poll()
        if card is None:
            self._stop.wait(self._poll_s)
            return
        zh, en, visit = "", "", ""
        if card.medium is Medium.UNCLEAR:
            zh, en = SEVERAL
        elif (person := self._look(card)) is not None:
            visit = self.known(person)
        else:
            zh, en = UNREADABLE
        self._tell(visit, zh, en)
        self._until_gone(card)
        self._tell()

    def _look(self, card: Card) -> Person | None:
        if card.medium is not Medium.ISO_DEP:
            return None
        try:
            purse = run(select(self._profiles), {Slot.CARD: card.wire}, _hold_nothing)
        except ApduError as trouble:
            log.info("a card could not be read: %s", trouble)
            return None
        return Person(purse.number, purse.profile.name) if purse is not None and purse.number else None

    def _until_gone(self, card: Card) -> None:
        gone_since = None
        while not self._stop.wait(self._poll_s):
            if card.present():
                gone_since = None
                continue
            now = time.monotonic()
            gone_since = gone_since if gone_since is not None else now
            if now - gone_since >= self._away_s:
                return

    def _tell(self, visit: str = "", zh: str = "", en: str = "") -> None:
        with self._changed:
            before = self._seen
            if (before.visit, before.zh, before.en) == (visit, zh, en):
                return
            self._seen = Seen(before.nth + 1, visit, zh, en)
            self._changed.notify_all()

    def _lose(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            with contextlib.suppress(ReaderLost, OSError):
                reader.close()


def _hold_nothing(draft: object) -> None:
    raise AssertionError("a look at a card holds nothing")
