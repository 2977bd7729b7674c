"""The contact face: a client of vsmartcard's vpcd, which pcscd shows as a reader with this chip in it.

Messages are a length of 2 bytes and so many bytes; one byte alone is a control: 00 off, 01 on, 02 reset, 04 get ATR.
Each answer goes out in one write, and TCP_QUICKACK is set again after each receive: otherwise delayed
acknowledgements cost 40 ms an APDU. Source: vsmartcard `vpcd.c` (protocol), tcp(7) ("TCP_QUICKACK ... is not
permanent").
"""

import contextlib
import socket
import threading
import time
from collections import Counter

from apdu.virtual.faults import Faults, Gone, instruction
from apdu.virtual.t0 import T0
from apdu.virtual.timing import NO_DELAY, Timing, wait_until

OFF, ON, RESET, GET_ATR = 0x00, 0x01, 0x02, 0x04
RETRY_SECONDS = 0.05  # pcscd's restart takes about half a second; a new try costs nothing
CONNECT_SECONDS = 1.0
# pcscd looks for the chip, powers it at once, and looks again 0.4 s later: by then its clients see the chip.
LOOK_AGAIN_SECONDS = 0.1


class Slot:
    """The chip in the slot as pure state: what each vpcd message does and answers (None: no answer is due)."""

    def __init__(self, chip: T0, atr: bytes) -> None:
        self.chip = chip
        self.atr = atr
        self.faults = Faults()
        self.timing: Timing = NO_DELAY
        self.counts: Counter[int] = Counter()
        self.exchanges = 0

    def receive(self, message: bytes) -> tuple[bytes | None, float]:
        """One message from vpcd, any bytes: the answer and the seconds it takes. Raises Gone when told to."""
        if len(message) == 1:
            if message[0] in (OFF, ON, RESET):
                self.chip.reset()
                return None, 0.0
            if message[0] == GET_ATR:
                return self.atr, 0.0
        ins = instruction(message)
        if ins is not None:
            self.counts[ins] += 1
        self.exchanges += 1
        answer = self.faults.execute(message, self.chip.transmit)
        return answer, self.timing.psam_seconds(-1 if ins is None else ins, len(message), len(answer))


class ContactFace:
    """The TCP connection to vpcd, kept by one thread; it reconnects when pcscd restarts, unless unplugged."""

    def __init__(self, slot: Slot, port: int, lock: threading.Lock) -> None:
        self.slot = slot
        self.port = port
        self._lock = lock
        self._plugged = threading.Event()
        self._plugged.set()
        self._stopping = threading.Event()
        self._seen = threading.Event()
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, name="slot", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._plugged.set()
        self._drop()
        self._thread.join(timeout=2)

    def wait_seen(self, seconds: float) -> bool:
        """Wait until pcscd's clients see the chip."""
        return self._seen.wait(seconds)

    def unplug(self) -> None:
        """Pull the chip out of its slot."""
        self._plugged.clear()
        self._seen.clear()
        self._drop()

    def plug(self) -> None:
        """Put it back; pcscd sees it at its next look (0.4 s at most)."""
        self._plugged.set()

    def reset(self) -> None:
        """The chip loses its volatile memory by itself (a brown-out); the reader does not notice."""
        with self._lock:
            self.slot.chip.reset()

    def _drop(self) -> None:
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._plugged.wait()
            try:
                connection = socket.create_connection(("127.0.0.1", self.port), timeout=CONNECT_SECONDS)
            except OSError:
                self._stopping.wait(RETRY_SECONDS)
                continue
            with connection:
                self._connection = connection
                connection.settimeout(None)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._plugged.is_set() and not self._stopping.is_set():
                    with contextlib.suppress(OSError):
                        self._talk(connection)
                self._connection = None
            self._seen.clear()
            with self._lock:
                self.slot.chip.reset()
            self._stopping.wait(RETRY_SECONDS)

    def _talk(self, connection: socket.socket) -> None:
        waiting, heard_at = b"", 0.0
        while True:
            # Not permanent: the kernel falls back to delayed acknowledgements by itself.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            part = connection.recv(4096)
            if not part:
                return
            received_at = time.perf_counter()
            messages, waiting = split(waiting + part)
            if (heard_at and received_at - heard_at > LOOK_AGAIN_SECONDS) or any(len(one) > 1 for one in messages):
                self._seen.set()
            heard_at = received_at
            for message in messages:
                try:
                    with self._lock:
                        answer, seconds = self.slot.receive(message)
                except Gone:
                    self._plugged.clear()
                    return
                if answer is None:
                    continue
                if seconds:
                    wait_until(received_at + seconds)
                connection.sendall(len(answer).to_bytes(2, "big") + answer)


def split(stream: bytes) -> tuple[list[bytes], bytes]:
    """Cut a byte stream into whole messages and the rest."""
    messages = []
    while len(stream) >= 2:
        length = int.from_bytes(stream[:2], "big")
        if len(stream) < 2 + length:
            break
        messages.append(stream[2 : 2 + length])
        stream = stream[2 + length :]
    return messages, stream
