"""A top-up from the keyed amount to card, journal, backend and bank, and all that may go wrong on the way."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tariffs.verdict import Reason
from terminal.till.deal import Step
from terminal.till.words import Refused
from tests.bus import card
from tests.tills import City, Counter, balance, order


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    made = City(tmp_path / "backend", {card(1).spec.number20: 30_000})
    yield made
    made.backend.close()


@pytest.fixture
def counter(city: City, tmp_path: Path) -> Iterator[Counter]:
    made = Counter(city, tmp_path / "till")
    yield made
    made.journal.close()


def test_cash_goes_onto_the_card_and_into_every_book(city: City, counter: Counter) -> None:
    mine = card(1)
    assert counter.till.top_up(order(1), 5_000, "cash").step is Step.ASKED
    deal = counter.put(mine)
    assert (deal.step, deal.reason, deal.balance_fen) == (Step.DONE, Reason.LOADED, 15_000)
    assert balance(mine) == 15_000
    assert [state for _, state, _ in city.loads().values()] == ["reserved"]
    counter.sync()
    assert list(city.loads().values()) == [("cash", "captured", 5_000)]
    assert counter.till.x().loads_cash_fen == 5_000
    assert city.alarms() == []


def test_the_account_pays_once_the_card_has_the_money(city: City, counter: Counter) -> None:
    mine = card(1)
    counter.till.top_up(order(1), 5_000, "account")
    assert counter.put(mine).step is Step.DONE
    assert (city.bank.accounts[mine.spec.number20], city.bank.captured_fen()) == (25_000, 0)
    counter.sync()
    assert (city.bank.accounts[mine.spec.number20], city.bank.captured_fen()) == (25_000, 5_000)


def test_offline_a_load_is_refused_and_explained_before_anything_is_asked(counter: Counter) -> None:
    counter.line.away = True
    before = counter.journal.last_seq
    with pytest.raises(Refused, match=r"连不上后台.*cannot be reached") as said:
        counter.till.top_up(order(1), 5_000, "cash")
    assert said.value.why == "offline" and counter.journal.last_seq == before
