"""The field of the simulated reader: at most one card, reached through nfcpy's `udp:` driver on loopback.

Text frames: `106A <hex>`, and `RFOFF` when a side's field goes off. A request or an anticollision frame that nobody
answers gets an empty frame at once: nfcpy takes it for a transmission error, as a real reader's firmware reports one
within milliseconds. Any other frame that nobody answers meets silence. Source: nfcpy 1.0.4, `nfc/clf/udp.py`.
"""

import contextlib
import socket
import threading
import time
from collections import Counter

from apdu.virtual.cards import Card
from apdu.virtual.faults import Faults, Gone, Unit, instruction
from apdu.virtual.isodep import RATS, REQA, SELECT_LEVELS, WUPA, IsoDepCard
from apdu.virtual.timing import NO_DELAY, Timing, wait_until

Address = tuple[str, int]

TYPE_A = b"106A"
RF_OFF = b"RFOFF"
DATAGRAM_MAX = 2048
TRACE_MAX = 10_000


def polling(frame: bytes) -> bool:
    """A request, anticollision or select frame: what a reader's firmware handles by itself."""
    return frame in (REQA, WUPA) or frame[0] in SELECT_LEVELS


class Field:
    """The reader's field as pure state: what each frame does, what it answers and how long that takes."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.timing: Timing = NO_DELAY
        self.card: Card | None = None
        self.counts: Counter[int] = Counter()
        self.frames = 0
        self.trace: list[tuple[float, str, str]] | None = None
        self.apdu_at = 0.0
        self._dep: IsoDepCard | None = None
        self._chip_seconds = 0.0

    def enter(self, card: Card) -> None:
        """Put a card into the field; another card in it is gone without notice."""
        self.leave()
        self.faults.silent = False
        self.card = card
        self._dep = IsoDepCard(card.uid, card.atqa, card.sak, card.ats, self._execute, self.faults.extension)
        self.power_off()

    def leave(self) -> None:
        """Take the card away; its volatile memory is lost."""
        self.power_off()
        self.card = self._dep = None

    def power_off(self) -> None:
        """The reader's field went off."""
        if self._dep is not None:
            self._dep.power_off()
        if self.card is not None and self.card.chip is not None:
            self.card.chip.reset()

    def receive(self, frame: bytes) -> tuple[bytes | None, float]:
        """One frame from the reader: the answer (None: silence, empty: damaged) and its seconds. Raises Gone."""
        dep = self._dep
        nothing = b"" if polling(frame) else None
        if dep is None:
            return nothing, 0.0
        self.frames += 1
        tear = self.faults.tear(Unit.FRAME, None)
        if tear is not None and tear.side == "before":
            raise Gone(tear.notice)
        if self.faults.silent or self._lost(frame):
            return nothing, 0.0
        self._chip_seconds = 0.0
        answer = dep.receive(frame)
        if tear is not None:
            raise Gone(tear.notice)
        if answer is None:
            return nothing, 0.0
        seconds = self._chip_seconds
        # A reader's firmware does the anticollision by itself: its overhead counts once, at the request.
        if frame[0] not in SELECT_LEVELS:
            seconds += self.timing.frame_seconds(len(frame), len(answer))
        return self._damaged(frame, answer), seconds

    def _execute(self, apdu: bytes) -> bytes:
        assert self.card is not None and self.card.chip is not None
        self.apdu_at = time.perf_counter()
        ins = instruction(apdu)
        if ins is not None:
            self.counts[ins] += 1
            self._chip_seconds = self.timing.card_seconds(ins)
        self.note("apdu", apdu)
        answer = self.faults.execute(apdu, self.card.chip.transmit)
        self.note("answer", answer)
        return answer

    def _lost(self, frame: bytes) -> bool:
        """The air eats an I-block on its way to the card: the card hears noise and stays silent."""
        if not self.faults.lose_times or frame[0] & 0xE6 != 0x02:
            return False
        self.faults.lose_times -= 1
        return True

    def _damaged(self, frame: bytes, answer: bytes) -> bytes:
        faults = self.faults
        if faults.damage_times and len(answer) == 5 and frame[0] in SELECT_LEVELS:
            faults.damage_times -= 1
            return {
                "bcc": answer[:-1] + bytes((answer[-1] ^ 0x01,)),
                "short": answer[:3],
                "empty": b"",
                "collision": bytes(byte | 0x5A for byte in answer),
            }[faults.damage]
        if faults.garble_times and answer[0] & 0xE6 == 0x02 and frame[0] != RATS and not polling(frame):
            faults.garble_times -= 1
            return bytes(byte ^ 0x55 for byte in answer) if faults.garble_bytes else b""
        return answer

    def note(self, direction: str, what: bytes) -> None:
        """Add a line to the trace, when one is kept."""
        if self.trace is not None and len(self.trace) < TRACE_MAX:
            self.trace.append((time.perf_counter(), direction, what.hex().upper()))


class ContactlessFace:
    """The UDP socket before the field, served by one thread. `lock` guards the chips against the control thread."""

    def __init__(self, field: Field, port: int, lock: threading.Lock) -> None:
        self.field = field
        self._lock = lock
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        self._reader: Address | None = None
        self._visit = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, name="field", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and close the socket."""
        self._stopping = True
        # A blocking recvfrom is not woken by close on Linux; a datagram to ourselves wakes it.
        with contextlib.suppress(OSError):
            self._socket.sendto(b"STOP", ("127.0.0.1", self.port))
        if self._thread.is_alive():
            self._thread.join(timeout=2)
        self._socket.close()

    def enter(self, card: Card) -> None:
        with self._lock:
            self._visit += 1
            self.field.enter(card)

    def leave(self, notice: bool) -> None:
        """Take the card away. With `notice` the reader hears RFOFF at once."""
        with self._lock:
            self._visit += 1
            self.field.leave()
            reader = self._reader
        if notice and reader is not None:
            self._send(RF_OFF, reader)

    def _send(self, message: bytes, reader: Address) -> None:
        # The reader's socket may be closed by now: its loss is the reader's.
        with contextlib.suppress(OSError):
            self._socket.sendto(message, reader)

    def _serve(self) -> None:
        while not self._stopping:
            try:
                message, reader = self._socket.recvfrom(DATAGRAM_MAX)
            except OSError:
                return
            received_at = time.perf_counter()
            if message.startswith(RF_OFF):
                with self._lock:
                    self.field.power_off()
                continue
            kind, _, text = message.partition(b" ")
            try:
                frame = bytes.fromhex(text.decode("ascii"))
            except ValueError:
                continue
            if frame and kind == TYPE_A:
                self._answer(frame, reader, received_at)
            elif frame:
                self._send(kind + b" ", reader)

    def _answer(self, frame: bytes, reader: Address, received_at: float) -> None:
        field = self.field
        with self._lock:
            if reader != self._reader:
                # A new socket is a reader that was off in between.
                self._reader = reader
                field.power_off()
            visit = self._visit
            field.note("frame", frame)
            try:
                answer, seconds = field.receive(frame)
            except Gone as gone:
                self._visit += 1
                field.leave()
                field.note("torn", b"")
                if gone.notice:
                    self._send(RF_OFF, reader)
                return
        if answer is None:
            return
        if seconds:
            wait_until(received_at + seconds)
            if visit != self._visit:
                return
        self._send(TYPE_A + b" " + answer.hex().encode("ascii"), reader)
