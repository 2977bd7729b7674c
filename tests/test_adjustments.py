"""A wrong charge put right: entered once, by two, never more than was taken, and found by the reconciliation."""

from pathlib import Path

import pytest

from sync.backend.service import Backend, Service
from sync.chain import Identity, Stored
from sync.events import AdjustAsked, Adjusted
from sync.reconcile import Adjustment, CardBook, JournalBook, reconcile
from terminal.books import backend_book
from tests import stores
from tests.rows import HELD, done, void
from tests.serving import KEYS, NOW, Terminal, alarms, found, tac_of

backend, store = stores.backend, stores.store


@pytest.fixture
def terminal(backend: Service) -> Terminal:
    return Terminal(backend)


def asked(terminal: Terminal, debit: int, fen: int) -> int:
    """Row numbers count from 1."""
    terminal.add(AdjustAsked(debit, "operation-asked-01", fen, "wrong_fare", "0101"))
    return len(terminal.rows)


def adjust(terminal: Terminal, debit: int, fen: int, by: str = "0201") -> None:
    held = asked(terminal, debit, fen)
    terminal.add(Adjusted(held, debit, "operation-given-01", fen, "wrong_fare", "0101", by))


def paid(terminal: Terminal) -> int:
    """A debit of 100 fen that happened; its HELD row."""
    event = terminal.debit()
    seq = len(terminal.rows)
    terminal.add(done(seq, tac_of(event)))
    return seq


def test_what_was_asked_is_no_money_and_what_was_confirmed_is(backend: Service, terminal: Terminal) -> None:
    seq = paid(terminal)
    asked(terminal, seq, 40)
    terminal.send()
    assert found(backend)["adjusted_fen"] == 0
    adjust(terminal, seq, 40)
    terminal.send()
    assert found(backend)["adjusted_fen"] == 40 and found(backend)["paid_fen"] == HELD.amount and alarms(backend) == []


def test_never_more_than_the_debit_is_given_back(backend: Service, terminal: Terminal) -> None:
    seq = paid(terminal)
    for fen in (60, 40, 1):
        adjust(terminal, seq, fen)
    terminal.send()
    assert found(backend)["adjusted_fen"] == 100 and alarms(backend) == ["adjusted_too_much"]


def test_one_person_alone_gives_nothing_back(backend: Service, terminal: Terminal) -> None:
    adjust(terminal, paid(terminal), 100, by="0101")
    terminal.send()
    assert found(backend)["adjusted_fen"] == 0 and alarms(backend) == ["adjusted_by_one"]


def test_a_debit_that_did_not_happen_is_not_given_back(backend: Service, terminal: Terminal) -> None:
    terminal.debit()
    seq = len(terminal.rows)
    terminal.add(void(seq))
    adjust(terminal, seq, 100)
    adjust(terminal, 2, 100)
    terminal.send()
    assert found(backend)["adjusted_fen"] == 0 and alarms(backend) == ["adjustment_without_debit"] * 2


@pytest.mark.parametrize(("held", "debit", "fen"), [(3, 1, 0), (3, 1, -5), (9, 1, 5), (1, 3, 5)])
def test_what_no_honest_terminal_writes_is_set_aside(
    backend: Service, terminal: Terminal, held: int, debit: int, fen: int
) -> None:
    asked(terminal, paid(terminal), 5)
    terminal.add(Adjusted(held, debit, "operation-given-01", fen, "wrong_fare", "0101", "0201"))
    terminal.send()
    assert found(backend)["adjusted_fen"] == 0 and found(backend)["quarantined"] == 1


def test_the_reconciliation_sums_them_and_names_one_that_books_disagree_about(tmp_path: Path) -> None:
    backend = Backend(tmp_path, KEYS, lambda: NOW)
    terminal = Terminal(backend)
    adjust(terminal, paid(terminal), 40)
    terminal.send()
    book, _ = backend_book(tmp_path / "backend.db")
    rows = [Stored(seq, raw, terminal.heads[seq]) for seq, raw in enumerate(terminal.rows, 1)]
    who = terminal.identity
    journal = JournalBook(Identity(who.terminal, who.epoch, who.first_serial), rows)
    card = CardBook(HELD.card, HELD.balance, 0, HELD.balance - HELD.amount, HELD.counter, HELD.counter + 1)
    result = reconcile([card], [journal], book)
    assert result.balanced and result.adjusted == (1, 40)
    assert "应退乘客 1 笔 0.40 元" in result.lines("zh") and "owed to riders     1 of 0.40 yuan" in result.lines("en")
    [key] = book.adjustments
    for there in ({}, {key: Adjustment(1, 41)}):
        altered = reconcile([card], [journal], book._replace(adjustments=there))
        assert [fault.where for fault in altered.faults] == [f"{key[0]}/{key[1]}/{key[2]}"]
    backend.close()
