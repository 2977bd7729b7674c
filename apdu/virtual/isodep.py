"""The card's side of ISO/IEC 14443-3 and -4 type A, without a wire: one frame in, one frame or silence out.

Frames carry no CRC (nfcpy's `udp:` has none), but FSC and FSD count its two bytes. Block-number rules D and E and
rules 10 to 13 are quoted where they are kept. Source: ISO/IEC 14443-3 clause 6.5, ISO/IEC 14443-4 clauses 5 and 7.
"""

from collections.abc import Callable
from enum import Enum, auto

FRAME_SIZES = (16, 24, 32, 40, 48, 64, 96, 128, 256)
DEFAULT_FSCI = 2
OVERHEAD = 3  # PCB and the two CRC bytes
COMMAND_MAX = 1024  # a short APDU has 261 bytes; a longer chain is nonsense that must not fill the chip

REQA, WUPA = b"\x26", b"\x52"
HALT = b"\x50\x00"
RATS = 0xE0
SELECT_LEVELS = b"\x93\x95\x97"
CASCADE_TAG = 0x88

Execute = Callable[[bytes], bytes | None]
Extension = Callable[[bytes], int]


class State(Enum):
    """ISO/IEC 14443-3 figure 7, and the protocol of part 4."""

    IDLE = auto()
    READY = auto()
    ACTIVE = auto()
    PROTOCOL = auto()
    HALTED = auto()


def answer_to_select(ats: bytes) -> int:
    """The FSC that an ATS names (16 to 256); an ATS of the length byte alone means 32 (clause 5.2.3)."""
    fsci = ats[1] & 0x0F if len(ats) > 1 else DEFAULT_FSCI
    return FRAME_SIZES[min(fsci, 8)]


