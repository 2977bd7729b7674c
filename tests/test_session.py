"""The terminal's half of the conversation: any answer has a meaning, and no state is a dead end."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.chain import Identity
from sync.limits import BATCH_ROWS_MAX, HEARTBEAT_SECONDS, RETRY_SECONDS_MAX
from sync.session import (
    TABLE,
    Accepted,
    Ahead,
    Event,
    NotEnrolled,
    Reply,
    Session,
    State,
    TooMuch,
    Unclear,
    understand,
    understand_enrolment,
)
from tests.rows import IDENTITY

LAST = 10
ANSWER: dict[str, Any] = {
    "terminal": "00330401",
    "epoch": 1,
    "ack_through": 10,
    "want_from": 11,
    "server_time": "2024-05-06T07:08:09+08:00",
}


def meaning(**changes: Any) -> Reply:
    return understand(IDENTITY, LAST, LAST, 200, "", json.dumps(ANSWER | changes).encode())


def accepted(seq: int, retry_after: int = 0) -> Accepted:
    return Accepted(seq, {}, (), "", retry_after)


# What an answer means


def test_an_acknowledgement_is_cumulative() -> None:
    reply = meaning(versions={"hot_list": "7"}, quarantined=[4], retry_after=3)
    assert reply == Accepted(10, {"hot_list": "7"}, (4,), ANSWER["server_time"], 3)


def test_rows_that_were_not_sent_are_not_acknowledged_whatever_the_backend_has_under_their_numbers() -> None:
    body = json.dumps(ANSWER | {"ack_through": 9, "want_from": 10}).encode()
    reply = understand(IDENTITY, LAST, 6, 200, "", body)
    assert isinstance(reply, Accepted) and reply.acknowledged == 6


def test_a_restored_backend_is_sent_everything_again_from_what_it_wants() -> None:
    assert isinstance(reply := meaning(ack_through=4, want_from=5), Accepted) and reply.acknowledged == 4
    assert isinstance(reply := meaning(ack_through=9, want_from=3), Accepted) and reply.acknowledged == 2


def test_a_backend_that_has_more_than_the_journal_says_that_the_journal_is_an_old_copy() -> None:
    assert meaning(ack_through=11, want_from=12) == Ahead(11)


@pytest.mark.parametrize(
    "changes",
    [
        {"terminal": "00330402"},
        {"epoch": 2},
        {"want_from": 12},
        {"want_from": 0},
        {"ack_through": -1},
        {"ack_through": "10"},
        {"ack_through": 10.5},
        {"server_time": "x" * 100},
        {"retry_after": 10**9},
        {"quarantined": list(range(BATCH_ROWS_MAX + 1))},
        {"versions": {str(number): "" for number in range(17)}},
    ],
)
def test_an_answer_that_is_not_for_us_changes_nothing(changes: dict[str, Any]) -> None:
    assert isinstance(meaning(**changes), Unclear)


@given(st.integers(-1, 1_000), st.text(max_size=12), st.binary(max_size=200))
def test_any_answer_has_a_meaning_and_acknowledges_nothing_by_chance(status: int, header: str, body: bytes) -> None:
    reply = understand(IDENTITY, LAST, LAST, status, header, body)
    assert isinstance(reply, Unclear | TooMuch)


@given(st.integers(1, 300))
def test_a_cut_answer_acknowledges_nothing(kept: int) -> None:
    whole = json.dumps(ANSWER).encode()
    reply = understand(IDENTITY, LAST, LAST, 200, "", whole[:kept])
    assert isinstance(reply, Unclear) or kept >= len(whole)


@pytest.mark.parametrize("body", [b"<html>Sign in to the hotel</html>", b"null", b"[]", b"[" * 100_000])
def test_a_proxys_page_means_try_again(body: bytes) -> None:
    for status in (200, 302, 502):
        assert isinstance(understand(IDENTITY, LAST, LAST, status, "", body), Unclear)
    assert isinstance(understand(IDENTITY, LAST, LAST, 413, "", body), TooMuch)


def test_refusals_of_the_backend_are_told_apart_from_those_of_a_proxy() -> None:
    problem = json.dumps({"problem": "not_enrolled", "detail": "terminal 1"}).encode()
    assert understand(IDENTITY, LAST, LAST, 409, "", problem) == NotEnrolled("terminal 1")
    assert isinstance(understand(IDENTITY, LAST, LAST, 400, "", b'{"problem":"bad_batch"}'), TooMuch)
    assert isinstance(understand(IDENTITY, LAST, LAST, 500, "", b'{"problem":"on_fire"}'), Unclear)


@pytest.mark.parametrize(("header", "seconds"), [("30", 30), ("", 0), ("-1", 0), ("soon", 0), ("9" * 50, 0), ("²", 0)])
def test_retry_after_is_read_as_seconds(header: str, seconds: int) -> None:
    assert understand(IDENTITY, LAST, LAST, 503, header, b"busy") == Unclear("HTTP 503", seconds)


def test_an_enrolment_gives_the_identity_of_the_journal() -> None:
    body = b'{"terminal":"00330401","epoch":3,"first_serial":900}'
    assert understand_enrolment("00330401", 200, body) == Identity("00330401", 3, 900)
    assert isinstance(understand_enrolment("00330402", 200, body), Unclear)
    assert isinstance(understand_enrolment("00330401", 500, body), Unclear)
    assert isinstance(understand_enrolment("00330401", 200, body.replace(b"900", b"0")), Unclear)


@given(st.integers(0, 600), st.binary(max_size=100))
def test_any_answer_to_an_enrolment_is_unclear(status: int, body: bytes) -> None:
    assert isinstance(understand_enrolment("00330401", status, body), Unclear)


# The states


def test_every_state_is_reachable_and_can_be_left_for_asking() -> None:
    reachable = {State.ASKING}
    while True:
        more = reachable | {target for (source, _), target in TABLE.items() if source in reachable}
        if more == reachable:
            break
        reachable = more
    assert reachable == set(State)
    assert all(TABLE[state, Event.TIMER] is State.ASKING for state in State if state is not State.ASKING)
    assert all((state, Event.ROWS) in TABLE for state in State)


def test_all_sent_is_calm_until_the_next_tap_or_heartbeat() -> None:
    session = Session(IDENTITY)
    session.answered(accepted(10), 0, 10, 0.5)
    assert (session.state, session.pause_seconds) == (State.CALM, HEARTBEAT_SECONDS)
    session.woken()
    assert session.state is State.ASKING


def test_more_rows_go_at_once() -> None:
    session = Session(IDENTITY)
    session.answered(accepted(5), 0, 10, 0.5)
    assert (session.state, session.pause_seconds) == (State.ASKING, 0)


def test_failures_wait_longer_each_time_and_a_tap_does_not_hurry_them() -> None:
    session = Session(IDENTITY)
    pauses = []
    for _ in range(4):
        session.answered(Unclear("no route"), 0, 10, 0.5)
        pauses.append(session.pause_seconds)
        session.woken()
        assert session.state is State.WAITING
        session.due()
    assert pauses == sorted(set(pauses))
    session.answered(accepted(5), 0, 10, 0.5)
    session.answered(Unclear("no route"), 5, 10, 0.5)
    assert session.pause_seconds == pauses[0], "a success starts over"


def test_an_answer_without_progress_does_not_spin() -> None:
    for before, acknowledged in ((5, 5), (5, 0)):
        session = Session(IDENTITY)
        session.answered(accepted(acknowledged), before, 10, 0.5)
        assert session.state is State.WAITING and session.pause_seconds > 0


def test_a_busy_backend_sets_the_pace() -> None:
    session = Session(IDENTITY)
    session.answered(accepted(5, retry_after=90), 0, 10, 0.0)
    assert session.state is State.WAITING and session.pause_seconds >= 90
    session.due()
    session.answered(accepted(10, retry_after=90), 5, 10, 0.0)
    assert (session.state, session.pause_seconds) == (State.CALM, 90)


def test_a_batch_that_is_too_much_is_halved_down_to_one_row_and_grows_again() -> None:
    session = Session(IDENTITY)
    sizes = []
    for _ in range(10):
        session.answered(TooMuch("HTTP 413"), 0, 10, 0.5)
        sizes.append(session.batch_rows)
        session.due()
    assert sizes[:2] == [BATCH_ROWS_MAX // 2, BATCH_ROWS_MAX // 4] and sizes[-1] == 1
    for number in range(10):
        session.answered(accepted(number + 1), number, 100, 0.5)
    assert session.batch_rows == BATCH_ROWS_MAX


@pytest.mark.parametrize("reply", [Ahead(11), NotEnrolled("epoch 1")])
def test_a_stranded_terminal_asks_again_now_and_then(reply: Reply) -> None:
    session = Session(IDENTITY)
    session.answered(reply, 0, 10, 0.5)
    assert (session.state, session.pause_seconds) == (State.STRANDED, RETRY_SECONDS_MAX)
    session.woken()
    assert session.state is State.STRANDED
    session.due()
    session.answered(accepted(5), 0, 10, 0.5)
    assert session.pause_seconds == 0
