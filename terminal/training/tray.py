"""The trainer's tray: simulated cards, a reader they are laid on, a slot they are put into, all in this process."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from apdu.errors import LinkLost
from apdu.script import Wire
from apdu.virtual import cards, issuer
from apdu.virtual.chance import Chance
from apdu.virtual.social import SocialChip, make_social
from apdu.virtual.t0 import T0
from apdu.virtual.timing import Timing, wait_until
from config.durable import replace_durably
from terminal.counters.place import TrayCard
from terminal.ports import ContactSlot, Medium, ReaderLost
from terminal.training.cast import Trainee

MOVES_MONEY = (0x54, 0x52)  # DEBIT, CREDIT FOR LOAD
PSAM_TERMINAL = "314000009999"
GONE = "the card was taken away · 卡片已移开"


class _Wire:
    """A chip's wire. `there` tells whether the chip is there before a command (False) and after it (True)."""

    def __init__(
        self, chip: Callable[[bytes], bytes], there: Callable[[bytes, bool], bool], timing: Timing, t0: bool = False
    ) -> None:
        self.t0 = t0
        self._chip, self._there, self._timing = chip, there, timing

    def transmit(self, raw: bytes) -> bytes:
        """One APDU, answered as late as a real chip would. Raises LinkLost when the chip is gone."""
        began = time.perf_counter()
        if not self._there(raw, False):
            raise LinkLost(GONE)
        answer = self._chip(raw)
        wait_until(began + self._timing.card_seconds(raw[1]) + self._timing.frame_seconds(len(raw), len(answer)))
        if not self._there(raw, True):
            raise LinkLost(GONE)
        return answer


class _OnReader:
    """A card that lies on the reader; fits terminal.ports.Card."""

    medium = Medium.ISO_DEP

    def __init__(self, tray: "SimulatedTray", card: cards.Card, nth: int) -> None:
        assert card.chip is not None
        self.uid = card.uid
        self._tray, self._nth = tray, nth
        self.wire: Wire = _Wire(card.chip.transmit, self._there, tray.timing)

    def present(self) -> bool:
        """Whether it still lies there."""
        return self._tray.visit == self._nth

    def _there(self, raw: bytes, executed: bool) -> bool:
        return self._tray.still(self._nth, raw, executed)


class _Reader:
    """The simulated reader; fits terminal.ports.ContactlessReader."""

    name = "培训 training"

    def __init__(self, tray: "SimulatedTray") -> None:
        self._tray = tray

    def poll(self) -> "_OnReader | None":
        """The card that lies there."""
        return self._tray.found()

    def close(self) -> None:
        """Nothing to give back."""


class _Slot:
    """A slot with a chip in it; fits terminal.ports.ContactSlot."""

    name = "培训 training"

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def close(self) -> None:
        """The chip stays powered."""


class SimulatedTray:
    """Fits terminal.counters.place.Tray. `file` keeps what the cards remember from one training to the next."""

    def __init__(self, trainees: Sequence[Trainee], file: Path, timing: Timing) -> None:
        self.timing = timing
        self.visit = 0
        self._trainees = {one.name: one for one in trainees}
        self._file = file
        kept = json.loads(file.read_text("utf-8")) if file.exists() else {}
        self._cards = {
            one.name: cards.restore(kept[one.name]) if one.name in kept else cards.personalise(one.card)
            for one in trainees
        }
        self._chips: dict[str, SocialChip] = {one.name: make_social(one.chip) for one in trainees if one.chip}
        self._psam = issuer.make_psam(bytes.fromhex(PSAM_TERMINAL), kept.get("psam", 1), Chance("training"))
        self._lock = threading.RLock()
        self._down = self._inside = ""
        self._torn: bool | None = None

    # what the counter sees

    def open_reader(self) -> _Reader:
        """The reader."""
        return _Reader(self)

    def open_psam(self) -> ContactSlot:
        """The PSAM's slot."""
        return _Slot(_Wire(T0(self._psam).transmit, lambda raw, executed: True, Timing(), t0=True))

    def open_contact(self) -> ContactSlot:
        """The slot for people's cards. Raises ReaderLost when nobody put one in."""
        inside = self._inside
        if inside not in self._chips:
            raise ReaderLost("no chip in the slot: put a card in on the tray · 卡槽里没有卡，请在卡盘上插卡")
        chip = T0(self._chips[inside])
        return _Slot(_Wire(chip.transmit, lambda raw, executed: self._inside == inside, Timing(), t0=True))

    def found(self) -> _OnReader | None:
        """The card that lies on the reader now."""
        with self._lock:
            return _OnReader(self, self._cards[self._down], self.visit) if self._down else None

    def still(self, visit: int, raw: bytes, executed: bool) -> bool:
        """Whether the card of that visit lies there before a command, or (`executed`) after it."""
        with self._lock:
            if self._torn is executed and raw[1] in MOVES_MONEY and self.visit == visit:
                self._torn = None
                self._gone()
            return self.visit == visit

    # what the trainer's hand does

    def cards(self) -> Sequence[TrayCard]:
        """All of them."""
        found = []
        for name, one in self._trainees.items():
            card = self._cards[name]
            fen = card.purse.memory.balance_fen if card.purse is not None else None
            found.append(TrayCard(name, one.zh, one.en, card.spec.number20[-4:], fen, name in self._chips))
        return found

    def down(self) -> str:
        """The card on the reader."""
        return self._down

    def inside(self) -> str:
        """The card in the slot."""
        return self._inside

    def put_down(self, name: str) -> None:
        """Lay a card on the reader."""
        with self._lock:
            card = self._cards[name]
            self._gone()
            if card.chip is not None:
                card.chip.reset()
            self._down = name

    def take_away(self) -> None:
        """Lift it."""
        with self._lock:
            self._gone()

    def pull_at_debit(self, executed: bool) -> None:
        """At the next DEBIT the card goes."""
        with self._lock:
            self._torn = executed

    def insert(self, name: str) -> None:
        """Put a card into the slot."""
        chip = self._chips[name]
        chip.reset()
        self._inside = name

    def withdraw(self) -> None:
        """Take it out."""
        self._inside = ""

    def save(self) -> None:
        """Keep what the cards remember."""
        with self._lock:
            kept = {name: cards.image(card) for name, card in self._cards.items()}
            picture = kept | {"psam": self._psam.memory.sequence}
        replace_durably(self._file, json.dumps(picture, ensure_ascii=False).encode(), 0o600)

    def _gone(self) -> None:
        self.visit += 1
        self._down = ""
