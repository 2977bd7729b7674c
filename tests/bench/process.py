"""The process as a whole: ready after its start, memory after taps with sync on, processor when idle.

The floor is a process that opens the same reader, PSAM and a database, and runs the bare script (`tests.bench.floor`).
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from apdu.virtual import issuer, remote
from config import parse
from tests.bench.figures import Figure, median
from tests.bench.stage import PSAM_READER, card, configuration, stage

STARTS = 7
TAPS = 100
SETTLE_SECONDS = 2.0
IDLE_SECONDS = 12.0
ANSWER_SECONDS = 15.0

Start = Callable[[], "subprocess.Popen[bytes]"]


def whole(chips: remote.Virtual, folder: Path) -> Iterator[Figure]:
    """`smk run` as its users start it, with a backend that takes its rows; in turn with the floor."""
    with stage(folder / "scripted", chips, "jiaxing") as on:
        (folder / "script.json").write_text(json.dumps(asdict(on.scripted(chips.remote.add(card(60_000), "bare")))))
    databases = (str(folder / f"floor-{number}.db") for number in range(STARTS + 1))
    with backend(folder) as address:
        told = configuration(folder / "data", chips.udp_path, "jiaxing", address)
        (folder / "terminal.toml").write_text(parse.build(told), "utf-8")
        smk = [str(Path(sys.executable).with_name("smk")), "run", "--plain", "--quiet", str(folder / "terminal.toml")]
        bare = [sys.executable, "-m", "tests.bench.floor", chips.udp_path, PSAM_READER]

        def product() -> "subprocess.Popen[bytes]":
            return subprocess.Popen(smk, stdout=subprocess.DEVNULL)

        def floor() -> "subprocess.Popen[bytes]":
            return subprocess.Popen([*bare, next(databases), str(folder / "script.json")])

        yield _starts(chips, product, floor)
        resident, share = _running(chips, product, [chips.remote.add(card(61_000 + n)) for n in range(TAPS)])
        least, idle = _running(chips, floor, ["bare"] * TAPS)
        yield Figure(f"resident after {TAPS} taps with sync", resident, "MiB", limit=60, floor=least)
        yield Figure("processor when idle, polling each 40 ms", share, "%", limit=2.0, floor=idle)


def _starts(chips: remote.Virtual, product: Start, floor: Start) -> Figure:
    """From the process's start to the tap of a card that waits in the field."""
    ours, least = [], []
    for number in range(STARTS):
        ours.append(_start(chips, product, chips.remote.add(card(60_001 + number))))
        least.append(_start(chips, floor, "bare"))
    name = "from process start to a waiting card served"
    return Figure(name, median(ours), "s", limit=1.0, p99=max(ours), floor=median(least))


def _start(chips: remote.Virtual, start: Start, name: str) -> float:
    chips.remote.counts(reset=True)
    chips.remote.enter(name)
    started = time.perf_counter()
    process = start()
    _await_tap(chips)
    elapsed_s = time.perf_counter() - started
    chips.remote.leave()
    _end(process)
    return elapsed_s


def _running(chips: remote.Virtual, start: Start, names: Sequence[str]) -> tuple[float, float]:
    """MiB after these taps; then the processor's share in percent while nobody comes."""
    process = start()
    try:
        for name in names:
            chips.remote.counts(reset=True)
            chips.remote.enter(name)
            _await_tap(chips)
            chips.remote.leave()
        time.sleep(SETTLE_SECONDS)
        resident = resident_mib(process.pid)
        before, started = _processor_s(process.pid), time.perf_counter()
        time.sleep(IDLE_SECONDS)
        return resident, (_processor_s(process.pid) - before) / (time.perf_counter() - started) * 100
    finally:
        _end(process)


def _await_tap(chips: remote.Virtual) -> None:
    """Wait until the PSAM has checked a MAC2."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while not chips.remote.counts()["psam"].get("72"):
        if time.monotonic() > deadline:
            raise RuntimeError("the card was not served")
        time.sleep(0.002)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait()


def resident_mib(pid: int) -> float:
    """What a process has in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1024


def _processor_s(pid: int) -> float:
    """Seconds of processor time by the scheduler's own count: /proc/PID/stat counts in hundredths."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


@contextmanager
def backend(folder: Path) -> Iterator[str]:
    """A backend on a port of its own; its address. It yields to the device: a real one runs on another machine."""
    keys = folder / "keys.toml"
    tacs = {"mohurd": issuer.MOHURD.tac, "tunion": issuer.TUNION.tac}
    keys.write_text("[tac]\n" + "".join(f'{name} = "{key.hex()}"\n' for name, key in tacs.items()), "utf-8")
    smk = ["nice", "-n", "19", sys.executable, "-m", "sync.backend"]
    command = [*smk, "--data", str(folder / "backend"), "--keys", str(keys)]
    with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
