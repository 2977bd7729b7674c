"""The device's mode as a drawn state machine; ARCHITECTURE.md's picture is made from TABLE."""

from enum import Enum


class Mode(Enum):
    """What the device can do now."""

    STARTING = "starting"
    READY = "ready"
    SERVING = "serving"
    CLOSED = "closed"


class Cue(Enum):
    """What happened to it."""

    OPENED = "reader, PSAM and journal are open"
    CARD_FOUND = "a card is in the field"
    CARD_GONE = "the card has left"
    TROUBLE = "reader, PSAM or journal failed"
    MENDED = "what failed is open again"


TABLE: dict[tuple[Mode, Cue], Mode] = {
    (Mode.STARTING, Cue.OPENED): Mode.READY,
    (Mode.STARTING, Cue.TROUBLE): Mode.CLOSED,
    (Mode.READY, Cue.CARD_FOUND): Mode.SERVING,
    (Mode.READY, Cue.TROUBLE): Mode.CLOSED,
    (Mode.SERVING, Cue.CARD_GONE): Mode.READY,
    (Mode.SERVING, Cue.TROUBLE): Mode.CLOSED,
    (Mode.CLOSED, Cue.TROUBLE): Mode.CLOSED,
    (Mode.CLOSED, Cue.MENDED): Mode.READY,
}


def after(mode: Mode, cue: Cue) -> Mode:
    """The next mode. A pair that is not in TABLE is our mistake."""
    assert (mode, cue) in TABLE, f"{cue} in {mode}"
    return TABLE[mode, cue]


def picture() -> str:
    """The table as a Mermaid state diagram."""
    lines = [f"    {before.value} --> {then.value} : {cue.value}" for (before, cue), then in TABLE.items()]
    return "\n".join(["stateDiagram-v2", "    [*] --> starting", *lines])
