"""Two PostgreSQL servers kept by Patroni and etcd, as a city would run them: throw-away, on loopback, not as root."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.postgres import USER, as_user, programs

START_SECONDS, FAILOVER_SECONDS = 90, 90
TTL_SECONDS = 20
"""Patroni's least: so long after its last sign a primary counts as lost."""


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody has now."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Node:
    """One server and the Patroni that keeps it."""

    def __init__(self, name: str, room: Path, etcd: int) -> None:
        self.name = name
        self.port, self.rest = free_ports(2)
        self.room = room / name
        self.room.mkdir()
        address = f"127.0.0.1:{self.rest}"
        trust = [f"host {what} all 127.0.0.1/32 trust" for what in ("all", "replication")]
        told = {
            "scope": "city",
            "name": name,
            "restapi": {"listen": address, "connect_address": address},
            "etcd3": {"host": f"127.0.0.1:{etcd}"},
            "bootstrap": {
                "dcs": {
                    "ttl": TTL_SECONDS,
                    "loop_wait": 1,
                    "retry_timeout": 5,
                    "synchronous_mode": True,
                    "postgresql": {"parameters": {"max_connections": 60}},
                },
                "initdb": [{"encoding": "UTF8"}, "no-locale", "no-sync"],
                "pg_hba": trust,
            },
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}",
                "connect_address": f"127.0.0.1:{self.port}",
                "data_dir": str(self.room / "data"),
                "bin_dir": str(programs()),
                "pgpass": str(self.room / "pgpass"),
                "pg_hba": ["local all all trust", *trust],
                "parameters": {"unix_socket_directories": str(self.room)},
                "authentication": {"superuser": {"username": USER}, "replication": {"username": "replicator"}},
            },
        }
        (self.room / "patroni.json").write_text(json.dumps(told))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start Patroni, which starts the server."""
        with (self.room / "log").open("ab") as log:
            command = as_user("/usr/bin/patroni", self.room / "patroni.json")
            self.process = subprocess.Popen(command, cwd=self.room, stdout=log, stderr=log, start_new_session=True)

    def says(self, what: str) -> bool:
        """Whether Patroni answers with yes: "primary", "sync"."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.rest}/{what}", timeout=3) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def cut(self) -> None:
        """Kill -9 Patroni, the server and all of its processes at once: the machine has lost its power."""
        assert self.process is not None
        parents = [self.process.pid]
        with suppress(FileNotFoundError):  # it is no child of Patroni's
            parents.append(int((self.room / "data" / "postmaster.pid").read_text().split()[0]))
        _signal(parents, signal.SIGSTOP)  # from now on they have no more children
        found = [pid for parent in parents for pid in _descendants(parent)]
        _signal(found, signal.SIGSTOP)
        _signal(found, signal.SIGKILL)
        self.process.wait(30)


class Pair:
    """Both nodes; whoever is the primary is found by the connection string."""

    def __init__(self, room: Path, etcd: int) -> None:
        self.nodes = [Node(name, room, etcd) for name in ("one", "two")]

    def start(self) -> None:
        """Start both, and wait until the second follows the first synchronously."""
        for node in self.nodes:
            node.start()
            wait(lambda: self.primary() is not None, START_SECONDS, self._words)
        self.in_step()

    def in_step(self) -> Node:
        """The primary, once one is there whose standby follows synchronously: only that one may be promoted."""
        found: list[Node] = []

        def so() -> bool:
            found[:] = [node for node in self.nodes if node.says("primary")]
            return len(found) == 1 and any(node.says("sync") for node in self.nodes)

        wait(so, START_SECONDS, self._words)
        return found[0]

    def writable(self, database: str) -> bool:
        """Whether a client finds a primary that takes changes."""
        try:
            psycopg.connect(self.line(database)).close()
        except psycopg.OperationalError:
            return False
        return True

    def primary(self) -> Node | None:
        """Who is the primary now."""
        return next((node for node in self.nodes if node.says("primary")), None)

    def line(self, database: str) -> str:
        """The connection string that finds the primary."""
        ports = ",".join(str(node.port) for node in self.nodes)
        hosts = ",".join("127.0.0.1" for _ in self.nodes)
        found = "target_session_attrs=read-write connect_timeout=3"
        return f"host={hosts} port={ports} user={USER} dbname={database} {found}"

    def _words(self) -> str:
        return "\n".join((node.room / "log").read_text()[-2000:] for node in self.nodes if (node.room / "log").exists())


def wait(until: object, seconds: float, words: object = str) -> None:
    """Wait for it. Raises AssertionError with what the logs say."""
    deadline = time.monotonic() + seconds
    assert callable(until) and callable(words)
    while not until():
        assert time.monotonic() < deadline, words()
        time.sleep(0.2)


def _signal(pids: list[int], what: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, what)


def _descendants(pid: int) -> list[int]:
    """The process and all below it; those that end meanwhile are no longer asked."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(FileNotFoundError, ProcessLookupError):
                found += map(int, task.read_text().split())
    return found


@contextmanager
def kept_pair() -> Iterator[Pair]:
    """Two servers, the second synchronous, and one etcd."""
    room = Path(tempfile.mkdtemp(prefix="patroni", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(room, USER, USER)
    client, peer = free_ports(2)
    command = as_user("/usr/bin/etcd", "--data-dir", room / "etcd", *_urls(client, peer))
    with (room / "etcd.log").open("wb") as log:
        etcd = subprocess.Popen(command, cwd=room, stdout=log, stderr=log, start_new_session=True)
    pair: Pair | None = None
    try:
        pair = Pair(room, client)
        if os.geteuid() == 0:
            for node in pair.nodes:
                shutil.chown(node.room, USER, USER)
        pair.start()
        yield pair
    finally:
        for node in pair.nodes if pair else ():
            if node.process is not None and node.process.poll() is None:
                node.cut()
        etcd.kill()
        etcd.wait(10)
        shutil.rmtree(room, ignore_errors=True)


def _urls(client: int, peer: int) -> list[str]:
    mine, others = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    return [
        f"--listen-client-urls={mine}",
        f"--advertise-client-urls={mine}",
        f"--listen-peer-urls={others}",
        f"--initial-advertise-peer-urls={others}",
        f"--initial-cluster=default={others}",
    ]
