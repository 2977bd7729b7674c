"""A mailbox that forgets: for faces whose newest word is the one that counts."""

import threading
from collections import deque
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """Holds the newest `size` items. Putting never waits; when it is full the oldest item is lost."""

    def __init__(self, size: int) -> None:
        self._items: deque[T] = deque(maxlen=size)
        self._changed = threading.Condition()
        self._closed = False
        self._taken_at: float | None = None

    def put(self, item: T) -> None:
        """Leave an item; after `close` it is dropped."""
        with self._changed:
            if not self._closed:
                self._items.append(item)
                self._changed.notify()

    def take(self, timeout_s: float | None = None) -> list[T]:
        """Wait for items and take all of them, oldest first. Empty: nothing came in time, or the mailbox is closed."""
        with self._changed:
            self._taken_at = None
            self._changed.wait_for(lambda: self._items or self._closed, timeout_s)
            items = list(self._items)
            self._items.clear()
            self._taken_at = monotonic()
            return items

    def lag_s(self) -> float:
        """Seconds for which whoever takes has not come back for more: it works on what it took, hangs, or is gone."""
        taken_at = self._taken_at
        return 0.0 if taken_at is None else monotonic() - taken_at

    def close(self) -> None:
        """Take no more items; what is in it can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def waiting(self) -> bool:
        """Whether an item waits to be taken."""
        return bool(self._items)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed
