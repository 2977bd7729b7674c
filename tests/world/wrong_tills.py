"""Known wrong programs of market and top-up, each planted by a patch of the real one."""

from typing import Any
from unittest.mock import patch

from apdu.purse.load import LoadHealing
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
