"""A day at the library's counter over a real journal and a real socket; nothing is replayed twice."""

from dataclasses import replace
from pathlib import Path

import pytest

from sync.events import LoanAsked, LoanClosed, LoanSent, LoanStuck
from sync.ils import IlsAway
from sync.lending import TABLE, State, picture
from terminal.library.counter import BadItem, Counter
from terminal.library.exceptions import listed
from terminal.library.limits import AWAY_MS
from terminal.library.replay import replay, settle
from terminal.library.results import Outcome
from terminal.training.ils.server import Server
from tests.library_counter import OTHER, READER, ROOT, Make, StillClock, library, make

__all__ = ["library", "make"]


def test_a_day_online(make: Make, library: Server) -> None:
    counter = make(library.port)
    found = counter.reader(READER, "typed")
    assert (found.online, found.known, found.name, found.blocked) == (True, True, "王小明", ())
    lent = counter.lend(READER, "typed", "B0001")
    assert (lent.outcome, lent.title) == (Outcome.DONE, "嘉兴府志")
    assert counter.renew(READER, "B0001").outcome is Outcome.DONE
    assert counter.fee(READER, 150, "00").outcome is Outcome.DONE
    assert counter.give_back("B0001").outcome is Outcome.DONE
    assert counter.give_back("B0001").outcome is Outcome.REFUSED
    assert counter.queue.open() == []
    [(amount, ours)] = library.shelf.borrowers[READER].paid
    assert amount == "1.50" and len(ours) == 20


def test_an_item_on_hold_raises_the_alert(make: Make, library: Server) -> None:
    counter = make(library.port)
    library.shelf.books["B0002"].hold = True
    counter.lend(READER, "typed", "B0002")
    assert counter.give_back("B0002").alert


def test_what_a_reader_reads_stands_nowhere_in_clear(make: Make, library: Server, tmp_path: Path) -> None:
    counter = make(library.port)
    counter.lend(READER, "typed", "B0001")
    counter.journal.close()
    whole = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert READER.encode() not in whole and b"B0001" not in whole


def test_offline_loans_follow_the_local_rules(make: Make) -> None:
    counter = make()
    due = [counter.lend(READER, "jiaxing", f"B{number:04}") for number in range(1, 7)]
    assert [result.outcome for result in due] == [Outcome.QUEUED] * 5 + [Outcome.REFUSED]
    assert due[0].due == "2024-07-01" and "上限" in due[5].words
    assert counter.lend(OTHER, "jiaxing", "B0009").outcome is Outcome.REFUSED
    assert counter.lend("31400000000000000001", "tunion", "B0009").outcome is Outcome.REFUSED
    assert counter.give_back("B0007").outcome is Outcome.QUEUED
    assert counter.reader(READER, "jiaxing").items == ("B0001", "B0002", "B0003", "B0004", "B0005")
    assert not counter.reader(READER, "jiaxing").online


def test_what_was_done_offline_is_replayed_once_and_made_sure_of(make: Make, library: Server) -> None:
    library.shelf.books["B0003"].holder = READER
    counter = make()
    counter.give_back("B0003")
    counter.lend(READER, "typed", "B0001")
    counter.fee(READER, 150, "00")
    counter = make(library.port)
    came = replay(counter)
    assert (came.done, came.stuck, came.left) == (3, 0, 0)
    assert library.shelf.held_by(READER) == ["B0001"]
    assert replay(counter) == (0, 0, 0, 0, "")
    assert (library.shelf.books["B0001"].lent, library.shelf.books["B0001"].renewed) == (1, 0)
    asked = [text[:2] for text in library.faults.requests]
    assert asked == ["93", "99", "09", "17", "11", "63", "37"]


@pytest.mark.parametrize("honoured", ["checkout", "none"])
def test_no_block_is_sent_only_where_the_profile_says_that_it_is_honoured(
    make: Make, library: Server, honoured: str
) -> None:
    library.shelf.honours_no_block = True
    library.shelf.borrowers[READER].flags = "Y" + " " * 13
    make().lend(READER, "typed", "B0001")
    came = replay(make(library.port, no_block=honoured))
    assert (came.done, came.stuck) == ((1, 0) if honoured == "checkout" else (0, 1))
    assert library.shelf.books["B0001"].due == ("20240701    235900" if honoured == "checkout" else "")


