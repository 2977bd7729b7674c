"""The issuer's files beside the book: true ones agree, and one altered fen, line or outcome is found and named."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.backend.days import close
from sync.backend.issuer import make, text_of
from sync.backend.service import Backend
from sync.deliveries import Delivered, deliveries
from sync.issuer_files import XfLine, build_ss, build_xf, parse_xf
from sync.reconcile import BackendBook
from terminal.books import backend_book, issuers_files
from tests.rows import grey
from tests.serving import KEYS, NOW, Terminal
from tests.test_days import AFTER, DAY, MERCHANT, paid
from tests.test_issuer_exchange import FILE, refusal

Files = dict[str, list[XfLine]]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> tuple[BackendBook, Files]:
    folder = tmp_path_factory.mktemp("book")
    backend = Backend(folder, KEYS, lambda: NOW)
    terminal = Terminal(backend)
    paid(terminal, counter=17, balance=5_000, amount=100)
    paid(terminal, counter=18, balance=4_900, amount=200)
    terminal.debit(grey(0), counter=19, balance=4_700, amount=150)
    terminal.send()
    with backend.transaction() as database:
        close(database, MERCHANT, DAY, AFTER)
        make(database, MERCHANT, DAY, AFTER)
        lines = parse_xf(text_of(database, FILE))
    paid(terminal, counter=20, balance=4_550, amount=50)
    terminal.send()
    found, _ = backend_book(folder / "backend.db")
    backend.close()
    return found, {FILE: lines}


def compared(book: tuple[BackendBook, Files], *changes: tuple[int, dict[str, Any]], **more: Any) -> Delivered:
    lines = list(book[1][FILE])
    for nth, change in changes:
        lines[nth] = lines[nth]._replace(**change)
    return deliveries({FILE: lines, **more.get("files", {})}, more.get("refusals", []), book[0])


def test_true_files_agree_and_say_what_waits(book: tuple[BackendBook, Files]) -> None:
    found = compared(book, refusals=[refusal(book[1][FILE][0], "01")])
    assert found == Delivered(3, 450, 1, 100, 1, 50, ())
    assert found.line("zh") == "发卡方文件 3 条 4.50 元，拒付 1 条 1.00 元，未交 1 笔 0.50 元"
    assert "not delivered 1 of 0.50" in found.line("en")


@pytest.mark.parametrize(
    "nth, change, said",
    [
        (0, {"amount": 101}, "amount: 101 in the file, 100 in the books"),
        (0, {"balance": 1}, "balance: 1 in the file"),
        (1, {"card": "31400000000000000042"}, "card: 31400000000000000042 in the file"),
        (1, {"sequence": 99}, "sequence: 99 in the file"),
        (1, {"tac": "00000000"}, "its TAC is not the books'"),
        (2, {"grey": False}, "delivered as done, the books say grey"),
        (0, {"serial": 9_999}, "the books have no such debit"),
        (0, {"merchant": "1" * 15}, "merchant: 111111111111111 in the file"),
    ],
)
def test_one_altered_member_is_found(
    book: tuple[BackendBook, Files], nth: int, change: dict[str, Any], said: str
) -> None:
    found = compared(book, (nth, change))
    assert any(said in fault.en and fault.where.startswith(FILE) for fault in found.faults), found.faults


def test_a_debit_in_two_files_is_found(book: tuple[BackendBook, Files]) -> None:
    found = compared(book, files={"XF2": [book[1][FILE][0]]})
    assert [fault.en for fault in found.faults] == [f"was delivered in {FILE} already"]


@given(st.integers(0, 2), st.sampled_from(["amount", "serial", "file"]))
def test_a_refusal_of_what_was_not_delivered_is_found(
    book: tuple[BackendBook, Files], nth: int, member: str
) -> None:
    line = book[1][FILE][nth]
    changes: dict[str, Any] = {member: "XF9" if member == "file" else 7_777}
    other, changed = refusal(line, "01"), refusal(line, "01", **changes)
    assert len(compared(book, refusals=[changed]).faults) == 1
    assert compared(book, refusals=[other]).faults == ()


def test_the_files_are_read_from_a_folder_as_they_were_sent_and_came(
    book: tuple[BackendBook, Files], tmp_path: Path
) -> None:
    refusals = [refusal(book[1][FILE][0], "01")]
    (tmp_path / FILE).write_text(build_xf(book[1][FILE]), newline="")
    (tmp_path / "SS1").write_text(build_ss(refusals).replace("\r\n", "\n\r"), newline="")
    (tmp_path / "notes.txt").write_text("other")
    assert issuers_files(tmp_path) == ({FILE: book[1][FILE]}, refusals)
