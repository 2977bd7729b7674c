"""A hot-listed card's application is locked."""

from sync.events.event import Event


class LockTried(Event, frozen=True, tag="LOCK_TRIED"):
    """APPLICATION BLOCK is about to go out, or its answer was lost; the next SELECT decides."""

    card: str
    uid: str
    aid: str
    level: int


class Locked(Event, frozen=True, tag="LOCKED"):
    """The application is locked. `by` "answer" (9000 to the command) or "select" (the next SELECT said so)."""

    card: str
    uid: str
    by: str
