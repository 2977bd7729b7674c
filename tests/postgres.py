"""Throw-away PostgreSQL clusters in a directory of their own, on a Unix socket, as a user that is not root.

A real server with fsync on; it ends with the process that started it.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

USER = "postgres"
_GUIDE = Path(__file__).parent.parent / "docs" / "city.md"


def programs() -> Path:
    """Where the newest server's programs lie."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert found, "PostgreSQL is missing: .ci/setup whole installs it"
    return found[-1].parent


def as_user(*command: str | Path) -> list[str]:
    """The command as a user that may run a server, and gone when we are."""
    who = [f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *who, "--pdeathsig=INT", *map(str, command)]


def told() -> dict[str, str]:
    """The settings that the guide tells an operator to use: what is tested and measured is what runs."""
    block = _GUIDE.read_text("utf-8").split("```ini\n")[1].split("```")[0]
    settings = (line.split("#")[0].split("=") for line in block.splitlines())
    return {name.strip(): value.strip() for name, value in settings}


class Cluster:
    """One server and its directory. `port` only names the socket."""

    def __init__(self, settings: dict[str, str] | None = None) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
        self.data = self.directory / "d"
        apart = {"listen_addresses": "", "log_min_messages": "fatal", "unix_socket_directories": str(self.directory)}
        self.settings = told() | apart | (settings or {})
        self._server: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            shutil.chown(self.directory, USER, USER)

    def create(self) -> None:
        """A fresh cluster."""
        self._run("initdb", "-D", self.data, "-A", "trust", "-U", USER, "-E", "UTF8", "--no-locale", "--no-sync")

    def copy(self, primary: "Cluster", name: str) -> None:
        """A standby of `primary`, which knows it as `name`."""
        line = f"host={primary.directory} user={USER} application_name={name}"
        self._run("pg_basebackup", "-D", self.data, "-d", line, "-R", "-X", "stream", "-c", "fast", "--no-sync")

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = as_user(programs() / program, *arguments)
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        with (self.directory / "log").open("ab") as log:
            command = as_user(programs() / "postgres", "-D", self.data, *settings)
            self._server = subprocess.Popen(command, cwd=self.directory, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.line("postgres")).close()
                return
            except psycopg.OperationalError as wrong:
                log_text = (self.directory / "log").read_text()
                assert self._server.poll() is None, log_text
                assert time.monotonic() < deadline, f"{wrong}\n{log_text}"
                time.sleep(0.05)

    def line(self, database: str) -> str:
        """The connection string of a database."""
        return f"host={self.directory} user={USER} dbname={database}"

    def kill(self) -> None:
        """Kill -9 the server with all its processes, as a power cut of the machine would."""
        assert self._server is not None
        os.kill(self._server.pid, signal.SIGSTOP)  # or it would end its backends in good order
        for child in _children(self._server.pid):
            os.kill(child, signal.SIGKILL)
        self._server.kill()
        self._server.wait(30)

    def stop(self) -> None:
        """End the server in good order, whoever is connected."""
        assert self._server is not None
        self._server.send_signal(signal.SIGINT)
        self._server.wait(60)

    def process(self, title: str) -> int:
        """The server's process of that title, such as "walreceiver"."""
        assert self._server is not None
        lines = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in _children(self._server.pid)}
        return next(pid for pid, line in lines.items() if title in line)

    def promote(self) -> None:
        """Make a standby the primary."""
        with psycopg.connect(self.line("postgres"), autocommit=True) as link:
            link.execute("select pg_promote(true, 60)")

    def remove(self) -> None:
        """Stop the server and take everything away."""
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(30)
        shutil.rmtree(self.directory, ignore_errors=True)


def _children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


@contextmanager
def cluster(settings: dict[str, str] | None = None) -> Iterator[Cluster]:
    """A running cluster."""
    made = Cluster(settings)
    try:
        made.create()
        made.start()
        yield made
    finally:
        made.remove()
