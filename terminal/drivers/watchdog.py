"""The service manager's watchdog (sd_notify): fed only while the loop turns and neither disk nor face stands still.

The protocol is lines of NAME=VALUE in one datagram to the Unix socket that NOTIFY_SOCKET names; a name that begins with
"@" is in the abstract namespace. WATCHDOG_USEC says within which time WATCHDOG=1 must come. Source: sd_notify(3) and
sd_watchdog_enabled(3) of systemd 252.

A part that fails and says so advances: the device closes, tells why and tries again. What hangs is ended here.
"""

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from time import monotonic

from terminal.drivers.limits import DISK_PULSE_S, PULSE_BYTES
from terminal.mode import Mode
from terminal.ports import Signal, Status

log = logging.getLogger(__name__)

FED_PER_INTERVAL = 4
"""As often a feeding is due within the watchdog's time; sd_watchdog_enabled(3) asks for twice at least."""


class Manager:
    """The line to the service manager; fits `terminal.ports.Face`, since it too is told modes.

    Without a manager all of it does nothing.
    """

    def __init__(self, address: str = "") -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) if address else None
        if self._socket is not None:
            self._socket.setblocking(False)
        self._ready = False
        self._said = ""

    def tell(self, *lines: str) -> None:
        """Send lines; one that the manager does not take is lost, never waited for."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto("\n".join(lines).encode(), self._address)

    def show(self, signal: Signal) -> None:
        """The manager sees no riders."""

    def idle(self, status: Status) -> None:
        """The device's mode, for `systemctl status`; ready once it serves, or can say what it waits for."""
        lines = []
        if not self._ready and status.mode != Mode.STARTING.value:
            self._ready = True
            lines.append("READY=1")
        if (said := f"STATUS={status.mode}: {status.zh} · {status.en}".replace("\n", " ")) != self._said:
            self._said = said
            lines.append(said)
        if lines:
            self.tell(*lines)

    def close(self) -> None:
        """The device ends."""
        self.tell("STOPPING=1")


class DiskPulse:
    """Writes a few bytes durably, again and again, in a thread of its own; a disk that hangs lets it lag."""

    def __init__(self, data: Path, pause_s: float = DISK_PULSE_S) -> None:
        self._file = data / "pulse"
        self._pause_s = pause_s
        self._began: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="disk pulse", daemon=True)
        self._thread.start()

    def lag_s(self) -> float:
        """Seconds since the write that has not returned yet began; 0 between two."""
        began = self._began
        return 0.0 if began is None else monotonic() - began

    def close(self) -> None:
        """Write no more."""
        self._stop.set()

    def _work(self) -> None:
        beats = 0
        while not self._stop.wait(self._pause_s):
            beats += 1
            self._began = monotonic()
            with contextlib.suppress(OSError):  # a disk that says so is the journal's business
                self._write(b"%0*d" % (PULSE_BYTES, beats))
            self._began = None

    def _write(self, beat: bytes) -> None:
        file = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(file, beat, 0)
            os.fdatasync(file)
        finally:
            os.close(file)


class Watchdog:
    """Fed by the loop at each turn; hands it on while no part lags more than half of the watchdog's time."""

    def __init__(
        self,
        manager: Manager,
        interval_s: float,
        lags: Mapping[str, Callable[[], float]],
        now: Callable[[], float] = monotonic,
    ) -> None:
        """`interval_s` 0: there is no watchdog. `lags`: name of each part to its lag in seconds."""
        self._manager = manager
        self._interval_s = interval_s
        self._lags = lags
        self._now = now
        self._due = 0.0
        self._stands = ""

    def turn(self) -> None:
        """The loop has come round: the reader answered, or said that it cannot."""
        now = self._now()
        if not self._interval_s or now < self._due:
            return
        self._due = now + self._interval_s / FED_PER_INTERVAL
        stands = ", ".join(name for name, lag_s in self._lags.items() if lag_s() > self._interval_s / 2)
        if stands != self._stands:
            self._stands = stands
            if stands:
                log.error("stands still, the watchdog is not fed: %s · 停滞", stands)
            else:
                log.warning("all moves again · 恢复运行")
        if not stands:
            self._manager.tell("WATCHDOG=1")


def from_environment(environment: MutableMapping[str, str]) -> tuple[Manager, float]:
    """The manager that the process was started by, and the watchdog's time in seconds, 0 for none.

    The variables are taken out, so that no child feeds in our name.
    """
    address = environment.pop("NOTIFY_SOCKET", "")
    period, pid = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
    ours = address and period.isdecimal() and pid in ("", str(os.getpid()))
    return Manager(address), int(period) / 1e6 if ours else 0.0
