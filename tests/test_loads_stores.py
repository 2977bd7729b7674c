"""A load's whole life on each of the backend's stores: granted, taken, given back, refunded, reported."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from sync.backend import loads
from sync.backend.bank import BankRefuses, BankSilent, SimulatedBank, Standing
from sync.backend.lender import Lender
from sync.backend.postgres.serving import Plan
from sync.backend.service import Service
from sync.backend.sql import open_sql
from terminal.cli import main
from terminal.till.deal import Step
from tests.bus import card
from tests.stores import backend, store
from tests.tills import KEYS, City, Counter, balance, order

__all__ = ["backend", "store"]


class Stored(City):
    """A city over a backend that is there already."""

    given: Service
    bank_place: str

    def start(self) -> None:
        """Lend over the store, with the bank in the same database."""
        self.bank = SimulatedBank(open_sql(self.bank_place), self.accounts)
        self.lender = Lender(KEYS, self.bank, self.rules)
        self.backend = self.given  # type: ignore[assignment]
        self.backend.lend(self.lender)


@pytest.fixture
def bank_place(store: str, tmp_path: Path, city_line: str) -> str:
    """A place for a bank: a file, or the city's database, with nothing of a bank in it."""
    if store == "sqlite":
        return str(tmp_path / "bank.db")
    with psycopg.connect(city_line) as link:
        link.execute("drop table if exists bank_account, bank_hold")
    return city_line


@pytest.fixture
def counter(backend: Service, tmp_path: Path, bank_place: str) -> Iterator[Counter]:
    Stored.given, Stored.bank_place = backend, bank_place
    city = Stored(tmp_path / "nothing", {card(1).spec.number20: 30_000})
    made = Counter(city, tmp_path / "till")
    yield made
    made.journal.close()
    city.bank.close()


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


# The bank, in a file and in a city's database

CARD = "31400000000000000042"


def test_many_collectors_at_one_bank_take_no_more_than_there_is_and_each_operation_once(bank_place: str) -> None:
    banks = [SimulatedBank(open_sql(bank_place), {CARD: 1_000}) for _ in range(4)]

    def reserved(number: int) -> str:
        try:
            banks[number % 4].reserve(f"operation {number // 4}", CARD, 300)
        except BankRefuses as no:
            return str(no)
        return "reserved"

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(reserved, range(20)))
    assert sorted(told) == ["account_short"] * 8 + ["reserved"] * 12, "each of five was asked for four times"
    assert banks[0].accounts == {CARD: 100}
    asked = [f"operation {number}" for number in range(5)]
    held = [operation for operation in asked if banks[1].standing(operation) is Standing.RESERVED]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: banks[number % 4].capture(held[0]), range(4)))
        list(pool.map(lambda number: banks[number % 4].release(held[1]), range(4)))
    assert banks[2].captured_fen(CARD) == 300 and banks[3].accounts == {CARD: 400}
    with pytest.raises(BankRefuses, match="closed"):
        banks[0].reserve(held[1], CARD, 300)
    for bank in banks:
        bank.close()


def test_a_bank_keeps_its_word_over_a_restart_and_when_its_answer_is_lost(bank_place: str) -> None:
    bank = SimulatedBank(open_sql(bank_place), {CARD: 1_000})
    bank.lose = 1
    with pytest.raises(BankSilent):
        bank.reserve("operation", CARD, 300)
    bank.close()
    again = SimulatedBank(open_sql(bank_place), {CARD: 1_000})
    assert again.standing("operation") is Standing.RESERVED and again.accounts == {CARD: 700}
    again.close()


def test_an_account_is_opened_once_by_a_command(bank_place: str) -> None:
    opened = CliRunner().invoke(main, ["backend", "account", CARD, "12.50", "--bank", bank_place])
    assert opened.exit_code == 0 and "12.50 元" in opened.output, opened.output
    twice = CliRunner().invoke(main, ["backend", "account", CARD, "99", "--bank", bank_place])
    assert twice.exit_code == 1 and "bound to card" in twice.output
    bank = SimulatedBank(open_sql(bank_place))
    assert bank.accounts == {CARD: 1_250}
    bank.close()


def test_a_citys_collectors_grant_from_the_bank_in_its_database(
    city_line: str, bank_place: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.toml"
    keys.write_text(f'[tac]\nmohurd = "{"60" * 16}"\n[load]\nmohurd = "{"70" * 16}"\n')
    served = Plan(city_line, keys, bank=bank_place).city()
    assert served.lender is not None and isinstance(served.lender.bank, SimulatedBank)
    served.lender.bank.open(CARD, 500)
    served.close()
    with closing(SimulatedBank(open_sql(bank_place))) as bank:
        assert bank.accounts == {CARD: 500}


def test_a_process_without_the_bank_leaves_what_the_bank_is_owed_to_one_that_has_it(counter: Counter) -> None:
    city, mine = counter.city, card(1)
    counter.till.top_up(order(1), 5_000, "account")
    assert counter.put(mine).step is Step.DONE
    city.backend.lender = Lender(KEYS)  # the books are kept by a process of their own
    counter.sync()
    assert [state for _, state, _ in city.loads().values()] == ["capturing"] and city.bank.captured_fen() == 0
    city.lender.carry_out(city.backend.transaction, city.time.now())
    assert [state for _, state, _ in city.loads().values()] == ["captured"] and city.bank.captured_fen() == 5_000
