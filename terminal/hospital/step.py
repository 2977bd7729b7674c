"""A counter's visit as a drawn state machine; docs/hospital.md's picture is made from TABLE."""

from enum import Enum


class Step(Enum):
    """Where the counter stands with the patient before it."""

    SIGNED_OUT = "signed_out"
    READY = "ready"
    CARD = "card"
    CHECKED = "checked"
    ENTITLED = "entitled"
    PRICED = "priced"
    HELD = "held"
    UNKNOWN = "unknown"
    SETTLED = "settled"


class Cue(Enum):
    """What happened."""

    SIGNED_IN = "a clerk signed in"
    SIGNED_OUT = "the clerk signed out"
    CARD_READ = "the chip was read"
    HOLDER_CHECKED = "photo or PIN check recorded"
    ENTITLEMENT_FOUND = "entitlement and three lists looked up"
    PRICED = "pre-settled"
    CANCEL_ASKED = "a bill is to be cancelled"
    CONFIRMED = "operation durable"
    ANSWERED = "the centre agreed, or offline allowed"
    DIFFERS = "the centre has other accumulators"
    NOT_CANCELLED = "the centre does not cancel it so"
    NO_ANSWER = "no answer"
    NEVER_CAME = "the clerk says that nothing moved"
    RECEIPT_GIVEN = "receipt printed"
    GIVEN_UP = "given up"
    RESTARTED = "the program ended in between"


TABLE: dict[tuple[Step, Cue], Step] = {
    (Step.SIGNED_OUT, Cue.SIGNED_IN): Step.READY,
    (Step.READY, Cue.SIGNED_OUT): Step.SIGNED_OUT,
    (Step.READY, Cue.CARD_READ): Step.CARD,
    (Step.READY, Cue.CANCEL_ASKED): Step.PRICED,
    (Step.CARD, Cue.HOLDER_CHECKED): Step.CHECKED,
    (Step.CARD, Cue.GIVEN_UP): Step.READY,
    (Step.CHECKED, Cue.ENTITLEMENT_FOUND): Step.ENTITLED,
    (Step.CHECKED, Cue.GIVEN_UP): Step.READY,
    (Step.ENTITLED, Cue.PRICED): Step.PRICED,
    (Step.ENTITLED, Cue.GIVEN_UP): Step.READY,
    (Step.PRICED, Cue.PRICED): Step.PRICED,
    (Step.PRICED, Cue.CONFIRMED): Step.HELD,
    (Step.PRICED, Cue.GIVEN_UP): Step.READY,
    (Step.HELD, Cue.ANSWERED): Step.SETTLED,
    (Step.HELD, Cue.DIFFERS): Step.ENTITLED,
    (Step.HELD, Cue.NOT_CANCELLED): Step.READY,
    (Step.HELD, Cue.NO_ANSWER): Step.UNKNOWN,
    (Step.UNKNOWN, Cue.ANSWERED): Step.SETTLED,
    (Step.UNKNOWN, Cue.DIFFERS): Step.READY,
    (Step.UNKNOWN, Cue.NOT_CANCELLED): Step.READY,
    (Step.UNKNOWN, Cue.NO_ANSWER): Step.UNKNOWN,
    (Step.UNKNOWN, Cue.NEVER_CAME): Step.READY,
    (Step.READY, Cue.RESTARTED): Step.UNKNOWN,
    (Step.SETTLED, Cue.RECEIPT_GIVEN): Step.READY,
}
"""Money moves in one step only: from HELD or UNKNOWN to SETTLED, and the operation is durable before both."""


def after(step: Step, cue: Cue) -> Step:
    """The next step. A pair that is not in TABLE is our mistake."""
    assert (step, cue) in TABLE, f"{cue} in {step}"
    return TABLE[step, cue]


def picture() -> str:
    """The table as a Mermaid state diagram."""
    lines = [f"    {before.value} --> {then.value} : {cue.value}" for (before, cue), then in TABLE.items()]
    return "\n".join(["stateDiagram-v2", "    [*] --> signed_out", *lines])
