"""A receipt printer on a serial line, in a thread of its own: no sale waits for paper or is undone for want of it.

A receipt of which nothing went out is printed as it is when the printer is back; one that broke off is printed again,
marked as a copy. Opened anew when it was lost; each write has a bound; status is asked when nothing is to be printed.
"""

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from terminal.drivers.limits import (
    LINE_OPEN_S,
    PRINT_CHUNK_BYTES,
    PRINT_JOBS,
    PRINT_KEPT_S,
    PRINT_WRITE_S,
    STATUS_ANSWER_S,
    STATUS_S,
)
from terminal.drivers.outlet import TROUBLE, hang_up, open_line
from terminal.escpos import ASK_PAPER, ASK_PRINTER, Paper, encoded, status
from terminal.receipt import Receipt, layout

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Job:
    """One receipt to print. `begun`: some of it is on paper already."""

    receipt: Receipt
    is_copy: bool
    since: float
    begun: bool = False


class ReceiptPrinter:
    """The printer at a serial port. `ended` is told of each receipt: whether it went out whole."""

    def __init__(
        self,
        port: str,
        baudrate: int = 19200,
        columns: int = 32,
        ended: Callable[[Receipt, bool], None] = lambda receipt, is_printed: None,
        mono: Callable[[], float] = time.monotonic,
    ) -> None:
        self.port = port
        self.paper = Paper.ABSENT
        self._baudrate, self._columns = baudrate, columns
        self._ended, self._mono = ended, mono
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._line: Any = None
        self._complained = False
        self._thread = threading.Thread(target=self._work, name=f"printer {port}", daemon=True)
        self._thread.start()

    def print(self, receipt: Receipt, copy: bool = False) -> bool:
        """Leave a receipt to be printed; never waits. False: too many wait already, this one is not taken."""
        with self._changed:
            if self._is_closed or len(self._jobs) >= PRINT_JOBS:
                return False
            self._jobs.append(Job(receipt, copy, self._mono()))
            self._changed.notify()
            return True

    @property
    def waiting(self) -> int:
        """Receipts that are not printed yet."""
        return len(self._jobs)

    def close(self) -> None:
        """Print what can be printed at once, and stop."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(PRINT_WRITE_S * 2)

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._jobs and not self._is_closed:
                    self._changed.wait(STATUS_S)
                job = self._jobs[0] if self._jobs else None
                if self._is_closed and job is None:
                    break
            if job is None:
                self._ask()
            elif self._printed(job):
                self._end(job, True)
            elif self._is_closed or self._mono() - job.since > PRINT_KEPT_S:
                self._end(job, False)
            else:
                with self._changed:
                    self._changed.wait_for(lambda: self._is_closed, LINE_OPEN_S)
        hang_up(self._line, self.port)

    def _end(self, job: Job, is_printed: bool) -> None:
        with self._changed:
            self._jobs.popleft()
        if not is_printed:
            log.warning("receipt %s was not printed · 小票未打印", job.receipt.number)
        self._ended(job.receipt, is_printed)

    def _printed(self, job: Job) -> bool:
        """Whether the whole receipt went out."""
        self._ask()
        if self.paper in (Paper.ABSENT, Paper.OUT, Paper.OFFLINE):
            return False
        data = encoded(layout(job.receipt, self._columns, job.is_copy or job.begun))
        try:
            for place in range(0, len(data), PRINT_CHUNK_BYTES):
                self._line.write(data[place : place + PRINT_CHUNK_BYTES])
                job.begun = True
        except TROUBLE as error:
            self._lost(error)
            return False
        self._complained = False
        answered = self.paper is not Paper.UNKNOWN
        self._ask()  # an answer proves that all before it arrived; flush would wait for ever for a printer that stopped
        return self.paper not in (Paper.ABSENT, *([Paper.UNKNOWN] if answered else []))

    def _ask(self) -> None:
        """Learn the printer's state; opens the line when it is not."""
        before = self.paper
        try:
            if self._line is None:
                self._line = open_line(self.port, self._baudrate, STATUS_ANSWER_S)
                self._line.write_timeout = PRINT_WRITE_S
            self._line.reset_input_buffer()
            answers = []
            for question in (ASK_PRINTER, ASK_PAPER):
                self._line.write(question)
                answers.append(bytes(self._line.read(1)))
            self.paper = status(*answers)
        except TROUBLE as error:
            self._lost(error)
        if self.paper is not before:
            log.info("%s · %s", self.paper.en, self.paper.zh)

    def _lost(self, error: Exception) -> None:
        if not self._complained:
            log.warning("the printer at %s is not there: %s · 打印机未连接", self.port, error)
            self._complained = True
        self.paper = Paper.ABSENT
        if self._line is not None:
            with contextlib.suppress(*TROUBLE):  # else the kernel waits for the printer to take the rest
                self._line.reset_output_buffer()
        hang_up(self._line, self.port)
        self._line = None
