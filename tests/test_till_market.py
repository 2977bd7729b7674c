"""A market's till: one deal at a time, limits, the same order twice, the power gone in the middle, X, Z and slips."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from config.model import Market
from sync.errors import JournalFull
from sync.events import Done, Held, Refund, ShiftOff
from tariffs.verdict import Reason
from terminal.receipt import layout
from terminal.till.counter import OtherBody
from terminal.till.deal import RUNNING, TABLE, Cue, Step, picture
from terminal.till.slips import display, receipt, refund_slip, shift_report
from terminal.till.words import WORDS, Refused
from tests.bus import card
from tests.tills import City, Counter, balance, order

FISH = [("鱼 fish", 1_250), ("葱 leek", 300)]


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    made = City(tmp_path / "backend")
    yield made
    made.backend.close()


@pytest.fixture
def counter(city: City, tmp_path: Path) -> Iterator[Counter]:
    made = Counter(city, tmp_path / "till", market=Market("A-17", 5_000, 6_000, 9_000))
    yield made
    made.journal.close()


def why(counter: Counter, number: int, fen: int) -> str:
    with pytest.raises(Refused) as said:
        counter.till.sell(order(number), [("x", fen)])
    return said.value.why


def test_several_items_are_paid_by_one_debit_that_names_the_sale(counter: Counter) -> None:
    mine = card(1)
    asked = counter.till.sell(order(1), FISH)
    deal = counter.put(mine)
    assert (deal.step, deal.reason, deal.balance_fen, balance(mine)) == (Step.DONE, Reason.SALE, 8_450, 8_450)
    [held] = [event for event in counter.events() if isinstance(event, Held)]
    assert (held.amount, held.type, held.product) == (1_550, "06", str(asked.asked))
    assert held.service.merchant == counter.configuration.terminal.merchant


def test_the_same_order_is_the_same_sale_and_another_body_is_refused(counter: Counter) -> None:
    first = counter.till.sell(order(1), FISH)
    assert counter.till.sell(order(1), FISH) == first
    with pytest.raises(OtherBody):
        counter.till.sell(order(1), FISH[:1])
    with pytest.raises(OtherBody):
        counter.till.top_up(order(1), 1_550, "cash")
    done = counter.put(card(1))
    counter.restart()
    again = counter.till.sell(order(1), FISH)
    assert (again.step, again.held) == (Step.DONE, done.held) and counter.till.standing(order(1)) == again
    assert why(counter, 2, 0) == "item"


def test_one_deal_at_a_time_and_none_without_a_shift(counter: Counter) -> None:
    counter.till.sell(order(1), FISH)
    assert why(counter, 2, 100) == "deal_runs"
    with pytest.raises(Refused, match="waits for its card"):
        counter.till.z()
    assert counter.till.give_up().step is Step.LEFT
    counter.till.z()
    assert why(counter, 3, 100) == "no_shift"
    with pytest.raises(Refused, match="no deal"):
        counter.put(card(1))


def test_limits_of_sale_card_and_day(counter: Counter) -> None:
    mine = card(1)
    assert why(counter, 1, 5_001) == "sale_limit"
    counter.till.sell(order(2), [("x", 4_000)])
    assert counter.put(mine).step is Step.DONE
    counter.till.sell(order(3), [("x", 2_001)])
    assert counter.put(mine).reason is Reason.OVER_LIMIT
    assert counter.put(card(2)).step is Step.DONE
    assert why(counter, 4, 3_000) == "day_limit"
    counter.city.time.later(days=1)
    counter.till.sell(order(5), [("x", 4_000)])
    assert counter.put(mine).step is Step.DONE


@pytest.mark.parametrize("executed", [False, True])
@pytest.mark.parametrize("restart", [False, True])
def test_a_torn_sale_wants_its_own_card_again_and_is_paid_once(counter: Counter, executed: bool, restart: bool) -> None:
    mine = card(1)
    counter.till.sell(order(1), FISH)
    assert counter.put(mine, (4, executed)).step is Step.UNCLEAR
    if restart:
        counter.restart()
    assert counter.put(card(2)).reason is Reason.PRESENT_SAME_CARD
    deal = counter.put(mine)
    assert deal.step is Step.DONE and balance(mine) == 8_450
    assert counter.till.x().sales_fen == 1_550
    assert counter.kinds().count("DONE") == 1


@pytest.mark.parametrize("executed", [False, True])
def test_a_torn_sale_that_is_given_up_owes_what_it_took_and_no_more(
    city: City, counter: Counter, executed: bool
) -> None:
    mine = card(1)
    counter.till.sell(order(1), FISH)
    counter.put(mine, (4, executed))
    assert counter.till.give_up().step is Step.DOUBT
    counter.sync()
    assert counter.till.refunds(mine.spec.number20) == []
    counter.till.sell(order(2), [("x", 1)])
    counter.put(mine)
    counter.sync()
    due = counter.till.refunds(mine.spec.number20)
    assert [one.amount_fen for one in due] == ([1_550] if executed else [])
    deal = counter.till.standing(order(1))
    assert deal is not None and deal.step is (Step.DONE if executed else Step.LEFT)


def test_a_sale_given_up_when_the_power_went_is_owed_when_it_comes_back(counter: Counter) -> None:
    counter.till.sell(order(1), FISH)
    counter.put(card(1), (4, True))
    counter.till._owe = lambda deal: None  # type: ignore[method-assign]
    counter.till.give_up()
    assert "REFUND" not in counter.kinds()
    counter.restart()
    counter.restart()
    assert [event.amount for event in counter.events() if isinstance(event, Refund)] == [1_550]


def test_x_reads_z_closes_once_and_neither_waits_for_the_backend(counter: Counter) -> None:
    counter.line.away = True
    mine, other = card(1), card(2)
    counter.till.sell(order(1), FISH)
    counter.put(mine)
    counter.till.sell(order(2), [("x", 700)], what="fee")
    counter.put(mine)
    counter.till.sell(order(3), [("x", 400)])
    counter.put(other, (4, True))
    counter.till.give_up()
    x = counter.till.x()
    z = counter.till.z()
    assert x == z and z.unsent > 0 and z.grand_fen == 2_250
    assert (z.sales_fen, z.fees_fen, z.unclear_fen, z.refunds_fen) == (1_550, 700, 400, 400)
    assert counter.till.open_shift("0018") == 2
    counter.till.sell(order(4), [("x", 1)])
    counter.put(other)
    second = counter.till.z()
    assert (second.sales, second.sales_fen, second.unclear, second.grand_fen) == (2, 401, 0, 2_651)
    counter.restart()
    with pytest.raises(Refused, match="shift"):
        counter.till.x()
    assert counter.till.open_shift("0017") == 3 and counter.till.ledger.grand_fen == 2_651


def test_a_forgotten_shift_is_closed_by_the_next_one(counter: Counter) -> None:
    counter.till.sell(order(1), FISH)
    assert counter.till.open_shift("0018") == 2
    assert counter.kinds()[-3:] == ["DEAL_LEFT", "SHIFT_OFF", "SHIFT_ON"]
    assert [event.by for event in counter.events() if isinstance(event, ShiftOff)] == ["next"]


def test_a_card_that_cannot_pay_is_told_why_and_another_may(counter: Counter) -> None:
    counter.till.sell(order(1), FISH)
    assert counter.put(card(3, balance_fen=100)).reason is Reason.POOR
    assert counter.put(card(4, main_type="70")).reason in (Reason.CLASS_NOT_SERVED, Reason.UNKNOWN_DRIVER)
    assert counter.put(card(5)).step is Step.DONE


def test_the_machine_has_no_dead_end_and_is_the_picture_of_the_guide() -> None:
    reached = {Step.ASKED} | set(TABLE.values())
    assert reached == set(Step) and {cue for _, cue in TABLE} == set(Cue)
    for step in RUNNING:
        assert (step, Cue.GIVEN_UP) in TABLE
    assert picture() in (Path(__file__).parents[1] / "docs" / "counters.md").read_text("utf-8")


def test_slips_are_made_of_the_record_show_four_digits_and_fit_the_paper(counter: Counter) -> None:
    mine = card(12_345_678)
    counter.till.sell(order(1), FISH)
    assert display(counter.till.ledger.running()) == ("Y 15.50", "PRESENT CARD")
    deal = counter.put(mine)
    assert display(deal) == ("PAID Y 15.50", "BALANCE 84.50")
    noted = counter.till.refund(order(2), deal.held, 300)
    slips = [
        receipt(deal, "A-17", "00000001", 1),
        refund_slip(noted, "2026-11-23T08:00:00", "A-17", "00000001", 1),
        shift_report(counter.till.z(), True, "2026-11-23T18:00:00", "A-17", "00000001", 1),
    ]
    text = "\n".join(line for slip in slips for line in layout(slip, 32))
    assert "*5678" in text and mine.spec.number20[-5:] not in text
    assert slips[0].number == f"00000001-1-{deal.held}" and "Z1" in slips[2].number
    done = [event for event in counter.events() if isinstance(event, Done)]
    assert len(done) == 1


def test_every_word_has_two_languages() -> None:
    assert all(zh and en and zh != en for zh, en in WORDS.values())


@pytest.mark.parametrize("kind", ["sale", "load"])
def test_an_outcome_that_the_disk_did_not_take_is_written_before_the_card_is_served_again(
    counter: Counter, kind: str
) -> None:
    mine = card(1)
    if kind == "sale":
        counter.till.sell(order(1), FISH)
    else:
        counter.till.top_up(order(1), 1_000, "cash")
    with patch.object(counter.journal, "keep", side_effect=JournalFull("full")):
        assert counter.put(mine).step is Step.UNCLEAR
    money = balance(mine)
    assert money == (8_450 if kind == "sale" else 11_000)
    assert counter.put(mine).step is Step.DONE and balance(mine) == money


def test_a_terminal_that_was_taken_out_of_service_begins_no_deal(counter: Counter) -> None:
    counter.till.parts = replace(counter.till.parts, closed=lambda: "stolen")
    assert why(counter, 1, 100) == "out_of_service"
    with pytest.raises(Refused, match="out of service"):
        counter.till.open_shift("0017")


def test_upkeep_closes_what_yesterday_left_open_and_the_card_still_settles_it(counter: Counter) -> None:
    mine = card(1)
    counter.till.sell(order(1), FISH)
    counter.put(mine, (4, True))
    counter.city.time.later(days=1)
    counter.till.idle()
    assert counter.kinds()[-1] == "GREY" and counter.till.ledger.running() is not None
    assert counter.put(mine).step is Step.DONE and balance(mine) == 8_450
    assert counter.till.x().sales_fen == 1_550


@pytest.mark.parametrize("act", ["sale", "load"])
def test_a_hot_listed_card_neither_pays_nor_is_loaded_and_is_locked(city: City, tmp_path: Path, act: str) -> None:
    mine = card(7)
    counter = Counter(city, tmp_path / "other", 2, hot=[(mine.spec.number20, 1)])
    if act == "sale":
        counter.till.sell(order(1), FISH)
    else:
        counter.till.top_up(order(1), 1_000, "cash")
    assert counter.put(mine).reason is Reason.HOT_LISTED
    assert counter.put(mine).reason is Reason.LOCKED
    assert balance(mine) == 10_000 and counter.kinds().count("LOCKED") >= 1
    assert counter.till.give_up().step is Step.LEFT
    counter.journal.close()
