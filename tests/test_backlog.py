"""What may lie unsent: warned of first, then, where the place orders it, no more money is taken until some is sent."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from config.model import Configuration, Library, Limits, Market, Psam, Tariff, Terminal
from sync.events import Alarm
from terminal.backlog import Backlog, is_stopping, judge
from terminal.till.deal import Step
from terminal.till.words import Refused
from tests.bus import Bus, card
from tests.rows import AT
from tests.tills import MARKET, City, Counter, order

LIMITS = Limits(10, 1_000, 5, 20, 2_000, 10)
NOW = datetime.fromisoformat(AT)


@pytest.mark.parametrize(
    "rows, fen, hours, found",
    [
        (0, 0, 0, Backlog.WITHIN),
        (10, 1_000, 5, Backlog.WITHIN),
        (11, 0, 0, Backlog.WARNED),
        (1, 1_001, 0, Backlog.WARNED),
        (1, 0, 6, Backlog.WARNED),
        (20, 2_000, 10, Backlog.WARNED),
        (21, 0, 0, Backlog.BEYOND),
        (1, 2_001, 0, Backlog.BEYOND),
        (1, 0, 11, Backlog.BEYOND),
    ],
)
def test_count_sum_and_age_are_limits_each_for_itself(rows: int, fen: int, hours: int, found: Backlog) -> None:
    oldest = (NOW - timedelta(hours=hours)).isoformat() if rows else ""
    assert judge(LIMITS, (rows, fen, oldest), NOW) is found


def test_a_stop_below_the_warning_warns_first() -> None:
    assert judge(Limits(10, 1_000, 5, 1, 1, 1), (5, 500, AT), NOW) is Backlog.WITHIN


@pytest.mark.parametrize(
    "beyond, market, stops",
    [("", Market(), False), ("", MARKET, True), ("serve", MARKET, False), ("stop", Market(), True)],
)
def test_a_till_stops_and_a_bus_serves_on_unless_it_is_ordered_otherwise(
    beyond: str, market: Market, stops: bool
) -> None:
    made = Configuration(
        Terminal("00000001", "0" * 15), Psam("SAM"), Tariff("builtin:jiaxing"), market=market, library=Library(),
        limits=Limits(beyond=beyond),
    )  # fmt: skip
    assert is_stopping(made) is stops


@pytest.mark.parametrize("beyond, alarms", [("serve", ["backlog"]), ("stop", ["backlog", "backlog_stop"])])
def test_each_step_past_a_limit_is_an_alarm_once(tmp_path: Path, beyond: str, alarms: list[str]) -> None:
    bus = Bus(tmp_path)
    bus.configuration = replace(bus.configuration, limits=Limits(beyond=beyond))
    bus.restart()
    bus.tap(card(34))
    for _ in range(4):
        bus.later(hours=73)
        bus.desk.begin(bus.moment(), None)
        bus.desk.watch_backlog()
    assert [event.what for event in bus.events() if isinstance(event, Alarm)] == alarms
    assert bus.desk.is_stopped() is (beyond == "stop")
    bus.journal.acknowledge(bus.journal.last_seq)
    bus.desk.watch_backlog()
    assert not bus.desk.is_stopped()
    bus.journal.close()


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    city = City(tmp_path / "backend", {})
    made = Counter(city, tmp_path / "till")
    made.configuration = replace(
        made.configuration, market=MARKET, limits=Limits(unsent_rows=3, stop_rows=6)
    )
    made.restart()
    yield made
    made.journal.close()
    city.backend.close()


def test_a_till_beyond_its_limit_sells_nothing_says_why_and_goes_on_once_it_is_sent(counter: Counter) -> None:
    mine = card(1)
    sold = 0
    with pytest.raises(Refused, match=r"U 盘上传.*smk sync export") as said:
        for nth in range(1, 9):
            counter.till.sell(order(nth), [("菜 vegetables", 100)])
            assert counter.put(mine).step is Step.DONE
            sold += 1
    assert said.value.why == "backlog" and sold >= 2
    assert counter.journal.unsent().rows > 6
    counter.sync()
    counter.till.sell(order(20), [("菜 vegetables", 100)])
    assert counter.put(mine).step is Step.DONE


def test_a_sale_that_was_asked_for_before_is_finished_beyond_the_limit(counter: Counter) -> None:
    counter.till.sell(order(1), [("菜 vegetables", 100)])
    counter.city.time.later(hours=145)
    assert counter.put(card(1)).step is Step.DONE
    with pytest.raises(Refused):
        counter.till.sell(order(2), [("菜 vegetables", 100)])
