"""A simulated PN532 behind nfcpy's own driver for it: what the path "tty:USB0:pn532" leads to, but for the wire.

Host frames as in the PN532 user manual (UM0701-02), section 6.2.1; commands as far as nfcpy's reader side uses them.
"""

import errno
from typing import Any

import nfc
import nfc.clf.pn532

from apdu.virtual.isodep import REQA, SELECT_LEVELS, IsoDepCard

ACK = bytes.fromhex("0000FF00FF00")
START = bytes.fromhex("0000FF")
DONE, TIMED_OUT = b"\x00", b"\x01"
FIFO_DATA = bytes.fromhex("6339")


class Pn532:
    """The chip as a transport of nfcpy: frames written to it, frames read from it. `card` is what lies in its field."""

    TYPE = "TTY"
    port = "/dev/none"
    baudrate = 115200

    def __init__(self, card: IsoDepCard | None = None) -> None:
        self.card = card
        self.unplugged = False
        self.commands: list[int] = []
        self._answers: list[bytes] = []

    def open(self, port: str, baudrate: int) -> None:
        """nfcpy opens the line again at the speed that it found."""

    def close(self) -> None:
        """The line is closed."""

    def write(self, frame: bytes) -> None:
        self._alive()
        frame = bytes(frame[frame.index(START) :])
        if frame == ACK:
            self._answers.clear()
            return
        body = frame[8:-2] if frame[3:5] == b"\xff\xff" else frame[5:-2]
        code, data = body[1], body[2:]
        self.commands.append(code)
        self._answers += [ACK, self._frame(bytes((0xD5, code + 1)) + self._do(code, data))]

    def read(self, timeout: int) -> bytearray:
        self._alive()
        if not self._answers:
            raise OSError(errno.ETIMEDOUT, "nothing came")
        return bytearray(self._answers.pop(0))

    def _alive(self) -> None:
        if self.unplugged:
            raise OSError(errno.EIO, "Input/output error")

    def _frame(self, body: bytes) -> bytes:
        length = len(body)
        if length < 256:
            head = START + bytes((length, -length & 0xFF))
        else:
            head = START + b"\xff\xff" + length.to_bytes(2, "big")
            head += bytes((-(length >> 8) - (length & 0xFF) & 0xFF,))
        return head + body + bytes((-sum(body) & 0xFF, 0))

    def _do(self, code: int, data: bytes) -> bytes:
        match code:
            case 0x00:
                return data  # Diagnose "line": the same back
            case 0x02:
                return bytes.fromhex("32010607")
            case 0x06:
                registers = [data[at : at + 2] for at in range(0, len(data), 2)]
                return bytes(0x26 if register == FIFO_DATA else 0 for register in registers)
            case 0x16:
                return DONE
            case 0x32 if data[:1] == b"\x01" and self.card is not None and not data[1] & 1:
                self.card.power_off()
                return b""
            case 0x42:
                answer = self.card.receive(data) if self.card is not None else None
                return TIMED_OUT if answer is None else DONE + answer
            case 0x4A:
                return self._list_target()
        return b""

    def _list_target(self) -> bytes:
        """InListPassiveTarget: the chip does request, anticollision and selection by itself."""
        card = self.card
        atqa = card.receive(REQA) if card is not None else None
        if card is None or atqa is None:
            return b"\x00"
        uid, sak = b"", b"\x04"
        for code in SELECT_LEVELS:
            level = card.receive(bytes((code, 0x20))) or b""
            sak = card.receive(bytes((code, 0x70)) + level) or b""
            if not sak[0] & 0x04:
                uid += level[:4]
                break
            uid += level[1:4]
        return b"\x01\x01" + atqa[::-1] + sak + bytes((len(uid),)) + uid


def frontend(chip: Pn532) -> Any:
    """nfcpy's frontend over this chip, opened by nfcpy's own driver."""
    made = nfc.ContactlessFrontend()
    made.device = nfc.clf.pn532.init(chip)
    made.device._path = "tty:USB0:pn532"
    return made
