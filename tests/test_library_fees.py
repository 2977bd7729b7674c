"""A library's fee from the purse: taken once, told to the library's system once, whatever comes between."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.store import load_pack_files
from sync.events import Held, LoanAsked, Refund
from tariffs.library import parse_lending
from terminal.library import counter as library
from terminal.library import fees
from terminal.library.results import Outcome
from terminal.precedence import Precedence
from terminal.till.deal import Step
from terminal.training.ils.answers import city as books
from terminal.training.ils.server import Server
from tests.bus import card
from tests.libraries import connected
from tests.library_counter import CLOSED_PORT, READER, VAULT
from tests.tills import City, Counter, balance, order

FEE_FEN = 120


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Counter]:
    city = City(tmp_path / "backend")
    made = Counter(city, tmp_path / "till")
    made.till.z()
    yield made
    made.journal.close()
    city.backend.close()


def desk(till: Counter, port: int = CLOSED_PORT) -> library.Counter:
    rules = library.Rules(parse_lending(load_pack_files("builtin:jiaxing", "library")), frozenset())
    return library.Counter(till.journal, VAULT, till.city.time, connected(port, answer_seconds=1), rules, Precedence())


def told(till: Counter) -> list[int]:
    return [event.fee_fen for event in till.events() if isinstance(event, LoanAsked)]


def test_the_purse_pays_and_the_library_is_told_by_its_own_system(till: Counter) -> None:
    shelf = books()
    with Server(shelf) as server:
        at = desk(till, server.port)
        mine = card(int(READER[4:]))
        fees.ask(till.till, order(1), FEE_FEN, "XZ01")
        assert till.put(mine).step is Step.DONE and balance(mine) == 10_000 - FEE_FEN
        [result] = fees.tell(at, fees.untold(at, till.till))
        assert result.outcome is Outcome.DONE and told(till) == [FEE_FEN]
        assert fees.untold(at, till.till) == []
        assert [paid for paid, _ in shelf.borrowers[READER].paid] == ["1.20"]
        at.client.close()


def test_the_power_may_go_between_the_debit_and_the_library(till: Counter) -> None:
    mine = card(1)
    fees.ask(till.till, order(1), FEE_FEN, "XZ01")
    till.put(mine)
    till.restart()
    assert fees.ask(till.till, order(1), FEE_FEN, "XZ01").step is Step.DONE
    at = desk(till)
    [result] = fees.tell(at, fees.untold(at, till.till))
    assert result.outcome is Outcome.QUEUED and told(till) == [FEE_FEN]
    till.restart()
    assert fees.untold(desk(till), till.till) == [] and balance(mine) == 10_000 - FEE_FEN
    assert len([event for event in till.events() if isinstance(event, Held)]) == 1


def test_a_fee_is_told_also_when_the_shift_was_closed_and_the_power_went_before_it_was(till: Counter) -> None:
    mine = card(1)
    fees.ask(till.till, order(1), FEE_FEN, "XZ01")
    till.put(mine)
    till.till.z()
    till.restart()
    at = desk(till)
    assert fees.untold(at, till.till) == []
    till.till.open_shift("XZ01")
    [result] = fees.tell(at, fees.untold(at, till.till, fees.earlier(till.till)))
    assert result.outcome is Outcome.QUEUED and told(till) == [FEE_FEN]
    till.restart()
    assert fees.untold(desk(till), till.till, fees.earlier(till.till)) == []


@pytest.mark.parametrize("executed", [False, True])
def test_a_torn_fee_is_told_only_when_the_card_has_paid_it(till: Counter, executed: bool) -> None:
    at, mine = desk(till), card(1)
    fees.ask(till.till, order(1), FEE_FEN, "XZ01")
    assert till.put(mine, (4, executed)).step is Step.UNCLEAR
    assert fees.untold(at, till.till) == []
    assert till.put(mine).step is Step.DONE
    assert len(fees.tell(at, fees.untold(at, till.till))) == 1 and told(till) == [FEE_FEN]
    assert till.till.x().fees_fen == FEE_FEN


def test_a_fee_that_was_given_up_in_doubt_is_owed_back_and_never_told_as_paid(till: Counter) -> None:
    at, mine = desk(till), card(1)
    fees.ask(till.till, order(1), FEE_FEN, "XZ01")
    till.put(mine, (4, True))
    assert till.till.give_up().step is Step.DOUBT
    fees.ask(till.till, order(2), FEE_FEN, "XZ01")
    assert till.put(mine).step is Step.DONE
    standing = till.till.standing(order(1))
    assert standing is not None and standing.step is Step.DONE
    assert [deal.order for deal in fees.untold(at, till.till)] == [order(2)]
    assert [event.amount for event in till.events() if isinstance(event, Refund)] == [FEE_FEN]


def test_only_the_card_that_owes_the_fee_can_pay_it(till: Counter) -> None:
    mine, other = card(int(READER[4:])), card(1)
    fees.ask(till.till, order(1), FEE_FEN, "XZ01", READER)
    asked = till.put(other)
    assert (asked.step, asked.why) == (Step.ASKED, "other_card") and balance(other) == 10_000
    assert till.put(mine).step is Step.DONE and balance(mine) == 10_000 - FEE_FEN
