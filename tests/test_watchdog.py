"""The watchdog: fed while the loop turns and neither disk nor face stands still; told in systemd's own words."""

import socket
import threading
from collections.abc import Iterator
from math import inf
from pathlib import Path

import pytest

from terminal.drivers.latest import Latest
from terminal.drivers.watchdog import DiskPulse, Manager, Watchdog, from_environment
from terminal.faces.fan import Fan
from terminal.ports import Face, Light, Signal, Status
from tests.device.rig import eventually

SIGNAL = Signal("fare", Light.GREEN, "check", ".", "fare", "请上车", "Welcome")


class Systemd:
    """What a service manager is to us: a real datagram socket; `heard` are the lines so far."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        lines: list[str] = []
        while True:
            try:
                lines += self._socket.recv(4_096).decode().split("\n")
            except BlockingIOError:
                return lines

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    made = Systemd(str(tmp_path / "notify") if request.param == "path" else f"@smk-test-{tmp_path}")
    yield made
    made.close()


def test_the_manager_is_told_ready_once_then_each_change_of_state_and_the_end(systemd: Systemd) -> None:
    manager = Manager(systemd.address)
    manager.idle(Status("starting", "正在启动", "starting"))
    assert systemd.heard() == ["STATUS=starting: 正在启动 · starting"]
    manager.idle(Status("closed", "暂停服务", "reader:\ngone"))
    manager.idle(Status("closed", "暂停服务", "reader:\ngone"))
    assert systemd.heard() == ["READY=1", "STATUS=closed: 暂停服务 · reader: gone"]
    manager.show(SIGNAL)
    manager.idle(Status("ready", "请刷卡", "tap your card"))
    manager.close()
    assert systemd.heard() == ["STATUS=ready: 请刷卡 · tap your card", "STOPPING=1"]


def test_a_manager_that_is_gone_or_was_never_there_stops_nothing(systemd: Systemd) -> None:
    manager = Manager(systemd.address)
    systemd.close()
    for line in (manager, Manager("")):
        line.tell("READY=1")
        line.close()


def test_the_environment_tells_once_and_no_child_hears_of_it() -> None:
    told = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "30000000", "HOME": "/"}
    assert from_environment(told)[1] == 30.0 and told == {"HOME": "/"}
    assert from_environment({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"})[1] == 0.0
    assert from_environment({"WATCHDOG_USEC": "30000000"})[1] == 0.0
    assert from_environment({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "soon"})[1] == 0.0


class Parts:
    """A watchdog of 40 s over parts that lag as a test says."""

    def __init__(self, systemd: Systemd) -> None:
        self.time_s = 0.0
        self.lag_s = {"disk": 0.0, "face": 0.0}
        lags = {name: lambda name=name: self.lag_s[name] for name in self.lag_s}
        self.dog = Watchdog(Manager(systemd.address), 40.0, lags, lambda: self.time_s)

    def turns(self, seconds: int) -> None:
        """The loop turns ten times a second."""
        for _ in range(seconds * 10):
            self.dog.turn()
            self.time_s += 0.1


def test_it_is_fed_several_times_within_its_time_and_not_at_each_turn(systemd: Systemd) -> None:
    Parts(systemd).turns(40)
    assert systemd.heard() == ["WATCHDOG=1"] * 4


@pytest.mark.parametrize("part", ["disk", "face"])
def test_it_starves_while_one_part_stands_still_and_is_fed_again_when_it_moves(
    systemd: Systemd, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    parts = Parts(systemd)
    parts.lag_s[part] = 19.0
    parts.turns(10)
    assert systemd.heard() == ["WATCHDOG=1"]
    parts.lag_s[part] = 21.0
    parts.turns(200)
    assert systemd.heard() == []
    assert [part in line for line in caplog.messages] == [True], "said once"
    parts.lag_s[part] = 0.0
    parts.turns(10)
    assert systemd.heard() == ["WATCHDOG=1"]


def test_it_starves_when_the_loop_no_longer_turns(systemd: Systemd) -> None:
    parts = Parts(systemd)
    parts.turns(1)
    parts.time_s += 100
    assert systemd.heard() == ["WATCHDOG=1"]


def test_without_a_watchdog_nothing_is_sent(systemd: Systemd) -> None:
    Watchdog(Manager(systemd.address), 0.0, {}).turn()
    assert systemd.heard() == []


def test_the_disk_pulse_lags_while_its_write_hangs_and_not_while_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, fails = threading.Event(), threading.Event()
    written = DiskPulse._write

    def disk(pulse: DiskPulse, beat: bytes) -> None:
        if fails.is_set():
            raise OSError("no such disk")
        while hangs.is_set():
            hangs.wait(0.01)
        written(pulse, beat)

    monkeypatch.setattr(DiskPulse, "_write", disk)
    pulse = DiskPulse(tmp_path, pause_s=0.01)
    file = tmp_path / "pulse"
    assert eventually(lambda: file.exists() and int(file.read_bytes() or b"0") > 1) and file.stat().st_size == 16
    hangs.set()
    assert eventually(lambda: pulse.lag_s() > 0.1)
    fails.set()
    hangs.clear()
    assert eventually(lambda: pulse.lag_s() < 0.1)
    pulse.close()


def test_a_mailbox_lags_while_its_worker_is_busy_hangs_or_is_gone() -> None:
    mail: Latest[int] = Latest(4)
    assert mail.lag_s() == 0.0
    mail.put(1)
    mail.take()
    assert eventually(lambda: mail.lag_s() > 0.05)
    mail.take(0.0)
    mail.take(0.0)
    assert mail.lag_s() < 0.05


class Slow:
    """A face that lags."""

    def __init__(self, lag_s: float) -> None:
        self._lag_s = lag_s

    def show(self, signal: Signal) -> None:
        """Fails, once it lags for ever."""
        assert self._lag_s < 100

    def idle(self, status: Status) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    def lag_s(self) -> float:
        """As told."""
        return self._lag_s


def test_of_several_faces_the_slowest_counts_and_one_that_was_left_out_counts_for_ever() -> None:
    faces: list[Face] = [Slow(1.0), Slow(200.0)]
    fan = Fan(faces, lambda name, why: None)
    assert fan.lag_s() == 200.0
    fan.show(SIGNAL)
    assert fan.lag_s() == inf
    assert Fan([Manager("")], lambda name, why: None).lag_s() == 0.0
