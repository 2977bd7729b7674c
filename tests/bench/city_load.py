"""A cheap load for a collector: batches packed beforehand, keep-alive sockets, one process: `python -m … ADDRESS FILE`.

Prints the seconds from the first byte sent to the last acknowledgement.
"""

import pickle
import selectors
import socket
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

CONNECTIONS = 32


def requests(terminal: str, batches: list[bytes]) -> list[bytes]:
    """Whole HTTP messages of a terminal's batches."""
    head = f"POST /v1/terminals/{terminal}/batches HTTP/1.1\r\nHost: city\r\nContent-Length: %d\r\n\r\n"
    return [head.encode() % len(batch) + batch for batch in batches]


class _Terminal:
    """One connection, which sends its terminals' messages one after the other."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.messages: list[bytes] = []
        self.received = b""

    def send(self) -> bool:
        """Send the next message; False when there is none."""
        if not self.messages:
            return False
        self.socket.sendall(self.messages.pop())
        return True

    def answered(self) -> bool:
        """Take what came; True when the answer is whole."""
        self.received += self.socket.recv(65_536)
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return False
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return False
        assert head.startswith(b"HTTP/1.1 200"), (head, body)
        assert b'"quarantined":[]' in body, body
        self.received = b""
        return True


def load(address: tuple[str, int], terminals: dict[str, list[bytes]]) -> float:
    """Send all batches, those of a terminal in order; seconds."""
    wires = [_Terminal(address) for _ in range(min(CONNECTIONS, len(terminals)))]
    for place, (name, batches) in enumerate(terminals.items()):
        wires[place % len(wires)].messages += requests(name, batches)
    started = time.perf_counter()
    with selectors.DefaultSelector() as ready:
        for wire in wires:
            wire.messages.reverse()
            ready.register(wire.socket, selectors.EVENT_READ, wire)
            wire.send()
        while ready.get_map():
            for key, _ in ready.select():
                if key.data.answered() and not key.data.send():
                    ready.unregister(key.data.socket)
    took = time.perf_counter() - started
    for wire in wires:
        wire.socket.close()
    return took


if __name__ == "__main__":
    where = urlsplit(sys.argv[1])
    assert where.hostname and where.port
    print(load((where.hostname, where.port), pickle.loads(Path(sys.argv[2]).read_bytes())))
