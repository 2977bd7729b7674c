"""From a bare Debian to a terminal and back, scene by scene, with what each command prints."""

import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from config.signing import keys
from config.signing.contents import CITY, Entry
from config.store import sample
from sync.closed import read_closed
from sync.events import AnyEvent, Done, Held
from sync.record import decode
from terminal.appliance.plan import DATA, OUT_OF_REACH
from terminal.offering import offered
from tests.appliance.container import PROGRAM, STICK, Container
from tests.appliance.terminal import CONFIGURATION, SOON, Terminal, configuration, wheel
from tests.device.rig import eventually
from tests.signing import wheels
from tests.signing.offices import OfficeRoom
from tests.signing.wheels import DUMB, NEXT_SCHEMA

Steps = tuple[tuple[str, str], ...]

AS_SMK = ("runuser", "-u", "smk", "--")
WATCHED = "[Service]\nWatchdogSec=4\n"
"""For the drill: nobody wants to watch a hung device for half a minute."""
PACK, PACKS_PORT = "drill-1", "8080"
REACHED = f"import socket; socket.create_connection(('127.0.0.1', {PACKS_PORT}), 2)"


class Story:
    """One machine's life; `say` gets each line."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder, self.say = folder, say
        self.stick = folder / "stick"
        self.stick.mkdir()
        shutil.copy(wheel(folder), self.stick)
        configuration(self.stick, sample())
        self.box = Container(folder, self.stick)
        self.terminal = Terminal(self.box)

    def close(self) -> None:
        """Throw the machine away."""
        self.terminal.close()
        self.box.close()

    def do(self, *words: str, status: int = 0) -> str:
        """One command in the machine, printed with its output."""
        self.say(f"$ {' '.join(words)}")
        done = self.box.run(*words)
        for line in done.stdout.splitlines():
            self.say(f"  {line}")
        assert done.returncode == status, f"{words}: exit status {done.returncode}\n{done.stdout}"
        return done.stdout

    def scene(self, zh: str, en: str) -> None:
        """What comes now."""
        self.say(f"\n== {zh} · {en}")

    def seen(self, zh: str, en: str) -> None:
        """What was seen to hold."""
        self.say(f"✓ {zh} · {en}")

    # the scenes

    def installed(self) -> None:
        """A technician makes the machine a terminal."""
        self.scene("安装", "installing")
        self.box.boot()
        self.terminal.plug_in_board()
        (found,) = self.stick.glob("*.whl")
        quiet = ("--quiet", "--no-deps", "--force-reinstall", "--no-index", "--root-user-action=ignore")
        self.do(f"{PROGRAM}/bin/python", "-m", "pip", "install", *quiet, f"{STICK}/{found.name}")
        self.box.ask("ln", "-s", f"{PROGRAM}/bin/smk", "/root/smk")
        refused = self.do("smk", "install", "--program", "/root/smk", status=1)
        assert "Permission denied" in refused and OUT_OF_REACH in refused
        self.seen("用户 smk 够不到的程序不启动", "a program out of its user's reach is told, not started")
        self.do("smk", "install", "--config", f"{STICK}/terminal.toml")
        assert self.terminal.show("UnitFileState") == "enabled"

    def serves(self) -> None:
        """Chips are plugged in, and riders tap."""
        self.scene("营运", "serving")
        self.terminal.becomes("closed: 暂停服务：PSAM 卡")
        self.seen("没有 PSAM 不收款，systemd 知道原因", "without a PSAM it takes no money, and tells systemd why")
        self.terminal.plug_in()
        self.terminal.becomes("ready")
        self.seen("插上即恢复", "plugged in, it serves by itself")
        self.do(*AS_SMK, "smk", "selftest", CONFIGURATION)
        rider = self.terminal.card(1, yuan=100)
        self.terminal.tap(rider)
        assert eventually(lambda: b"L GREEN" in self.terminal.board_heard(), SOON), self.terminal.log()
        self.seen("串口灯板收到提示", "the board on a serial line is told")
        assert self.terminal.paid_fen(rider) == 100
        assert self.terminal.show("WatchdogUSec") == "30s"
        log = self.terminal.log()
        assert "刷卡成功" in log and rider.number20 not in log and rider.number20[4:] not in log
        self.seen("日志没有卡号", "the log has no card's number")
        self.do("systemctl", "status", "smk", "--no-pager", "--lines=4")

    def stopped_in_a_tap(self) -> None:
        """The machine is to stop while a card is being charged."""
        self.scene("刷卡途中停止", "stopped in the middle of a tap")
        rider = self.terminal.card(2, yuan=100)
        self.terminal.tap_until_paid(rider)
        self.do("systemctl", "stop", "smk")
        assert (self.terminal.show("Result"), self.terminal.show("ExecMainStatus")) == ("success", "0")
        assert self._outcomes()[-1].by == "debit", "the tap ended before the process did"
        self.terminal.remote.timing(None)
        self.terminal.remote.leave()
        self.seen("先结清这笔，再结束", "the tap ended first, with its outcome on the disk")

    def healed(self) -> None:
        """The process hangs while a card is being charged."""
        self.scene("刷卡途中死锁", "hung in the middle of a tap")
        drop_in = self.box.root / "etc/systemd/system/smk.service.d"
        drop_in.mkdir()
        (drop_in / "drill.conf").write_text(WATCHED)
        self.do("systemctl", "daemon-reload")
        self.do("systemctl", "start", "smk")
        self.terminal.becomes("ready")
        rider = self.terminal.card(3, yuan=100)
        self.terminal.tap_until_paid(rider)
        self.do("kill", "-STOP", self.terminal.show("MainPID"))
        self.terminal.remote.timing(None)
        self.terminal.remote.counts(reset=True)
        assert eventually(lambda: self.terminal.show("NRestarts") == "1", SOON), self.terminal.show("NRestarts")
        self.terminal.becomes("ready")
        assert "smk.service: Failed with result 'watchdog'." in self.do(
            "journalctl", "--unit=smk", "--lines=7", "--output=cat", "--no-pager"
        )
        assert eventually(lambda: self.terminal.remote.counts()["card"], SOON), "the card that lies there is looked at"
        self.do("systemctl", "stop", "smk")
        self.terminal.remote.leave()
        outcome = self._outcomes()[-1]
        assert outcome.by == "prove" and self.terminal.paid_fen(rider) == 100, outcome
        shutil.rmtree(drop_in)
        self.do("systemctl", "daemon-reload")
        self.seen("看门狗重启，交易补齐，乘客没有多付", "ended by the watchdog, started anew, healed, paid once")

    def updated(self) -> None:
        """A signed release with a journal of another schema takes its turn; one that does not serve is sent back."""
        self.scene("程序更新", "a signed release")
        smk = (*AS_SMK, f"{DATA}/releases/current/bin/smk")
        self.office = office = OfficeRoom(self.folder / "office", datetime.now(UTC))
        shutil.copy(office.repository / "metadata" / "1.root.json", self.stick)
        self._published(office, "0.2.0", NEXT_SCHEMA, DUMB)
        self.do("systemctl", "start", "smk")
        self.terminal.becomes("ready")
        self.do(*AS_SMK, "smk", "pack", "trust", CONFIGURATION, f"{STICK}/1.root.json", "--yes")
        self.do(*AS_SMK, "smk", "update", "adopt", CONFIGURATION)
        refused = self.do(*smk, "update", "install", CONFIGURATION, f"{STICK}/0.2.0", "--clock-right", status=1)
        assert "the unit starts another program" in refused
        self.do("smk", "install", "--program", f"{DATA}/releases/current/bin/smk")
        self.terminal.becomes("ready")
        said = self.do(*smk, "update", "install", CONFIGURATION, f"{STICK}/0.2.0", "--clock-right", status=1)
        assert "tried on a copy" in said and "it does not serve; back to 0.1.0 (schema 2)" in said
        assert "the one before serves again" in said
        self.terminal.tap(self.terminal.card(4, yuan=100))
        self.seen(
            "不能营运的程序自动退回，日志结构一并退回", "what does not serve is sent back, and the journal too"
        )

        self._published(office, "0.3.0", NEXT_SCHEMA, {})
        said = self.do(*smk, "update", "install", CONFIGURATION, f"{STICK}/0.3.0", "--clock-right")
        assert "tried on a copy" in said and "it serves: 0.3.0 (schema 3)" in said
        self.terminal.tap(self.terminal.card(5, yuan=100))
        self.seen("试过、切换、营运", "tried, switched, serving")

        self.do("systemctl", "stop", "smk")
        assert "rolled back: 0.1.0" in self.do(*AS_SMK, "smk", "update", "rollback", CONFIGURATION)
        self.do("systemctl", "start", "smk")
        self.terminal.becomes("ready")
        self.seen("人工退回上一版", "the one before again, by hand")

    def _published(self, office: OfficeRoom, version: str, changes: Steps, others: Mapping[str, Steps]) -> None:
        """A release on a stick of its own."""
        made = offered("software", str(wheels.wheel(self.folder, version, changes, others)), "", office.now.date())
        entry = Entry("software", made.version, office.now.date(), f"{version}.zip")
        office.office().publish("city", "all", entry, made.raw)
        shutil.move(office.stick(version), self.stick / version)

    def fetched(self) -> None:
        """The timer's unit takes a signed pack from the network, in its sandbox; with nobody there all stays."""
        self.scene("联网装入票价包", "a pack over the network")
        self.office.publish(PACK, self.office.now.date() + timedelta(days=30), CITY)
        shutil.move(self.office.stick("network"), self.stick / "network")
        told = self.box.root / CONFIGURATION.lstrip("/")
        before = told.read_text("utf-8")
        assert 'url = ""' in before
        told.write_text(before.replace('url = ""', f'url = "http://127.0.0.1:{PACKS_PORT}"'), "utf-8")
        server = (f"{PROGRAM}/bin/python", "-m", "http.server", PACKS_PORT, "--bind", "127.0.0.1")
        self.do("systemd-run", "--quiet", "--unit=office", *server, "--directory", f"{STICK}/network/smk")
        assert eventually(lambda: self.box.run("python", "-c", REACHED).returncode == 0, SOON)
        assert PACK not in self.do(*AS_SMK, "smk", "pack", "list", CONFIGURATION)
        self.do("systemctl", "start", "smk-packs")
        assert PACK in self.do(*AS_SMK, "smk", "pack", "list", CONFIGURATION)
        self.seen("隔离中的单元联网装入", "the unit in its sandbox fetched it")
        self.do("systemctl", "stop", "office")
        self.do("systemctl", "start", "smk-packs", status=1)
        self.do("journalctl", "--namespace=smk", "--unit=smk-packs", "--lines=4", "--output=cat", "--no-pager")
        assert PACK in self.do(*AS_SMK, "smk", "pack", "list", CONFIGURATION)
        self.seen("网络不通：说明原因，已装的不变", "with nobody there it says so, and what it has stays")
        told.write_text(before, "utf-8")
        self.do("systemctl", "reset-failed", "smk-packs")

    def read_only(self) -> None:
        """The same machine with its root read-only: it starts by itself."""
        self.scene("只读系统盘开机", "started with a read-only root")
        self.terminal.unplug()
        self.box.power_off()
        self.box.boot("--read-only")
        self.do("touch", "/etc/smk/written", status=1)
        self.terminal.plug_in()
        self.terminal.becomes("ready")
        rider = self.terminal.card(6, yuan=100)
        self.terminal.tap(rider)
        assert self.terminal.paid_fen(rider) == 100
        self.do("systemctl", "start", "smk-packs")
        assert "0 loaded units" in self.do("systemctl", "--failed", "--no-pager")
        self.seen("只写数据目录", "nothing but the data directory is written")

    def uninstalled(self) -> None:
        """It is no terminal any more; the money's records stay."""
        self.scene("卸载", "taken off")
        self.terminal.unplug()
        self.do("smk", "uninstall", status=1)
        self.do("mount", "-o", "remount,rw", "/")
        self.do("smk", "uninstall")
        self.do("systemctl", "status", "smk", "--no-pager", status=4)
        assert len(self._outcomes()) == 6
        self.do("smk", "journal", "verify", f"{DATA}/journal.db")
        self.seen("记录都在", "every record is still there")

    def _outcomes(self) -> list[Done]:
        """Of the closed journal; every charge that was begun has one."""
        events: list[AnyEvent] = [decode(row.raw).event for row in read_closed(self.box.data / "journal.db")[1]]
        done = [event for event in events if isinstance(event, Done)]
        assert len(done) == sum(isinstance(event, Held) for event in events)
        return done


def play(folder: Path, say: Callable[[str], None]) -> None:
    """All of it. Raises AssertionError where a promise is broken."""
    story = Story(folder, say)
    try:
        story.installed()
        story.serves()
        story.stopped_in_a_tap()
        story.healed()
        with patch.object(keys, "SCRYPT_LOG_N", 10):  # the office's pass phrases may be quick here
            story.updated()
            story.fetched()
        story.read_only()
        story.uninstalled()
    except AssertionError:
        story.do("journalctl", "--namespace=*", "--unit=smk", "--lines=60", "--no-pager", "--output=short-precise")
        raise
    finally:
        story.close()
