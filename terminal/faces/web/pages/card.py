"""Who stands at the counter, for all its pages: the card that lies there, and a number that was typed or scanned."""

from typing import Annotated

import msgspec

from terminal.counters.limits import WAIT_S_MAX
from terminal.counters.place import Place
from terminal.counters.visits import Person, Seen
from terminal.faces.web.page import COUNTER, Act, Ask, House, Page, Refused, Who

Token = Annotated[str, msgspec.Meta(max_length=32)]
Number = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{20}\Z")]


class Since(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was told last; the answer waits up to 10 seconds for something else. 0: at once."""

    nth: int = 0


class Typed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A card's number of 20 digits, keyed or scanned."""

    card: Number


class Visit(msgspec.Struct, frozen=True):
    """The token of a visit: what later questions and acts name the person by."""

    visit: str


def page(house: House) -> Page | None:
    """Only at a counter."""
    place = house.place
    if place is None:
        return None

    def seen(_who: Who | None, query: Since) -> Seen:
        return place.visits.told(query.nth, WAIT_S_MAX)

    def typed(_who: Who, _operation: str, body: Typed) -> Visit:
        return Visit(place.visits.known(Person(body.card, "typed")))

    return Page(
        "card",
        asks=(Ask("card", "台上的卡", "The card on the reader", Since, Seen, seen, COUNTER),),
        acts=(Act("typed", "键入卡号", "Name a reader by the card's number", Typed, Visit, typed, COUNTER),),
    )


def person(place: Place, token: str) -> Person:
    """Whose visit it is. Raises Refused."""
    found = place.visits.person(token)
    if found is None:
        raise Refused("no_visit", "请重新放卡或扫描卡号", "put the card down again, or scan its number")
    return found
