"""The process as a whole: ready after its start, memory after taps with sync on, processor when idle."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from apdu.virtual import issuer, remote
from config import parse
from tests.bench.figures import Figure, median
from tests.bench.stage import card, configuration

STARTS = 7
TAPS = 100
IDLE_SECONDS = 12.0
ANSWER_SECONDS = 15.0


def whole(chips: remote.Virtual, folder: Path) -> Iterator[Figure]:
    """`smk run` as its users start it."""
    folder.mkdir(parents=True)
    backend = _backend(folder)
    file = folder / "terminal.toml"
    address = backend[1]
    file.write_text(parse.build(configuration(folder / "data", chips.udp_path, "jiaxing", address)), "utf-8")
    try:
        yield _starts(chips, file)
        yield from _running(chips, file)
    finally:
        backend[0].terminate()
        backend[0].wait()


def _starts(chips: remote.Virtual, file: Path) -> Figure:
    """From the process's start to a rider's card, waiting in the field, served."""
    times = []
    for number in range(STARTS):
        name = chips.remote.add(card(60_000 + number), f"start-{number}")
        chips.remote.counts(reset=True)
        chips.remote.enter(name)
        started = time.perf_counter()
        process = _run(file)
        _await_debits(chips, 1)
        times.append(time.perf_counter() - started)
        chips.remote.leave()
        process.terminate()
        process.wait()
    return Figure("from process start to a waiting card served", median(times), "s", limit=1.0, p99=max(times))


def _running(chips: remote.Virtual, file: Path) -> Iterator[Figure]:
    process = _run(file)
    try:
        for number in range(TAPS):
            chips.remote.counts(reset=True)
            chips.remote.enter(chips.remote.add(card(61_000 + number), f"many-{number}"))
            _await_debits(chips, 1)
            chips.remote.leave()
        resident = _status(process.pid, "VmRSS") / 1024
        yield Figure(f"resident after {TAPS} taps with sync", resident, "MiB", limit=60)
        time.sleep(1.0)
        before, started = _processor_s(process.pid), time.perf_counter()
        time.sleep(IDLE_SECONDS)
        share = (_processor_s(process.pid) - before) / (time.perf_counter() - started) * 100
        yield Figure("processor when idle, polling each 40 ms", share, "%", limit=2.0)
    finally:
        process.terminate()
        process.wait()


def _run(file: Path) -> "subprocess.Popen[bytes]":
    smk = Path(sys.executable).parent / "smk"
    return subprocess.Popen([smk, "run", "--plain", "--quiet", str(file)], stdout=subprocess.DEVNULL)


def _await_debits(chips: remote.Virtual, number: int) -> None:
    deadline = time.monotonic() + ANSWER_SECONDS
    while chips.remote.counts()["psam"].get("72", 0) < number:
        if time.monotonic() > deadline:
            raise RuntimeError("smk run did not serve the card")
        time.sleep(0.002)


def _status(pid: int, name: str) -> int:
    """A value of /proc/PID/status in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name)))


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _backend(folder: Path) -> "tuple[subprocess.Popen[str], str]":
    keys = folder / "keys.toml"
    tacs = {"mohurd": issuer.MOHURD.tac, "tunion": issuer.TUNION.tac}
    keys.write_text("[tac]\n" + "".join(f'{name} = "{key.hex()}"\n' for name, key in tacs.items()), "utf-8")
    command = [sys.executable, "-m", "sync.backend", "--data", str(folder / "backend"), "--keys", str(keys)]
    process = subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().split()[-1]
