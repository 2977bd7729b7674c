"""A till on nfcpy's and pyscard's own stacks, with the backend in its own process: sales, loads, tears, the books."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from apdu.virtual import remote
from apdu.virtual.spec import CardSpec
from config.model import Configuration, Market, TopUp
from terminal.till.build import Built, build
from terminal.till.deal import Deal, Step
from tests.device.rig import Backend, books, configuration
from tests.tills import order

numbers = count(8_201)


class Stand:
    """One till, its cards, and a hand that puts them down."""

    def __init__(self, chips: remote.Virtual, backend: Backend, made: Configuration) -> None:
        self.remote, self.backend, self.configuration = chips.remote, backend, made
        self.cards: dict[str, str] = {}
        self._orders = count(int(made.terminal.number) * 1_000)
        self.built: Built = build(made)
        self.till = self.built.till
        self.till.open_shift("0017")

    def card(self, **values: Any) -> str:
        """Issue a card with 100 yuan."""
        serial = int(self.configuration.terminal.number) * 10_000 + len(self.cards)
        spec = CardSpec(f"{serial:016d}", balance_fen=10_000, **values)
        name = self.remote.add(spec, f"till/{serial}")
        self.cards[name] = spec.number20
        return name

    def put(self, card: str) -> Deal:
        """Put the card down for the running deal, and take it up."""
        self.remote.enter(card)
        deal = self.till.present(15.0)
        if self.remote.in_field() is not None:
            self.remote.leave()
        return deal

    def order(self) -> str:
        """The next order."""
        return order(next(self._orders))

    def balance(self, card: str) -> int:
        """What the chip holds."""
        return int(self.remote.memory()["cards"][card]["balance_fen"])


@pytest.fixture
def make(chips: remote.Virtual, backend: Backend, tmp_path: Path) -> Iterator[Callable[[], Stand]]:
    stands: list[Stand] = []

    def made() -> Stand:
        number = f"{next(numbers):08d}"
        told = configuration(
            tmp_path / number,
            number,
            chips.udp_path,
            backend.address,
            market=Market(stall="A-17"),
            topup=TopUp(place="南湖"),
        )
        stands.append(Stand(chips, backend, told))
        return stands[-1]

    yield made
    if chips.remote.in_field() is not None:
        chips.remote.leave()
    for stand in stands:
        stand.built.close()
    chips.remote.clear_faults()


def test_a_day_of_sales_and_loads_ends_with_books_that_agree(make: Callable[[], Stand]) -> None:
    stand = make()
    mine, other = stand.card(), stand.card()
    stand.till.sell(stand.order(), [("鱼 fish", 1_250), ("葱 leek", 300)])
    assert stand.put(mine).step is Step.DONE
    stand.till.top_up(stand.order(), 5_000, "cash")
    assert stand.put(mine).step is Step.DONE
    stand.remote.tear("after", "54")
    stand.till.sell(stand.order(), [("米 rice", 2_000)])
    assert stand.put(other).step is Step.UNCLEAR
    assert stand.put(other).step is Step.DONE
    stand.remote.tear("after", "52")
    stand.till.top_up(stand.order(), 2_000, "cash")
    assert stand.put(other).step is Step.UNCLEAR
    assert stand.put(other).step is Step.DONE
    assert (stand.balance(mine), stand.balance(other)) == (13_450, 10_000)
    closed = stand.till.z()
    assert (closed.sales_fen, closed.loads_cash_fen, closed.unclear, closed.loads_unclear) == (3_550, 7_000, 0, 0)
    assert stand.built.drain()
    path = stand.built.journal.path
    stand.built.close()
    found = books(stand.remote, set(stand.cards.values()), path, stand.backend)
    assert found.balanced, found.lines("en")
    assert found.loaded == (2, 7_000) and "loaded onto cards  2 of 70.00 yuan" in found.lines("en")
