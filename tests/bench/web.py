"""The device's pages: usable after the process's start, an answer's time, memory, and what they cost a tap.

A page listens to the events from a process of its own, as a browser does; taps with and without it are made in turn.
"""

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from apdu.virtual import remote
from config import parse
from tests.bench.figures import Figure, median, p99
from tests.bench.process import resident_mib
from tests.bench.stage import Quiet, card, configuration, stage

STARTS = 5
REQUESTS = 2_000
TAPS = 200
ANSWER_SECONDS = 15.0
SETTLE_SECONDS = 3.0

LISTENER = """
import socket, sys
wire = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
wire.sendall(f"GET /api/events HTTP/1.1\\r\\nHost: 127.0.0.1:{sys.argv[1]}\\r\\n\\r\\n".encode())
while wire.recv(65536):
    print(flush=True)
"""

BARE = """
import socket, sys
from uvicorn import Config, Server
async def app(scope, receive, send):
    head = [(b"content-type", b"application/json"), (b"content-length", b"400")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": b" " * 400})
wire = socket.socket(proto=socket.IPPROTO_TCP)
wire.bind(("127.0.0.1", int(sys.argv[1])))
wire.listen(128)
print(flush=True)
Server(Config(app, http="h11", ws="none", loop="asyncio", lifespan="off", log_config=None)).run(sockets=[wire])
"""
"""The same server with nothing behind it: what this machine makes of a request at this moment."""


def pages(chips: remote.Virtual, folder: Path) -> Iterator[Figure]:
    """`smk run` with its pages and without, then taps with a page that listens and without, in one device."""
    port = free_port()
    usable: list[float] = []
    for number in range(STARTS):
        with running(chips, folder / f"start-{number}", port) as (_, began):
            usable.append(_usable(port) - began)
    yield Figure("page usable after the process's start", median(usable), "s", limit=1.0, p99=max(usable))
    with running(chips, folder / "without", 0) as (process, _):
        time.sleep(SETTLE_SECONDS)
        least = resident_mib(process.pid)
    with running(chips, folder / "with", port) as (process, _), listening(port), bare() as empty:
        _usable(port)
        took, floor = _asked(port, empty)
        time.sleep(SETTLE_SECONDS)
        more = resident_mib(process.pid) - least
    note = f"{REQUESTS} requests; the median is {median(took):.2f} ms"
    yield Figure("status by the API, p99", p99(took), "ms", limit=2.0, floor=p99(floor), note=note)
    yield Figure("memory of the pages", more, "MiB", limit=35, note=f"beside {least:.0f} MiB without")
    yield from _taps(chips, folder / "taps", port)


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(chips: remote.Virtual, folder: Path, port: int) -> Iterator[tuple["subprocess.Popen[bytes]", float]]:
    """`smk run` with pages on `port`, 0 for none; and when it was started."""
    folder.mkdir()
    told = configuration(folder / "data", chips.udp_path, "jiaxing", port=port)
    (folder / "terminal.toml").write_text(parse.build(told), "utf-8")
    smk = [str(Path(sys.executable).with_name("smk")), "run", "--plain", "--quiet", str(folder / "terminal.toml")]
    began = time.perf_counter()
    process = subprocess.Popen(smk, stdout=subprocess.DEVNULL)
    try:
        yield process, began
    finally:
        process.terminate()
        process.wait()


@contextmanager
def listening(port: int) -> Iterator[None]:
    """A page that listens, in a process of its own, once it hears the first event."""
    _usable(port)
    with subprocess.Popen([sys.executable, "-c", LISTENER, str(port)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.terminate()


@contextmanager
def bare() -> Iterator[int]:
    """The server with nothing behind it, in a process of its own; its port."""
    port = free_port()
    with subprocess.Popen([sys.executable, "-c", BARE, str(port)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield port
        finally:
            process.terminate()


def _usable(port: int) -> float:
    """Wait until the log-in page and its script are there; when that was."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline:
        try:
            for path in ("/login", "/static/web.css", "/static/web.js", "/static/login.js"):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
                connection.request("GET", path)
                assert connection.getresponse().read()
                connection.close()
            return time.perf_counter()
        except OSError:
            time.sleep(0.005)
    raise RuntimeError("the page does not open")


def _asked(*ports: int) -> list[list[float]]:
    """Milliseconds of each of REQUESTS questions for the state, over one connection to each port, in turn."""
    lines = [http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS) for port in ports]
    took: list[list[float]] = [[] for _ in ports]
    for _ in range(REQUESTS):
        for line, times in zip(lines, took, strict=True):
            began = time.perf_counter()
            line.request("GET", "/api/status")
            line.getresponse().read()
            times.append((time.perf_counter() - began) * 1000)
    for line in lines:
        line.close()
    return took


def _taps(chips: remote.Virtual, folder: Path, port: int) -> Iterator[Figure]:
    """New cards in turn, with the pages' face plugged in and without."""
    names = [chips.remote.add(card(70_000 + number), f"page-{number}") for number in range(2 * TAPS)]
    with_face: list[float] = []
    without: list[float] = []
    with stage(folder, chips, "jiaxing", port) as on, listening(port):
        plugs = on.device.plugs
        quiet = replace(plugs, face=Quiet())
        for number, name in enumerate(names):
            on.device.plugs = quiet if number % 2 else plugs
            (without if number % 2 else with_face).append(on.paid(name))
        on.device.plugs = plugs
    here, there = median(with_face), median(without)
    note = f"{TAPS} taps each in turn; p99 without: {p99(without):.2f} ms"
    yield Figure("tap with a page that listens", here, "ms", p99=p99(with_face), floor=there, note=note)
    yield Figure("  ratio to a tap without", here / there, "x", limit=1.05, floor=1.0)
