"""The fleet in short: a city's terminals, outages and a restored database; and a wrong program that it must find."""

import time
from pathlib import Path

import pytest

from sync.journal import Journal
from tests.fleet import town
from tests.fleet.run import Report, Run


def played(folder: Path) -> Report:
    return Run(8, 2, 3, 1, folder).play(lambda done, all_, what: None)


@pytest.mark.drill
def test_a_city_loses_nothing_and_books_nothing_twice_whatever_its_days_bring(tmp_path: Path) -> None:
    report = played(tmp_path)
    assert report.faults == []
    assert report.caught_up_rows and report.again and report.refused and report.debits


@pytest.mark.drill
def test_terminals_that_do_not_send_again_after_a_restoration_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acknowledge = Journal.acknowledge
    monkeypatch.setattr(Journal, "acknowledge", lambda self, seq: acknowledge(self, max(seq, self.acknowledged)))
    assert any("rows in the journal" in fault for fault in played(tmp_path).faults)


@pytest.mark.drill
def test_a_city_of_every_kind_of_device_lives_on_one_machine_and_its_books_agree() -> None:
    with town.running() as city:
        city.start()
        time.sleep(8)
        health = city.health()
        faults = city.end()
    assert faults == []
    assert len(city.acts) == 6, "every kind worked"
    assert len(health) == 20, "the operator sees every device"
