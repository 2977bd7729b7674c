"""The market's till: items keyed or from a POS, one debit from the card that is put down for it."""

from typing import Annotated

import msgspec

from terminal.faces.table import load_signals
from terminal.faces.web.page import COUNTER, Act, House, Page, Who
from terminal.faces.web.pages.till import Fen, Shown, order, own, recovered, shown, used
from terminal.till.limits import ITEM_NAME_BYTES_MAX, ITEMS_MAX


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One item: what it is called on the receipt, and fen."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=ITEM_NAME_BYTES_MAX)]
    fen: Fen


class Sale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is sold."""

    items: Annotated[tuple[Line, ...], msgspec.Meta(min_length=1, max_length=ITEMS_MAX)]


def page(house: House) -> Page | None:
    """Only at a market's till."""
    desk = house.place.till if house.place is not None else None
    if desk is None or not house.configuration.market.stall:
        return None
    signals = load_signals()

    def sell(who: Who, operation: str, body: Sale) -> Shown:
        items = [(line.name, line.fen) for line in body.items]
        source = "pos" if who.program else "keyed"
        deal = used(desk, lambda till: own(till, who).sell(order(operation), items, source))  # type: ignore[arg-type]
        house.place.outside.show(deal)  # type: ignore[union-attr]
        return shown(desk, signals, deal)

    act = Act("market_sell", "收款", "Sell", Sale, Shown, sell, COUNTER, lambda name: recovered(desk, name))
    return Page("market", "市场", "Market", COUNTER, acts=(act,))
