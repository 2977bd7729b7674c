"""What proves that an act was executed, and what only looks like it; open acts in whatever order their rows come."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.events import LoanAsked, LoanClosed, LoanSent, LoanStuck
from sync.events.loan import Act
from sync.lending import TABLE, Entry, Loan, Queue, State, proved
from sync.record import Row
from sync.sip2.ils import CHARGED, IN_HOUSE, Item, Patron
from tests.libraries import AT, profile

LOAN = Loan("31400000000012345678", "B0001")
OURS = profile(due_format="%Y%m%d")


def row(seq: int, event: LoanAsked | LoanSent | LoanStuck | LoanClosed) -> Row:
    return Row("00000301", 1, seq, seq, AT.isoformat(), "rtc", "boot", 0, event)


def entry(act: Act, due: str = "") -> Entry:
    asked = LoanAsked("0" * 20, act, "JX/CITY", "rules", "r", due, 0, "")
    return Entry(row(1, asked), asked)


def patron(*charged: str, count: int | None = None) -> Patron:
    return Patron(True, "", (), charged, count, "", "")


@pytest.mark.parametrize(
    "found, means",
    [
        (patron("b0001"), True),
        (patron("B0002"), False),
        (patron(), False),
        (patron("B0002", count=1), False),
        (patron("B0002", count=2), None),
    ],
)
def test_a_loan_is_proved_by_the_readers_whole_list_only(found: Patron, means: bool | None) -> None:
    assert proved(entry("lend"), LOAN, OURS, found, None) is means


@pytest.mark.parametrize("status", sorted({f"{number:02}" for number in range(15)} | {"", "??"}))
def test_an_item_that_is_out_does_not_say_who_has_it(status: str) -> None:
    item = Item(status, "", "")
    out = True if status in CHARGED else False if status in IN_HOUSE else None
    assert proved(entry("lend"), LOAN, OURS, None, item) is (False if out is False else None)
    assert proved(entry("return"), LOAN, OURS, None, item) is (None if out is None else not out)


@pytest.mark.parametrize("due, means", [("20240701", True), ("20240801", True), ("20240630", None), ("soon", None)])
def test_a_renewal_is_proved_by_a_late_enough_due_date_and_disproved_by_nothing(due: str, means: bool | None) -> None:
    asked = entry("renew", date(2024, 7, 1).isoformat())
    assert proved(asked, LOAN, OURS, None, Item("04", "", due)) is means
    assert proved(asked, LOAN, profile(due_format=""), None, Item("04", "", due)) is None


def test_a_renewal_that_the_library_itself_was_to_grant_is_proved_by_nothing() -> None:
    assert proved(entry("renew", ""), LOAN, OURS, None, Item("04", "", "20240701")) is None


@pytest.mark.parametrize("found", [patron("B0001"), None])
def test_a_payment_is_proved_by_nothing(found: Patron | None) -> None:
    assert proved(entry("fee"), LOAN, OURS, found, Item("03", "", "")) is None


EVENTS = st.tuples(st.integers(1, 4), st.sampled_from(["asked", "sent", "stuck", "closed"]))


@given(st.lists(EVENTS, max_size=40))
def test_an_act_is_open_from_its_first_row_to_its_end_whatever_stands_between(steps: list[tuple[int, str]]) -> None:
    queue, rows, states = Queue(), list[Row](), dict[int, State]()
    asked_at: dict[int, int] = {}
    for number, (act, what) in enumerate(steps, 1):
        if what == "asked":
            asked_at[act] = number
            states[number] = State.QUEUED
            rows.append(row(number, entry("return").asked))
            continue
        held = asked_at.get(act, 999)
        ends: dict[str, LoanSent | LoanStuck | LoanClosed] = {
            "sent": LoanSent(held, "sip2"),
            "stuck": LoanStuck(held, "refused", ""),
            "closed": LoanClosed(held, "done", "answer"),
        }
        made = ends[what]
        rows.append(row(number, made))
        if held in states:
            states[held] = TABLE[states[held], type(made)]
            if states[held] is State.CLOSED:
                del states[held]
    for one in rows:
        queue.follow(one)
    assert {found.row.seq: found.state for found in queue.open()} == states
    assert [found.row.seq for found in Queue(rows).open()] == [found.row.seq for found in queue.open()]
