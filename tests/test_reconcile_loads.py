"""Loads in the three books: what tills say, what the backend made of it, what chips hold; each difference is told."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from apdu.virtual.cards import Card
from sync.closed import read_closed
from sync.reconcile import BackendBook, CardBook, JournalBook, Reconciliation, reconcile
from terminal.books import backend_book
from tests.bus import card
from tests.tills import City, Counter, balance, order


@dataclass
class Day:
    """A till's day with a card that is torn once, and its three books."""

    city: City
    counter: Counter
    cards: list[Card]

    def books(self) -> tuple[list[CardBook], list[JournalBook], BackendBook]:
        """Power off, and read."""
        self.counter.sync()
        self.counter.journal.close()
        book, loads = backend_book(self.city.folder / "backend.db")
        chips = []
        for one in self.cards:
            assert one.purse is not None
            spec, memory = one.spec, one.purse.memory
            loaded = loads.get(spec.number20, 0)
            chips.append(CardBook(spec.number20, spec.balance_fen, loaded, balance(one), spec.counter, memory.counter))
        return chips, [JournalBook(*read_closed(self.counter.path))], book


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    city = City(tmp_path / "backend")
    counter = Counter(city, tmp_path / "till")
    cards = [card(1), card(2)]
    for number, (one, tear) in enumerate([(cards[0], None), (cards[1], (4, True))]):
        counter.till.top_up(order(number), 5_000, "cash")
        counter.put(one, tear)
        if tear:
            counter.put(one)
    counter.till.sell(order(9), [("x", 300)])
    counter.put(cards[0])
    yield Day(city, counter, cards)
    city.backend.close()


def told(result: Reconciliation) -> list[str]:
    return [fault.en for fault in result.faults]


def test_a_day_of_loads_and_sales_balances_to_the_fen(day: Day) -> None:
    result = reconcile(*day.books())
    assert result.balanced, result.lines("en")
    assert result.loaded == (2, 10_000)


def test_each_alteration_of_a_load_is_found(day: Day) -> None:
    cards, journals, book = day.books()
    [first, *_] = book.loads
    load = book.loads[first]
    altered = {
        "the backend does not have this load": {name: one for name, one in book.loads.items() if name != first},
        "no journal has this load": {**book.loads, "f" * 20: load},
        "card or amount differ from the backend's": {**book.loads, first: load._replace(amount_fen=4_999)},
        "done by the journal, released at the backend": {**book.loads, first: load._replace(state="released")},
    }
    for words, loads in altered.items():
        assert words in told(reconcile(cards, journals, book._replace(loads=loads))), words
    poorer = cards[0]._replace(loads_fen=cards[0].loads_fen - 1)
    assert not reconcile([poorer, *cards[1:]], journals, book).balanced


def test_a_load_whose_card_was_not_seen_again_is_named(day: Day) -> None:
    day.counter.till.top_up(order(20), 700, "cash")
    day.counter.put(day.cards[0], (4, True))
    result = reconcile(*day.books())
    assert "this load waits for its card to be seen again" in told(result) and not result.balanced
