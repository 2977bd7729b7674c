"""Lock the purse application of a hot-listed card: APPLICATION BLOCK, temporary (docs/cards.md, Commands and PSAM)."""

from apdu.command import Command
from apdu.errors import Malformed, PsamError, StatusError
from apdu.psam import Psam, block_mac
from apdu.purse.read import Purse
from apdu.script import Script, Slot, send


def lock(purse: Purse, psam: Psam) -> Script[bool]:
    """GET CHALLENGE, the PSAM's MAC, 84 1E with P2 = 00. True: the chip said 9000; False: chip or PSAM refused.

    Raises LinkLost: whether the chip is locked is not known, the next SELECT tells.
    """
    try:
        challenge = yield from send(Slot.CARD, Command(0x00, 0x84, 0x00, 0x00, le=4, name="GET CHALLENGE"))
        if len(challenge.data) != 4:
            raise Malformed("GET CHALLENGE answers 4 bytes", challenge.data)
        mac = yield from block_mac(psam, purse.profile, purse.serial, purse.issuer_factor, challenge.data)
        block = Command(0x84, 0x1E, 0x00, 0x00, mac, name="APPLICATION BLOCK", repeatable=False)
        yield from send(Slot.CARD, block)
    except (StatusError, Malformed, PsamError):
        return False
    return True
