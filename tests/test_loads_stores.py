"""A load's whole life on each of the backend's stores: granted, taken, given back, refunded, reported."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.backend import loads
from sync.backend.lender import Lender
from sync.backend.service import Service
from terminal.till.deal import Step
from tests.bus import card
from tests.stores import backend, store
from tests.tills import KEYS, City, Counter, balance, order

__all__ = ["backend", "store"]


class Stored(City):
    """A city over a backend that is there already."""

    given: Service

    def start(self) -> None:
        """Lend over the store."""
        self.lender = Lender(KEYS, self.bank, self.rules)
        self.backend = self.given  # type: ignore[assignment]
        self.backend.lend(self.lender)


@pytest.fixture
def counter(backend: Service, tmp_path: Path) -> Iterator[Counter]:
    Stored.given = backend
    city = Stored(tmp_path / "nothing", {card(1).spec.number20: 30_000})
    made = Counter(city, tmp_path / "till")
    yield made
    made.journal.close()


def test_loads_and_refunds_live_on_either_store(counter: Counter) -> None:
    city, till, mine = counter.city, counter.till, card(1)
    till.top_up(order(1), 5_000, "account")
    assert counter.put(mine).step is Step.DONE
    till.top_up(order(2), 2_000, "account")
    assert counter.put(mine, (4, False)).step is Step.UNCLEAR
    till.give_up()
    till.sell(order(3), [("x", 1_300)])
    sold = counter.put(mine)
    till.refund(order(4), sold.held, 1_300)
    counter.sync()
    [due] = till.refunds(mine.spec.number20)
    till.top_up(order(5), 1_300, "refund", due.operation)
    assert counter.put(mine).step is Step.DONE
    counter.sync()
    assert till.refunds(mine.spec.number20) == [] and balance(mine) == 15_000
    assert city.bank.accounts[mine.spec.number20] == 25_000
    with city.backend.question() as database:
        totals = {(one["source"], one["state"]): (one["count"], one["fen"]) for one in loads.report(database)["totals"]}
        assert loads.report(database)["waiting"] == [] and all(type(fen) is int for _, fen in totals.values())
    assert totals == {
        ("account", "captured"): (1, 5_000),
        ("account", "released"): (1, 2_000),
        ("refund", "captured"): (1, 1_300),
    }


def test_the_same_load_is_not_granted_twice_on_either_store(counter: Counter) -> None:
    mine = card(1)
    counter.line.lose = 1
    counter.till.top_up(order(1), 5_000, "account")
    assert counter.put(mine).why == "no_answer"
    assert counter.put(mine).step is Step.DONE
    counter.sync()
    assert sorted(state for _, state, _ in counter.city.loads().values()) == ["captured", "released"]
    assert counter.city.bank.accounts[mine.spec.number20] == 25_000
