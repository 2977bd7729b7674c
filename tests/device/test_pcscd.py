"""pcscd is stopped under a running device and started again. A private pcscd, so that nobody else notices."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from apdu.virtual import remote
from apdu.virtual.spec import CardSpec
from apdu.virtual.timing import Timing
from config.model import Psam
from sync.closed import read_closed
from sync.events import Done, Started
from sync.record import decode
from tests.device.process import Running, send_all
from tests.device.rig import PATIENCE, Backend, books, configuration, eventually

pytestmark = pytest.mark.drill

ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]
DRIVER = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"


def free_ports() -> int:
    """The first of two neighbouring free ports: vpcd listens on one for each of its slots."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("", port + 1))
            except OSError:
                continue
            return port


class Pcscd:
    """A pcscd in a mount name space of its own: its socket lies in `folder`, its virtual reader ports of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o755)
        self.folder = folder
        self.port = free_ports()
        self.environment = os.environ | {"PCSCLITE_CSOCK_NAME": str(folder / "pcscd.comm")}
        readers = folder.with_suffix(".conf")
        number = f"0x{self.port:04X}"
        names = ('FRIENDLYNAME "Virtual PCD"', f"DEVICENAME /dev/null:{number}", f"LIBPATH {DRIVER}")
        readers.write_text("\n".join([*names, f"CHANNELID {number}", ""]), "utf-8")
        self.binary = folder.with_suffix(".private")  # .ci/pcscd does not take it for the machine's own under this name
        shutil.copy("/usr/sbin/pcscd", self.binary)
        self._command = f"mount --bind {folder} /run/pcscd && exec {self.binary} --foreground --config {readers}"
        self.process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        nowhere = subprocess.DEVNULL
        command = [*ROOT, "unshare", "--mount", "--propagation", "private", "sh", "-c", self._command]
        process = subprocess.Popen(command, stdin=nowhere, stdout=nowhere, start_new_session=True)
        assert eventually(self._listens), process.poll()
        return process

    def _listens(self) -> bool:
        tables = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
        rows = [line.split() for line in tables.splitlines()]
        # a connection that has ended stands there for a minute more; 0A is a socket that listens
        return any(row[1].endswith(f":{self.port:04X}") and row[3] == "0A" for row in rows)

    def stop(self) -> None:
        """It ends, as by systemctl stop."""
        number = (self.folder / "pcscd.pid").read_text().strip("\n\0")
        assert Path(f"/proc/{number}/comm").read_text().strip() == self.binary.name, number
        subprocess.run([*ROOT, "sh", "-c", 'kill "$1"', "sh", number], check=True)
        assert eventually(lambda: not self._listens())
        self.process.wait(PATIENCE)

    def start(self) -> None:
        """It is there again, with the same socket and ports."""
        self.process = self._started()


@pytest.fixture
def pcscd(tmp_path: Path) -> Iterator[Pcscd]:
    made = Pcscd(tmp_path / "p")
    yield made
    if made.process.poll() is None:
        made.stop()


def test_a_device_survives_a_restart_of_pcscd_idle_and_in_a_tap(pcscd: Pcscd, backend: Backend, tmp_path: Path) -> None:
    with remote.start(vpcd_port=pcscd.port, vpcd_wait=15, memory=tmp_path / "chips.json") as chips:
        told = configuration(tmp_path / "data", "00009001", chips.udp_path, backend.address, psam=Psam("00 00"))
        cards = [chips.remote.add(CardSpec(f"{90_010_000 + n:016d}", balance_fen=10_000)) for n in range(5)]
        device = Running(told, pcscd.environment)
        device.ready()
        assert "1.00" in device.tap(chips.remote, cards[0])
        for number, card in enumerate(cards[1:3]):
            pcscd.stop()
            assert "✗" in device.tap(chips.remote, card) or device.logged("psam")
            assert device.logged("pcscd is not running")
            pcscd.start()
            device.ready()
            assert "1.00" in device.tap(chips.remote, card), number
        chips.remote.wtx(59, ins="54")
        chips.remote.timing(Timing(card_ms={0x54: 200}))
        chips.remote.counts(reset=True)
        chips.remote.enter(cards[3])
        assert eventually(lambda: "54" in chips.remote.counts()["card"])
        pcscd.stop()
        assert "✓" in device.said("票价")  # the debit happened, only its MAC2 could not be checked
        chips.remote.timing(None)
        chips.remote.leave()
        pcscd.start()
        device.ready()
        assert "1.00" in device.tap(chips.remote, cards[4])
        assert device.end(signal.SIGTERM) == 0
        journal = tmp_path / "data" / "journal.db"
        send_all(journal, backend.address)
        events = [decode(row.raw).event for row in read_closed(journal)[1]]
        assert sum(isinstance(event, Started) for event in events) == 4
        assert [event.mac2 for event in events if isinstance(event, Done)].count("unchecked") == 1
        found = books(chips.remote, set(cards), journal, backend)
        assert found.balanced and found.pending == (0, 0), found.lines("en")