@pytest.mark.parametrize("fault", ["drop", "garbage", "slow", "odd"])
@pytest.mark.parametrize("act", ["lend", "return"])
def test_a_replay_that_loses_its_answer_asks_first_and_executes_nothing_twice(
    make: Make, library: Server, fault: str, act: str
) -> None:
    book = library.shelf.books["B0001"]
    offline = make()
    if act == "lend":
        offline.lend(READER, "typed", "B0001")
    else:
        book.holder = READER
        offline.give_back("B0001")
    library.faults.coming.append(fault)
    came = replay(make(library.port))
    assert (came.done, came.stuck, came.left) == (1, 0, 0)
    assert (book.lent, book.renewed, book.returned) == ((1, 0, 0) if act == "lend" else (0, 0, 1))


def test_an_act_that_was_surely_not_executed_goes_out_once_more(make: Make, library: Server) -> None:
    make().lend(READER, "typed", "B0001")
    library.faults.coming.append("deaf")
    assert replay(make(library.port)).done == 1
    assert library.shelf.books["B0001"].lent == 1


def test_an_act_at_which_the_server_always_hangs_up_blocks_no_other(make: Make, library: Server) -> None:
    offline = make()
    offline.lend(READER, "typed", "B0001")
    offline.lend(READER, "typed", "B0002")
    library.faults.coming += ["deaf", "deaf"]
    counter = make(library.port)
    came = replay(counter)
    assert (came.done, came.stuck) == (1, 1)
    [stuck] = listed(counter, full=False)
    assert stuck.entry.why == "no_answer" and stuck.card == "…5678" and "replay --again" in stuck.line()
    assert replay(counter, [stuck.entry.row.seq]).done == 1
    assert library.shelf.books["B0001"].lent == 1


def test_a_payment_without_an_answer_is_never_sent_again(make: Make, library: Server) -> None:
    make().fee(READER, 150, "00")
    library.faults.coming.append("drop")
    counter = make(library.port)
    assert replay(counter).stuck == 1
    assert replay(counter, [entry.row.seq for entry in counter.queue.open()]).stuck == 1
    assert len(library.shelf.borrowers[READER].paid) == 1


