"""A city over HTTP: collectors in processes of their own, killed at will; nothing acknowledged is missing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from sync.chain import Identity
from sync.record import Row, encode
from tests import stores
from tests.fleet_wire import Sent, Wire, packed, sending
from tests.rows import AT, done, held
from tests.serving import MASTER, tac_of, wait_until
from tests.test_backend_http import ask


@contextmanager
def city(
    line: str, directory: Path, *more: str, tables: str = f'[tac]\nmohurd = "{MASTER.hex()}"\n'
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`smk backend --database` with two collectors: its address and its parent process. `tables` of its key file."""
    keys = directory / "keys.toml"
    keys.write_text(tables)
    command = [sys.executable, "-m", "sync.backend", "--database", line, "--keys", str(keys), "--port", "0", *more]
    with subprocess.Popen([*command, "--workers", "2"], stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout
        said = served.stdout.readline()
        try:
            assert said.startswith("backend ready on http://127.0.0.1:")
            yield said.split()[-1], served
        finally:
            served.terminate()
            served.wait(30)


def terminal_with(address: str, name: str, debits: int) -> Sent:
    """An enrolled terminal with paid debits to send, two rows each."""
    wire = Wire(address)
    status, told = wire.post(f"/v1/terminals/{name}/enrol", b"")
    wire.close()
    assert status == 200
    who = Identity(told["terminal"], told["epoch"], told["first_serial"])
    rows: list[bytes] = []
    card = f"3140{int(name):016d}"
    for counter in range(debits):
        debit = held(card=card, serial_factor=card[-16:], counter=counter)
        for event in (debit, done(len(rows) + 1, tac_of(debit))):
            seq = len(rows) + 1
            rows.append(encode(Row(name, who.epoch, seq, who.first_serial + seq - 1, AT, "rtc", "b", 0, event)))
    return packed(who, rows, 20)


def stored(line: str) -> dict[str, int]:
    """How many rows of each terminal are committed, without a gap."""
    with psycopg.connect(line) as link:
        found = link.execute("select terminal, count(*), max(seq) from row group by terminal").fetchall()
    assert all(count == last for _, count, last in found)
    return {terminal: count for terminal, count, _ in found}


def test_a_collector_killed_under_load_loses_nothing_and_is_started_anew(city_line: str, tmp_path: Path) -> None:
    stores.empty(city_line)
    with city(city_line, tmp_path) as (address, parent):
        terminals = [terminal_with(address, f"{number:08d}", 60) for number in range(12)]
        with sending(address, terminals) as fleet:
            wait_until(lambda: sum(fleet.acknowledged.values()) > 200)
            for child in collectors(parent.pid):
                os.kill(child, signal.SIGKILL)
                time.sleep(0.2)
                promised = dict(fleet.acknowledged)
                assert all(stored(city_line).get(name, 0) >= rows for name, rows in promised.items())
            fleet.finish(60)
        assert stored(city_line) == {sent.identity.terminal: 120 for sent in terminals}
        assert fleet.failures > 0, "the kill was not noticed: nothing was proven"
        wait_until(lambda: ask(f"{address}/v1/report")[1]["totals"]["done"]["count"] == 12 * 60, 30)
        assert ask(f"{address}/v1/report")[1]["alarms"] == []


def collectors(parent: int) -> list[int]:
    """The collectors among a city's processes."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(pid) for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]


def test_a_database_that_is_away_is_said_and_nothing_is_acknowledged(tmp_path: Path) -> None:
    keys = tmp_path / "keys.toml"
    keys.write_text(f'[tac]\nmohurd = "{MASTER.hex()}"\n')
    command = [sys.executable, "-m", "sync.backend", "--database", f"host={tmp_path} dbname=none", "--keys", str(keys)]
    refused = subprocess.run([*command, "--port", "0"], capture_output=True, text=True, check=False, timeout=30)
    assert refused.returncode == 1 and "the database" in refused.stderr and "Traceback" not in refused.stderr


@pytest.mark.parametrize("arguments", [[], ["--data", "d", "--database", "dbname=city"]])
def test_one_store_is_named(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sync.backend", "--keys", "k", *arguments]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=30)
    assert refused.returncode == 1 and "--data" in refused.stderr
