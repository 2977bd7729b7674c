"""One deal at a till, a sale, a fee or a top-up, as a drawn state machine; docs/counters.md's picture is its TABLE."""

from enum import Enum
from typing import Literal

from msgspec import Struct

from tariffs.verdict import Reason

What = Literal["sale", "fee", "load"]


class Step(Enum):
    """Where a deal stands."""

    ASKED = "asked"
    UNCLEAR = "unclear"
    DONE = "done"
    LEFT = "left"
    DOUBT = "doubt"


class Cue(Enum):
    """What happened to it."""

    HELD = "durable, the card is about to be debited or loaded"
    NOTHING_MOVED = "the card shows that nothing moved"
    MOVED = "the card paid, or has the money"
    UNKNOWN = "nobody here can tell"
    GIVEN_UP = "the clerk gives it up"


TABLE: dict[tuple[Step, Cue], Step] = {
    (Step.ASKED, Cue.HELD): Step.UNCLEAR,
    (Step.ASKED, Cue.GIVEN_UP): Step.LEFT,
    (Step.UNCLEAR, Cue.MOVED): Step.DONE,
    (Step.UNCLEAR, Cue.NOTHING_MOVED): Step.ASKED,
    (Step.UNCLEAR, Cue.UNKNOWN): Step.UNCLEAR,
    (Step.UNCLEAR, Cue.GIVEN_UP): Step.DOUBT,
    (Step.DOUBT, Cue.MOVED): Step.DONE,
    (Step.DOUBT, Cue.NOTHING_MOVED): Step.LEFT,
    (Step.DOUBT, Cue.UNKNOWN): Step.DOUBT,
}
"""Money moves in UNCLEAR only. What is given up there is settled later, and the backend gives back what was taken."""

RUNNING = (Step.ASKED, Step.UNCLEAR)
"""A card is still waited for."""


def after(step: Step, cue: Cue) -> Step:
    """The next step. A pair that is not in TABLE is our mistake."""
    assert (step, cue) in TABLE, f"{cue} in {step}"
    return TABLE[step, cue]


def picture() -> str:
    """The table as a Mermaid state diagram."""
    lines = [f"    {before.value} --> {then.value} : {cue.value}" for (before, cue), then in TABLE.items()]
    ends = [f"    {step.value} --> [*]" for step in Step if step not in RUNNING]
    return "\n".join(["stateDiagram-v2", "    [*] --> asked", *lines, *ends])


class Deal(Struct, frozen=True):
    """One deal as the till knows it.

    `order` 20 hex digits; `items` name and fen of each line (a load has none); `source` of a load's money, or "keyed"
    or "pos"; `refund` the refund that a load pays. `asked` and `held`: rows of the journal, 0 for none; `card` 20
    digits once one was debited or loaded; `payer` the only card that may pay, "" for any, known to this process alone.
    `reason` and `why` tell the last visit; amounts in fen.
    """

    order: str
    what: What
    amount_fen: int
    items: tuple[tuple[str, int], ...] = ()
    source: str = "keyed"
    refund: str = ""
    step: Step = Step.ASKED
    asked: int = 0
    held: int = 0
    card: str = ""
    payer: str = ""
    balance_fen: int | None = None
    at: str = ""
    clerk: str = ""
    reason: Reason | None = None
    why: str = ""

    def same_as(self, other: "Deal") -> bool:
        """Whether both ask for the same."""
        return _asked(self) == _asked(other)


def _asked(deal: Deal) -> tuple[object, ...]:
    return deal.what, deal.amount_fen, deal.items, deal.source, deal.refund
