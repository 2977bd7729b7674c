"""Server-sent events: the device's state and what riders are told, to every page that listens.

Lives on the server's loop. A page that does not read loses the oldest events; the newest counts.
"""

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from terminal.faces.web.answers import problem
from terminal.faces.web.limits import HEARTBEAT_S, STREAM_ITEMS, STREAMS_MAX

HEARTBEAT = b": \n\n"


def event(name: str, data: bytes) -> bytes:
    """One event; `data` is JSON, which has no line ends."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)


class Stream:
    """Everybody who listens. Called on the loop, but for `heard`."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[bytes | None]] = set()
        self._closed = False

    @property
    def heard(self) -> bool:
        """Whether anybody listens; from any thread."""
        return bool(self._listeners)

    def publish(self, said: bytes) -> None:
        """To everybody."""
        for listener in self._listeners:
            _put(listener, said)

    def close(self) -> None:
        """End every stream: the server waits for them."""
        self._closed = True
        for listener in self._listeners:
            _put(listener, None)

    def listen(self, first: bytes) -> Response:
        """A new stream, which begins with `first`."""
        if len(self._listeners) >= STREAMS_MAX or self._closed:
            zh, en = "打开的页面过多，请关闭一些", "too many pages are open: close some"
            return problem(503, "too_many_streams", zh, en)
        return StreamingResponse(self._said(first), media_type="text/event-stream")

    async def _said(self, first: bytes) -> AsyncIterator[bytes]:
        listener: asyncio.Queue[bytes | None] = asyncio.Queue(STREAM_ITEMS)
        self._listeners.add(listener)
        try:
            yield b"retry: 1000\n\n" + first
            while True:
                try:
                    said = await asyncio.wait_for(listener.get(), HEARTBEAT_S)
                except TimeoutError:
                    said = HEARTBEAT
                if said is None:
                    return
                yield said
        finally:
            self._listeners.discard(listener)


def _put(listener: "asyncio.Queue[bytes | None]", said: bytes | None) -> None:
    if listener.full():
        listener.get_nowait()
    listener.put_nowait(said)
