"""The issuers of the simulated city: synthetic master keys, and the keys of a card or a PSAM made from them.

No key here was ever in a real card. The MOHURD-style keys are those of the published synthetic vectors (SYN-*).
Source: docs/cards.md, "Key diversification".
"""

from typing import NamedTuple

from apdu import crypto
from apdu.virtual.chance import Chance
from apdu.virtual.psam import Psam, PsamMemory, Scheme, SchemeKeys, derive
from apdu.virtual.purse import PurseKeys

JIAXING_CITY = "3140"
SHANGHAI, HANGZHOU = "02002900FFFFFFFF", "02003310FFFFFFFF"


class Master(NamedTuple):
    """A scheme's master keys (16 bytes each) and the identifiers that its PSAM knows two of them by."""

    purchase: bytes
    load: bytes
    tac: bytes
    maintenance: bytes
    safe_code: bytes
    maintenance_id: int


def _ramp(first: int, length: int = 16) -> bytes:
    return bytes(range(first, first + length))


MOHURD = Master(_ramp(0x40), _ramp(0x50), _ramp(0x60), _ramp(0x70), _ramp(0xE0, 8), maintenance_id=0x01)
TUNION = Master(_ramp(0x80), _ramp(0x90), _ramp(0xA0), _ramp(0xB0), _ramp(0xE8, 8), maintenance_id=0x02)


def city_factor(city: str) -> bytes:
    """The higher factor of a MOHURD card: city code 2, FF, five zero bytes."""
    return bytes.fromhex(city + "FF0000000000")


def card_keys(master: Master, serial: bytes, higher: bytes) -> PurseKeys:
    """A card's four keys: root, then the higher factor, then the serial (8 bytes each)."""
    factors = serial + higher
    roots = (master.purchase, master.load, master.tac, master.maintenance)
    return PurseKeys(*(derive(root, factors) for root in roots))


def psam_keys(master: Master, safe_code: bool) -> SchemeKeys:
    """What the scheme's DF in a PSAM holds. With `safe_code` it wants the card's 80CA bytes before each purchase."""
    return SchemeKeys(
        master.purchase,
        maintenance={master.maintenance_id: master.maintenance},
        tac={0x00: master.tac},
        safe_code=master.safe_code if safe_code else b"",
    )


def safe_code(master: Master, serial: bytes) -> bytes:
    """A card's nine bytes for 80CA: 01, the last four of its serial, and their MAC."""
    head = b"\x01" + serial[4:]
    return head + crypto.mac(master.safe_code, head)


MOHURD_DF = (0x1001, bytes.fromhex("BDA8C9E8B2BF0000"), "0000000000003140")
TUNION_DF = (0x8011, bytes.fromhex("A000000632") + b"MOT.CPSAM01", "0200335000000000")
KEY_INDEX = "01"
PSAM_DATES = "2016111420990101"


def make_psam(terminal: bytes, sequence: int, chance: Chance, safe_code: bool = False) -> Psam:
    """A PSAM with both schemes' DFs; `terminal` 6 bytes, `sequence` the next terminal sequence."""
    memory = PsamMemory(terminal, sequence)
    schemes = []
    for (fid, name, owner), master in ((MOHURD_DF, MOHURD), (TUNION_DF, TUNION)):
        public = bytes.fromhex(KEY_INDEX + owner + owner + PSAM_DATES)
        schemes.append(Scheme(fid, name, public, psam_keys(master, safe_code), memory))
    return Psam(memory, schemes, chance)
