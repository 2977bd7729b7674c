"""A counter's reader and PSAM: opened when they are first needed, kept, opened anew after trouble."""

import contextlib
import time
from collections.abc import Callable

from apdu.errors import ApduError, PsamError
from apdu.profile import Profile
from apdu.psam import open_psam
from apdu.script import Slot, run
from terminal.desk import Desk
from terminal.ports import Card, ContactlessReader, ContactSlot, Medium, ReaderLost


class Chips:
    """What a counter's desk talks to chips through. Used by one thread."""

    def __init__(
        self,
        desk: Desk,
        profiles: tuple[Profile, ...],
        open_reader: Callable[[], ContactlessReader],
        open_slot: Callable[[], ContactSlot],
        poll_s: float,
        away_s: float,
    ) -> None:
        """`poll_s` between two looks; `away_s` how long a card must be gone before it counts as put down anew."""
        self.desk = desk
        self.profiles = profiles
        self._open_reader = open_reader
        self._open_slot = open_slot
        self._poll_s = poll_s
        self._away_s = away_s
        self._reader: ContactlessReader | None = None
        self._slot: ContactSlot | None = None
        self._last: Card | None = None

    def card(self, seconds: float, given_up: Callable[[], bool] = lambda: False) -> Card | None:
        """The card that is put down within `seconds`; None: nobody came, or it was `given_up`. Raises ReaderLost.

        A card that still lies there from the act before must leave first: it was not put down for this one.
        """
        deadline = time.monotonic() + seconds
        try:
            while time.monotonic() < deadline and not given_up():
                if not self._is_left(deadline, given_up):
                    return None
                found = self._opened().poll()
                if found is not None and found.medium is not Medium.UNCLEAR:
                    self._last = found
                    return found
                time.sleep(self._poll_s)
        except ReaderLost:
            self._lose_reader()
            raise
        return None

    def keep_down(self) -> None:
        """The card that was just looked at may be taken for the next act without being lifted."""
        self._last = None

    def open_psam(self) -> None:
        """Make sure that the desk has a PSAM. Raises PsamError with what to do."""
        if self._slot is not None:
            return
        try:
            slot = self._open_slot()
        except ReaderLost as lost:
            raise PsamError(str(lost)) from lost
        try:
            psam = run(open_psam(self.profiles), {Slot.PSAM: slot.wire}, lambda draft: None)
        except ApduError as wrong:
            slot.close()
            raise PsamError(str(wrong)) from wrong
        self._slot = slot
        self.desk.plug_psam(psam, slot.wire)

    def lose_psam(self) -> None:
        """The PSAM failed: it is opened anew when it is needed next."""
        if self._slot is not None:
            self._slot.close()
        self._slot = None
        self.desk.plug_psam(None, None)

    def close(self) -> None:
        """Give both back."""
        self._lose_reader()
        self.lose_psam()

    def _is_left(self, deadline: float, given_up: Callable[[], bool]) -> bool:
        """Whether the card of the act before is gone, waiting for it."""
        if self._last is None:
            return True
        gone_since = None
        while time.monotonic() < deadline and not given_up():
            if self._last.present():
                gone_since = None
            else:
                gone_since = gone_since or time.monotonic()
                if time.monotonic() - gone_since >= self._away_s:
                    self._last = None
                    return True
            time.sleep(self._poll_s)
        return False

    def _opened(self) -> ContactlessReader:
        if self._reader is None:
            self._reader = self._open_reader()
        return self._reader

    def _lose_reader(self) -> None:
        if self._reader is not None:
            with contextlib.suppress(ReaderLost, OSError):
                self._reader.close()
        self._reader = None
        self._last = None
