"""`smk run` as systemd runs it: watched, ended in the middle of a tap, on a system that cannot be written."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apdu.virtual import remote
from apdu.virtual.spec import CardSpec
from sync.closed import read_closed
from sync.events import Done, Held, Void
from sync.record import decode
from tests.device.process import SMK, Running, smk
from tests.device.rig import Backend, configuration, eventually
from tests.proof.device import SLOW, TAP_SECONDS
from tests.test_watchdog import Systemd

SPY = """
import os, sys
allowed = tuple(os.environ["SPY_ALLOWED"].split(":"))
def look(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) if isinstance(flags, int) else False
        places = [path] if writes else []
    elif event in ("os.mkdir", "os.remove", "os.rename", "os.truncate", "os.chmod"):
        places = arguments[:2] if event == "os.rename" else arguments[:1]
    else:
        return
    for place in places:
        if isinstance(place, (str, bytes, os.PathLike)) and not os.path.abspath(os.fsdecode(place)).startswith(allowed):
            sys.stderr.write(f"SPY {event} {place}\\n")
sys.addaudithook(look)
"""


def watched(folder: Path, systemd: Systemd, seconds: float) -> dict[str, str]:
    """The environment that systemd would give."""
    state = folder / "state"
    state.mkdir(exist_ok=True)
    told = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": str(int(seconds * 1e6)), "STATE_DIRECTORY": str(state)}
    return {**os.environ, **told}


Run = Callable[..., Running]


@pytest.fixture
def run() -> Iterator[Run]:
    """Starts devices; none is left running."""
    started: list[Running] = []

    def start(*arguments: Any) -> Running:
        started.append(Running(*arguments))
        return started[-1]

    yield start
    for device in started:
        if device.process.poll() is None:
            device.end(signal.SIGKILL)


def test_systemd_hears_that_it_is_ready_that_it_lives_and_that_it_ends(
    chips: remote.Virtual, backend: Backend, run: Run, tmp_path: Path
) -> None:
    systemd = Systemd(str(tmp_path / "notify"))
    told = configuration(tmp_path / "watched", "00000071", chips.udp_path, backend.address)
    device = run(told, watched(tmp_path, systemd, 1.0))
    device.ready()
    heard: list[str] = []

    def fed(times: int) -> bool:
        heard.extend(systemd.heard())
        return heard.count("WATCHDOG=1") >= times

    assert eventually(lambda: fed(4))
    assert heard.count("READY=1") == 1 and any(line.startswith("STATUS=ready: 请刷卡") for line in heard)
    card = chips.remote.add(CardSpec("0000000000007101", balance_fen=9_000), "watched/lying")
    chips.remote.enter(card)
    device.said("✓")
    heard.clear()
    assert eventually(lambda: fed(4)), "also while a card lies on the reader"
    chips.remote.leave()
    os.kill(device.process.pid, signal.SIGSTOP)  # what hangs is not fed
    time.sleep(0.3)
    systemd.heard()
    time.sleep(1.2)
    assert "WATCHDOG=1" not in systemd.heard()
    os.kill(device.process.pid, signal.SIGCONT)
    assert device.end() == 0 and "STOPPING=1" in systemd.heard()
    systemd.close()


def test_it_says_ready_also_when_it_can_only_say_what_is_missing(
    chips: remote.Virtual, backend: Backend, run: Run, tmp_path: Path
) -> None:
    systemd = Systemd(str(tmp_path / "notify"))
    told = configuration(tmp_path / "blind", "00000072", "udp:127.0.0.1:54999", backend.address)
    device = run(told, watched(tmp_path, systemd, 30.0))
    device.said("暂停服务")
    assert eventually(lambda: "READY=1" in systemd.heard())
    assert device.end() == 0
    systemd.close()


@pytest.mark.parametrize("part", range(6))
def test_an_end_in_the_middle_of_a_tap_ends_the_tap_first(
    chips: remote.Virtual, backend: Backend, run: Run, tmp_path: Path, part: int
) -> None:
    told = configuration(tmp_path / "ended", f"000008{part:02}", chips.udp_path, backend.address)
    name = chips.remote.add(CardSpec(f"00000000000072{part:02}", balance_fen=9_000), f"ended/{part}")
    device = run(told)
    device.ready()
    chips.remote.timing(SLOW)
    try:
        chips.remote.counts(reset=True)
        chips.remote.enter(name)
        assert eventually(lambda: chips.remote.counts()["card"])
        time.sleep(TAP_SECONDS * part / 6)
        assert device.end(signal.SIGTERM) == 0
    finally:
        chips.remote.timing(None)
        chips.remote.leave()
    events = [decode(row.raw).event for row in read_closed(Path(told.terminal.data) / "journal.db")[1]]
    held = [event for event in events if isinstance(event, Held)]
    ends = [event for event in events if isinstance(event, Done | Void)]
    assert len(held) == len(ends) <= 1, "no draft stays open"
    taken = 9_000 - chips.remote.memory()["cards"][name]["balance_fen"]
    assert taken == sum(event.amount for event in held)
    assert not (Path(told.terminal.data) / "smk.pid").exists()


def test_nothing_is_written_but_in_the_data_directory(
    chips: remote.Virtual, backend: Backend, run: Run, tmp_path: Path
) -> None:
    systemd = Systemd(str(tmp_path / "notify"))
    spy, told = tmp_path / "spy", configuration(tmp_path / "data", "00000073", chips.udp_path, backend.address)
    spy.mkdir()
    (spy / "sitecustomize.py").write_text(SPY)
    data, state = told.terminal.data, tmp_path / "state"
    environment = {
        **watched(tmp_path, systemd, 30.0),
        "PYTHONPATH": str(spy),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(state),  # nfcpy asks the linker for a library when it is imported; the unit has a /tmp of its own
        "SPY_ALLOWED": f"{data}:{state}:/dev/:/proc/self/",
    }
    device = run(told, environment)
    device.ready()
    device.tap(chips.remote, chips.remote.add(CardSpec("0000000000007301", balance_fen=9_000), "spied/rider"))
    assert device.end() == 0
    device.file.write_text("[terminal]\n")  # damaged: the copy in the state directory stands in
    command = [SMK, "run", "--plain", "--seconds", "3", str(device.file)]
    again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "请刷卡" in again.stdout and "configuration_not_taken" in again.stderr
    said = [*device.log, *again.stderr.splitlines()]
    assert [line for line in said if line.startswith("SPY")] == []
    assert list((state / "good" / "configuration").iterdir())
    systemd.close()


def test_the_self_test_tries_every_part_and_names_what_fails(
    chips: remote.Virtual, backend: Backend, run: Run, tmp_path: Path
) -> None:
    told = configuration(tmp_path / "tested", "00000074", chips.udp_path, backend.address)
    device = run(told)
    device.ready()
    busy = smk("selftest", device.file)
    assert busy.returncode == 0 and busy.stdout.count("… ") == 4, busy.stdout
    device.end()
    done = smk("selftest", device.file)
    assert done.returncode == 0 and "✗" not in done.stdout and "PSAM" in done.stdout, done.stdout
    device.file.write_text(device.file.read_text().replace(chips.udp_path, "udp:127.0.0.1:54999"))
    failed = smk("selftest", device.file)
    assert failed.returncode == 1 and "✗ 读卡器" in failed.stdout and failed.stdout.count("✗") == 1
