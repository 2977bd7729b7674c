"""The backend is restored from a copy older than loads: journals, cards and bank know them, and nothing is lost."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from sync.backend.bank import Standing
from sync.events import LoadDone, LoadHeld
from terminal.till.deal import Step
from tests.bus import card
from tests.tills import City, Counter, balance, order

MINE = card(1).spec.number20


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    made = City(tmp_path / "backend", {MINE: 30_000})
    yield made
    made.backend.close()


@pytest.fixture
def counter(city: City, tmp_path: Path) -> Iterator[Counter]:
    made = Counter(city, tmp_path / "till")
    yield made
    made.journal.close()


def restored(city: City, tmp_path: Path, counter: Counter, meanwhile: Callable[[], object]) -> None:
    """The backend forgets what it learns `meanwhile`, and the till tells it again."""
    counter.sync()
    acknowledged = counter.journal.acknowledged
    city.backend.close()
    shutil.copytree(city.folder, tmp_path / "copy")
    city.start()
    meanwhile()
    city.backend.close()
    shutil.rmtree(city.folder)
    shutil.copytree(tmp_path / "copy", city.folder)
    city.start()
    counter.journal.acknowledge(acknowledged)
    counter.sync()


def known(city: City) -> list[tuple[int, int]]:
    """The book of loads: counter and fen."""
    with city.backend.transaction() as database:
        return [(load["load_counter"], load["amount_fen"]) for load in database.query("select * from load")]


@pytest.mark.parametrize("source", ["account", "cash"])
@pytest.mark.parametrize("told", [False, True])
def test_a_load_that_the_copy_does_not_know_is_taken_by_its_tac(
    city: City, counter: Counter, tmp_path: Path, source: str, told: bool
) -> None:
    mine = card(1)

    def load() -> None:
        counter.till.top_up(order(1), 5_000, source)  # type: ignore[arg-type]
        assert counter.put(mine).step is Step.DONE
        if told:
            counter.sync()

    restored(city, tmp_path, counter, load)
    assert list(city.loads().values()) == [(source, "captured", 5_000)] and city.alarms() == []
    assert [fen for _, fen in known(city)] == [5_000] and balance(mine) == 15_000
    from_account = 5_000 if source == "account" else 0
    assert (city.bank.captured_fen(), city.bank.accounts[MINE]) == (from_account, 30_000 - from_account)


def test_what_was_set_aside_for_a_load_that_did_not_happen_is_given_back(
    city: City, counter: Counter, tmp_path: Path
) -> None:
    mine = card(1)

    def torn() -> None:
        counter.till.top_up(order(1), 5_000, "account")
        assert counter.put(mine, (4, False)).step is Step.UNCLEAR
        counter.line.away = True
        counter.put(mine)
        counter.line.away = False
        assert city.bank.accounts[MINE] == 25_000

    restored(city, tmp_path, counter, torn)
    assert balance(mine) == 10_000 and {state for _, state, _ in city.loads().values()} == {"released"}
    assert (city.bank.captured_fen(), city.bank.accounts[MINE]) == (0, 30_000)


def test_a_refund_that_was_paid_is_not_due_again(city: City, counter: Counter, tmp_path: Path) -> None:
    mine, till = card(1), counter.till
    till.sell(order(3), [("x", 1_300)])
    sold = counter.put(mine)

    def refund() -> None:
        till.refund(order(4), sold.held, 1_300)
        counter.sync()
        [due] = till.refunds(MINE)
        till.top_up(order(5), 1_300, "refund", due.operation)
        assert counter.put(mine).step is Step.DONE
        counter.sync()

    restored(city, tmp_path, counter, refund)
    assert till.refunds(MINE) == [] and balance(mine) == 10_000 and city.alarms() == []
    assert list(city.loads().values()) == [("refund", "captured", 1_300)]


def test_one_proof_makes_one_load(city: City, counter: Counter) -> None:
    counter.till.top_up(order(1), 5_000, "cash")
    counter.put(card(1))
    held = next(event for event in counter.events() if isinstance(event, LoadHeld))
    done = next(event for event in counter.events() if isinstance(event, LoadDone))
    stamp = counter.city.time.read().stamp()
    again = counter.journal.hold(replace(held, operation="0123456789abcdef0123"), *stamp)
    counter.journal.keep(replace(done, held=again.seq, operation="0123456789abcdef0123"), *stamp)
    counter.sync()
    assert sorted(state for _, state, _ in city.loads().values()) == ["captured", "held"]
    assert [fen for _, fen in known(city)] == [5_000] and city.alarms() == ["load_counter_twice"]


def test_a_load_that_claims_to_be_done_without_a_grant_or_a_proof_is_an_alarm(city: City, counter: Counter) -> None:
    counter.till.top_up(order(1), 5_000, "cash")
    counter.line.away = True
    counter.put(card(1))
    held = next(event for event in counter.events() if isinstance(event, LoadHeld))
    stamp = counter.city.time.read().stamp()
    again = counter.journal.hold(replace(held, operation="0123456789abcdef0123"), *stamp)
    when = counter.city.time.now()[:19].translate(str.maketrans("", "", "-T:"))
    counter.journal.keep(LoadDone(again.seq, "0123456789abcdef0123", "AABBCCDD", when, "credit"), *stamp)
    counter.sync()
    assert city.loads()["0123456789abcdef0123"][1] == "held" and city.alarms() == ["load_without_grant"]


def test_a_bank_that_tells_another_story_stops_nobody_and_calls_a_person(city: City, counter: Counter) -> None:
    counter.till.top_up(order(1), 5_000, "account")
    assert counter.put(card(1)).step is Step.DONE
    [operation] = city.loads()
    city.bank.release(operation)  # as the bank's own restored copy would have it
    counter.sync()
    assert city.loads()[operation][1] == "capturing" and city.alarms() == ["bank_refuses"]
    assert city.bank.standing(operation) is Standing.RELEASED
    counter.till.top_up(order(2), 1_000, "cash")
    assert counter.put(card(2)).step is Step.DONE
    counter.sync()
