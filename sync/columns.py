"""What lies beside a row's bytes, so that a card's rows are found and money is summed without decoding."""

from typing import NamedTuple

from sync.events import AnyEvent


class Columns(NamedTuple):
    """Copies out of the event: its kind, the card (20 digits), the chip's UID, the HELD row that it names."""

    kind: str
    card: str | None
    uid: str | None
    held: int | None


def columns(event: AnyEvent) -> Columns:
    """The columns of an event: whatever it calls `card`, `uid` or `held`."""
    kind = str(type(event).__struct_config__.tag)
    card, uid = getattr(event, "card", "") or None, getattr(event, "uid", "") or None
    return Columns(kind, card, uid, getattr(event, "held", None))