class IsoDepCard:
    """A proximity card. `execute` runs one APDU; `extension` says whether the card asks for more time before it."""

    def __init__(
        self,
        uid: bytes,
        atqa: bytes,
        sak: int,
        ats: bytes,
        execute: Execute,
        extension: Extension = lambda apdu: 0,
    ) -> None:
        self.atqa = atqa
        self.sak = sak
        self.ats = ats
        self.levels = _cascade(uid)
        self.fsc = answer_to_select(ats)
        self._execute = execute
        self._extension = extension
        self.power_off()

    def power_off(self) -> None:
        """The field is gone: all state is lost."""
        self.state = State.IDLE
        self._woken_from_halt = False
        self._level = 0
        self._enter_protocol(b"\xe0\x00")

    def receive(self, frame: bytes) -> bytes | None:
        """Answer a frame, or None for silence. Any bytes are allowed."""
        if not frame:
            return None
        if self.state is State.PROTOCOL:
            return self._block(frame)
        if self.state is State.ACTIVE:
            return self._active(frame)
        if frame == WUPA or (frame == REQA and self.state is State.IDLE):
            self._woken_from_halt = self.state is State.HALTED
            self.state, self._level = State.READY, 0
            return self.atqa
        if self.state is State.READY:
            return self._ready(frame)
        return None

    def _retire(self) -> None:
        """An unexpected frame sends the card back to where it was woken (clause 6.3)."""
        self.state = State.HALTED if self._woken_from_halt else State.IDLE

    def _ready(self, frame: bytes) -> bytes | None:
        level = self.levels[self._level]
        code = SELECT_LEVELS[self._level]
        if frame == bytes((code, 0x20)):
            return level
        if frame == bytes((code, 0x70)) + level:
            if self._level + 1 < len(self.levels):
                self._level += 1
                return bytes((self.sak | 0x04,))
            self.state = State.ACTIVE
            return bytes((self.sak & ~0x04,))
        self._retire()
        return None

    def _active(self, frame: bytes) -> bytes | None:
        if frame == HALT:
            self.state = State.HALTED
            return None
        if len(frame) == 2 and frame[0] == RATS and self.sak & 0x20:
            self.state = State.PROTOCOL
            self._enter_protocol(frame)
            return self.ats
        self._retire()
        return None

    # --- ISO/IEC 14443-4 --------------------------------------------------------------------------------------------

    def _enter_protocol(self, rats: bytes) -> None:
        self.fsd = FRAME_SIZES[min(rats[1] >> 4, 8)]
        self._cid = rats[1] & 0x0F
        self._identified = False
        self._number = 1  # rule C: the PICC's block number starts at 1
        self._received = b""
        self._chain: list[bytes] = []
        self._last: bytes | None = None
        self._waiting: bytes | None = None

    @property
    def _knows_cid(self) -> bool:
        """TC1 bit 2 of the ATS: the card takes blocks with a card identifier."""
        if len(self.ats) < 2:
            return False
        at = 2 + bool(self.ats[1] & 0x10) + bool(self.ats[1] & 0x20)
        return bool(self.ats[1] & 0x40) and len(self.ats) > at and bool(self.ats[at] & 0x02)

    def _block(self, frame: bytes) -> bytes | None:
        pcb, body, identified = frame[0], frame[1:], bool(frame[0] & 0x08)
        self._identified = identified
        if identified:
            if not body or not self._knows_cid or body[0] & 0x0F != self._cid:
                return None
            body = body[1:]
        elif self._knows_cid and self._cid:
            return None  # clause 7.1.2.2: a block without CID is for the card that was given 0
        if len(frame) + 2 > self.fsc:
            return None
        answer = self._dispatch(pcb & ~0x08, body)
        if answer is not None and identified:
            answer = bytes((answer[0] | 0x08, self._cid)) + answer[1:]
        return answer

    def _dispatch(self, pcb: int, body: bytes) -> bytes | None:
        if pcb & 0xEE == 0x02:
            return self._information(pcb, body)
        if pcb & 0xEE == 0xA2 and not body:
            return self._ready_block(pcb)
        if pcb == 0xC2 and not body:
            self.state = State.HALTED
            return b"\xc2"
        if pcb == 0xF2 and len(body) == 1 and self._waiting is not None:
            apdu, self._waiting = self._waiting, None
            return self._answer(apdu)
        return None

    def _information(self, pcb: int, body: bytes) -> bytes | None:
        self._number ^= 1  # rule D: toggle at an I-block, whatever its number
        self._waiting = None
        self._chain = []
        self._received += body
        if len(self._received) > COMMAND_MAX:
            self._received = b""
            return None
        if pcb & 0x10:
            return self._say(bytes((0xA2 | self._number,)))  # rule 10: acknowledge a chained I-block
        apdu, self._received = self._received, b""
        multiplier = self._extension(apdu)
        if multiplier:
            self._waiting = apdu
            return self._say(bytes((0xF2, min(multiplier, 59))))
        return self._answer(apdu)

    def _ready_block(self, pcb: int) -> bytes | None:
        if pcb & 0x01 == self._number:
            return self._last  # rule 11: the number is ours, send the last block again
        if pcb & 0x10:
            return self._say(bytes((0xA2 | self._number,)))  # rule 12: R(NAK), not ours: R(ACK)
        if not self._chain:
            return None
        self._number ^= 1  # rule E: toggle at an R(ACK) that is not ours
        return self._next()  # rule 13: the chain goes on

    def _answer(self, apdu: bytes) -> bytes | None:
        answer = self._execute(apdu)
        if answer is None:
            self._last = None
            return None
        size = self.fsd - OVERHEAD - self._identified
        self._chain = [answer[start : start + size] for start in range(0, len(answer), size)] or [b""]
        return self._next()

    def _next(self) -> bytes:
        part = self._chain.pop(0)
        return self._say(bytes(((0x12 if self._chain else 0x02) | self._number,)) + part)

    def _say(self, block: bytes) -> bytes:
        self._last = block
        return block


def _cascade(uid: bytes) -> list[bytes]:
    """The cascade levels of a 4-, 7- or 10-byte UID: four bytes and their exclusive-or (BCC) each."""
    parts = []
    while len(uid) > 4:
        parts.append(bytes((CASCADE_TAG,)) + uid[:3])
        uid = uid[3:]
    parts.append(uid)
    return [part + bytes((part[0] ^ part[1] ^ part[2] ^ part[3],)) for part in parts]
