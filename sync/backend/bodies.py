"""Messages as they come in, bounded: nobody fills this machine's memory."""

from starlette.requests import Request


class TooLong(Exception):
    """A message past its bound."""


async def read_body(request: Request, most: int) -> bytes:
    """The whole body, `most` bytes of it. Raises TooLong."""
    received = bytearray()
    async for part in request.stream():
        received += part
        if len(received) > most:
            raise TooLong(f"more than {most} bytes")
    return bytes(received)
