"""The short forms of the proofs against real things: a killed process, a real file system that loses its power.

The device itself is killed in tests/device/test_kill.py. Each proof would also find what it is there to find.
"""

import os
import re
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import apsw
import pytest

from config import durable
from sync import journal, schema
from sync.store import Store
from tests.proof import kills, power, writer
from tests.serving import wait_until


def test_a_journal_whose_process_is_killed_again_and_again_has_all_that_it_told(tmp_path: Path) -> None:
    rows = [*islice(kills.kills(tmp_path, 1), 40)]
    assert len(rows) == 40 and rows[-1] > 40


def test_a_journal_that_tells_too_early_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "commit", lambda store, statements: None)
    with pytest.raises(AssertionError, match="told durable"):
        [*islice(kills.kills(tmp_path, 1), 40)]


def test_a_state_file_that_is_written_in_place_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_place(path: Path, raw: bytes) -> None:
        with path.open("wb", buffering=0) as file:
            for at in range(0, len(raw), 100):
                file.write(raw[at : at + 100])

    monkeypatch.setattr(writer, "replace_durably", in_place)
    monkeypatch.setattr(writer, "STATE_SHARE", 1.0)
    with pytest.raises(AssertionError, match="state"):
        [*islice(kills.kills(tmp_path, 1), 200)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_kills_that_are_cut_off_say_how_many_were_done_and_that_they_are_not_all(
    number: signal.Signals, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.proof", "kills", "--count", "1000000"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True) as run:
        wait_until(lambda: any(tmp_path.glob("*/journal-0/journal.db")), 60)
        os.killpg(run.pid, number)  # as a terminal and `timeout` do: the writer gets it too
        told, _ = run.communicate(timeout=60)
    assert run.returncode == 128 + number
    found = re.search(r"kills of the journal's process: ([1-9]\d*), 0 violations, \d+ s, cut off by (\w+) before", told)
    assert found and found[2] == number.name, told


@pytest.mark.drill
def test_a_power_cut_under_ext4_loses_nothing_that_was_told(tmp_path: Path) -> None:
    rows = [*islice(power.cuts(tmp_path, 1), 100)]
    assert len(rows) == 100 and rows[-1] > 50


@pytest.mark.drill
def test_less_than_full_sync_is_found_out_under_ext4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = schema.connect

    def careless(*arguments: Any) -> apsw.Connection:
        connection = connect(*arguments)
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    monkeypatch.setattr(journal, "connect", careless)
    with pytest.raises(AssertionError, match="told durable"):
        [*islice(power.cuts(tmp_path, 1), 50)]


@pytest.mark.drill
def test_a_rename_without_a_sync_is_found_out_under_ext4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "sync_folder", lambda folder: None)
    monkeypatch.setattr(writer, "STATE_SHARE", 1.0)
    with pytest.raises(AssertionError, match="state"):
        [*islice(power.cuts(tmp_path, 1), 50)]
