"""Three books to the fen: true books balance, and one altered fen in any of them is found and named."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.backend.service import Backend
from sync.batch import heads
from sync.chain import Identity, Stored
from sync.events import UNHEALED, Held
from sync.reconcile import BackendBook, BackendCharge, CardBook, JournalBook, Key, Reconciliation, Sums, reconcile
from sync.record import GENESIS, decode
from terminal.books import backend_book
from tests.rows import HELD, done, grey, void
from tests.serving import KEYS, NOW, Terminal, tac_of

FREE_CARD = "31400000000000000042"


class Books(NamedTuple):
    """Everything that is compared."""

    cards: tuple[CardBook, ...]
    journals: tuple[JournalBook, ...]
    backend: BackendBook

    def compared(self) -> Reconciliation:
        """The comparison."""
        return reconcile(self.cards, self.journals, self.backend)


def paid(terminal: Terminal, **changes: Any) -> None:
    """A debit that is DONE with its card's TAC."""
    event = terminal.debit(**changes)
    terminal.add(done(len(terminal.rows), tac_of(event)))


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    """A card that paid, tore, was loaded and paid elsewhere; and one with a free ride and two debits undecided."""
    folder = tmp_path_factory.mktemp("books")
    backend = Backend(folder, KEYS, lambda: NOW)
    front, rear = Terminal(backend), Terminal(backend, "00330402")
    paid(front, counter=17, balance=5_000, amount=100, when="20240506070000")
    front.debit(grey(0), counter=18, balance=4_900, amount=100, when="20240506071000")
    load = {"card": HELD.card, "load_counter": 3, "amount_fen": 1_000, "at": "20240506080000"}
    paid(rear, counter=19, balance=5_800, amount=200, when="20240506090000")
    other = {"card": FREE_CARD, "serial_factor": FREE_CARD[-16:], "balance": 300}
    paid(front, **other, counter=5, amount=0, when="20240506070100")
    front.debit(grey(0, why=UNHEALED), void(0), grey(0), **other, counter=6, amount=100, when="20240506070200")
    front.debit(grey(0), **other, counter=6, amount=100, when="20240506070300")
    rear.debit(**other, counter=6, amount=50, when="20240506070400")
    backend.add_loads([load])
    front.send()
    rear.send()
    found, loads = backend_book(Path(folder / "backend.db"))
    cards = (
        CardBook(HELD.card, 5_000, loads[HELD.card], 5_600, 17, 20),
        CardBook(FREE_CARD, 300, 0, 200, 5, 7),
    )
    yield Books(cards, (journal(front), journal(rear)), found)
    backend.close()


def journal(terminal: Terminal) -> JournalBook:
    """A terminal's rows as a closed journal."""
    who = terminal.identity
    return chained(Identity(who.terminal, who.epoch, who.first_serial), terminal.rows)


def chained(identity: Identity, rows: list[bytes]) -> JournalBook:
    """A journal of these rows with a chain that fits them."""
    stored = [Stored(seq, raw, head) for seq, (raw, head) in enumerate(zip(rows, heads(GENESIS, rows), strict=True), 1)]
    return JournalBook(identity, stored)


def places(result: Reconciliation) -> set[str]:
    return {fault.where for fault in result.faults}


def named(key: Key) -> str:
    return "/".join(map(str, key))


def held_keys(books: Books) -> list[Key]:
    return sorted(books.backend.charges)


# True books


def test_true_books_balance_with_done_and_grey_apart(books: Books) -> None:
    result = books.compared()
    assert result.balanced and not result.faults
    paying, free = result.cards
    assert paying.spent_fen == 400 and paying.debits == 3
    assert paying.journal == paying.backend == Sums(done=2, done_fen=300, grey=1, grey_fen=100)
    assert free.journal == free.backend == Sums(done=1)


def test_the_chips_tell_which_undecided_debits_happened(books: Books) -> None:
    result = books.compared()
    assert (result.pending, result.happened) == ((2, 150), (1, 100))
    for now_fen, now_counter, happened in ((300, 6, (0, 0)), (250, 7, (1, 50))):
        card = books.cards[1]._replace(now_fen=now_fen, now_counter=now_counter)
        told = books._replace(cards=(books.cards[0], card)).compared()
        assert told.balanced and told.happened == happened


def test_the_report_says_the_sums_and_the_verdict_in_both_languages(books: Books) -> None:
    true, false = books.compared(), books._replace(cards=books.cards[:1]).compared()
    assert "5.00" in true.lines("en")[0] and true.lines("en")[-1] == "the three books agree to the fen"
    assert "5.00" in true.lines("zh")[0] and true.lines("zh")[-1] == "三本账一致，分毫不差"
    assert false.lines("en")[-1].startswith("NOT BALANCED") and false.lines("zh")[-1].startswith("三本账不一致")
    assert len(false.lines("en")) == len(false.lines("zh")) == 5 + len(false.faults)


# One altered fen


@pytest.mark.parametrize("field", ["start_fen", "loads_fen", "now_fen", "start_counter", "now_counter"])
@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize("which", [0, 1])
def test_an_altered_chip_is_named(books: Books, field: str, by: int, which: int) -> None:
    cards = list(books.cards)
    cards[which] = cards[which]._replace(**{field: getattr(cards[which], field) + by})
    result = books._replace(cards=tuple(cards)).compared()
    assert not result.balanced and places(result) == {cards[which].card}


