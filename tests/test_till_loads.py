"""A top-up from the keyed amount to card, journal, backend and bank, and all that may go wrong on the way."""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from apdu.purse.load import Granted
from sync.backend.bank import BankRefuses
from sync.backend.loads import Conflict, Rules
from sync.events import LoadHeld
from sync.loading import TABLE, State, picture
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


def test_the_same_question_has_the_same_answer_and_another_body_a_conflict(city: City, counter: Counter) -> None:
    counter.till.top_up(order(1), 5_000, "account")
    counter.put(card(1), (4, False))
    held = next(event for event in counter.events() if isinstance(event, LoadHeld))
    first = counter.line.granted(3, held)
    city.time.later(minutes=5)
    assert isinstance(first, Granted) and counter.line.granted(3, held) == first
    assert city.bank.accounts[card(1).spec.number20] == 25_000
    with pytest.raises(Conflict):
        counter.line.granted(3, replace(held, amount=5_001))


def test_without_an_answer_nothing_goes_onto_the_card_and_the_account_has_its_money_again(
    city: City, counter: Counter
) -> None:
    mine = card(1)
    counter.line.lose = 1
    counter.till.top_up(order(1), 5_000, "account")
    deal = counter.put(mine)
    assert (deal.step, deal.why, balance(mine)) == (Step.ASKED, "no_answer", 10_000)
    assert city.bank.accounts[mine.spec.number20] == 25_000
    counter.sync()
    assert city.bank.accounts[mine.spec.number20] == 30_000
    assert counter.put(mine).step is Step.DONE


@pytest.mark.parametrize(("away", "loaded"), [(False, True), (True, False)])
def test_a_silent_bank_is_asked_what_it_has_and_never_told_twice(
    city: City, counter: Counter, away: bool, loaded: bool
) -> None:
    mine = card(1)
    city.bank.away, city.bank.lose = away, 0 if away else 1
    counter.till.top_up(order(1), 5_000, "account")
    deal = counter.put(mine)
    assert (deal.step is Step.DONE, balance(mine) == 15_000) == (loaded, loaded)
    city.bank.away = False
    counter.sync()
    assert {state for _, state, _ in city.loads().values()} == {"captured" if loaded else "released"}
    assert city.bank.accounts[mine.spec.number20] == (25_000 if loaded else 30_000)
    [operation] = city.loads()
    if not loaded:  # a word that comes late finds the door shut
        with pytest.raises(BankRefuses):
            city.bank.reserve(operation, mine.spec.number20, 5_000)


@pytest.mark.parametrize("executed", [False, True])
def test_a_till_that_dies_is_answered_for_by_the_card_at_another(
    city: City, counter: Counter, tmp_path: Path, executed: bool
) -> None:
    mine, other = card(1), Counter(city, tmp_path / "other", 2)
    counter.till.top_up(order(1), 5_000, "account")
    counter.put(mine, (4, executed))
    other.till.top_up(order(2), 100, "cash")
    assert other.put(mine).step is Step.DONE
    state = {source: state for source, state, _ in city.loads().values()}
    assert state["account"] == ("captured" if executed else "released")
    assert city.bank.accounts[mine.spec.number20] == (25_000 if executed else 30_000)
    counter.sync()
    counter.put(mine)
    counter.sync()
    assert city.alarms() == []
    other.journal.close()


def test_a_backend_that_ends_between_its_word_and_the_banks_answer_asks_when_it_begins_again(
    city: City, counter: Counter
) -> None:
    mine = card(1)
    with patch.object(city.lender, "_reserve", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        counter.till.top_up(order(1), 5_000, "account")
        counter.put(mine)
    assert [state for _, state, _ in city.loads().values()] == ["reserving"]
    city.restart()
    assert [state for _, state, _ in city.loads().values()] == ["unknown"]
    counter.restart()
    counter.put(mine)
    assert counter.till.ledger.running() is None or counter.put(mine)
    counter.sync()
    states = [state for _, state, _ in city.loads().values()]
    assert "reserved" not in states and "unknown" not in states
    assert balance(mine) == 10_000 + city.bank.captured_fen()


def test_each_limit_of_the_backend_refuses_with_its_word(city: City, counter: Counter) -> None:
    poor, full, known = card(9), card(1, balance_fen=99_000), card(1)
    for fen, source, mine, why in (
        (5_000, "account", poor, "no_account"),
        (40_000, "account", known, "account_short"),
        (5_000, "cash", full, "balance_limit"),
    ):
        counter.till.top_up(order(fen + len(why)), fen, source)  # type: ignore[arg-type]
        deal = counter.put(mine)
        assert (deal.step, deal.why, deal.reason) == (Step.ASKED, why, Reason.OVER_LIMIT)
        assert counter.till.give_up().step is Step.LEFT
    city.lender.rules = Rules(card_day_fen=9_000)
    for number, why in ((1, ""), (2, "day_limit")):
        counter.till.top_up(order(number), 5_000, "cash")
        assert counter.put(known).why == why
    counter.till.give_up()
    assert city.alarms() == []


def test_a_card_whose_mac1_is_wrong_gets_nothing_and_raises_an_alarm(city: City, counter: Counter) -> None:
    mine = card(1)
    assert mine.purse is not None
    mine.purse.keys = mine.purse.keys._replace(load=bytes(16))
    counter.till.top_up(order(1), 5_000, "cash")
    deal = counter.put(mine)
    assert (deal.why, deal.reason) == ("false_card", Reason.FALSE_CARD)
    assert city.alarms() == ["wrong_mac1"] and balance(mine) == 10_000


def test_a_refund_is_paid_once_by_a_load_and_is_due_again_when_that_load_fails(city: City, counter: Counter) -> None:
    mine = card(1)
    counter.till.sell(order(1), [("鱼", 1_250)])
    sold = counter.put(mine)
    noted = counter.till.refund(order(2), sold.held, 1_000)
    assert counter.till.refund(order(2), sold.held, 1_000) == noted
    with pytest.raises(Refused, match="more than"):
        counter.till.refund(order(3), sold.held, 251)
    number = mine.spec.number20
    assert counter.till.refunds(number) == []
    counter.sync()
    [due] = counter.till.refunds(number)
    assert (due.operation, due.amount_fen) == (order(2), 1_000)
    counter.till.top_up(order(4), 1_000, "refund", due.operation)
    assert counter.put(mine, (4, False)).step is Step.UNCLEAR
    assert counter.till.refunds(number) == [], "a load is on its way with it"
    assert counter.till.give_up().step is Step.DOUBT
    counter.till.top_up(order(5), 100, "cash")
    counter.put(mine)
    counter.sync()
    assert counter.till.refunds(number) == [due], "the card showed that it never came"
    counter.till.top_up(order(6), 1_000, "refund", due.operation)
    assert counter.put(mine).step is Step.DONE
    counter.sync()
    assert counter.till.refunds(number) == [] and balance(mine) == 10_000 - 1_250 + 100 + 1_000
    counter.till.top_up(order(7), 1_000, "refund", due.operation)
    assert counter.put(mine).why == "refund_paid"


def test_the_states_of_the_money_are_all_reached_and_the_picture_is_the_table() -> None:
    reached = {State.HELD} | set(TABLE.values())
    assert reached == set(State)
    ends = set(State) - {before for before, _ in TABLE}
    assert ends == {State.CAPTURED, State.RELEASED}
    assert picture() in (Path(__file__).parents[1] / "docs" / "counters.md").read_text("utf-8")
