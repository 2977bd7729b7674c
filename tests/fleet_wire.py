"""Many terminals' batches over HTTP at once, each terminal in order and one batch at a time, as terminals do it."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sync.batch import Batch, heads, pack
from sync.chain import Identity
from sync.record import GENESIS


class Sent(NamedTuple):
    """What one terminal has to send: packed batches, and the last row of each."""

    identity: Identity
    batches: list[bytes]
    lasts: list[int]


def packed(who: Identity, rows: list[bytes], each: int = 200) -> Sent:
    """The terminal's rows in batches of `each`."""
    found = [GENESIS, *heads(GENESIS, rows)]
    cuts = [*range(0, len(rows), each), len(rows)]
    batches = [
        pack(Batch(who.terminal, who.epoch, low + 1, tuple(rows[low:high]), found[low], found[high]))
        for low, high in pairwise(cuts)
    ]
    return Sent(who, batches, cuts[1:])


class Wire:
    """One keep-alive connection."""

    def __init__(self, address: str) -> None:
        self._host = urlsplit(address).netloc
        self._connection = http.client.HTTPConnection(self._host, timeout=30)

    def post(self, path: str, body: bytes) -> tuple[int, Any]:
        """The answer's status and JSON. Raises OSError, http.client.HTTPException when there is none."""
        try:
            self._connection.request("POST", path, body)
            answer = self._connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class Fleet:
    """Sends what terminals have over `threads` connections; `acknowledged` has what each was promised.

    The last batch of the last terminal waits for `finish`, over a connection that is there: what is killed meanwhile is
    noticed, however quick the others were.
    """

    def __init__(self, address: str, terminals: list[Sent], threads: int = 8) -> None:
        self.acknowledged = {sent.identity.terminal: 0 for sent in terminals}
        self.failures = 0
        self._address = address
        self._waiting = iter(terminals)
        self._last = terminals[-1]
        self._finishing = threading.Event()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def _run(self) -> None:
        wire = Wire(self._address)
        while not self._stop.is_set():
            with self._lock:
                sent = next(self._waiting, None)
            if sent is None:
                break
            self._send(wire, sent)
        wire.close()

    def _send(self, wire: Wire, sent: Sent) -> None:
        name = sent.identity.terminal
        place = 0
        while place < len(sent.batches) and not self._stop.is_set():
            if sent is self._last and place == len(sent.batches) - 1:
                self._finishing.wait()
            try:
                status, answer = wire.post(f"/v1/terminals/{name}/batches", sent.batches[place])
            except (OSError, http.client.HTTPException):
                status, answer = 0, {}
            if status != 200:
                self.failures += 1
                self._stop.wait(0.05)
                continue
            self.acknowledged[name] = answer["ack_through"]
            ahead = [number for number, last in enumerate(sent.lasts) if last > answer["ack_through"]]
            place = ahead[0] if ahead else len(sent.batches)

    def finish(self, seconds: float) -> None:
        """Wait until all is sent."""
        self._finishing.set()
        for thread in self._threads:
            thread.join(seconds)
            assert not thread.is_alive(), "the fleet did not get rid of its rows in time"


@contextmanager
def sending(address: str, terminals: list[Sent], threads: int = 8) -> Iterator[Fleet]:
    """A fleet that is sending."""
    fleet = Fleet(address, terminals, threads)
    for thread in fleet._threads:
        thread.start()
    try:
        yield fleet
    finally:
        fleet._stop.set()
        fleet._finishing.set()
        for thread in fleet._threads:
            thread.join(30)
