"""The reader's side of ISO/IEC 14443-4 ("ISO-DEP") over any air interface: one APDU in, one APDU out.

nfcpy 1.0.4 has an initiator of its own (nfc/tag/tt4.py). It reads the frame waiting time at a fixed place of the ATS,
so that a short ATS gives a wrong one or an IndexError; it repeats a lost block for up to five frame waiting times; it
knows no extension inside a chain, no bound on extensions and no DESELECT. `docs/cards.md`, "Library facts".
This one follows the clauses and rules of ISO/IEC 14443-4 that are named below.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from apdu.errors import LinkLost, Malformed
from terminal.drivers.limits import (
    ATS_S_MAX,
    EXTENSION_S_MAX,
    EXTENSIONS_MAX,
    GUARD_S_MAX,
    RESPONSE_MAX,
    RETRIES_MAX,
    SILENCE_S_MAX,
)

CARRIER_HZ = 13.56e6
DELTA_S = 49152 / CARRIER_HZ  # what a reader waits beyond the frame waiting time (NFC Forum Digital Protocol)
FWI_DEFAULT, FWI_MAX = 4, 14
FSCI_DEFAULT = 2
FRAME_SIZES = (16, 24, 32, 40, 48, 64, 96, 128, 256)
OVERHEAD = 3  # PCB and the two bytes of CRC, which the frame size counts
MULTIPLIER_MAX = 59

I_BLOCK, MORE = 0x02, 0x10  # MORE: the chaining bit
ACK, NAK = (b"\xa2", b"\xa3"), (b"\xb2", b"\xb3")  # by block number
S_WTX, S_DESELECT = 0xF2, b"\xc2"
NO_BLOCK = b"\x00"  # equal to no block that is due

Air = Callable[[bytes, float], bytes | None]
"""Sends a frame and waits so many seconds. The answer; None: silence; empty: a damaged frame. Raises LinkLost."""


def waiting_time_s(fwi: int) -> float:
    """The frame waiting time of FWI 0 to 14, 0.3 ms to 4.95 s (ISO/IEC 14443-4, 7.2)."""
    return 4096 / CARRIER_HZ * (1 << fwi)


def frame_size(limit: int) -> int:
    """The largest frame size of the standard, 16 to 256 bytes, within a reader's limit."""
    return max(size for size in FRAME_SIZES if size <= max(limit, FRAME_SIZES[0]))


@dataclass(frozen=True, slots=True)
class Ats:
    """What a card says when it is activated: the frame size that it takes in bytes, FWI, guard time before a block."""

    frame_size: int
    fwi: int
    guard_s: float


def parse_ats(raw: bytes) -> Ats:
    """Parse an answer to select of any legal length: TL, [T0, [TA], [TB], [TC], historical bytes].

    What is left out has its default: FSCI 2 (32 bytes), FWI 4, no guard time. Values that are reserved for the future
    count as the standard tells a reader: FSCI above 8 as 256 bytes (ours are no longer), FWI 15 as 4, SFGI 15 as 0.
    Raises Malformed when TL is not the length, or an announced byte is missing. ISO/IEC 14443-4, 5.2.
    """
    if not raw or raw[0] != len(raw):
        raise Malformed("ATS whose length byte is not its length", raw)
    fsci, fwi, sfgi = FSCI_DEFAULT, FWI_DEFAULT, 0
    if len(raw) > 1:
        t0 = raw[1]
        fsci = t0 & 0x0F
        if len(raw) < 2 + (t0 >> 4 & 0b111).bit_count():
            raise Malformed("ATS without the interface bytes that it announces", raw)
        if t0 & 0x20:
            tb = raw[3 if t0 & 0x10 else 2]
            fwi, sfgi = tb >> 4, tb & 0x0F
    guard_s = 4096 / CARRIER_HZ * (1 << sfgi) if 0 < sfgi < 15 else 0.0
    return Ats(
        frame_size=FRAME_SIZES[min(fsci, 8)],
        fwi=fwi if fwi <= FWI_MAX else FWI_DEFAULT,
        guard_s=min(guard_s, GUARD_S_MAX),
    )


