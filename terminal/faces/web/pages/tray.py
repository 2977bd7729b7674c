"""The trainer's tray, on every page of a training: cards to lay on the reader, to pull away, to put into the slot."""

from collections.abc import Callable
from typing import Any

import msgspec

from terminal.counters.place import Tray, TrayCard
from terminal.faces.web.page import COUNTER, Act, Ask, House, Nothing, Page, Refused, Who


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A card by its name on the tray."""

    name: str


class Pull(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pull the card away in the middle of the next payment, before or after the chip has `executed` it."""

    executed: bool


class Lying(msgspec.Struct, frozen=True):
    """The tray. `down` the card on the reader, `inside` the one in the slot; "" for none."""

    cards: tuple[TrayCard, ...]
    down: str
    inside: str


def page(house: House) -> Page | None:
    """Only in a training."""
    tray = house.place.tray if house.place is not None else None
    if tray is None:
        return None

    def lying(_who: Who | None, _query: Nothing) -> Lying:
        return Lying(tuple(tray.cards()), tray.down(), tray.inside())

    def act(name: str, zh: str, en: str, body: Any, hand: Callable[[Tray, Any], None]) -> Act:
        def do(_who: Who, _operation: str, wanted: Any) -> Nothing:
            try:
                hand(tray, wanted)
            except KeyError as unknown:
                raise Refused("no_card", "卡盘上没有这张卡", "there is no such card on the tray") from unknown
            return Nothing()

        return Act(f"tray_{name}", zh, en, body, Nothing, do, COUNTER)

    return Page(
        "tray",
        asks=(Ask("tray", "卡盘", "The trainer's tray", Nothing, Lying, lying, COUNTER),),
        acts=(
            act("down", "放卡", "Lay a card on the reader", Named, lambda tray, body: tray.put_down(body.name)),
            act("up", "取卡", "Take the card away", Nothing, lambda tray, body: tray.take_away()),
            act("pull", "交易中拔卡", "Pull it, paying", Pull, lambda tray, pull: tray.pull_at_debit(pull.executed)),
            act("insert", "插卡", "Put a card into the slot", Named, lambda tray, body: tray.insert(body.name)),
            act("withdraw", "退卡", "Take it out of the slot", Nothing, lambda tray, body: tray.withdraw()),
        ),
    )
