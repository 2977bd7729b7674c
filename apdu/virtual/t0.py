"""The T=0 side of a contact chip: answers wait for GET RESPONSE behind 61xx, a wrong length byte is corrected by 6Cxx.

Source: ISO/IEC 7816-3 clause 12.2 (the four cases over T=0); docs/cards.md, "Status words".
"""

from apdu.virtual.chip import Chip

GET_RESPONSE = bytes((0x00, 0xC0, 0x00, 0x00))


class T0:
    """One chip behind T=0. `transmit` takes what the reader sends: header, P3 and perhaps data."""

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        self._waiting = b""

    def reset(self) -> None:
        """Power off, power on or reset."""
        self._waiting = b""
        self.chip.reset()

    def transmit(self, raw: bytes) -> bytes:
        """Answer any bytes: an answer to a command with data waits behind 61xx."""
        if raw[:2] == GET_RESPONSE[:2] and len(raw) == 5:
            return self._get_response(raw)
        self._waiting = b""
        if len(raw) <= 5:
            return self._without_data(raw)
        length = raw[4]
        if len(raw) == 6 + length:
            raw = raw[:-1]
        answer = self.chip.transmit(raw)
        data, status = answer[:-2], answer[-2:]
        if not data:
            return status
        self._waiting = data
        return bytes((0x61, len(data) & 0xFF))

    def _without_data(self, raw: bytes) -> bytes:
        """P3 is the length wanted; 00 stands for 256 or for "nothing", and a chip that has less says how much."""
        answer = self.chip.transmit(raw)
        length = len(answer) - 2
        if len(raw) == 5 and raw[4] == 0 and 0 < length < 256:
            return bytes((0x6C, length))
        return answer

    def _get_response(self, raw: bytes) -> bytes:
        if raw[2:4] != GET_RESPONSE[2:]:
            return b"\x6a\x86"
        if not self._waiting:
            return b"\x69\x85"
        length = raw[4] or 256
        if length > len(self._waiting) or (raw[4] == 0 and len(self._waiting) < 256):
            return bytes((0x6C, len(self._waiting) & 0xFF))
        data, self._waiting = self._waiting[:length], self._waiting[length:]
        if self._waiting:
            return data + bytes((0x61, len(self._waiting) & 0xFF))
        return data + b"\x90\x00"
