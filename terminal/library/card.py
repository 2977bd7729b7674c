"""The reader's card at the counter: its number, and its family for the deposit rule."""

import time
from collections.abc import Callable, Sequence

from apdu.purse.read import Purse, select
from apdu.script import Slot, run
from config.model import Configuration
from terminal import box
from terminal.chipcard import read_in
from terminal.library.limits import CARD_S_MAX
from terminal.ports import ContactSlot


def contactless_number(configuration: Configuration) -> tuple[str, str] | None:
    """Number and family of the card in the field, waiting for one; None: none came. Raises ReaderLost, ApduError."""
    reader = box.open_reader(configuration)
    try:
        deadline = time.monotonic() + CARD_S_MAX
        while time.monotonic() < deadline:
            found = reader.poll()
            if found is not None:
                profiles = box.profiles_of(configuration)
                purse: Purse | None = run(select(profiles), {Slot.CARD: found.wire}, _hold_nothing)
                return (purse.number, purse.profile.name) if purse and purse.number else None
            time.sleep(configuration.reader.poll_ms / 1000)
        return None
    finally:
        reader.close()


def contact_number(open_slot: Callable[[], ContactSlot], chips: Sequence[str]) -> tuple[str, str] | None:
    """Card number and profile of the contact chip in a slot. Raises ReaderLost, ApduError, NotServed."""
    chip = read_in(open_slot, box.load_chip_profiles(chips))
    number = chip.text("card_number")
    return (number, chip.profile.name) if number else None


def _hold_nothing(draft: object) -> None:
    raise AssertionError("a look at a card holds nothing")
