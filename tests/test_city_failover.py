"""A city's database that dies: nothing acknowledged is missing, on the standby at once, from a backup in the end."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from sync.chain import Identity
from sync.journal import Journal
from sync.link import Link
from sync.worker import Worker, enrol
from tests.fleet_wire import sending
from tests.postgres import Cluster, cluster
from tests.rows import AT, done, held
from tests.serving import tac_of, wait_until
from tests.test_backend_http import ask
from tests.test_city import city, stored, terminal_with

SYNCHRONOUS = {"synchronous_standby_names": "FIRST 1 (standby)"}


@contextmanager
def with_standby() -> Iterator[tuple[Cluster, Cluster]]:
    """A primary with the database `city` that commits nothing without its standby, and the standby."""
    with cluster(SYNCHRONOUS | {"synchronous_commit": "local"}) as primary:  # there is no standby yet
        with psycopg.connect(primary.line("postgres"), autocommit=True) as link:
            link.execute("create database city")
        standby = Cluster()
        try:
            standby.copy(primary, "standby")
            standby.start()
            with psycopg.connect(primary.line("postgres"), autocommit=True) as link:
                link.execute("alter database city set synchronous_commit = on")
                attached = "select 1 from pg_stat_replication where sync_state = 'sync'"
                wait_until(lambda: link.execute(attached.encode()).fetchone())
            yield primary, standby
        finally:
            standby.remove()


def either(primary: Cluster, standby: Cluster) -> str:
    """A connection string that finds whichever is the primary."""
    hosts = f"{primary.directory},{standby.directory}"
    return f"host={hosts} user=postgres dbname=city target_session_attrs=read-write"


def test_a_primary_killed_under_load_loses_nothing_when_the_standby_takes_over(tmp_path: Path) -> None:
    with with_standby() as (primary, standby), city(either(primary, standby), tmp_path) as (address, _):
        terminals = [terminal_with(address, f"{number:08d}", 100) for number in range(16)]
        with sending(address, terminals) as fleet:
            wait_until(lambda: sum(fleet.acknowledged.values()) > 300, 30)
            receiver = standby.process("walreceiver")
            os.kill(receiver, signal.SIGSTOP)  # the wire to the standby is cut a moment before
            time.sleep(0.5)
            primary.kill()
            promised = dict(fleet.acknowledged)
            os.kill(receiver, signal.SIGCONT)
            standby.promote()
            there = stored(standby.line("city"))
            missing = {name: rows for name, rows in promised.items() if there.get(name, 0) < rows}
            assert not missing, "acknowledged, and not on the standby"
            fleet.finish(90)
        assert fleet.failures > 0
        assert stored(standby.line("city")) == {sent.identity.terminal: 200 for sent in terminals}
        wait_until(lambda: ask(f"{address}/v1/report")[1]["totals"]["done"]["count"] == 16 * 100, 60)
        assert ask(f"{address}/v1/report")[1]["alarms"] == []


@contextmanager
def terminals(address: str, folder: Path, names: list[str]) -> Iterator[list[tuple[Journal, Worker]]]:
    """Journals with their sync threads."""
    with ExitStack() as stack:
        made = []
        for name in names:
            who = enrol(Link(address), name)
            assert isinstance(who, Identity)
            journal = Journal.open(folder / f"{name}.db", who, "boot")
            stack.callback(journal.close)
            worker = Worker(journal, Link(address), lambda versions: None, lambda what, detail: None)
            worker.start()
            stack.callback(worker.stop, 10)
            made.append((journal, worker))
        yield made


def ride(buses: list[tuple[Journal, Worker]], *counters: int) -> None:
    """A paid debit with each counter on each bus, of the bus's own card."""
    for place, (journal, worker) in enumerate(buses):
        for counter in counters:
            debit = held(counter=counter, card=f"3140{place:016d}", serial_factor=f"{place:016d}")
            seq = journal.hold(debit, AT, "rtc", 0).seq
            journal.keep(done(seq, tac_of(debit)), AT, "rtc", 0)
        worker.wake()


def debits_done(address: str) -> int:
    """What the report counts; nothing while the collectors find the restored server and refuse with 503."""
    status, report = ask(f"{address}/v1/report")
    return int(report["totals"]["done"]["count"]) if status == 200 else 0


@pytest.mark.drill
def test_a_city_restored_from_yesterdays_backup_gets_every_row_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.session.pause_seconds", lambda tries, chance, asked=0: 0.05)
    names = [f"{number:08d}" for number in range(1, 6)]
    with ExitStack() as stack:
        primary, backup = stack.enter_context(cluster()), Cluster()
        stack.callback(backup.remove)
        with psycopg.connect(primary.line("postgres"), autocommit=True) as link:
            link.execute("create database city")
        line = f"host={primary.directory},{backup.directory} user=postgres dbname=city"
        address, _ = stack.enter_context(city(line, tmp_path))
        buses = stack.enter_context(terminals(address, tmp_path, names))
        ride(buses, *range(20))
        wait_until(lambda: stored(primary.line("city")) == dict.fromkeys(names, 40), 30)
        backup.copy(primary, "backup")
        (backup.data / "standby.signal").unlink()
        ride(buses, *range(20, 40))
        wait_until(lambda: stored(primary.line("city")) == dict.fromkeys(names, 80), 30)
        wait_until(lambda: all(journal.unsent().rows == 0 for journal, _ in buses), 30)
        primary.kill()
        backup.start()
        assert stored(backup.line("city")) == dict.fromkeys(names, 40), "the backup is of yesterday"
        ride(buses, 40)
        wait_until(lambda: stored(backup.line("city")) == dict.fromkeys(names, 82), 60)
        wait_until(lambda: debits_done(address) == 5 * 41, 60)
