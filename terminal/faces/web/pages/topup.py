"""The top-up desk (圈存): cash, the bound account, or what is to be given back, onto the card that lies there."""

from typing import Literal

import msgspec

from sync.loading import Due
from terminal.faces.table import load_signals
from terminal.faces.web.page import COUNTER, Act, Ask, House, Page, Who
from terminal.faces.web.pages.card import Token, person
from terminal.faces.web.pages.till import Fen, Shown, order, own, recovered, shown, used


class Load(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is loaded, from "cash", the bound "account", or "refund": what `refund` names is given back."""

    fen: Fen
    source: Literal["cash", "account", "refund"]
    refund: str = ""


class Whose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A visit."""

    visit: Token


def page(house: House) -> Page | None:
    """Only at a top-up desk."""
    place = house.place
    desk = place.till if place is not None else None
    if place is None or desk is None or not house.configuration.topup.place:
        return None
    signals = load_signals()

    def load(who: Who, operation: str, body: Load) -> Shown:
        asked = (order(operation), body.fen, body.source, body.refund)
        deal = used(desk, lambda till: own(till, who).top_up(*asked))
        place.outside.show(deal)
        return shown(desk, signals, deal)

    def due(_who: Who | None, query: Whose) -> list[Due]:
        card = person(place, query.visit).card
        return used(desk, lambda till: till.refunds(card))

    act = Act("topup_load", "充值", "Top up", Load, Shown, load, COUNTER, lambda name: recovered(desk, name))
    ask = Ask("topup_due", "应退", "What is to be given back to a card", Whose, list[Due], due, COUNTER)
    return Page("topup", "充值", "Top-up", COUNTER, (ask,), (act,))
