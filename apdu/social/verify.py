"""Show the chip its holder's PIN (docs/cards.md, "Social-security chip"; ISO/IEC 7816-4, VERIFY).

The PIN stands in the command's data and nowhere else: a command is shown and logged by its name and P1P2 only.
"""

from msgspec import Struct

from apdu.command import Command
from apdu.script import Script, Slot, send
from apdu.social.profile import Profile

BLOCKED = (0x6983, 0x6984, 0x63C0)
WRONG = tuple(range(0x63C1, 0x63D0))


class PinWrong(Struct, frozen=True):
    """The chip refused the PIN; `tries_left` more before it blocks itself."""

    tries_left: int


class PinBlocked(Struct, frozen=True):
    """The chip takes no PIN any more; the issuer's counter unblocks it."""


def fits(profile: Profile, pin: str) -> bool:
    """Whether `pin` can be this family's at all; one that cannot must not cost a try."""
    return profile.pin_digits > 0 and len(pin) == profile.pin_digits and pin.isascii() and pin.isdigit()


def verify(profile: Profile, pin: str) -> Script[PinWrong | PinBlocked | None]:
    """VERIFY; None when the chip accepts. Never sent twice. Raises LinkLost, StatusError."""
    assert fits(profile, pin), "a PIN that cannot be right is not shown to the chip"
    data = bytes.fromhex(pin + "F" * (len(pin) % 2))
    command = Command(0x00, 0x20, 0x00, profile.pin_reference, data, name="VERIFY", repeatable=False)
    answer = yield from send(Slot.CARD, command, 0x9000, *WRONG, *BLOCKED)
    if answer.sw == 0x9000:
        return None
    return PinBlocked() if answer.sw in BLOCKED else PinWrong(answer.sw & 0x0F)
