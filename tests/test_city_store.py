"""What only the city's store does: commits together, books that follow, months that move, and no trust in a warning."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from sync.backend import judgement
from sync.backend.postgres import schema
from sync.backend.postgres.archive import Month
from sync.backend.postgres.bookkeeper import Bookkeeper
from sync.backend.postgres.service import City
from sync.backend.store import Unavailable
from sync.batch import Batch
from terminal.cli import main
from tests import stores
from tests.rows import HELD, done, held, refused
from tests.serving import KEYS, NOW, Terminal, alarms, counts, found, members, tac_of, wait_until


@pytest.fixture
def city(city_line: str) -> Iterator[City]:
    """A city whose books nobody keeps yet."""
    made = City(stores.empty(city_line), lambda: NOW)
    yield made
    made.close()


def bookkeeper(city: City) -> Bookkeeper:
    return Bookkeeper(city, KEYS, lambda: NOW)


def paying(city: City, name: str, debits: int) -> Terminal:
    """A terminal with debits of its own card, not sent yet."""
    terminal = Terminal(city, name)
    card = f"3140{int(name):016d}"
    for counter in range(debits):
        event = held(counter=counter, card=card, serial_factor=card[-16:])
        terminal.debit(done(0, tac_of(event)), **members(event))
    return terminal


# Commits together


def test_batches_that_arrive_together_are_each_answered_for_themselves(city: City) -> None:
    terminals = [paying(city, f"{number:08d}", number + 1) for number in range(20)]
    with ThreadPoolExecutor(40) as pool:
        twice = [pool.submit(city.take, terminal.batch()) for terminal in terminals for _ in range(2)]
        stranger = pool.submit(city.take, terminals[0].batch()._replace(epoch=9))
        answers = [waiting.result(30) for waiting in twice]
    assert stranger.result() is None
    told = [(answer.terminal, answer.ack_through, answer.quarantined) for answer in answers if answer]
    assert told == [(t.identity.terminal, len(t.rows), []) for t in terminals for _ in range(2)]


def test_a_batch_that_cannot_be_taken_does_not_fail_those_beside_it(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, *good = [paying(city, f"{number:08d}", 1) for number in range(10)]

    def judge(stream: Any, batch: Batch, *told: Any) -> Any:
        if batch.terminal == bad.identity.terminal:
            raise ZeroDivisionError
        return judgement.judge(stream, batch, *told)

    monkeypatch.setattr("sync.backend.postgres.intake.judge", judge)
    with ThreadPoolExecutor(10) as pool:
        failing, *fine = [pool.submit(city.take, terminal.batch()) for terminal in (bad, *good)]
    assert isinstance(failing.exception(), ZeroDivisionError)
    assert [answer.ack_through for waiting in fine if (answer := waiting.result())] == [2] * 9
    monkeypatch.undo()
    assert bad.send().ack_through == 2


def test_rows_that_lie_beyond_their_stream_are_neither_lost_nor_overwritten(city: City, city_line: str) -> None:
    terminal = paying(city, "00000001", 3)
    terminal.send()
    with psycopg.connect(city_line) as link:  # hands in the database
        link.execute("update stream set ack = 0, head = %s", (bytes(32),))
        link.execute("delete from fresh_row where seq > 4")
        link.execute("update fresh_row set raw = 'x' where seq = 2")
    answer = terminal.send()
    assert (answer.ack_through, answer.quarantined) == (6, [2])
    assert found(city)["rows"] == 6 and alarms(city) == ["quarantined"]


def test_a_commit_that_the_server_warns_of_is_not_acknowledged(city: City, city_line: str) -> None:
    terminal = paying(city, "00000001", 1)
    failed, stop = list[Exception](), threading.Event()

    def send() -> None:
        while not stop.is_set():  # the server takes its time to read its settings anew
            try:
                terminal.send()
            except Exception as wrong:
                failed.append(wrong)

    waits = "select pid from pg_stat_activity where wait_event = 'SyncRep'"
    with psycopg.connect(city_line, autocommit=True) as link:
        try:
            link.execute("alter system set synchronous_standby_names = 'nobody'")
            link.execute("select pg_reload_conf()")
            sender = threading.Thread(target=send)
            sender.start()
            wait_until(lambda: link.execute(waits).fetchone())
            stop.set()
            link.execute(f"select pg_cancel_backend(pid) from ({waits}) as waiting".encode())
            sender.join(10)
        finally:
            link.execute("alter system reset synchronous_standby_names")
            link.execute("select pg_reload_conf()")
    assert [type(wrong) for wrong in failed] == [Unavailable]
    assert terminal.send().ack_through == 2 and found(city)["rows"] == 2


def test_a_store_of_an_earlier_version_gets_what_it_lacks_and_keeps_what_it_has(city: City, city_line: str) -> None:
    paying(city, "00000001", 1).send()
    bookkeeper(city).catch_up()
    with psycopg.connect(city_line) as link:
        link.execute("alter table charge drop column merchant, drop column ground")  # with the indexes on them
        schema.create(link)
        schema.create(link)
    assert counts(city) == {"done": 1} and bookkeeper(city).catch_up() == 0


# Books that follow


def test_two_bookkeepers_enter_each_row_once(city: City) -> None:
    for number in range(60):
        paying(city, f"{number:08d}", 3).send()
    assert counts(city) == {}
    with ThreadPoolExecutor(2) as pool:
        entered = [waiting.result() for waiting in [pool.submit(bookkeeper(city).catch_up) for _ in range(2)]]
    assert sum(entered) == 360 and counts(city) == {"done": 180} and alarms(city) == []


def test_a_bookkeeper_that_dies_leaves_whole_steps_and_the_next_goes_on(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        paying(city, f"{number:08d}", 1).send()
    keeper = bookkeeper(city)
    first = keeper.step()
    with monkeypatch.context() as patched:
        patched.setattr("sync.backend.postgres.tables.PostgresDatabase.enter", _dies)
        with pytest.raises(KeyboardInterrupt):
            keeper.step()
    assert 0 < first < 120 and counts(city) == {"done": first // 2}
    assert bookkeeper(city).catch_up() == 120 - first and counts(city) == {"done": 60} and alarms(city) == []


def _dies(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_stream_that_the_books_cannot_take_calls_a_person_and_holds_up_no_other(
    city: City, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        paying(city, f"{number:08d}", 1).send()

    def breaks(database: Any, card: str, now: str) -> None:
        if card.endswith("1"):
            raise ZeroDivisionError

    keeper = bookkeeper(city)
    with monkeypatch.context() as patched:
        patched.setattr("sync.backend.intake.settle_card", breaks)
        for _ in range(3):
            keeper.catch_up()
    assert counts(city) == {"done": 2} and alarms(city) == ["not_entered"]
    assert [record.levelname for record in caplog.records] == ["ERROR"], "said once, however often it is tried"
    assert keeper.catch_up() == 2 and counts(city) == {"done": 3}


# Months that move


def test_a_closed_month_moves_away_is_still_found_and_can_be_detached(city: City, city_line: str) -> None:
    terminal = paying(city, "00000001", 2)
    terminal.send()
    bookkeeper(city).catch_up()
    terminal.add(refused())
    terminal.send()
    with psycopg.connect(city_line) as link:
        link.execute("update fresh_row set taken = '2024-05-06' where seq <= 4")
        link.execute("update fresh_row set taken = '2024-06-06' where seq = 5")
    assert "2024-05: 4 行移入" in run(city_line, "--before", "2024-07"), "row 5 is not in the books yet"
    assert found(city)["rows"] == 5 and terminal.send(1, 4).quarantined == []
    assert "没有可移的行" in run(city_line, "--before", "2024-06")
    run(city_line, "--detach", "2024-05")
    assert found(city)["rows"] == 1
    run(city_line, "--attach", "2024-05")
    assert found(city)["rows"] == 5
    run(city_line, "--detach", "2024-05")
    with psycopg.connect(city_line) as link:
        link.execute("drop table old_row_2024_05, old_row_2024_06")


def test_a_month_that_is_not_over_stays(city_line: str) -> None:
    refusal = CliRunner().invoke(
        main, ["city", "archive", "--database", city_line, "--before", str(Month.of(date.today()).following)]
    )
    assert refusal.exit_code == 1 and "only months that are over" in refusal.output


def run(line: str, *arguments: str) -> str:
    answered = CliRunner().invoke(main, ["city", "archive", "--database", line, *arguments])
    assert answered.exit_code == 0, answered.output
    return answered.output


def test_a_debits_outcome_finds_its_draft_in_an_archived_month(city: City, city_line: str) -> None:
    terminal = Terminal(city, "00000001")
    terminal.add(HELD)
    terminal.send()
    bookkeeper(city).catch_up()
    with psycopg.connect(city_line) as link:
        link.execute("update fresh_row set taken = '2024-05-06'")
    run(city_line, "--before", "2024-06")
    terminal.add(done(1, tac_of(HELD)))
    terminal.send()
    bookkeeper(city).catch_up()
    assert counts(city) == {"done": 1} and alarms(city) == []
    with psycopg.connect(city_line) as link:
        link.execute("drop table old_row_2024_05")


def test_the_books_can_be_kept_by_a_command(city: City, city_line: str, tmp_path: Any) -> None:
    keys = tmp_path / "keys.toml"
    keys.write_text(f'[tac]\nmohurd = "{bytes(range(0x60, 0x70)).hex()}"\n')
    paying(city, "00000001", 2).send()
    told = CliRunner().invoke(main, ["city", "books", "--database", city_line, "--keys", str(keys), "--once"])
    assert (told.exit_code, "4 行" in told.output) == (0, True) and counts(city) == {"done": 2}
