"""A card conversation is a generator; `run` is the only loop that talks to chips.

A script yields `Send` (answered with a `Response`) or `Hold` (made durable, answered with None) and returns its result.
Whatever breaks a conversation after its `Hold` leaves `run` as `Torn`: no author of a script can forget it.
"""

from collections.abc import Callable, Generator, Mapping
from enum import Enum
from typing import Any, NamedTuple, Protocol, TypeVar

from apdu.command import Command, Response
from apdu.errors import LinkLost, Malformed, PsamError, StatusError, Torn
from apdu.frames import exchange

T = TypeVar("T")

NOT_HERE = (0x6A82, 0x6A86, 0x6D00, 0x6E00)
"""Answers to SELECT by name from a chip that does not have the application or does not know the command."""


class Slot(Enum):
    """Which chip is meant."""

    CARD = "card"
    PSAM = "psam"

    __hash__ = object.__hash__  # Enum's own is a Python call in each look-up of a wire


class Send(NamedTuple):
    """Send `command` to the chip in `slot`; the script is resumed with its Response."""

    slot: Slot
    command: Command


class Hold(NamedTuple):
    """Make `draft` durable before anything else; the next command moves money."""

    draft: Any


Script = Generator[Send | Hold, Response | None, T]


class Wire(Protocol):
    """One chip, powered and selected. `t0`: the chip takes T=0 commands, which have no Le beside data."""

    t0: bool

    def transmit(self, raw: bytes) -> bytes:
        """Exchange one APDU. Raises LinkLost, nothing else."""
        ...


def send(slot: Slot, command: Command, *accepted: int) -> Generator[Send | Hold, Response | None, Response]:
    """One exchange of a script, with the statuses that it accepts (9000 alone when none is named).

    Raises StatusError on any other status.
    """
    response = yield Send(slot, command)
    assert response is not None
    if response.sw not in (accepted or (0x9000,)):
        raise StatusError(command, response.sw)
    return response


def hold(draft: Any) -> Generator[Send | Hold, Response | None, None]:
    """The point of no return: resumed only when `draft` is durable."""
    yield Hold(draft)


def run(script: Script[T], wires: Mapping[Slot, Wire], keep: Callable[[Any], None]) -> T:
    """Run one conversation to its end and return its result.

    `keep` makes a draft durable and returns; what it raises ends the script before any money moved. Raises LinkLost
    (the card), PsamError, StatusError or Malformed while nothing is held, and Torn once a draft is.
    """
    draft: Any = None
    answer: Response | None = None
    failure: Exception | None = None
    try:
        while True:
            step = script.throw(failure) if failure is not None else script.send(answer)
            answer = failure = None
            if isinstance(step, Hold):
                assert draft is None, "a script holds one draft"
                keep(step.draft)
                draft = step.draft
                continue
            try:
                answer = exchange(wires[step.slot], step.command)
            except (LinkLost, Malformed) as trouble:
                failure = PsamError(f"PSAM: {trouble}") if step.slot is Slot.PSAM else trouble
    except StopIteration as done:
        result: T = done.value
        return result
    except (LinkLost, StatusError, Malformed, PsamError) as cause:
        if draft is not None:
            raise Torn(draft, cause) from cause
        raise
