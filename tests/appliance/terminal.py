"""The terminal in the container, as a technician and its riders meet it, and the simulated chips beside it."""

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

from apdu.virtual.remote import Remote, RemoteError
from apdu.virtual.spec import CardSpec
from apdu.virtual.timing import Timing
from tests.appliance.container import CHIPS, PROJECT, Container
from tests.device.rig import eventually
from tests.signing.wheels import sources

CONFIGURATION = "/etc/smk/terminal.toml"
UDP_PORT = 54_321
BOARD = "/dev/ttyUSB1"
UNLOCK, NUMBER = 0x40045431, 0x80045430  # TIOCSPTLCK and TIOCGPTN, asm-generic/ioctls.h; no module of Python's has them
SOON = 40.0
"""Seconds for what takes one or two: the machine may be busy."""
SLOW_PSAM_MS = 4_000.0
SLOW = Timing(psam_ms={0x72: SLOW_PSAM_MS})
"""The card has paid; its outcome is known so much later."""


class Terminal:
    """The container, its unit smk.service, and the chips in it."""

    def __init__(self, box: Container) -> None:
        self.box = box
        self._chips: subprocess.Popen[bytes] | None = None
        self._remote: Remote | None = None
        self._board, self._heard = -1, b""

    # the chips

    @property
    def remote(self) -> Remote:
        """The chips' control."""
        assert self._remote is not None, "chips were plugged in"
        return self._remote

    def plug_in(self) -> None:
        """Simulated cards and PSAM, with the memory that they had."""
        self.box.ask("systemctl", "start", "pcscd.service")
        control = self.box.chips / "control"
        control.unlink(missing_ok=True)
        options = ["--control", f"{CHIPS}/control", "--memory", f"{CHIPS}/memory.json"]
        ports = ["--udp-port", str(UDP_PORT), "--vpcd-port", "35964", "--vpcd-wait", str(SOON)]
        command = self.box.inside("python", "-m", "apdu.virtual", "--with-parent", *options, *ports)
        self._chips = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._chips.stdout is not None
        said = self._chips.stdout.readline()
        assert said == f"ready {UDP_PORT}\n".encode(), said
        self._remote = Remote(control)

    def plug_in_board(self) -> None:
        """A board with lights on a serial line: the far end of a terminal of the machine's own."""
        devices = self.box.root / "dev"
        self._board = os.open(devices / "pts" / "ptmx", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        fcntl.ioctl(self._board, UNLOCK, struct.pack("i", 0))
        (number,) = struct.unpack("i", fcntl.ioctl(self._board, NUMBER, bytes(4)))
        line = devices / "pts" / str(number)
        os.chown(line, 0, int(self.box.ask("getent", "group", "dialout").split(":")[2]))
        line.chmod(0o660)
        Path(devices, Path(BOARD).name).symlink_to(f"pts/{number}")

    def board_heard(self) -> bytes:
        """All that it was sent."""
        with contextlib.suppress(BlockingIOError):
            self._heard += os.read(self._board, 4_096)
        return self._heard

    def close(self) -> None:
        """Let go of all of it."""
        self.unplug()
        if self._board >= 0:
            os.close(self._board)

    def unplug(self) -> None:
        """Take them away; their memory stays."""
        if self._chips is None:
            return
        with contextlib.suppress(RemoteError):
            self.remote.shutdown()
        if self._remote is not None:
            self._remote.close()
        for pipe in (self._chips.stdin, self._chips.stdout):
            assert pipe is not None
            pipe.close()
        self._chips.wait(SOON)
        self._chips = self._remote = None

    def card(self, serial: int, yuan: int) -> CardSpec:
        """Issue a card; its name is its number."""
        spec = CardSpec(f"{serial:016d}", balance_fen=yuan * 100)
        self.remote.add(spec)
        return spec

    def tap(self, card: CardSpec) -> None:
        """It comes, is served, and goes."""
        paid = self.paid_fen(card)
        self.remote.enter(card.number20)
        assert eventually(lambda: self.paid_fen(card) > paid, SOON), self.log()
        assert self.remote.wait_idle(), "the tap ends"
        self.remote.leave()

    def tap_until_paid(self, card: CardSpec) -> None:
        """It comes and pays, and the PSAM is slow then: the tap is in its middle when this returns."""
        paid = self.paid_fen(card)
        self.remote.timing(SLOW)
        self.remote.enter(card.number20)
        assert eventually(lambda: self.paid_fen(card) > paid, SOON), self.log()

    def paid_fen(self, card: CardSpec) -> int:
        """What left the chip."""
        return card.balance_fen - int(self.remote.memory()["cards"][card.number20]["balance_fen"])

    # the unit

    def show(self, name: str) -> str:
        """A property of the unit."""
        return self.box.ask("systemctl", "show", "smk.service", f"--property={name}", "--value").strip()

    def becomes(self, status: str) -> None:
        """Wait until the terminal tells systemd so."""
        assert eventually(lambda: self.show("StatusText").startswith(status), SOON), (
            f"not {status}: {self.show('StatusText')} {self.show('ActiveState')}\n{self.log()}"
        )

    def log(self) -> str:
        """Its log, as a technician reads it."""
        return self.box.ask("journalctl", "--namespace=smk", "--output=cat", "--no-pager")


def wheel(folder: Path) -> Path:
    """The program as the office builds it, made from the files of this checkout."""
    source, made = folder / "source", folder / "wheel"
    for name in sources():
        if not name.startswith(("tests/", "docs/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, source / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", str(made), str(source)], check=True, capture_output=True, timeout=120)
    (found,) = made.glob("*.whl")
    return found


def configuration(stick: Path, sample: str) -> None:
    """The technician's configuration on the stick: the sample, for simulated chips."""
    text = sample.replace('path = "usb"', f'path = "udp:127.0.0.1:{UDP_PORT}"').replace('"SAM"', '"00 01"')
    text = text.replace('board = ""', f'board = "{BOARD}"')
    (stick / "terminal.toml").write_text(text, "utf-8")