def test_a_loan_that_was_refused_and_sent_once_more_is_asked_for_before_it_goes_out_again(
    make: Make, library: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = library.shelf.books["B0001"]
    book.holder = OTHER
    make().lend(READER, "typed", "B0001")
    counter = make(library.port)
    assert replay(counter).stuck == 1
    book.holder = ""
    library.faults.coming.append("drop")
    monkeypatch.setattr(counter, "verified", away)
    assert replay(counter, [1]).away
    assert replay(make(library.port)).done == 1
    assert (book.lent, book.renewed) == (1, 0)


def away(*_: object) -> bool:
    raise IlsAway("the line is cut")


def test_a_renewal_without_an_answer_is_left_to_the_clerk(make: Make, library: Server) -> None:
    library.shelf.books["B0001"].holder = READER
    make().renew(READER, "B0001")
    library.faults.coming.append("drop")
    assert replay(make(library.port)).stuck == 1
    assert library.shelf.books["B0001"].renewed == 1


def test_a_renewal_is_proved_by_a_due_date_that_is_late_enough(make: Make, library: Server) -> None:
    library.shelf.books["B0001"].holder = READER
    make().renew(READER, "B0001")
    library.faults.coming.append("drop")
    assert replay(make(library.port, due_format="%Y%m%d    %H%M%S")).done == 1


def test_what_the_library_refuses_is_an_exception_with_its_words_and_settled_by_hand(
    make: Make, library: Server
) -> None:
    library.shelf.books["B0001"].holder = OTHER
    make().lend(READER, "typed", "B0001")
    counter = make(library.port)
    assert replay(counter).stuck == 1
    [stuck] = listed(counter, full=True)
    assert (stuck.entry.why, stuck.words, stuck.card) == ("refused", "该书已借出", READER)
    assert settle(counter, stuck.entry.row.seq)
    assert not settle(counter, stuck.entry.row.seq)
    assert counter.queue.open() == []


def test_a_return_that_the_library_had_already_is_done(make: Make, library: Server) -> None:
    make().give_back("B0001")
    assert replay(make(library.port)).done == 1


def test_a_lost_line_leaves_the_rest_for_the_next_time(make: Make, library: Server) -> None:
    offline = make()
    for item in ("B0001", "B0002", "B0003"):
        offline.lend(READER, "typed", item)
    counter = make(library.port)
    seen: list[int] = []

    def progress(done: int, of: int) -> None:
        seen.append(done)
        if done == 1:
            library.faults.coming += ["moved"]

    came = replay(counter, progress=progress)
    assert (came.done, came.left) == (1, 2) and came.away
    assert replay(counter).done == 2
    assert [library.shelf.books[item].lent for item in ("B0001", "B0002", "B0003")] == [1, 1, 1]


@pytest.mark.parametrize("fault, outcome", [("drop", Outcome.DONE), ("odd", Outcome.DONE), ("deaf", Outcome.REFUSED)])
def test_online_a_lost_answer_is_asked_for_at_once(
    make: Make, library: Server, fault: str, outcome: Outcome
) -> None:
    counter = make(library.port)
    library.faults.coming.append(fault)
    assert counter.lend(READER, "typed", "B0001").outcome is outcome
    assert library.shelf.books["B0001"].lent == (outcome is Outcome.DONE)
    assert counter.queue.open() == []


def test_an_unknown_outcome_online_is_told_and_cleared_by_the_replay_without_sending_again(
    make: Make, library: Server
) -> None:
    counter = make(library.port)
    library.faults.coming.append("drop")
    assert counter.fee(READER, 150, "00").outcome is Outcome.UNCLEAR
    assert replay(counter).stuck == 1
    assert len(library.shelf.borrowers[READER].paid) == 1


def test_while_older_acts_wait_the_order_is_kept(make: Make, library: Server) -> None:
    make().lend(READER, "typed", "B0001")
    counter = make(library.port)
    assert counter.give_back("B0001").outcome is Outcome.QUEUED
    assert replay(counter).done == 2
    assert library.shelf.books["B0001"].holder == "" and library.shelf.books["B0001"].lent == 1
    assert counter.give_back("B0001").outcome is Outcome.REFUSED


def test_a_library_that_is_away_is_not_waited_for_at_every_book(
    make: Make, library: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = make()
    counter.lend(READER, "typed", "B0001")
    monkeypatch.setattr(counter.client, "account", replace_port(counter, library.port))
    assert not counter.reachable(counter.clock.read())
    assert isinstance(counter.clock, StillClock)
    counter.clock.mono_ms = AWAY_MS
    assert counter.reachable(counter.clock.read())


def replace_port(counter: Counter, port: int) -> object:
    return counter.client.account._replace(port=port)


@pytest.mark.parametrize("item", ["B|1", "B\n1", "书", " B1", "x" * 65])
def test_a_barcode_that_is_none_is_told_and_nothing_is_kept(make: Make, item: str) -> None:
    counter = make()
    with pytest.raises(BadItem, match="barcode"):
        counter.give_back(item)
    assert counter.journal.last_seq == 0


# The states


def test_every_state_is_reached_and_left_but_the_last() -> None:
    assert {then for _, then in TABLE.items()} == set(State) - {State.QUEUED}
    assert {before for before, _ in TABLE} == set(State) - {State.CLOSED}
    assert {event for _, event in TABLE} == {LoanSent, LoanStuck, LoanClosed}
    assert LoanAsked not in {event for _, event in TABLE}


def test_the_picture_in_the_guide_is_made_from_the_table() -> None:
    assert picture() in (ROOT / "docs" / "library.md").read_text("utf-8")


def test_the_rules_of_a_counter_are_replaceable(make: Make) -> None:
    counter = make()
    counter.rules = replace(counter.rules, blocked=frozenset({READER}))
    assert counter.lend(READER, "jiaxing", "B0001").outcome is Outcome.REFUSED
