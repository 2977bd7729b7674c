"""A merchant's day closes once; every debit is booked in one day; the days together come to the books, to the fen."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.backend.days import CannotClose, DayReport, Sum, booked_fen, close, closed, closed_days
from sync.backend.postgres.bookkeeper import Bookkeeper
from sync.backend.postgres.service import City
from sync.backend.service import Backend, Service
from sync.condition import Condition
from terminal.commands.days import report_lines
from tests import memory
from tests.rows import SERVICE, done, grey
from tests.serving import KEYS, NOW, Terminal, tac_of
from tests.stores import backend, empty, store
from tests.test_adjustments import adjust

__all__ = ["backend", "store"]

MERCHANT = SERVICE.merchant
DAY, NEXT, LATER = "20240506", "20240507", "20240508"
AFTER = "2024-05-09T04:00:00+08:00"


def paid(terminal: Terminal, **changes: object) -> None:
    event = terminal.debit(**changes)
    terminal.add(done(len(terminal.rows), tac_of(event)))


def closing_of(backend: Service, day: str, now: str = AFTER, early: bool = False) -> DayReport:
    with backend.transaction() as database:
        return close(database, MERCHANT, day, now, early)


def outcomes(report: DayReport) -> dict[str, tuple[int, int]]:
    return {part.name: (part.sum.count, part.sum.paid_fen) for part in report.outcomes}


def test_a_day_is_closed_once_and_printed_again_as_it_was(backend: Service) -> None:
    terminal = Terminal(backend)
    paid(terminal, counter=17)
    paid(terminal, counter=18, amount=200)
    terminal.send()
    report = closing_of(backend, DAY)
    assert outcomes(report) == {"done": (2, 300)} and report.total_fen == 300 and report.before_fen == 0
    with backend.transaction() as database:
        assert closed(database, MERCHANT, DAY) == report and closed(database, MERCHANT, NEXT) is None
        assert [day["day"] for day in closed_days(database, MERCHANT)] == [DAY]
    with pytest.raises(CannotClose, match="closed already"):
        closing_of(backend, DAY)


def test_a_late_record_goes_into_the_next_day_with_its_own_date(backend: Service) -> None:
    terminal = Terminal(backend)
    paid(terminal, counter=17)
    terminal.send()
    closing_of(backend, DAY)
    paid(terminal, counter=18, amount=300)
    paid(terminal, counter=19, amount=50, when=f"{NEXT}080000")
    terminal.send()
    report = closing_of(backend, NEXT)
    assert [(part.name, part.sum.paid_fen) for part in report.dates] == [(DAY, 300), (NEXT, 50)]
    assert (report.before_fen, report.total_fen) == (100, 350)


def test_a_record_of_a_later_day_waits_for_it(backend: Service) -> None:
    terminal = Terminal(backend)
    paid(terminal, counter=17)
    paid(terminal, counter=18, when=f"{NEXT}000000")
    terminal.send()
    assert closing_of(backend, DAY).total_fen == 100
    assert closing_of(backend, NEXT).total_fen == 100


def test_a_debit_without_a_verdict_is_carried_over_and_booked_when_it_has_one(backend: Service) -> None:
    terminal = Terminal(backend)
    paid(terminal, counter=17, balance=5000)
    terminal.debit(grey(0), counter=18, balance=4900, amount=150)
    terminal.send()
    report = closing_of(backend, DAY)
    assert outcomes(report) == {"done": (1, 100)} and report.carried == Sum(1, 150, 0)
    paid(terminal, counter=19, balance=4750, when=f"{NEXT}080000")
    terminal.send()
    report = closing_of(backend, NEXT)
    assert outcomes(report) == {"done": (1, 100), "grey_paid": (1, 150)}
    assert report.carried_in == Sum(1, 150, 0) and report.carried == Sum(0, 0, 0)


def test_a_verdict_that_is_taken_back_is_an_adjustment(backend: Service) -> None:
    front, rear = Terminal(backend), Terminal(backend, "00330402")
    front.debit(grey(0), counter=18, balance=4900, amount=150)
    paid(front, counter=19, balance=4750)
    front.send()
    assert closing_of(backend, DAY).total_fen == 250
    paid(rear, counter=18, balance=4900, amount=150, when="20240506070000")  # the same counter, proven elsewhere
    rear.send()
    report = closing_of(backend, NEXT)
    assert report.adjusted == Sum(1, 150, -150) and report.total_fen == 0
    assert report.before_fen + report.total_fen == 250
    report = closing_of(backend, LATER)
    assert report.adjusted == Sum(0, 0, 0) and report.total_fen == 0, "booked once"
    with backend.question() as database:
        assert booked_fen(database, MERCHANT) == report.before_fen == 250


def test_what_riders_are_to_get_back_is_told_beside_and_changes_no_total(backend: Service) -> None:
    terminal = Terminal(backend)
    paid(terminal, counter=17)
    terminal.send()
    assert closing_of(backend, DAY).owed == Sum(0, 0, 0)
    adjust(terminal, 1, 40)
    terminal.send()
    report = closing_of(backend, NEXT)
    assert (report.owed_before, report.owed) == (Sum(0, 0, 0), Sum(1, 40, 40))
    assert report.total_fen == 0 and report.before_fen == 100
    assert any("应退乘客 owed to riders  1 笔 0.40（本日新增 new: 0.40）" in line for line in report_lines(report))


def test_what_may_still_be_missing_is_named(backend: Service) -> None:
    terminal, other = Terminal(backend), Terminal(backend, "00330402")
    paid(terminal, counter=17)
    terminal.add_raw(b"no row")
    backend.take(terminal.batch()._replace(condition=Condition(NOW, "rtc", len(terminal.rows) + 7)))
    paid(other, counter=17, card="31400000000000000042", serial_factor="0000000000000042")
    other.send()
    backend.enrol("00330402")
    report = closing_of(backend, DAY)
    lines = {line.terminal: (line.silent, line.unsent, line.quarantined, line.lost) for line in report.terminals}
    assert NOW[:10] == "2024-05-06"  # they were heard on the day, and nobody knows what they did after
    assert lines == {"00330401": (True, 7, 1, False), "00330402": (True, 0, 0, True)}
    assert report.alarms >= 1


def test_an_unfinished_day_or_one_without_any_debit_is_not_closed(backend: Service) -> None:
    with pytest.raises(CannotClose, match="no debit"):
        closing_of(backend, DAY)
    terminal = Terminal(backend)
    paid(terminal, counter=17)
    terminal.send()
    with pytest.raises(CannotClose, match="--early"):
        closing_of(backend, DAY, NOW)
    assert closing_of(backend, DAY, NOW, early=True).total_fen == 100


def test_a_day_that_has_not_begun_is_not_closed_early_either(backend: Service) -> None:
    terminal = Terminal(backend)
    paid(terminal, counter=17)
    terminal.send()
    for day in ("20240507", "20990101"):
        with pytest.raises(CannotClose, match="not begun"):
            closing_of(backend, day, NOW, early=True)
    assert closing_of(backend, DAY, NOW, early=True).total_fen == 100


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_the_books_keep_chinas_day_wherever_their_machine_stands(zone: str) -> None:
    told = "from sync.backend.clock import now; print(now())"
    command = [sys.executable, "-c", told]
    ran = subprocess.run(command, env={**os.environ, "TZ": zone}, capture_output=True, text=True, check=True)
    said = datetime.fromisoformat(ran.stdout.strip())
    assert ran.stdout.strip().endswith("+08:00") and abs((said - datetime.now(UTC)).total_seconds()) < 60


def test_debits_in_a_store_of_an_earlier_version_are_closed_too(tmp_path: Path) -> None:
    with closing(Backend(tmp_path, KEYS, lambda: NOW)) as backend:
        terminal = Terminal(backend)
        paid(terminal, counter=17)
        terminal.send()
    with closing(sqlite3.connect(tmp_path / "backend.db", isolation_level=None)) as old:
        asked = "select name from sqlite_master where type = 'index' and sql like '%charge%'"
        for (index,) in old.execute(asked).fetchall():
            old.execute(f'drop index "{index}"')
        for column in ("merchant", "serial", "to_book", "booked_day", "booked_fen", "file"):
            old.execute(f"alter table charge drop column {column}")
    with closing(Backend(tmp_path, KEYS, lambda: NOW)) as backend:
        assert closing_of(backend, DAY).total_fen == 100


def test_what_is_committed_and_not_in_the_books_yet_is_counted(city_line: str) -> None:
    with closing(City(empty(city_line), lambda: NOW)) as city:
        terminal = Terminal(city)
        paid(terminal, counter=17)
        terminal.send()
        with city.question() as database:
            assert city.behind(database) == 2
        Bookkeeper(city, KEYS, lambda: NOW).catch_up()
        with city.question() as database:
            assert city.behind(database) == 0


STEPS = st.lists(
    st.tuples(st.sampled_from(["done", "grey", "open", "close", "wrong_tac"]), st.integers(0, 500)), max_size=14
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_all_days_together_are_the_booked_debits_to_the_fen(steps: list[tuple[str, int]]) -> None:
    with memory.folder() as folder, closing(Backend(Path(folder), KEYS, lambda: NOW)) as backend:
        terminal = Terminal(backend)
        balance, counter, day, sent, total = 90_000, 1, 6, 0, 0
        for what, fen in steps:
            if what == "close":
                if len(terminal.rows) > sent:
                    terminal.send(sent + 1)
                    sent = len(terminal.rows)
                if sent and day < 9:
                    total += closing_of(backend, f"2024050{day}", "2024-05-10T04:00:00+08:00").total_fen
                    day += 1
                continue
            at = f"2024050{min(day, 9)}0708{counter:02d}"
            event = terminal.debit(counter=counter, balance=balance, amount=fen, when=at)
            if what in ("done", "wrong_tac"):
                terminal.add(done(len(terminal.rows), tac_of(event) if what == "done" else "00000000"))
            elif what == "grey":
                terminal.add(grey(len(terminal.rows)))
            balance, counter = balance - fen, counter + 1
        terminal.send(sent + 1) if len(terminal.rows) > sent else None
        if terminal.rows and day <= 9:
            total += closing_of(backend, "20240509", "2024-05-10T04:00:00+08:00").total_fen
        with backend.transaction() as database:
            assert booked_fen(database, MERCHANT) == total
            query = "select coalesce(sum(paid_fen), 0) as fen from charge where booked_day <> ''"
            assert next(database.query(query))["fen"] == total
