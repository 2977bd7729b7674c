"""The counter's slot: social-security chips that a clerk puts in and takes out, beside the PSAM's slot."""

import threading
from collections.abc import Mapping
from typing import Any

from apdu.virtual.chance import Chance
from apdu.virtual.chip import Chip, Directory
from apdu.virtual.contact import ContactFace, Slot
from apdu.virtual.elsewhere import Refusal
from apdu.virtual.social import ATR, SocialChip, SocialSpec, make_social
from apdu.virtual.t0 import T0


class SocialSlot:
    """Cards by name, and the one that is in the slot. `port` 0: no reader."""

    def __init__(self, port: int, lock: threading.Lock) -> None:
        self._lock = lock
        self._cards: dict[str, SocialChip] = {}
        self._inside = ""
        self.slot = Slot(T0(Chip(Directory(0x3F00, b"", {}), [], Chance("empty"))), ATR)
        self.face = ContactFace(self.slot, port, lock) if port else None
        if self.face is not None:
            self.face.unplug()

    def start(self) -> None:
        """Serve the reader."""
        if self.face is not None:
            self.face.start()

    def stop(self) -> None:
        """Stop serving."""
        if self.face is not None:
            self.face.stop()

    def add(self, spec: Mapping[str, Any], card: str) -> None:
        """Issue a card. Raises Refusal, ValueError."""
        with self._lock:
            if card in self._cards:
                raise Refusal(f"there is a card {card} already")
            self._cards[card] = make_social(SocialSpec.from_json(spec))

    def insert(self, card: str, seconds: float) -> bool:
        """Put a card into the slot and wait until pcscd has seen it; false when it did not."""
        if self.face is None:
            raise Refusal("there is no counter's slot")
        if card not in self._cards:
            raise Refusal(f"there is no card {card}")
        if self._inside:
            raise Refusal(f"card {self._inside} is in the slot")
        with self._lock:
            self.slot.chip = T0(self._cards[card])
            self._inside = card
        self.face.plug()
        return self.face.wait_seen(seconds)

    def withdraw(self) -> None:
        """Take the card out."""
        if self.face is not None:
            self.face.unplug()
        self._inside = ""

    def image(self) -> dict[str, Any]:
        """The permanent memory of the cards."""
        return {name: {"spec": chip.spec.to_json(), "tries": chip.pin.tries} for name, chip in self._cards.items()}

    def restore(self, image: Mapping[str, Any]) -> None:
        """Take the cards from an image. Raises KeyError, ValueError, TypeError."""
        self._cards = {
            name: make_social(SocialSpec.from_json(one["spec"]), int(one["tries"])) for name, one in image.items()
        }
