"""At a counter too the sending gives way to a card, from its first exchange to its last durable row."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.model import Configuration, Market, Sync
from config.store import load_configuration
from terminal.counters import build as counters
from terminal.counters.place import Openers
from terminal.counters.visits import Visits
from terminal.hospital import build as hospital
from terminal.ports import Card, ContactlessReader, ReaderLost
from terminal.precedence import Precedence
from terminal.till import build as till
from terminal.till.deal import Step
from tests.bus import card, configuration
from tests.chips import ChipWire, profiles
from tests.counters import ZHANG, City, insured, town
from tests.library_counter import READER, Make, library, make
from tests.serving import wait_until
from tests.test_hospital_commands import configured
from tests.tills import City as Bank
from tests.tills import Counter, Down, order

__all__ = ["library", "make", "town"]

NOWHERE = "http://127.0.0.1:1"


class Watch:
    """Notes of the calls that it is set on whether a card was being served then."""

    def __init__(self, patch: pytest.MonkeyPatch, precedence: Precedence) -> None:
        self._patch, self._precedence = patch, precedence
        self.served: dict[str, set[bool]] = {}

    def on(self, whose: object, *names: str) -> None:
        """Watch these methods."""
        for name in names:
            self._patch.setattr(whose, name, self._noting(name, getattr(whose, name)))

    def now(self) -> bool:
        """Whether a card is being served."""
        return not self._precedence._nobody_served.is_set()

    def _noting(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*told: Any, **named: Any) -> Any:
            self.served.setdefault(name, set()).add(self.now())
            return work(*told, **named)

        return noting


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    city = Bank(tmp_path / "backend")
    made = Counter(city, tmp_path / "till")
    yield made
    made.journal.close()
    city.backend.close()


def test_a_till_takes_precedence_for_a_sale_and_a_load_and_gives_it_back(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, watch = card(1), Watch(monkeypatch, counter.till.parts.precedence)
    counter.till.sell(order(1), [("鱼 fish", 1_250)])
    watch.on(mine.chip, "transmit")
    watch.on(counter.journal, "hold", "keep")
    assert counter.put(mine).step is Step.DONE and not watch.now()
    assert watch.served == {"transmit": {True}, "hold": {True}, "keep": {True}}
    watch.served.clear()
    counter.till.top_up(order(2), 5_000, "cash")
    assert counter.put(mine).step is Step.DONE and not watch.now()
    assert watch.served == {"transmit": {True}, "hold": {True}, "keep": {True}}


def test_a_torn_sale_gives_precedence_back(counter: Counter) -> None:
    counter.till.sell(order(1), [("鱼 fish", 1_250)])
    assert counter.put(card(1), tear=(2, False)).step is not Step.DONE
    assert not Watch(pytest.MonkeyPatch(), counter.till.parts.precedence).now()


def test_a_bill_takes_precedence_and_leaves_it_while_the_centre_is_asked(
    town: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row must reach the centre meanwhile, or there is nothing to say of it."""
    town.insure(ZHANG, insured())
    desk = town.desk()
    watch = Watch(monkeypatch, desk.parts.precedence)
    watch.on(desk.journal, "hold", "keep")
    watch.on(desk.parts.centre, "verdict")
    desk.settle(100_000)
    assert watch.served == {"hold": {True}, "keep": {True}, "verdict": {False}} and not watch.now()


def test_a_loan_takes_precedence_for_its_rows_and_leaves_it_while_the_library_is_asked(
    make: Make, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make(library.port)
    watch = Watch(monkeypatch, desk.precedence)
    watch.on(desk.journal, "keep")
    watch.on(desk.client, "ask")
    desk.lend(READER, "typed", "B0001")
    assert watch.served == {"keep": {True}, "ask": {False}} and not watch.now()


def test_a_card_that_is_put_down_is_looked_at_with_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, precedence = card(1), Precedence()
    assert mine.chip is not None
    watch = Watch(monkeypatch, precedence)
    watch.on(mine.chip, "transmit")

    class Reader:
        name = "simulated"

        def poll(self) -> Card:
            return Down(mine.uid, ChipWire(mine.chip.transmit))  # type: ignore[union-attr]

        def close(self) -> None:
            pass

    def opened() -> ContactlessReader:
        return Reader()

    visits = Visits(opened, profiles(), 0.001, 0.001, precedence)
    visits.start()
    wait_until(lambda: visits.told(0, 0).visit, 30)
    visits.close()
    assert watch.served == {"transmit": {True}} and not watch.now()


def lost() -> Any:
    raise ReaderLost("no reader in this test")


def a_till(folder: Path) -> tuple[Precedence, Callable[[], object]]:
    told = replace(configuration(folder), sync=Sync(NOWHERE), market=Market("A-17"))
    built = till.build(told)
    return built.till.parts.precedence, built.close


def a_hospital(folder: Path) -> tuple[Precedence, Callable[[], object]]:
    built = hospital.build(load_configuration(configured(folder, NOWHERE)).value)
    return built.counter.parts.precedence, built.close


def several_counters(folder: Path) -> tuple[Precedence, Callable[[], object]]:
    told: Configuration = load_configuration(configured(folder, NOWHERE)).value
    built = counters.build(replace(told, market=Market("A-17")), Openers(lost, lost, lost))
    place = built.house.place
    assert place is not None and place.till is not None and place.hospital is not None
    [shared] = {
        place.precedence,
        place.hospital.parts.precedence,
        place.visits._precedence,
        place.till.use(lambda one: one.parts.precedence),
    }
    return shared, built.close


@pytest.mark.parametrize("make_", [a_till, a_hospital, several_counters], ids=lambda made: made.__name__)
def test_the_sync_thread_of_every_counter_asks_for_leave(
    make_: Callable[[Path], tuple[Precedence, Callable[[], object]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, whom = threading.Event(), list[Precedence]()

    def give_way(precedence: Precedence) -> None:
        whom.append(precedence)
        asked.set()

    monkeypatch.setattr(Precedence, "give_way", give_way)
    precedence, close = make_(tmp_path)
    try:
        assert asked.wait(30)
        assert set(whom) == {precedence}
    finally:
        close()
