"""What a terminal says of itself beside its rows: for the operator's eyes, never for the books.

It travels in a batch's optional member `state`. A backend that cannot read it takes the rows as if it were not there;
members that a newer terminal adds are passed over.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from sync.limits import CONDITION_TROUBLES_MAX, NAME_CHARS_MAX, SEQ_MAX, TROUBLE_CHARS_MAX

Word = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]
Why = Annotated[str, msgspec.Meta(max_length=TROUBLE_CHARS_MAX)]
Whole = Annotated[int, msgspec.Meta(ge=0, le=SEQ_MAX)]


class Condition(msgspec.Struct, frozen=True, omit_defaults=True):
    """A terminal when it made the batch. `at`: its own clock, ISO 8601, and `clock` how far that is trusted; `last`:
    its journal's last row; `unsent_fen`, `oldest_at`: the money of DONE and GREY that is not acknowledged, and the time
    of the oldest such row; `troubles`: what does not work (reader, psam, journal), and why."""

    at: Word
    clock: Word
    last: Whole
    unsent_fen: Whole = 0
    oldest_at: Word = ""
    mode: Word = ""
    kind: Word = ""
    merchant: Word = ""
    software: Word = ""
    pack: Word = ""
    hot_list: Word = ""
    troubles: Annotated[dict[Word, Why], msgspec.Meta(max_length=CONDITION_TROUBLES_MAX)] = {}


def readable(told: Any) -> Condition | None:
    """The condition in a batch's member, as JSON's own types; None when there is none that can be read."""
    try:
        return None if told is None else msgspec.convert(told, Condition)
    except msgspec.ValidationError:
        return None


def cut(troubles: Mapping[str, str]) -> dict[str, str]:
    """Troubles within the bounds of a condition."""
    first = list(troubles.items())[:CONDITION_TROUBLES_MAX]
    return {what[:NAME_CHARS_MAX]: why[:TROUBLE_CHARS_MAX] for what, why in first}
