"""A database server that was restarted costs no request: nothing was asked of it yet, another connection does it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from sync.backend.postgres import link
from sync.backend.postgres.link import Links
from sync.backend.sql import open_sql
from sync.backend.store import Unavailable
from tests.postgres import Cluster, cluster

MOST = 3


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as made:
        yield made


def restart(server: Cluster) -> None:
    server.stop()
    server.start()


def all_at_once(links: Links) -> list[int]:
    """A question over each of the pool's connections, all in transactions at the same time."""
    with ExitStack() as stack:
        opened = [stack.enter_context(links.transaction()) for _ in range(MOST)]
        return [one.execute("select 1").fetchone()[0] for one in opened]  # type: ignore[index]


@pytest.mark.parametrize("end", [Cluster.stop, Cluster.kill])
def test_every_connection_of_the_pool_is_good_for_the_next_request_after_a_restart(
    server: Cluster, end: Callable[[Cluster], None]
) -> None:
    with closing(Links(server.line("postgres"), MOST)) as links:
        assert all_at_once(links) == [1] * MOST
        end(server)
        server.start()
        assert all_at_once(links) == [1] * MOST


def test_a_request_that_finds_no_server_says_so_and_the_next_finds_it_again(
    server: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "SECONDS", 3.0)
    with closing(Links(server.line("postgres"), MOST)) as links:
        all_at_once(links)
        server.stop()
        try:
            with pytest.raises(Unavailable), links.transaction():
                pass
        finally:
            server.start()
        assert all_at_once(links) == [1] * MOST


def test_the_registrys_connection_is_good_for_the_next_question_after_a_restart(server: Cluster) -> None:
    with closing(open_sql(server.line("postgres"))) as sql:
        assert sql.query("select 1 as one") == [{"one": 1}]
        restart(server)
        assert sql.query("select 1 as one") == [{"one": 1}]
        restart(server)
        with sql.transaction():
            assert sql.query("select 1 as one") == [{"one": 1}]


def test_a_transaction_that_a_restart_cuts_fails_whole(server: Cluster) -> None:
    """What was asked before may be lost with it: nothing of the rest may reach the server on another connection."""
    with closing(open_sql(server.line("postgres"))) as sql:
        sql.query("create table if not exists kept (word text)")
        with pytest.raises(Unavailable), sql.transaction():
            sql.query("insert into kept values ('before')")
            restart(server)
            sql.query("insert into kept values ('after')")
        assert sql.query("select word from kept") == []