class IsoDep:
    """The session with one activated card; fits `apdu.script.Wire`.

    It ends with the first loss, for a block number is then in doubt: a new activation begins a new session.
    """

    t0 = False

    def __init__(self, air: Air, ats: Ats, send_max: int, now: Callable[[], float] = time.monotonic) -> None:
        """`send_max`: bytes of the longest frame, without CRC, that the reader can send."""
        self._air = air
        self._now = now
        self._frame_s = waiting_time_s(ats.fwi)
        self._wait_s = self._frame_s + DELTA_S
        self._budget_s = max(SILENCE_S_MAX, 2 * self._wait_s)
        self._chunk = min(ats.frame_size, frame_size(send_max)) - OVERHEAD
        self._number = 0  # rule A: the reader's block number starts at 0
        self._extensions = 0
        self._extended_s = 0.0
        self._lost = ""

    def transmit(self, raw: bytes) -> bytes:
        """Exchange one APDU. Raises LinkLost, and from then on always."""
        if self._lost:
            raise LinkLost(self._lost)
        self._extensions, self._extended_s = 0, 0.0
        try:
            chunk = self._chunk
            while len(raw) > chunk:
                self._send_more(raw[:chunk])
                raw = raw[chunk:]
            number = self._number
            answer = self._ask(bytes((I_BLOCK | number,)) + raw, NAK[number], I_BLOCK | number, NO_BLOCK)
            self._number = number ^ 1  # rule B: toggle when the answer bears our number
            return self._collect(answer) if answer[0] & MORE else bytes(answer[1:])
        except LinkLost as lost:
            self._lost = str(lost)
            raise

    def present(self) -> bool:
        """Whether the card answers R(NAK) within 300 ms; block numbers stay as they are.

        R(NAK) with a number that is not the card's own is a question, which it answers with R(ACK) (rule 12). After a
        False nothing more is transmitted: a card that left has lost its state, and a late answer would pass for
        another one.
        """
        try:
            answer = self._air(NAK[self._number], min(self._wait_s, SILENCE_S_MAX))
        except LinkLost:
            answer = None
        if not answer:
            self._lost = self._lost or "the card left the field"
        return bool(answer)

    def deselect(self) -> None:
        """Halt the card: it answers nothing until its field goes off and on again (clause 8). Ends the session."""
        if not self._lost:
            with suppress(LinkLost):  # gone already is as good
                self._air(S_DESELECT, ATS_S_MAX)
        self.end("the card was deselected")

    def end(self, why: str) -> None:
        """Send nothing more, not even a presence check: the air belongs to another session."""
        self._lost = self._lost or why
        self._air = _nobody

    def _send_more(self, part: bytes) -> None:
        """Send one block of a chain that goes on, and have it acknowledged (rules 2 and 7)."""
        number = self._number
        self._ask(bytes((I_BLOCK | MORE | number,)) + part, NAK[number], -1, ACK[number])
        self._number = number ^ 1

    def _collect(self, answer: bytes) -> bytes:
        """Acknowledge the blocks of a chained answer until the last has come (rules 2 and 5)."""
        response = bytearray(answer[1:])
        while answer[0] & MORE:
            if len(answer) == 1:
                raise LinkLost("the card chains blocks without content")
            number = self._number
            answer = self._ask(ACK[number], ACK[number], I_BLOCK | number, NO_BLOCK)
            self._number = number ^ 1
            response += answer[1:]
            if len(response) > RESPONSE_MAX:
                raise LinkLost(f"the card answers more than {RESPONSE_MAX} bytes")
        return bytes(response)

    def _ask(self, block: bytes, again: bytes, due: int, ack: bytes) -> bytes:
        """Send `block` until the card gives an I-block with the PCB `due`, chained or not, or exactly `ack`.

        `again` goes out after silence, damage, or a block that is not valid here (rules 4 and 5). R(ACK) with the
        other number says that the card never had our I-block, which is then sent once more (rule 6); but it is
        believed only after an R(NAK) of ours, lest a stray one make the card execute a command twice.
        """
        missed = ACK[block[0] & 1 ^ 1] if again is not block else NO_BLOCK
        frame, wait_s, retries = block, self._wait_s, 0
        since = asked = self._now()
        while True:
            answer = self._air(frame, wait_s)
            if answer:
                if answer[0] & ~MORE == due or answer == ack:
                    return answer
                if answer[0] == S_WTX and len(answer) == 2 and 0 < answer[1] & 0x3F <= MULTIPLIER_MAX:
                    frame, wait_s = self._extend(answer[1] & 0x3F)
                    since = asked = self._now()
                    continue
                if answer == missed and frame is again and retries < RETRIES_MAX:
                    frame, wait_s, retries = block, self._wait_s, retries + 1
                    since = asked = self._now()
                    continue
            now = self._now()
            retries += 1
            if not self._patient(retries, now - since, now - asked, wait_s):
                raise LinkLost("the card fell silent" if answer is None else "the card's answers are damaged")
            frame, wait_s, asked = again, self._wait_s, now

    def _patient(self, retries: int, silent_s: float, attempt_s: float, wait_s: float) -> bool:
        """Whether one more try fits: into 300 ms, or above FWI 8 into two waits; a long wait always has one retry.

        A reader rounds waiting times up (PN53x: to 0.1 ms times a power of two), so that a later try is taken to last
        as long as the one before.
        """
        if retries > RETRIES_MAX:
            return False
        if retries == 1:
            return wait_s + self._wait_s > SILENCE_S_MAX or silent_s + self._wait_s <= self._budget_s
        return silent_s + max(attempt_s, self._wait_s) <= self._budget_s

    def _extend(self, multiplier: int) -> tuple[bytes, float]:
        """Grant a waiting time extension: the S(WTX) response, and how long to wait after it (clause 7.3).

        The response bears the multiplier alone: bits 8 and 7 of the request tell the card's power level.
        """
        self._extensions += 1
        if self._extensions > EXTENSIONS_MAX or self._extended_s > EXTENSION_S_MAX:
            raise LinkLost("the card asks for more time without end")
        granted_s = min(multiplier * self._frame_s, waiting_time_s(FWI_MAX))
        self._extended_s += granted_s
        return bytes((S_WTX, multiplier)), granted_s + DELTA_S


def _nobody(frame: bytes, wait_s: float) -> None:
    raise LinkLost("the session is over")