@pytest.mark.parametrize("field", ["amount_fen", "balance_fen", "paid_fen", "counter"])
@pytest.mark.parametrize("by", [1, -1])
def test_an_altered_charge_at_the_backend_is_named(books: Books, field: str, by: int) -> None:
    for key in held_keys(books):
        charge = books.backend.charges[key]
        altered = charge._replace(**{field: getattr(charge, field) + by})
        backend = books.backend._replace(charges={**books.backend.charges, key: altered})
        result = books._replace(backend=backend).compared()
        assert not result.balanced and named(key) in places(result)


def one_fen_more(books: Books, key: Key, member: str) -> bytes:
    """The bytes of a held row with one fen more in `member`."""
    raw = books.backend.rows[key]
    event = decode(raw).event
    assert isinstance(event, Held)
    fen = getattr(event, member)
    return raw.replace(b'"%s":%d,' % (member.encode(), fen), b'"%s":%d,' % (member.encode(), fen + 1))


def with_journal_row(books: Books, key: Key, raw: bytes, chain_too: bool) -> Books:
    journals = []
    for book in books.journals:
        rows = list(book.rows)
        if book.identity[:2] == key[:2]:
            rows[key[2] - 1] = rows[key[2] - 1]._replace(raw=raw)
            book = chained(book.identity, [row.raw for row in rows]) if chain_too else book._replace(rows=rows)
        journals.append(book)
    return books._replace(journals=tuple(journals))


@pytest.mark.parametrize("chain_too", [False, True])
@pytest.mark.parametrize("member", ["amount", "balance"])
def test_an_altered_row_of_a_journal_is_named_also_with_its_chain_made_anew(
    books: Books, member: str, chain_too: bool
) -> None:
    for key in held_keys(books):
        result = with_journal_row(books, key, one_fen_more(books, key, member), chain_too).compared()
        said = [fault.en for fault in result.faults if fault.where == named(key)]
        assert not result.balanced and "the backend's bytes differ from the journal's" in said
        assert any("hash chain" in text for text in said) is not chain_too


def test_an_altered_row_at_the_backend_is_named(books: Books) -> None:
    for key in held_keys(books):
        rows = {**books.backend.rows, key: one_fen_more(books, key, "amount")}
        result = books._replace(backend=books.backend._replace(rows=rows)).compared()
        assert not result.balanced and places(result) == {named(key)}


def test_when_journal_and_backend_are_altered_alike_the_chip_is_the_judge(books: Books) -> None:
    key = held_keys(books)[0]
    raw = one_fen_more(books, key, "amount")
    charge = books.backend.charges[key]
    altered = charge._replace(amount_fen=charge.amount_fen + 1, paid_fen=charge.paid_fen + 1)
    conspired = with_journal_row(books, key, raw, True)._replace(
        backend=BackendBook({**books.backend.rows, key: raw}, {**books.backend.charges, key: altered})
    )
    result = conspired.compared()
    assert not result.balanced and places(result) == {charge.card}
    assert "1 fen off" in result.faults[0].en and "差 -1 分" in result.faults[0].zh


# What is missing or too much


def test_a_row_or_charge_that_only_one_book_has_is_named(books: Books) -> None:
    for key in held_keys(books):
        rows = {each: raw for each, raw in books.backend.rows.items() if each != key}
        charges = {each: charge for each, charge in books.backend.charges.items() if each != key}
        for backend in (books.backend._replace(rows=rows), books.backend._replace(charges=charges)):
            assert named(key) in places(books._replace(backend=backend).compared())
    alone = books._replace(journals=books.journals[:1]).compared()
    assert {named(key) for key in held_keys(books) if key[0] == "00330402"} <= places(alone)


def test_a_card_that_was_not_read_is_named_by_its_debits(books: Books) -> None:
    result = books._replace(cards=books.cards[:1]).compared()
    own = {named(key) for key, charge in books.backend.charges.items() if charge.card == FREE_CARD}
    assert not result.balanced and places(result) == own


def test_an_outcome_that_the_books_tell_differently_is_named(books: Books) -> None:
    for key in held_keys(books):
        charge = books.backend.charges[key]
        for state in {"open", "done", "void", "grey"} - {charge.state}:
            backend = books.backend._replace(charges={**books.backend.charges, key: charge._replace(state=state)})
            assert named(key) in places(books._replace(backend=backend).compared())


def test_a_debit_that_one_book_calls_done_and_the_other_grey_is_named_with_its_card(books: Books) -> None:
    key = next(key for key, charge in books.backend.charges.items() if charge.state == "done" and charge.paid_fen)
    charge = books.backend.charges[key]._replace(state="grey", ground="own_tac")
    result = books._replace(backend=books.backend._replace(charges={**books.backend.charges, key: charge})).compared()
    assert not result.balanced and places(result) == {named(key), charge.card}


def test_money_that_nobody_can_explain_is_no_balance(books: Books) -> None:
    key = next(key for key, charge in books.backend.charges.items() if charge.ground == "balance")
    charge: BackendCharge = books.backend.charges[key]._replace(ground="difference", paid_fen=0)
    backend = books.backend._replace(charges={**books.backend.charges, key: charge})
    result = books._replace(backend=backend).compared()
    assert not result.balanced and {named(key), charge.card} <= places(result)


# Whatever the books hold


@given(st.data())
def test_any_bytes_in_a_journal_are_a_fault_and_no_crash(books: Books, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(books.backend.rows)))
    raw = data.draw(st.binary(max_size=40))
    for chain_too in (False, True):
        result = with_journal_row(books, key, raw, chain_too).compared()
        assert not result.balanced and named(key) in places(result)
