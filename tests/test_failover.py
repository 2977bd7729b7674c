"""The failover drill: the primary loses its power under load, Patroni promotes the synchronous standby."""

import time
from pathlib import Path

import psycopg
import pytest

from sync.backend.postgres import schema
from tests.fleet_wire import sending
from tests.patroni import FAILOVER_SECONDS, kept_pair, wait
from tests.test_city import city, stored, terminal_with

TERMINALS, DEBITS = 40, 1_000


@pytest.mark.drill
def test_a_primary_that_loses_its_power_takes_no_acknowledged_row_with_it(tmp_path: Path) -> None:
    with kept_pair() as pair:
        with psycopg.connect(pair.line("postgres"), autocommit=True) as link:
            link.execute("create database city")
        line = pair.line("city")
        with psycopg.connect(line) as link:
            schema.create(link)
        with city(line, tmp_path, "--no-books") as (address, _):
            terminals = [terminal_with(address, f"{number:08d}", DEBITS) for number in range(TERMINALS)]
            with sending(address, terminals, 4) as fleet:
                wait(lambda: sum(fleet.acknowledged.values()) > TERMINALS * DEBITS // 10, 60)
                lost = pair.in_step()  # on a busy machine the pair may have changed roles before the cut
                lost.cut()
                began = time.monotonic()
                promised = dict(fleet.acknowledged)
                assert sum(promised.values()) < TERMINALS * DEBITS, "all was sent before: nothing was tried"
                wait(lambda: pair.primary() not in (None, lost), FAILOVER_SECONDS, pair._words)
                wait(lambda: pair.writable("city"), FAILOVER_SECONDS, pair._words)
                print(f"promoted after {time.monotonic() - began:.0f} s")
                found = stored(line)
                assert all(found.get(name, 0) >= rows for name, rows in promised.items())
                fleet.finish(FAILOVER_SECONDS)
            assert fleet.failures > 0, "the cut was not noticed: nothing was proven"
        assert stored(line) == {sent.identity.terminal: 2 * DEBITS for sent in terminals}
