"""Known wrong programs of market and top-up, each planted by a patch of the real one."""

from typing import Any
from unittest.mock import patch

from apdu.purse.load import LoadHealing
from sync.events import Done, ShiftOn
from sync.record import Row
from terminal.till.ledger import Ledger
from terminal.till.visit import Visit


def _healed(kind: str) -> Any:
    def heal(_purse: Any, _draft: Any) -> Any:
        yield from ()
        return LoadHealing(kind, b"", "counter_unmoved")

    return patch("terminal.till.visit.heal_load", heal)


def torn_load_is_void() -> Any:
    """A load whose card was torn away counts as none: the customer has it and the bank gives the money back."""
    return _healed("VOID")


def torn_load_is_done() -> Any:
    """A load whose card was torn away counts as made: the customer pays for nothing."""
    return _healed("DONE")


def torn_load_forgotten() -> Any:
    """A torn load is left as it is when its card is back."""
    return patch.object(Visit, "_settle_loads", lambda _self, _purse: None)


def sales_of_a_shift_by_their_time() -> Any:
    """What was written before the shift's begin, by the clock, is no sale of it: a clock that went back hides them."""
    original = Ledger.follow
    begun: dict[int, str] = {}

    def follow(self: Ledger, row: Row) -> None:
        if isinstance(row.event, ShiftOn):
            begun[id(self)] = row.at
        if not isinstance(row.event, Done) or row.at >= begun.get(id(self), ""):
            original(self, row)

    return patch.object(Ledger, "follow", follow)


def proven_load_of_a_lost_grant_is_forgotten() -> Any:
    """A load whose grant the backend lost with its store stays open, though its TAC proves it."""
    return patch("sync.backend.loads._is_first", lambda _database, load, _key, _now: load["state"] != "held")
