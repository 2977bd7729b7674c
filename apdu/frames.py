"""Framing between a script and a wire: GET RESPONSE after 61xx, the right length after 6Cxx (ISO/IEC 7816-4, 5.1.3)."""

from typing import Protocol

from apdu.command import Command, Response
from apdu.errors import Malformed
from apdu.limits import CHAIN_MAX


class Transmits(Protocol):
    """What framing needs of a wire."""

    t0: bool

    def transmit(self, raw: bytes) -> bytes:
        """Exchange one APDU."""
        ...


def exchange(wire: Transmits, command: Command) -> Response:
    """Exchange one command, fetching what the chip holds back; the status returned is never 61xx.

    A command without Le wants no data: what waits behind 61xx is left there, and the command has ended well.
    A command that is not `repeatable` is sent once: its 6Cxx is handed to the script as it is.
    Raises what the wire raises, and Malformed when the chip never stops answering 61xx.
    """
    raw = wire.transmit(command.to_bytes(wire.t0))
    response = Response.from_bytes(raw)
    if raw[-2] not in (0x61, 0x6C):
        return response
    if response.sw >> 8 == 0x6C and command.repeatable:
        response = Response.from_bytes(wire.transmit(command._replace(le=_length(response.sw)).to_bytes()))
    data = response.data
    if response.sw >> 8 == 0x61 and command.le is None:
        return Response(data, 0x9000)
    for _ in range(CHAIN_MAX):
        if response.sw >> 8 != 0x61:
            return Response(data, response.sw)
        fetch = Command(0x00, 0xC0, 0x00, 0x00, le=_length(response.sw), name="GET RESPONSE")
        response = Response.from_bytes(wire.transmit(fetch.to_bytes()))
        data += response.data
    raise Malformed("the chip answers 61xx without end", data)


def _length(sw: int) -> int:
    return (sw & 0xFF) or 256
