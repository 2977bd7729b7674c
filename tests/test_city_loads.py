"""Loads from a bound account through a city's own processes over HTTP: chip, journal, bank and books agree."""

import os
import random
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from sync.backend.bank import SimulatedBank
from sync.backend.clock import now
from sync.backend.postgres.service import City
from sync.backend.sql import open_sql
from terminal.cli import main
from terminal.till.deal import Deal, Step
from tests import stores
from tests.fleet.kinds import TillDevice
from tests.serving import wait_until
from tests.test_backend_http import ask
from tests.test_city import city, collectors
from tests.till_books import ACCOUNT_FEN, Books, count_the_money
from tests.tills import balance, key_file, order

LOADED_FEN, SOLD_FEN = 5_000, 1_250
NUMBERS = count(1)
SECONDS = 90
GATE = 7_117
"""The advisory lock that a grant waits for while it is `gated`."""


class Desk:
    """A top-up counter, the account of its card, and the city's process that serves them."""

    def __init__(self, line: str, folder: Path, number: int, address: str, parent: int) -> None:
        self.line, self.parent = line, parent
        self.counter = TillDevice(folder, f"{number:08d}", address, random.Random(1), True)
        self.card = self.counter.cards[0]
        self.number = self.card.spec.number20
        said = CliRunner().invoke(main, ["backend", "account", self.number, f"{ACCOUNT_FEN // 100}", "--bank", line])
        assert said.exit_code == 0, said.output
        self.bank = SimulatedBank(open_sql(line))

    def ask(self, number: int) -> None:
        """The holder wants a load from the account."""
        self.counter.till.top_up(order(number), LOADED_FEN, "account")

    def put(self) -> Deal:
        """The card is put down."""
        return self.counter.put(self.card)

    def close_day(self) -> None:
        """The shift ends, all rows are sent, and nothing is owed to the bank."""
        self.counter.finish()
        wait_until(lambda: self.counter.journal.unsent().rows == 0, SECONDS)
        ended = "select count(*) from topup where state not in ('captured', 'released', 'refused')"
        with psycopg.connect(self.line, autocommit=True) as link:
            wait_until(lambda: _one(link, ended) == 0, SECONDS)
            sold = f"select count(*) from charge where terminal = '{self.counter.number}' and paid_fen > 0"
            wait_until(lambda: _one(link, sold) == 1, SECONDS)

    def books_agree(self) -> None:
        """To the fen."""
        with closing(City(self.line, now)) as books:
            count_the_money(Books(books, self.bank), [self.card], [self.counter])
        assert self.bank.captured_fen(self.number) == LOADED_FEN
        assert self.bank.accounts[self.number] == ACCOUNT_FEN - LOADED_FEN
        assert balance(self.card) == self.card.spec.balance_fen + LOADED_FEN - SOLD_FEN

    def close(self) -> None:
        """Give all back."""
        self.counter.close()
        self.bank.close()


def _one(link: psycopg.Connection[Any], question: str) -> Any:
    row = link.execute(question.encode()).fetchone()
    assert row is not None
    return row[0]


def _answers(address: str) -> bool:
    """Whether a collector has come up behind the socket, which is there first."""
    try:
        return ask(f"{address}/v1/health")[0] == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def served(city_line: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """The city's address and its parent process."""
    stores.empty(city_line)
    with psycopg.connect(city_line) as link:
        link.execute("drop table if exists bank_account, bank_hold")
    folder = tmp_path_factory.mktemp("city")
    with city(city_line, folder, "--bank", city_line, tables=key_file()) as (address, parent):
        wait_until(lambda: _answers(address), SECONDS)
        yield address, parent.pid


@pytest.fixture
def desk(
    city_line: str, served: tuple[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    monkeypatch.setattr("sync.session.pause_seconds", lambda tries, chance, asked=0: 0.05)
    with closing(Desk(city_line, tmp_path / "till", next(NUMBERS), *served)) as made:
        yield made


@contextmanager
def gated(line: str) -> Iterator[psycopg.Connection[Any]]:
    """A grant waits in the database, when the bank has set the money aside and before anybody is told, until the
    connection that is given lets GATE go."""
    with psycopg.connect(line, autocommit=True) as link:
        link.execute(f"select pg_advisory_lock({GATE})".encode())
        link.execute(
            f"""create function gate() returns trigger language plpgsql as
            $$ begin perform pg_advisory_xact_lock({GATE}); return new; end $$""".encode()
        )
        link.execute(
            """create trigger gate before update on topup for each row
            when (new.state = 'reserved') execute function gate()"""
        )
        try:
            yield link
        finally:
            link.execute("select pg_advisory_unlock_all()")
            link.execute("drop function gate cascade")


def test_a_load_from_the_account_is_taken_once_and_every_book_says_so(desk: Desk) -> None:
    desk.ask(1)
    assert desk.put().step is Step.DONE
    desk.counter.till.sell(order(2), [("鱼 fish", SOLD_FEN)])
    assert desk.put().step is Step.DONE
    desk.close_day()
    desk.books_agree()


def test_collectors_killed_between_the_banks_word_and_their_answer_take_the_money_once(desk: Desk) -> None:
    waits = f"select count(*) from pg_locks where locktype = 'advisory' and objid = {GATE} and not granted"
    desk.ask(1)
    with gated(desk.line) as link, ThreadPoolExecutor(1) as pool:
        serving = pool.submit(desk.put)
        wait_until(lambda: _one(link, waits) == 1, SECONDS)
        assert desk.bank.accounts[desk.number] == ACCOUNT_FEN - LOADED_FEN, "set aside"
        for collector in collectors(desk.parent):
            os.kill(collector, signal.SIGKILL)
        link.execute(f"select pg_advisory_unlock({GATE})".encode())
        deal = serving.result(SECONDS)
    wait_until(lambda: deal.step is Step.DONE or desk.put().step is Step.DONE, SECONDS)
    desk.counter.till.sell(order(2), [("鱼 fish", SOLD_FEN)])
    assert desk.put().step is Step.DONE
    desk.close_day()
    desk.books_agree()
