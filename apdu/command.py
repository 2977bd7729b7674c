"""Commands and responses of ISO/IEC 7816-4, short form, to bytes and back."""

from typing import NamedTuple

from apdu.errors import Malformed

MAX_DATA = 255
MAX_LE = 256


class Command(NamedTuple):
    """One command APDU. `le` None means "no Le field"; 0..256 are lengths, 256 goes out as 00 ("all there is").

    `name` is what people and logs read ("DEBIT"); it is not sent. `repeatable` False: never sent again by the framing.
    """

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int | None = None
    name: str = ""
    repeatable: bool = True

    def to_bytes(self, t0: bool = False) -> bytes:
        """The short form: header 4, [Lc 1, data 1..255], [Le 1]; with `t0` no Le beside data (ISO/IEC 7816-3, 12.2)."""
        cla, ins, p1, p2, data, le, _, _ = self
        if not data:
            return bytes((cla, ins, p1, p2)) if le is None else bytes((cla, ins, p1, p2, le & 0xFF))
        assert len(data) <= MAX_DATA, "command data longer than a short APDU carries"
        raw = bytes((cla, ins, p1, p2, len(data))) + data
        return raw if t0 or le is None else raw + bytes((le & 0xFF,))

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Command":
        """Parse the short form. Raises Malformed on any other length."""
        if len(raw) < 4:
            raise Malformed("command shorter than its header", raw)
        cla, ins, p1, p2 = raw[:4]
        rest = raw[4:]
        if not rest:
            return cls(cla, ins, p1, p2)
        if len(rest) == 1:
            return cls(cla, ins, p1, p2, le=rest[0] or MAX_LE)
        length, body = rest[0], rest[1:]
        if length == 0 or len(body) not in (length, length + 1):
            raise Malformed("command length disagrees with Lc", raw)
        le = (body[length] or MAX_LE) if len(body) == length + 1 else None
        return cls(cla, ins, p1, p2, bytes(body[:length]), le)

    def __str__(self) -> str:
        label = self.name or f"{self.cla:02X}{self.ins:02X}"
        return f"{label} {self.p1:02X}{self.p2:02X}"


class Response(NamedTuple):
    """One response APDU: data and the status word."""

    data: bytes
    sw: int

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Response":
        """Split off the two status bytes. Raises Malformed when there are fewer than two bytes."""
        if len(raw) < 2:
            raise Malformed("response shorter than its status", raw)
        return cls(raw[:-2], raw[-2] << 8 | raw[-1])

    def to_bytes(self) -> bytes:
        """Data, then SW1 SW2."""
        return self.data + self.sw.to_bytes(2, "big")
