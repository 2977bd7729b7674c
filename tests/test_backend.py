"""The reference backend: each row once, acknowledged after its commit; what is wrong is set aside, never lost."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.backend.report import terminals
from sync.backend.service import CannotEnrol, Service
from sync.batch import heads
from sync.chain import TRAINING
from sync.events import Locked
from sync.limits import SERIAL_GAP
from sync.record import GENESIS, Row, encode
from tests import stores
from tests.rows import AT, HELD, done, held, refused
from tests.serving import NOW, Terminal, alarms, counts, found, members, tac_of

backend, store = stores.backend, stores.store


@pytest.fixture
def terminal(backend: Service) -> Terminal:
    return Terminal(backend)


# Acknowledgement


def test_rows_are_acknowledged_once_they_are_committed(backend: Service, terminal: Terminal) -> None:
    terminal.debit(done(0, tac_of(HELD)))
    answer = terminal.send()
    assert (answer.ack_through, answer.want_from, answer.quarantined) == (2, 3, [])
    assert answer.versions == {"hot_list": "7"} and answer.server_time == NOW
    assert found(backend)["rows"] == 2 and found(backend)["paid_fen"] == HELD.amount


def test_the_same_rows_again_change_nothing(backend: Service, terminal: Terminal) -> None:
    terminal.debit(done(0, tac_of(HELD)))
    terminal.add(refused())
    first = terminal.send()
    before = found(backend)
    assert terminal.send() == first
    assert terminal.send(2, 2) == first
    assert found(backend) == before


def test_an_overlapping_batch_adds_what_is_new(backend: Service, terminal: Terminal) -> None:
    terminal.add(refused(), refused())
    terminal.send()
    terminal.add(refused())
    assert terminal.send(2).ack_through == 3 and found(backend)["rows"] == 3


def test_a_gap_is_told_and_nothing_is_taken(backend: Service, terminal: Terminal) -> None:
    terminal.add(refused(), refused(), refused())
    answer = terminal.send(3)
    assert (answer.ack_through, answer.want_from) == (0, 1) and found(backend)["rows"] == 0
    assert terminal.send(1).ack_through == 3


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 12)), max_size=12))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_batches_in_any_order_and_number_give_the_same_books(backend: Service, sends: list[tuple[int, int]]) -> None:
    terminal = Terminal(backend)
    before = found(backend)["rows"]
    card = f"3140{terminal.identity.epoch:016d}"
    for number in range(6):
        event = held(counter=number, card=card, serial_factor=card[-16:])
        terminal.debit(done(0, tac_of(event)), **members(event))
    acknowledged = 0
    for first, length in sends:
        answer = terminal.send(first, min(12, first + length - 1))
        assert answer.ack_through >= acknowledged and answer.quarantined == []
        acknowledged = answer.ack_through
        assert found(backend)["rows"] == before + acknowledged
    terminal.send(acknowledged + 1)
    assert found(backend)["cards"][card]["done"]["count"] == 6 and alarms(backend) == []


# Enrolment


def test_an_epoch_rises_with_each_enrolment_and_serials_go_on(backend: Service, terminal: Terminal) -> None:
    assert (terminal.identity.epoch, terminal.identity.first_serial) == (1, 1)
    terminal.add(refused(), refused())
    terminal.send()
    second = Terminal(backend)
    assert (second.identity.epoch, second.identity.first_serial) == (2, 3 + SERIAL_GAP)
    second.add(refused())
    assert second.send().ack_through == 1
    terminal.add(refused())
    assert terminal.send(3).ack_through == 3, "an old journal that turns up late is still money"
    third = Terminal(backend)
    assert third.identity.first_serial > second.identity.first_serial
    with backend.transaction() as database:
        assert [(line["epoch"], line["ack"]) for line in terminals(database)] == [(1, 3), (2, 1), (3, 0)]


def test_an_epoch_that_was_never_given_is_not_enrolled(backend: Service, terminal: Terminal) -> None:
    batch = terminal.batch()
    assert backend.take(batch._replace(epoch=2)) is None
    assert backend.take(batch._replace(terminal="00330402")) is None


def test_a_terminal_ends_with_its_serials(backend: Service, terminal: Terminal) -> None:
    with backend.transaction() as database:
        database.table("stream").update(("00330401", 1), {"first_serial": 99_995_000})
    with pytest.raises(CannotEnrol, match="new number"):
        backend.enrol("00330401")


# What is wrong is set aside and never blocks


def test_a_row_that_cannot_be_read_goes_to_quarantine_and_the_rest_into_the_books(
    backend: Service, terminal: Terminal
) -> None:
    terminal.add(refused())
    terminal.add_raw(b'{"kind":"FUTURE"}')
    terminal.add_raw(b"\x00\xff damaged")
    terminal.debit(done(0, tac_of(HELD)))
    answer = terminal.send()
    assert (answer.ack_through, answer.quarantined) == (5, [2, 3])
    assert counts(backend) == {"done": 1} and alarms(backend) == ["quarantined"] * 2
    with backend.transaction() as database:
        assert [row["raw"] for row in database.query("select raw from quarantine order by seq")] == terminal.rows[1:3]
    assert terminal.send().quarantined == [2, 3] and found(backend)["quarantined"] == 2


@pytest.mark.parametrize(
    ("said", "written"),
    [
        (b'"terminal":"00330401"', rb'"terminal":"\u0000"'),
        (b'"kind":"REFUSED"', rb'"kind":"\u0000"'),
        (b'"boot":"boot"', rb'"boot":"\\\\\u0000"'),
        (b'"reason":"hot_listed"', rb'"reason":"\u0000"'),
        (AT.encode(), b"x"),
        (AT.encode(), b"2024-05-06T07:08:09"),
        (AT.encode(), b"2024-05-06T07:68:09+08:00"),
        (AT.encode(), b"0001-01-01T00:00:00+08:00"),
    ],
)
def test_a_text_that_the_store_cannot_hold_and_a_time_that_no_calendar_has_block_nothing(
    backend: Service, terminal: Terminal, said: bytes, written: bytes
) -> None:
    terminal.add(refused())
    honest = terminal.rows.pop()
    terminal.heads.pop()
    assert said in honest
    terminal.add_raw(honest.replace(said, written))
    terminal.debit(done(0, tac_of(HELD)))
    answer = terminal.send()
    assert (answer.ack_through, answer.quarantined) == (3, [1])
    assert counts(backend) == {"done": 1} and alarms(backend) == ["quarantined"]


def test_letters_that_only_look_like_an_escaped_nul_are_a_text_like_any(backend: Service, terminal: Terminal) -> None:
    terminal.add(refused(reason="\\u0000"))
    assert terminal.send().quarantined == [] and alarms(backend) == []


def test_other_bytes_under_the_same_number_are_an_alarm_and_the_first_ones_stay(
    backend: Service, terminal: Terminal
) -> None:
    terminal.add(refused(reason="expired"), refused())
    terminal.send()
    twin = Terminal.__new__(Terminal)
    twin.backend, twin.identity, twin.rows, twin.heads = backend, terminal.identity, [], [GENESIS]
    twin.add(refused(reason="hot_listed"), refused(), refused())
    answer = twin.send()
    assert (answer.ack_through, answer.quarantined) == (3, [1, 3]), "what follows another history is set aside as well"
    assert alarms(backend) == ["quarantined"] * 2
    with backend.transaction() as database:
        first = next(database.query("select raw from row where seq = 1"))["raw"]
    assert first == terminal.rows[0]


def test_a_broken_chain_is_set_aside_once_and_the_stream_goes_on(backend: Service, terminal: Terminal) -> None:
    terminal.add(refused())
    terminal.send()
    terminal.heads[1] = bytes(32)
    terminal.add(refused())
    terminal.heads[2] = heads(bytes(32), [terminal.rows[1]])[0]
    assert terminal.send(2).quarantined == [2]
    terminal.add(refused())
    assert (terminal.send(3).ack_through, terminal.send(3).quarantined) == (3, [])
    assert alarms(backend) == ["quarantined"]


def test_a_batch_whose_rows_do_not_give_its_head_is_set_aside(backend: Service, terminal: Terminal) -> None:
    terminal.debit(done(0, tac_of(HELD)))
    answer = backend.take(terminal.batch()._replace(head=b"\x01" * 32))
    assert answer and (answer.ack_through, answer.quarantined) == (2, [1, 2]) and counts(backend) == {}


def test_another_history_is_noticed_without_any_row(backend: Service, terminal: Terminal) -> None:
    terminal.add(refused())
    terminal.send()
    terminal.send(2)
    assert alarms(backend) == []
    backend.take(terminal.batch(2)._replace(prev_head=bytes(32), head=bytes(32)))
    assert alarms(backend) == ["other_history"]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": -100},
        {"amount": 2**63},
        {"balance": 10**30},
        {"counter": 65_536},
        {"counter": -1},
        {"card": ""},
        {"card": "3140000000001234567X"},
        {"when": "yesterday"},
    ],
)
def test_a_debit_out_of_range_is_set_aside(backend: Service, terminal: Terminal, changes: dict[str, Any]) -> None:
    terminal.add(held(**changes), refused())
    answer = terminal.send()
    assert (answer.ack_through, answer.quarantined) == (2, [1]) and counts(backend) == {}


def test_a_row_of_another_place_or_serial_is_set_aside(backend: Service, terminal: Terminal) -> None:
    for row in (
        Row("00330402", 1, 1, 1, AT, "rtc", "boot", 0, refused()),
        Row("00330401", 2, 2, 2, AT, "rtc", "boot", 0, refused()),
        Row("00330401", 1, 9, 3, AT, "rtc", "boot", 0, refused()),
        Row("00330401", 1, 4, 9, AT, "rtc", "boot", 0, refused()),
        Row("00330401", 1, 5, 5, AT, "rtc", "boot", 0, done(5)),
        Row("00330401", 1, 6, 6, AT, "rtc", "boot", 0, Locked("", "", "select")),
    ):
        terminal.add_raw(encode(row))
    assert terminal.send().quarantined == [1, 2, 3, 4, 5, 6]


def test_an_outcome_without_its_draft_is_an_alarm(backend: Service, terminal: Terminal) -> None:
    terminal.add(refused(), done(1))
    assert terminal.send().quarantined == [] and alarms(backend) == ["outcome_without_draft"]


def test_a_training_is_never_enrolled(backend: Service) -> None:
    with pytest.raises(CannotEnrol, match="trainings"):
        backend.enrol(TRAINING)
