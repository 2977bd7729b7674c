"""A tap comes first: long work in other threads goes on between two taps and not within one.

Python runs one thread at a time. A thread that computes keeps the others waiting for 5 ms, a tap's exchanges with its
chips each time anew; so who computes does it in short stretches and gives way between them.
"""

import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from terminal.limits import BREATH_S, GIVE_WAY_S_MAX, STRETCH_S

T = TypeVar("T")


class Precedence:
    """One process's: held as a context by whoever serves a card, also by several at once, and again within."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._served = 0
        self._nobody_served = threading.Event()
        self._nobody_served.set()

    def __enter__(self) -> None:
        with self._changing:
            self._served += 1
            self._nobody_served.clear()

    def __exit__(self, *_wrong: object) -> None:
        with self._changing:
            self._served -= 1
            if not self._served:
                self._nobody_served.set()

    def give_way(self) -> None:
        """From any other thread: returns when no card is being served, or after GIVE_WAY_S_MAX.

        A thread that only asks keeps the interpreter, and nobody could even say that a card has come.
        """
        time.sleep(BREATH_S)
        self._nobody_served.wait(GIVE_WAY_S_MAX)

    def unhurried(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises; it gives way between its calls, whatever it is made of.

        For work that knows nothing of taps, as reading a pack. It must hold nothing that a tap may wait for: no lock,
        no log.
        """
        due, before = time.perf_counter() + STRETCH_S, sys.getprofile()

        def between_calls(*_call: object) -> None:
            nonlocal due
            if time.perf_counter() >= due:
                self.give_way()
                due = time.perf_counter() + STRETCH_S

        sys.setprofile(between_calls)  # of this thread alone
        try:
            return work()
        finally:
            sys.setprofile(before)
