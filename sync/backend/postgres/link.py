"""Connections to PostgreSQL: a bounded pool of them, and what a commit must not hide.

A commit that waits for its synchronous standby can be cut short: the server then says COMMIT with a warning that the
standby may not have it. Such a commit is none for us.
"""

import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.numeric import IntLoader
from psycopg_pool import ConnectionPool

from sync.backend.store import Unavailable

SECONDS = 5.0
"""How long a request waits for a free connection: below the terminal's own patience (sync/limits.py)."""


_SOON = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


def noticing(line: str) -> str:
    """The connection string, made to notice within seconds that a server's machine is gone, unless it says otherwise.

    A server that is there and waits for its standby is waited for.
    """
    return make_conninfo("", **(_SOON | conninfo_to_dict(line)))


def is_left(link: psycopg.Connection[Any]) -> bool:
    """Whether the server has left an idle connection, as by a restart. It says so unasked, which costs nobody a
    question: where something can be read that nobody waits for, another connection is better.
    """
    if link.pgconn.transaction_status != pq.TransactionStatus.IDLE:
        return False
    heard = select.poll()
    heard.register(link.fileno(), select.POLLIN)
    return bool(heard.poll(0))


class Link(psycopg.Connection[Any]):
    """A connection that keeps what the server warned of."""

    warned = ""

    def prepare(self) -> None:
        """Note warnings from now on; read sums of whole numbers as such."""
        self.add_notice_handler(self._note)
        self.adapters.register_loader("numeric", IntLoader)

    def _note(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self.warned = notice.message_primary or "a warning"


class Links:
    """At most `most` connections to the database of the connection string `line`; `configure` each with what it needs.

    The string may name several servers with target_session_attrs=read-write: after a failover the primary is found.
    """

    def __init__(self, line: str, most: int, configure: Callable[[Link], None] = lambda link: None) -> None:
        def made(link: Link) -> None:
            link.prepare()
            configure(link)

        def there(link: Link) -> None:
            if is_left(link):
                link.close()
                self._pool.check()  # the others were left with it, and the pool would pause between two that it finds
                raise psycopg.OperationalError("the server has left the connection")

        # Given up soon, for the next request tries anew: the pool's own tries are a minute apart after a minute.
        self._pool = ConnectionPool(
            noticing(line),
            connection_class=Link,
            min_size=1,
            max_size=most,
            timeout=SECONDS,
            reconnect_timeout=SECONDS,
            configure=made,
            check=there,
            open=True,
        )

    @contextmanager
    def transaction(self) -> Iterator[Link]:
        """A transaction that lasts when the block has ended without an error. Raises Unavailable when it may not."""
        try:
            with self._pool.connection() as link:
                link.warned = ""
                with link.transaction():
                    yield link
                if link.warned:
                    link.close()
                    raise Unavailable(link.warned)
        except psycopg.OperationalError as wrong:
            self._pool.check()
            raise Unavailable(str(wrong)) from wrong

    def close(self) -> None:
        """Close them all."""
        self._pool.close()
